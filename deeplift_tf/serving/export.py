"""Export of a scoring function as a SavedModel, which runs without this package and without Keras."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import InputError, OutputFileError
from deeplift_tf.platform.atomic import whole_folder
from deeplift_tf.scoring.score import Score
from deeplift_tf.serving.provenance import facts_of
from deeplift_tf.serving.provenance import write as write_facts
from deeplift_tf.serving.served_method import served_method
from deeplift_tf.serving.signatures import Wanted, predict_signature, score_signature
from deeplift_tf.serving.warmup import Request, requests_of
from deeplift_tf.serving.warmup import write as write_requests

logger = logging.getLogger("deeplift_tf")

FLAGS = ("pre_activation", "mean_normalised", "hypothetical", "letters_axis")
LARGEST = 2**31 - 2**20  # bytes; weights are constants of saved_model.pb, which may not have more


def export(
    score: Score,
    path: str | Path,
    references: Any = None,
    target: Any = None,
    *,
    targets: Sequence[Any] | None = None,
    output: str | Sequence[str | None] | None = None,
    method: str = "deeplift",
    pre_activation: bool = False,
    mean_normalised: bool = False,
    hypothetical: bool = False,
    letters_axis: int = -1,
    warmup: Any = None,
    notes: Mapping[str, Any] | None = None,
) -> Path:
    """Write a scoring function as a SavedModel with the signatures `score`, `serving_default` and `predict`.

    `score`, and `serving_default`, which is the same, take tensors by name: the model's inputs; `references`, shape (1
    or N, ...), or `references_<input>` if several inputs have them; `target`, int32, shape (1 or N,). What is baked in
    is not an argument. They return `contributions` and `multipliers`, or `contributions_<input>` and so on if several
    values are scored, `outputs`, `reference_outputs` and `delta`, and on demand `hypothetical`. `predict` takes the
    inputs and returns the model's outputs. In names, every other character than a letter, digit or underscore becomes
    an underscore. `score_int64` is `score` for an int64 target. For inputs of integers or texts, whose embedding is
    scored, `per_token` are the contributions summed over the last axis. A request without rows is answered by none.

    Parameters
    ----------
    score : Score
        Of the inputs or of hidden layers; `Network.compile` makes one.
    path : str or Path
        A new folder, such as ``served/scorer/1``; it gets its name once it is complete.
    references : None, scalar, array, callable, or list or dict of scalars and arrays
        None: each request brings its own. Otherwise baked in, see `baked_in`.
    target : None, int, tuple, array, "predicted" or callable
        None: an index comes with each request, for an output of one axis. Otherwise baked in, see `as_asked`.
    targets : sequence, optional
        Several targets, all baked in: the results have an axis of targets after that of rows. Those in one output share
        the forward passes.
    output : str, or sequence of str or None, optional
        The head of the target; of `targets`, one for all or one for each.
    method : str
        One that is a TensorFlow function, as it is spelled on the command line: "deeplift", the network's own rules;
        "rescale", "reveal_cancel", "gradient", "gradient_times_input", "guided_backprop", "deconvnet"; or
        "integrated_gradients:steps=50".
    pre_activation, mean_normalised, hypothetical, letters_axis
        As for `Score`.
    warmup : int, sequence of int, array or dict of arrays, optional
        Warm-up requests, which TensorFlow Serving runs before a version takes others: numbers of rows, of zeros, or
        rows of x. Each is run here first.
    notes : mapping of str to object, optional
        More for the file of provenance, see `provenance`; values that JSON can hold.

    Returns
    -------
    Path

    Raises
    ------
    OutputFileError
        If the folder exists, cannot be written, or would be larger than a SavedModel can be.
    ReferencesError, TargetError, LayerNameError, InputError, MethodError
        If references or target cannot be baked in, names collide, a warm-up request fails, or a method is no function.
    """
    path = Path(path)
    check_new(path)
    served = served_method(method)
    if served.rule is not None:
        score = score.with_rule(served.rule)
    wanted = Wanted(
        references, target, targets, output, served, pre_activation, mean_normalised, hypothetical, letters_axis
    )
    (scores, wide), predict = score_signature(score, wanted), predict_signature(score)
    functions = (scores, predict)
    _check_size(functions, path)
    specs = scores.structured_input_signature[0][0]
    requests = [] if warmup is None else requests_of(warmup, specs, score.network.graph.inputs)
    _try_out(scores, requests)
    asked = {"method": method, "references": references, "target": target, "targets": targets, "output": output}
    flags = {name: getattr(wanted, name) for name in FLAGS}
    facts = facts_of(score, asked | flags, scores) | {"warmup": [len(next(iter(r.values()))) for r in requests]}
    signatures = {"serving_default": scores, "score": scores, "predict": predict}
    try:
        with whole_folder(path) as partial:
            with root_logger_as_it_was():
                held = signatures | ({} if wide is None else {"score_int64": wide})
                tf.saved_model.save(_holder(functions, score), str(partial), signatures=held)
            write_facts(partial, facts | dict(notes or {}))
            if requests:
                write_requests(partial, "score", served_name(path), requests)
    except (OSError, tf.errors.OpError) as error:
        raise OutputFileError(f"{path}: cannot be written: {error}") from error
    logger.info("%s: takes %s", path, ", ".join(sorted(specs)))
    return path


def served_name(path: Path) -> str:
    """Return the name under which a server offers a folder: that of the one above, where its own is a version."""
    return path.parent.name if path.name.isdigit() and path.parent.name else path.name


def _try_out(signature: Any, requests: Sequence[Request]) -> None:
    """Run warm-up requests: a server does not offer a version at which one fails."""
    for request in requests:
        try:
            signature({name: tf.constant(value) for name, value in request.items()})
        except tf.errors.OpError as error:
            rows, reason = len(next(iter(request.values()))), error.message.strip().rpartition("\n\n")[2]
            raise InputError(f"warmup: a request of {rows} rows fails: {' '.join(reason.split())}") from error


@contextmanager
def root_logger_as_it_was() -> Iterator[None]:
    """Leave the root logger without the handler that TensorFlow's writer gives it by logging there, which prints all.

    A process that has handlers of its own keeps them.
    """
    root, silent = logging.getLogger(), logging.NullHandler()
    root.addHandler(silent)  # logging.info adds one where there is none
    try:
        yield
    finally:
        root.removeHandler(silent)


def check_new(path: Path) -> None:
    """Refuse a path that is taken.

    Raises
    ------
    OutputFileError
    """
    if path.exists():
        raise OutputFileError(f"{path}: exists already; export to another folder (a new version number), or remove it")


def _holder(functions: Sequence[Any], score: Score) -> tf.Module:
    """Return a module that holds what functions read: variables of layers along a path, tables of words."""
    holder = tf.Module()
    held = [getattr(node.layer, "function", None) for node in score.network.graph.nodes]
    holder.tables_held = [table for function in held for table in getattr(function, "tables", ())]
    holder.variables_held = [*{id(v): v for function in functions for v in function.graph.variables}.values()]
    return holder


def _check_size(functions: Sequence[Any], path: Path) -> None:
    """Refuse what is too large for the format, before TensorFlow fails with a message of its own."""
    constants = {
        id(value): int(np.prod(value.shape)) * value.dtype.size
        for function in functions
        for value, _ in function.graph.captures
        if isinstance(value, tf.Tensor) and value.dtype not in (tf.resource, tf.variant)
    }
    size = sum(constants.values())
    if size > LARGEST:
        raise OutputFileError(f"{path}: the weights take {size / 2**30:.1f} GiB; a SavedModel holds 2 GiB of constants")
