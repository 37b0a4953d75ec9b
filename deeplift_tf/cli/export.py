"""``deeplift-tf export``: a scoring function as a SavedModel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from deeplift_tf.cli.help import EXPORTED_METHODS, EXPORTED_REFERENCES
from deeplift_tf.cli.options import model_options, models_option, opened, saved_model, target_options
from deeplift_tf.cli.parsing import parse_target, parse_targets
from deeplift_tf.cli.saying import say
from deeplift_tf.cli.sections import CommandInSections
from deeplift_tf.io.inputs import one_or_all, open_arrays, select
from deeplift_tf.io.reference_rows import open_references, ready
from deeplift_tf.runs.identity import identities
from deeplift_tf.runs.targets import Target, task

if TYPE_CHECKING:
    from deeplift_tf.network import Network


@click.command(cls=CommandInSections)
@models_option("Saved Keras model; given several times, the mean of all is exported.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="New folder: served/scorer/1.")
@click.option(
    "--references",
    help=EXPORTED_REFERENCES,
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="For references that are drawn at random."
)
@click.option(
    "--target",
    metavar="TARGET",
    callback=lambda context, option, given: None if given is None else parse_target(context, option, given),
    help="Baked in: 3; 3,0; 'predicted'; 'counts' or 'profile'. By default an index comes with each request.",
)
@click.option(
    "--targets",
    default="",
    callback=parse_targets,
    help="Several targets instead of one, baked in: 0,3 or counts,profile. Results have an axis of targets after rows.",
)
@target_options
@click.option(
    "--method",
    default="deeplift",
    show_default=True,
    help=EXPORTED_METHODS,
)
@click.option("--hypothetical", is_flag=True, help="Return hypothetical contributions too.")
@click.option(
    "--letters-axis",
    type=int,
    default=-1,
    show_default=True,
    help="One-hot sequences: the axis of the model's input that holds the letters; that of rows is 0.",
)
@click.option(
    "--warmup",
    metavar="ROWS|FILE",
    help="Write warm-up requests for TensorFlow Serving: numbers of rows, like 1,32, or a file of rows of the input.",
)
@model_options
def export(
    model: tuple[Path, ...],
    out: Path,
    references: str | None,
    seed: int,
    target: Any,
    targets: tuple[Target, ...],
    output: str | None,
    method: str,
    warmup: str | None,
    **others: Any,
) -> None:
    """Write the scoring function of a model as a SavedModel, for TensorFlow Serving or any TensorFlow program.

    It has the signatures 'score', 'serving_default' (the same), 'score_int64' and 'predict', and needs nothing of this
    package. `deeplift-tf inspect` shows what a folder computes and what it was made from.
    """
    from deeplift_tf.cli.quiet import import_tensorflow

    if targets and target is not None:
        raise click.UsageError("give either --target or --targets")
    import_tensorflow()
    from deeplift_tf.network.ensembles import folds_of
    from deeplift_tf.serving.export import check_new
    from deeplift_tf.serving.served_method import served_method

    check_new(out)
    served_method(method)
    source = saved_model(model, others)
    network = opened(source)
    flags = {name: others[name] for name in ("pre_activation", "mean_normalised", "hypothetical", "letters_axis")}
    wanted = [task(each, output, network.output_shapes, folds_of(network)) for each in targets or (target,)]
    asked: dict[str, Any] = {"target": None if target is None else wanted[0].target, "output": wanted[0].output}
    if targets:
        asked = {"targets": [each.target for each in wanted], "output": [each.output for each in wanted]}
    given = None if references is None else read_references(references, seed, network, others["letters_axis"])
    score = network.compile(layers=list(others["layers"]) or None)
    rows = None if warmup is None else read_warmup(warmup, network)
    notes = facts(model=model, references=references, seed=seed, target=target, targets=targets, **others)
    say(str(score.export(out, given, method=method, warmup=rows, notes=notes, **asked, **flags)))


def facts(**arguments: Any) -> dict[str, Any]:
    """Return what a folder notes about the command that made it: its arguments as they were spelled, and its files."""
    named = {name: list(map(str, value)) if name == "model" else value for name, value in arguments.items()}
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in named.items()}
    return {
        "arguments": {name: value for name, value in plain.items() if value not in (None, "", (), False)},
        "files": {name: each for name, each in identities(arguments).items() if name != "model"},
    }


def read_warmup(given: str, network: Network) -> Any:
    """Return numbers of rows, or the rows of a file."""
    if all(part.strip().isdigit() for part in given.split(",")):
        return [int(part) for part in given.split(",")]
    with open_arrays(Path(given)) as arrays:
        return {name: np.asarray(rows[:]) for name, rows in select(arrays, network.input_names, Path(given)).items()}


def read_references(given: str, seed: int, network: Network, letters_axis: int = -1) -> Any:
    """Return references that are a number, a maker, or arrays read from a file whole."""
    with open_references(given, seed, letters_axis) as found:
        made = ready(found, network)
        if not isinstance(made, Mapping):
            return made
        arrays = select(made, network.input_names, Path(given))
        return one_or_all({name: np.asarray(array[:]) for name, array in arrays.items()})
