"""Options that several commands share, and their meaning for the library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from deeplift_tf.cli.parsing import parse_layers, parse_weights
from deeplift_tf.cli.quiet import import_tensorflow
from deeplift_tf.runs.model import ModelSource

if TYPE_CHECKING:
    from deeplift_tf.network import Network

RULES = ("rescale", "reveal_cancel", "genomics_default", "gradient", "guided_backprop", "deconvnet")
Command = TypeVar("Command", bound=Callable[..., Any])


def parse_rules(context: click.Context, option: click.Parameter, given: Sequence[str]) -> str | dict[str, str]:
    """Return one rule for all layers, or rules by layer, from values RULE and LAYER=RULE."""
    rules: dict[str, str] = {}
    for value in given:
        layer, _, rule = value.rpartition("=")
        if rule not in RULES:
            raise click.BadParameter(f"{rule!r} is no rule; choose from {', '.join(RULES)}", context, option)
        if (layer or "default") in rules:
            what = f"layer {layer!r}" if layer else "all layers"
            raise click.BadParameter(f"two rules are given for {what}: expected one", context, option)
        rules[layer or "default"] = rule
    rules = {"default": "rescale", **rules}
    return rules if len(rules) > 1 else rules["default"]


def saved_model(paths: Sequence[Path], given: Mapping[str, Any]) -> ModelSource:
    """Return a model, or several as one, as the options of `model_options` say that they are to be read."""
    if len(paths) > 1 and given["weights"] is not None:
        raise click.UsageError("--weights: expected one model; with several give each as one file")
    others = {name: given[name] for name in ModelSource._fields if name not in ("path", "folds")}
    return ModelSource(paths[0], folds=tuple(paths[1:]), **others)


def parse_models(context: click.Context, option: click.Parameter, given: Sequence[Path]) -> tuple[Path, ...]:
    """Return the paths of models, each of which stands for itself."""
    known = [path.resolve() for path in given]
    for path in given:
        if known.count(path.resolve()) > 1:
            raise click.BadParameter(f"{path} is given twice; several models are different ones", context, option)
    return tuple(given)


def models_option(help: str, required: bool = True) -> Callable[[Command], Command]:
    """Return the option that names a model, or several."""
    kind = click.Path(exists=True, path_type=Path)
    return click.option("-m", "--model", multiple=True, required=required, type=kind, callback=parse_models, help=help)


def class_names_option(command: Command) -> Command:
    """Add the option that names classes."""
    help = "Names of the classes, from that of class 0 on: a file, one a line, or A,B,..."
    return click.option("--class-names", metavar="NAMES", help=help)(command)


def opened(model: ModelSource) -> Network:
    """Read a model into a network, with TensorFlow started quietly."""
    import_tensorflow()
    return model.convert()


def target_options(command: Command) -> Command:
    """Add the options that say where the target is, and what is scored."""
    return with_options(
        command,
        click.option("--output", metavar="NAME", help="Model output, or layer, that the target is in."),
        click.option(
            "--layers",
            metavar="A,B,...",
            default="",
            callback=parse_layers,
            help="Hidden layers to score instead of the inputs.",
        ),
        click.option("--pre-activation", is_flag=True, help="Look through a final softmax or sigmoid."),
        click.option("--mean-normalised", is_flag=True, help="Subtract the mean over classes."),
    )


def model_options(command: Command) -> Command:
    """Add the options of a `ModelSource`, and ``--debug``, to a command."""
    return with_options(
        command,
        click.option(
            "--weights",
            type=click.Path(path_type=Path),
            callback=parse_weights,
            help="For a model that is a JSON architecture: .h5, .weights.json of shards, or a checkpoint's prefix.",
        ),
        click.option(
            "--rule",
            metavar="RULE",
            multiple=True,
            callback=parse_rules,
            help=f"One of {', '.join(RULES)} [default: rescale]; LAYER=RULE for one layer; may be repeated.",
        ),
        click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True),
        click.option("--unsafe", is_flag=True, help="Run code that the model file brings: only for files you trust."),
        own_code_option(),
        click.option("--exact-only", is_flag=True, help="Refuse layers for which only an approximate rule exists."),
        click.option("--signature", metavar="NAME", help="Of a SavedModel folder with several: which one."),
        click.option("--debug", is_flag=True, help="On an error, show where it came from."),
    )


def own_code_option() -> Callable[[Command], Command]:
    """Return the option that brings code of the user's own."""
    return click.option(
        "--custom-objects",
        metavar="FILE.py|MODULE",
        multiple=True,
        help="Code that the model needs: import it, and offer its classes and functions; may be repeated.",
    )


def with_options(command: Command, *options: Callable[[Command], Command]) -> Command:
    """Add options to a command, in the order in which its help lists them."""
    for option in reversed(options):
        command = option(command)
    return command
