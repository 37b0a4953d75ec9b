"""``deeplift-tf export``: a scoring function as a SavedModel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from deeplift_tf.cli.help import EXPORTED_REFERENCES
from deeplift_tf.cli.options import model_options, models_option, opened, saved_model, target_options
from deeplift_tf.cli.parsing import parse_target
from deeplift_tf.cli.saying import say
from deeplift_tf.cli.sections import CommandInSections
from deeplift_tf.io.inputs import one_or_all, select
from deeplift_tf.io.reference_rows import open_references, ready
from deeplift_tf.runs.targets import task

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
@target_options
@click.option("--hypothetical", is_flag=True, help="Return hypothetical contributions too.")
@click.option(
    "--letters-axis",
    type=int,
    default=-1,
    show_default=True,
    help="One-hot sequences: the axis of the model's input that holds the letters; that of rows is 0.",
)
@model_options
def export(
    model: tuple[Path, ...],
    out: Path,
    references: str | None,
    seed: int,
    target: Any,
    output: str | None,
    **others: Any,
) -> None:
    """Write the scoring function of a model as a SavedModel, for TensorFlow Serving or any TensorFlow program.

    It has the signatures 'score', 'serving_default' (the same) and 'predict', and needs nothing of this package.
    """
    from deeplift_tf.cli.quiet import import_tensorflow

    import_tensorflow()
    from deeplift_tf.network.ensembles import folds_of
    from deeplift_tf.serving.export import check_new

    check_new(out)
    network = opened(saved_model(model, others))
    if target is not None:
        _, target, output = task(target, output, network.output_shapes, folds_of(network))
    given = None if references is None else read_references(references, seed, network, others["letters_axis"])
    flags = {name: others[name] for name in ("pre_activation", "mean_normalised", "hypothetical", "letters_axis")}
    score = network.compile(layers=list(others["layers"]) or None)
    say(str(score.export(out, given, target, output=output, **flags)))


def read_references(given: str, seed: int, network: Network, letters_axis: int = -1) -> Any:
    """Return references that are a number, a maker, or arrays read from a file whole."""
    with open_references(given, seed, letters_axis) as found:
        made = ready(found, network)
        if not isinstance(made, Mapping):
            return made
        arrays = select(made, network.input_names, Path(given))
        return one_or_all({name: np.asarray(array[:]) for name, array in arrays.items()})
