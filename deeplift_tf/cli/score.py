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

from deeplift_tf.cli.folder import check_folder
from deeplift_tf.cli.methods import scoring_function
from deeplift_tf.cli.options import ModelOptions, model_options
from deeplift_tf.cli.progress import progress
from deeplift_tf.cli.quiet import import_tensorflow
from deeplift_tf.cli.sequences import FORMATS, SequenceOptions, is_fasta, score_sequences
from deeplift_tf.cli.targets import HEADS, resolved
from deeplift_tf.cli.versions import versions
from deeplift_tf.images import image_rows, is_images
from deeplift_tf.io.inputs import RowArray, Rows, open_arrays, select
from deeplift_tf.io.reference_rows import ReferenceRows, match_references, open_references
from deeplift_tf.io.scores_h5 import ScoresWriter, check_output

if TYPE_CHECKING:
    from deeplift_tf.network import Network
    from deeplift_tf.scoring import Scores

Target = int | tuple[int, ...] | str


def parse_target(context: click.Context, option: click.Parameter, given: str) -> Target:
    """Return a target as a scoring function takes it, from "3", "3,0" or "predicted", or the name of a head."""
    if given in ("predicted", *HEADS):
        return given
    try:
        position = tuple(int(part) for part in given.split(","))
    except ValueError as error:
        message = f"expected an index like 3, indices like 3,0, 'predicted', 'counts' or 'profile'; received {given!r}"
        raise click.BadParameter(message, context, option) from error
    return position if len(position) > 1 else position[0]


def parse_targets(context: click.Context, option: click.Parameter, given: str) -> tuple[Target, ...]:
    """Return targets separated by commas, each an index or a name."""
    parts = [part.strip() for part in given.split(",") if part.strip()]
    return tuple(dict.fromkeys(parse_target(context, option, part) for part in parts))


def parse_formats(context: click.Context, option: click.Parameter, given: str) -> tuple[str, ...]:
    """Return formats separated by commas."""
    names = tuple(filter(None, given.split(",")))
    unknown = [name for name in names if name not in FORMATS]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is no format; choose from {', '.join(FORMATS)}", context, option)
    return names


def parse_layers(context: click.Context, option: click.Parameter, given: str) -> tuple[str, ...]:
    """Return names separated by commas; each becomes a dataset, so none may be the folder of another."""
    names = tuple(filter(None, given.split(",")))
    for name in names:
        if any(other.startswith(f"{name}/") for other in names) or names.count(name) > 1:
            raise click.BadParameter(f"{name!r} and what is inside it need files of their own", context, option)
    return names


