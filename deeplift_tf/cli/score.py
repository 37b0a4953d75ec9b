"""``deeplift-tf score``: scores for the rows of a file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import numpy as np

from deeplift_tf.cli.options import ModelOptions, model_options
from deeplift_tf.cli.progress import progress
from deeplift_tf.cli.versions import versions
from deeplift_tf.io.inputs import Rows, open_arrays, select
from deeplift_tf.io.reference_rows import ReferenceRows, match_references, open_references
from deeplift_tf.io.scores_h5 import ScoresWriter, check_output

if TYPE_CHECKING:
    from deeplift_tf.scoring import Scores


def parse_target(context: click.Context, option: click.Parameter, given: str) -> int | tuple[int, ...] | str:
    """Return a target as a scoring function takes it, from "3", "3,0" or "predicted"."""
    if given == "predicted":
        return given
    try:
        position = tuple(int(part) for part in given.split(","))
    except ValueError as error:
        message = f"expected an index like 3, indices like 3,0, or 'predicted'; received {given!r}"
        raise click.BadParameter(message, context, option) from error
    return position if len(position) > 1 else position[0]


def parse_layers(context: click.Context, option: click.Parameter, given: str) -> tuple[str, ...]:
    """Return names separated by commas; each becomes a dataset, so none may be the folder of another."""
    names = tuple(filter(None, given.split(",")))
    for name in names:
        if any(other.startswith(f"{name}/") for other in names) or names.count(name) > 1:
            raise click.BadParameter(f"{name!r} and what is inside it need files of their own", context, option)
    return names


class ScoreOptions(NamedTuple):
    """The options that say what is scored and what is kept."""

    target: int | tuple[int, ...] | str
    output: str | None
    layers: tuple[str, ...]
    batch_size: int
    pre_activation: bool
    mean_normalised: bool
    hypothetical: bool
    multipliers: bool

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the scoring function."""
        others = self._asdict()
        return {name: value for name, value in others.items() if name not in ("layers", "multipliers")}

    def kept(self, scores: Scores) -> dict[str, np.ndarray]:
        """Return the arrays to be written, by their name in the file."""
        optional = ["multipliers"] * self.multipliers + ["hypothetical"] * self.hypothetical
        arrays: dict[str, np.ndarray] = {}
        for part in ["contributions", *optional, "outputs", "reference_outputs", "delta"]:
            arrays |= named(part, getattr(scores, part))
        return arrays


class Summary(NamedTuple):
    """What is said at the end of a run."""

    rows: int
    seconds: float
    largest_delta: float | None
    path: str

    def __str__(self) -> str:
        delta = "no delta" if self.largest_delta is None else f"largest delta {self.largest_delta:.2g}"
        return f"{self.rows} rows in {self.seconds:.1f} s ({self.rows / self.seconds:.3g} rows/s), {delta}, {self.path}"


@click.command()
@click.option("-m", "--model", required=True, type=click.Path(exists=True, path_type=Path), help="Saved Keras model.")
@click.option("-i", "--input", required=True, type=click.Path(path_type=Path), help=".npy, .npz or .h5.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Scores, an .h5 file.")
@click.option("--dataset", help="Array of the input file to score, where it holds several.")
@click.option(
    "--references", default="zeros", show_default=True, help="'zeros', a number, or a file: .npy, .npz or .h5."
)
@click.option(
    "--target",
    metavar="TARGET",
    default="0",
    show_default=True,
    callback=parse_target,
    help="3; 3,0 for one position; or 'predicted'.",
)
@click.option("--output", metavar="NAME", help="Model output, or layer, that the target is in.")
@click.option(
    "--layers",
    metavar="A,B,...",
    default="",
    callback=parse_layers,
    help="Hidden layers to score instead of the inputs.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True)
@click.option("--pre-activation", is_flag=True, help="Look through a final softmax or sigmoid.")
@click.option("--mean-normalised", is_flag=True, help="Subtract the mean over classes.")
@click.option("--hypothetical", is_flag=True, help="Write hypothetical contributions too.")
@click.option("--multipliers", is_flag=True, help="Write the multipliers too.")
@click.option("--overwrite", is_flag=True, help="Replace an output file that is there already.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@model_options
def score(
    model: Path,
    input: Path,
    out: Path,
    dataset: str | None,
    references: str,
    overwrite: bool,
    as_json: bool,
    **others: Any,
) -> None:
    """Score the rows of INPUT and write contributions, outputs, reference outputs and delta to an .h5 file."""
    wanted = ScoreOptions(*(others[name] for name in ScoreOptions._fields))
    reading = ModelOptions(*(others[name] for name in ModelOptions._fields))
    if out.resolve() == input.resolve():
        raise click.UsageError(f"the output would replace the input: {out}")
    check_output(out, overwrite)
    with ExitStack() as stack:
        arrays = stack.enter_context(open_arrays(input))
        given = stack.enter_context(open_references(references))
        network = reading.convert(model)
        rows = Rows(input, select(arrays, network.input_names, input, dataset))
        rows.check(network.input_shapes)
        matched = match_references(given, Path(references), rows)
        compiled = network.compile(layers=list(wanted.layers) or None)
        metadata = {"arguments": recorded(click.get_current_context().params), "versions": versions()}
        writer = stack.enter_context(ScoresWriter(out, rows.count, metadata, overwrite))
        summary = write_scores(compiled, rows, matched, wanted, writer)
    click.echo(json.dumps(summary._asdict()) if as_json else str(summary))


def write_scores(
    compiled: Callable[..., Scores], rows: Rows, references: ReferenceRows, wanted: ScoreOptions, writer: ScoresWriter
) -> Summary:
    """Score all rows, a batch at a time, and hand each batch to the writer."""
    start, largest = time.monotonic(), None
    with progress(rows.count) as advance:
        for first in range(0, rows.count, wanted.batch_size):
            batch = slice(first, min(first + wanted.batch_size, rows.count))
            scores = compiled(rows.read(batch), references=references.read(batch), **wanted.arguments())
            writer.append(wanted.kept(scores))
            if scores.delta is not None:
                largest = max(largest or 0.0, float(np.abs(scores.delta).max()))
            advance(batch.stop - batch.start)
    return Summary(rows.count, time.monotonic() - start, largest, str(writer.path))


def named(part: str, value: Any) -> dict[str, np.ndarray]:
    """Return one part of the scores by its name in the file: `part`, or `part`/input for several inputs.

    What has no scores, an input of integers for one, is left out.
    """
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {f"{part}/{name}": array for name, array in value.items() if array is not None}
    return {part: value}


def recorded(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that scores depend on, as JSON values."""
    kept = {name: value for name, value in sorted(parameters.items()) if name not in ("debug", "as_json", "overwrite")}
    return {name: str(value) if isinstance(value, Path) else value for name, value in kept.items()}
