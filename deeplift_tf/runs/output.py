"""Where scores go: a file, or for DNA a folder; either appears under its name when it is whole."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import h5py

from deeplift_tf.io.inputs import Rows
from deeplift_tf.io.scores_h5 import ScoresWriter, check_output
from deeplift_tf.runs.folder import check_folder, new_folder
from deeplift_tf.runs.request import Arrays

if TYPE_CHECKING:
    from deeplift_tf.genomics import SequenceRows

logger = logging.getLogger("deeplift_tf")
SCORES = "scores.h5"  # what ``deeplift-tf plot`` and ``report`` read

Write = Callable[[Arrays], None]


class Output(Protocol):
    """Where scores go."""

    def check(self) -> None:
        """Refuse what could not be written, before any work is done for it."""

    def open(self, rows: Rows, labels: Sequence[str], metadata: dict[str, Any]) -> AbstractContextManager[Write]:
        """Return what takes the arrays of one batch after another; on leaving, the whole appears."""


class FileOutput(NamedTuple):
    """An .h5 file."""

    path: Path
    overwrite: bool = False

    def check(self) -> None:
        """Refuse what could not be written."""
        check_output(self.path, self.overwrite)

    @contextmanager
    def open(self, rows: Rows, labels: Sequence[str], metadata: dict[str, Any]) -> Iterator[Write]:
        """Write a file."""
        with ScoresWriter(self.path, rows.count, metadata, self.overwrite) as writer:
            yield writer.append


class FolderOutput(NamedTuple):
    """A folder of scores of DNA.

    Attributes
    ----------
    path : Path
    overwrite : bool
    formats : tuple of str
        What is written beside the scores; see `deeplift_tf.genomics.folder`.
    chrom_sizes : Path, optional
        Lengths of chromosomes, for a bigWig; by default those of the genome.
    """

    path: Path
    overwrite: bool = False
    formats: tuple[str, ...] = ()
    chrom_sizes: Path | None = None

    def check(self) -> None:
        """Refuse what could not be written."""
        check_folder(self.path, self.overwrite)

    @contextmanager
    def open(self, rows: Rows, labels: Sequence[str], metadata: dict[str, Any]) -> Iterator[Write]:
        """Write a folder."""
        from deeplift_tf.genomics.folder import write_formats

        sequences: SequenceRows = next(iter(rows.arrays.values()))  # type: ignore[assignment]
        with new_folder(self.path, self.overwrite) as folder:
            with ScoresWriter(folder / SCORES, rows.count, metadata) as writer:
                yield writer.append
            report_lower_case(sequences)
            with h5py.File(folder / SCORES, "a") as scores:
                scores["names"] = [region.name.encode() for region in sequences.regions]
                write_formats(folder, scores, labels, sequences, self.formats, self.sizes(sequences))

    def sizes(self, sequences: SequenceRows) -> Mapping[str, int]:
        """Return the lengths of chromosomes, from the file given or from the genome itself."""
        from deeplift_tf.genomics.regions import read_sizes

        return sequences.fasta.sizes if self.chrom_sizes is None else read_sizes(self.chrom_sizes)


def report_lower_case(sequences: SequenceRows) -> None:
    """Say that lower-case letters were left out, if any were."""
    if sequences.lower_case and not sequences.upper_case:
        logger.warning(
            "%d lower-case letters were scored as N; --upper-case counts them as bases", sequences.lower_case
        )