class ScoreOptions(NamedTuple):
    """The options that say what is scored and what is kept."""

    target: Any
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

    def asked_of(self, network: Network) -> ScoreOptions:
        """Return the same options with what a head's name stands for in a network."""
        target, output = resolved(self.target, self.output, network.output_shapes)
        return self._replace(target=target, output=output)

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
@click.option("-i", "--input", type=click.Path(path_type=Path), help=".npy, .npz or .h5; pictures; or FASTA.")
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="Scores, an .h5 file; for DNA a folder."
)
@click.option("--preprocess", help="Pictures: 'unit' for 0 to 1, or a module of keras.applications, resnet50 for one.")
@click.option("--dataset", help="Array of the input file to score, where it holds several.")
@click.option(
    "--references",
    default="zeros",
    show_default=True,
    help="A number; a file: .npy, .npz or .h5; or a name: zeros, blurred:3, gc-content, dinucleotide-shuffle:20, ...",
)
@click.option("--seed", type=int, default=0, show_default=True, help="For references that are drawn at random.")
@click.option(
    "--method",
    default="deeplift",
    show_default=True,
    help="Or gradient-times-input, integrated-gradients:steps=100, occlusion:window=3, grad-cam:layer=NAME, ...",
)
@click.option(
    "--target",
    metavar="TARGET",
    default="0",
    show_default=True,
    callback=parse_target,
    help="3; 3,0 for one position; 'predicted'; or 'counts' or 'profile' for the head of that name.",
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
@click.option("-r", "--regions", type=click.Path(path_type=Path), help="DNA: regions to score, BED or narrowPeak.")
@click.option("-g", "--genome", type=click.Path(path_type=Path), help="DNA: the genome of the regions, FASTA.")
@click.option("-c", "--chrom-sizes", type=click.Path(exists=True, path_type=Path), help="DNA: header of the bigWig.")
@click.option(
    "--targets",
    metavar="A,B,...",
    default="",
    callback=parse_targets,
    help="DNA: several targets: 0,3 or counts,profile.",
)
@click.option("--length", type=click.IntRange(min=1), help="DNA: of the windows, where the model takes any.")
@click.option("--upper-case", is_flag=True, help="DNA: count lower-case letters as bases, not as N.")
@click.option("--reverse-complement", is_flag=True, help="DNA: mean over both strands.")
@click.option(
    "--formats",
    metavar="A,B,...",
    default=",".join(FORMATS),
    show_default=True,
    callback=parse_formats,
    help="DNA: what is written besides scores.h5.",
)
@model_options
def score(
    model: Path,
    input: Path | None,
    out: Path,
    preprocess: str | None,
    dataset: str | None,
    references: str,
    seed: int,
    targets: tuple[Target, ...],
    overwrite: bool,
    as_json: bool,
    **others: Any,
) -> None:
    """Score the rows of INPUT and write contributions, outputs, reference outputs and delta to an .h5 file.

    DNA, a FASTA file or regions of a genome, is scored into a folder: scores.h5, and the files that TF-MoDISco,
    chrombpnet's and bpnet's tools and genome browsers read.
    """
    wanted = ScoreOptions(*(others[name] for name in ScoreOptions._fields))
    reading = ModelOptions(*(others[name] for name in ModelOptions._fields))
    dna = SequenceOptions(*(others[name] for name in SequenceOptions._fields))
    if (input is None) == (dna.regions is None):
        raise click.UsageError("give either what is scored, -i, or regions, -r, with their genome, -g")
    if not Path(references).exists():
        import_tensorflow()  # quietly, before a name is looked up
    metadata = {"arguments": recorded(click.get_current_context().params), "versions": versions()}
    if input is None or is_fasta(input):
        if wanted.layers:
            raise click.UsageError("--layers: scores of DNA are those of the model's input")
        check_folder(out, overwrite)
        network = reading.convert(model)
        done = score_sequences(
            network,
            dna,
            input,
            (references, seed),
            targets or (wanted.target,),
            wanted.arguments(),
            out,
            metadata,
            overwrite,
        )
        summary = Summary(*done, str(out))
        click.echo(json.dumps(summary._asdict()) if as_json else str(summary))
        return
    if targets:
        raise click.UsageError("--targets: only for DNA; give one --target")
    if out.resolve() == input.resolve():
        raise click.UsageError(f"the output would replace the input: {out}")
    check_output(out, overwrite)
    with ExitStack() as stack:
        arrays = None if is_images(input) else stack.enter_context(open_arrays(input))
        given = stack.enter_context(open_references(references, seed))
        network = reading.convert(model)
        wanted = wanted.asked_of(network)
        if arrays is None:
            rows = Rows(input, pictures(network, input, preprocess))
        else:
            rows = Rows(input, select(arrays, network.input_names, input, dataset))
        rows.check(network.input_shapes)
        matched = match_references(given, Path(references), rows)
        compiled = scoring_function(network, others["method"], wanted.layers)
        writer = stack.enter_context(ScoresWriter(out, rows.count, metadata, overwrite))
        summary = write_scores(compiled, rows, matched, wanted, writer)
    click.echo(json.dumps(summary._asdict()) if as_json else str(summary))


def pictures(network: Network, path: Path, preprocess: str | None) -> dict[str, RowArray]:
    """Return the pictures of a file or folder for the one input of a network."""
    if len(network.input_names) > 1:
        raise click.UsageError(f"pictures: expected a model of one input; this one has {network.input_names}")
    ((name, shape),) = network.input_shapes.items()
    return {name: image_rows(path, shape, preprocess)}


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
