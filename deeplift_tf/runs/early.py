"""Early checks: mistakes that the outline of a model shows before TensorFlow starts.

Each refuses only what is wrong for certain, by the message that the run itself would end with; all else is for the run.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deeplift_tf.argspec import meant, name_in
from deeplift_tf.errors import InputError, LayerNameError, MethodError, ReferencesError, RuleError
from deeplift_tf.genomics.heads import head_of
from deeplift_tf.runs.outline import Outline, Shape, outline_of
from deeplift_tf.runs.targets import HEADS, Target
from deeplift_tf.scoring.positions import checked_position, several_outputs

if TYPE_CHECKING:
    from deeplift_tf.runs.config import RunConfig
    from deeplift_tf.runs.request import Request

METHODS = (
    *("deeplift", "rescale", "reveal_cancel", "gradient", "gradient_times_input", "guided_backprop", "deconvnet"),
    *("smoothgrad", "integrated_gradients", "expected_gradients", "deep_shap", "grad_cam", "grad_cam_plus_plus"),
    *("guided_grad_cam", "rsi_grad_cam", "occlusion", "in_silico_mutagenesis"),
)
REFERENCES = (
    *("zeros", "constant", "mean", "channel_mean", "blurred", "another_example", "background_sample"),
    *("uniform_frequencies", "gc_content", "shuffle", "dinucleotide_shuffle", "uniform_output"),
)


def check_early(request: Request, config: RunConfig, references: str) -> None:
    """Refuse what can be told to be wrong from names and the JSON of the models.

    Parameters
    ----------
    request : Request
    config : RunConfig
    references : str
        As they are written on the command line.

    Raises
    ------
    DeepLiftError
    """
    model = request.model
    if model.custom_objects:
        return  # whose code may register layers and methods
    if name_in(request.method) not in METHODS:
        names = ", ".join(name.replace("_", "-") for name in METHODS)
        said = f"method: expected one of {names}; received {request.method!r}{meant(request.method, METHODS)}"
        raise MethodError(said)
    check_references(references)
    outlines = [outline_of(path) for path in (model.path, *model.folds)]
    known = [each for each in outlines if each is not None]
    if len(known) < len(outlines):
        return
    check_names(request, known)
    check_length(config, known[0])
    alike = all(outline.outputs == known[0].outputs for outline in known)  # else the folds do not fit together
    if alike and not request.layers:
        check_targets(request, config, known[0])


def check_references(given: str) -> None:
    """Refuse references that are no number, no file, and no name."""
    if is_number(given) or Path(given).exists():
        return
    if name_in(given) in REFERENCES:
        return
    if Path(given).suffix in (".npy", ".npz", ".h5") and ":" not in given:
        raise ReferencesError(f"references: {given}: no such file")
    names = ", ".join(name.replace("_", "-") for name in REFERENCES)
    raise ReferencesError(
        f"references: expected 'zeros', a finite number or a file of arrays, or a name: {names}; received {given!r}"
        f"{meant(given, REFERENCES)}"
    )


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_names(request: Request, outlines: list[Outline]) -> None:
    """Refuse names of layers of which no part names a layer; only of models whose layers all are known."""
    if not all(outline.plain for outline in outlines):
        return
    names = frozenset[str]().union(*(outline.names for outline in outlines))
    outputs = list(outlines[0].outputs)
    if request.output is not None and outputs and unknown(request.output, names):  # else a name may be a key of a dict
        raise LayerNameError(f"output: {message(request.output, names)}; the outputs are {', '.join(outputs)}")
    for name in request.layers:
        if unknown(name, names):
            raise LayerNameError(message(name, names))
    rules = request.model.rule if isinstance(request.model.rule, Mapping) else {}
    for key in rules:
        if key != "default" and not key[:1].isupper() and unknown(key, names):  # those in capitals are classes
            like = f"like {key!r} are {closest(key, names)}"
            raise RuleError(
                f"rules are given for {[key]}, but the model has no layer and no layer class of that name; {like}"
            )


def unknown(name: str, names: frozenset[str]) -> bool:
    """Whether no part of a name is that of a layer."""
    return not names & {*name.split("/"), name}


def message(name: str, names: frozenset[str]) -> str:
    """Return the message about a name that no layer has."""
    return f"no layer is named {name!r}; the closest are {closest(name, names)}. network.summary() lists all"


def closest(name: str, names: frozenset[str]) -> str:
    """Return the names that are most like one."""
    near = difflib.get_close_matches(name, sorted(names), 3, 0)
    return ", ".join(map(repr, near))


def check_length(config: RunConfig, outline: Outline) -> None:
    """Refuse windows of another length than the one of the only input, of sequences."""
    if not config.is_sequences or config.length is None or len(outline.inputs) != 1:
        return
    (shape,) = outline.inputs.values()
    if len(shape) == 3 and config.letters_axis in (-1, 2) and shape[1] not in (None, config.length):
        raise InputError(f"`length={config.length}`: the model takes sequences of {shape[1]}")


def check_targets(request: Request, config: RunConfig, outline: Outline) -> None:
    """Refuse targets that are no positions of their output, or leave open which output it is."""
    outputs = outline.outputs
    if not outputs or (request.output is not None and request.output not in outputs):
        return
    for target in config.targets:
        if target in HEADS:
            shapes = {name: shape for name, shape in outputs.items() if shape is not None}
            if request.output is None and len(shapes) == len(outputs):
                head_of(str(target), shapes)
            continue
        if request.output is None and len(outputs) > 1:
            raise several_outputs(list(outputs))
        if not request.pre_activation:  # which may look through a layer that reshapes
            check_position(target, outputs[request.output or next(iter(outputs))])


def check_position(target: Target, shape: Shape | None) -> None:
    """Refuse a position that an output of this shape has not."""
    if isinstance(target, str) or shape is None or None in shape[1:]:
        return
    checked_position(target if isinstance(target, tuple) else (target,), tuple(size or 0 for size in shape[1:]))
