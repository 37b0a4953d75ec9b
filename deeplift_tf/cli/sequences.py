"""``deeplift-tf score`` for DNA: sequences or regions in, a folder of files out that the field's tools read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import h5py
import numpy as np

from deeplift_tf.cli.folder import new_folder
from deeplift_tf.cli.methods import scoring_function
from deeplift_tf.cli.progress import progress
from deeplift_tf.cli.targets import label_of, resolved
from deeplift_tf.errors import InputError
from deeplift_tf.io.inputs import Rows
from deeplift_tf.io.reference_rows import ReferenceRows, match_references, open_references
from deeplift_tf.io.scores_h5 import ScoresWriter

if TYPE_CHECKING:
    from deeplift_tf.genomics import SequenceRows
    from deeplift_tf.network import Network
    from deeplift_tf.scoring import Scores

FORMATS = ("modisco", "chrombpnet", "bpnet", "bigwig")
FASTA = (".fa", ".fasta", ".fna")
SCORES = "scores.h5"  # what ``deeplift-tf plot`` and ``report`` read


def is_fasta(path: Path) -> bool:
    """Whether a file holds sequences, by its name."""
    return path.name.lower().removesuffix(".gz").removesuffix(".bgz").endswith(FASTA)


class SequenceOptions(NamedTuple):
    """The options that only sequences have."""

    regions: Path | None
    genome: Path | None
    chrom_sizes: Path | None
    length: int | None
    upper_case: bool
    reverse_complement: bool
    formats: tuple[str, ...]
    method: str

    def open(self, input: Path | None, length: int | None) -> AbstractContextManager[SequenceRows]:
        """Open the sequences of regions, or those of a FASTA file.

        Parameters
        ----------
        input : Path or None
            FASTA; None for regions.
        length : int or None
            What the model takes; None where it takes any.
        """
        from deeplift_tf.genomics import region_rows, sequence_rows

        if length is not None and self.length not in (None, length):
            raise click.UsageError(f"--length {self.length}: the model takes sequences of {length}")
        wanted = length or self.length
        if input is not None:
            return sequence_rows(input, wanted, self.upper_case)
        if self.regions is None or self.genome is None:
            raise click.UsageError("regions (-r) and a genome (-g) go together")
        if wanted is None:
            raise click.UsageError("the model takes sequences of any length; say how long the windows are: --length")
        return region_rows(self.regions, self.genome, wanted, self.upper_case)


class Task(NamedTuple):
    """A target: its name in files, and what the scoring function is told."""

    label: str
    target: Any
    output: str | None


def score_sequences(
    network: Network,
    options: SequenceOptions,
    input: Path | None,
    references: tuple[str, int],
    targets: tuple[int | tuple[int, ...] | str, ...],
    arguments: dict[str, Any],
    out: Path,
    metadata: Mapping[str, Any],
    overwrite: bool,
) -> tuple[int, float, float | None]:
    """Score sequences into a folder, which appears when all its files are whole.

    Parameters
    ----------
    network : Network
    options : SequenceOptions
    input : Path or None
        FASTA; None for regions.
    references : (str, int)
        As given, and the seed.
    targets : tuple of targets
    arguments : dict
        Of the scoring function.
    out : Path
    metadata : mapping
        Saved beside the scores.
    overwrite : bool

    Returns
    -------
    (int, float, float or None)
        Rows, seconds, largest delta.
    """
    start = time.monotonic()
    name, length = sequence_input(network)
    tasks = [
        Task(label_of(target), *resolved(target, arguments["output"], network.output_shapes)) for target in targets
    ]
    with ExitStack() as stack:
        sequences = stack.enter_context(options.open(input, length))
        path = input or options.regions or Path()
        rows = Rows(path, {name: sequences})
        given = match_references(stack.enter_context(open_references(*references)), Path(references[0]), rows)
        folder = stack.enter_context(new_folder(out, overwrite))
        with ScoresWriter(folder / SCORES, rows.count, metadata) as writer:
            largest = write_scores(scorer(network, options), rows, given, tasks, arguments, writer)
        report_lower_case(sequences)
        with h5py.File(folder / SCORES) as scores:
            write_formats(folder, scores, tasks, sequences, options)
    return rows.count, time.monotonic() - start, largest


def sequence_input(network: Network) -> tuple[str, int | None]:
    """Return the name of the one input, and the length that it takes."""
    shapes = network.input_shapes
    if len(shapes) != 1 or len(next(iter(shapes.values()))) != 3 or next(iter(shapes.values()))[2] != 4:
        raise InputError(f"sequences: expected a model of one input of shape (None, length, 4); received {shapes}")
    ((name, shape),) = shapes.items()
    return name, shape[1]


def scorer(network: Network, options: SequenceOptions) -> Callable[..., Scores]:
    """Return the scoring function, of both strands if that is wanted."""
    from deeplift_tf.genomics import both_strands

    compiled = scoring_function(network, options.method)
    return both_strands(compiled) if options.reverse_complement else compiled


def write_scores(
    score: Callable[..., Scores],
    rows: Rows,
    references: ReferenceRows,
    tasks: list[Task],
    arguments: dict[str, Any],
    writer: ScoresWriter,
) -> float | None:
    """Score all rows, a batch at a time, and hand each batch to the writer; return the largest delta."""
    largest: float | None = None
    step = arguments["batch_size"]
    with progress(rows.count) as advance:
        for first in range(0, rows.count, step):
            batch = slice(first, min(first + step, rows.count))
            x = np.asarray(rows.read(batch), np.float32)
            arrays = {"sequences": x.astype(np.int8)}
            for task, scores in each_task(score, x, references.read(batch), tasks, arguments):
                arrays |= named(task, scores, alone=len(tasks) == 1)
                if scores.delta is not None:
                    largest = max(largest or 0.0, float(np.abs(scores.delta).max()))
            writer.append(arrays)
            advance(batch.stop - batch.start)
    return largest


def each_task(
    score: Callable[..., Scores], x: np.ndarray, references: Any, tasks: list[Task], arguments: dict[str, Any]
) -> Iterator[tuple[Task, Scores]]:
    """Score rows for every task; those of one output share the forward passes."""
    for output in dict.fromkeys(task.output for task in tasks):
        alike = [task for task in tasks if task.output == output]
        others = arguments | {"output": output, "hypothetical": True}
        others.pop("target", None)
        scores = score(x, references=references, targets=[task.target for task in alike], **others)
        for index, task in enumerate(alike):
            values: dict[str, Any] = {name: at(value, index) for name, value in scores._asdict().items()}
            yield task, type(scores)(**values)


def at(value: np.ndarray | None, index: int) -> np.ndarray | None:
    """Return the part of one task, where there is any."""
    return None if value is None else value[index]


def named(task: Task, scores: Scores, alone: bool) -> dict[str, np.ndarray]:
    """Return the scores of a task by their names in the file."""
    parts = ("contributions", "hypothetical", "outputs", "reference_outputs", "delta")
    values = {part: getattr(scores, part) for part in parts}
    return {part if alone else f"{part}/{task.label}": value for part, value in values.items() if value is not None}


def write_formats(
    folder: Path, scores: h5py.File, tasks: list[Task], sequences: SequenceRows, options: SequenceOptions
) -> None:
    """Write the scores in the formats of other tools, and the regions that they are about."""
    from deeplift_tf import genomics
    from deeplift_tf.genomics.formats import write_npz

    x, regions = scores["sequences"], sequences.regions
    genomics.write_regions(folder / "interpreted_regions.bed", regions)
    if sequences.dropped:
        genomics.write_regions(folder / "dropped_regions.bed", sequences.dropped)
    if "modisco" in options.formats:
        write_npz(folder / "ohe.npz", x, np.dtype(np.int8))
    for task in tasks:
        hypothetical = scores["hypothetical" if len(tasks) == 1 else f"hypothetical/{task.label}"]
        if "modisco" in options.formats:
            write_npz(folder / f"{task.label}.hypothetical.npz", hypothetical, np.dtype(np.float32))
        if "chrombpnet" in options.formats:
            genomics.write_chrombpnet(folder / f"{task.label}.chrombpnet.h5", x, hypothetical)
        if "bpnet" in options.formats:
            genomics.write_bpnet(folder / f"{task.label}.bpnet.h5", x, hypothetical, regions)
        if "bigwig" in options.formats and options.regions is not None:
            sizes = read_chromosomes(options, sequences)
            stats = genomics.write_bigwig(folder / f"{task.label}.bw", x, hypothetical, regions, sizes)
            lines = "".join(f"{name}\t{value:.6g}\n" for name, value in stats.items())
            (folder / f"{task.label}.stats.txt").write_text(lines, encoding="utf-8")


def read_chromosomes(options: SequenceOptions, sequences: SequenceRows) -> Mapping[str, int]:
    """Return the lengths of chromosomes, from the file given or from the genome itself."""
    from deeplift_tf.genomics.regions import read_sizes

    return sequences.fasta.sizes if options.chrom_sizes is None else read_sizes(options.chrom_sizes)


def report_lower_case(sequences: SequenceRows) -> None:
    """Say that lower-case letters were left out, if any were."""
    if sequences.lower_case and not sequences.upper_case:
        click.echo(
            f"note: {sequences.lower_case} lower-case letters were scored as N; --upper-case counts them as bases",
            err=True,
        )
