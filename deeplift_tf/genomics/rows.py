"""Sequences as rows to be scored, read from their files batch by batch."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deeplift_tf.arrays.rows import RowArray, StoredRows
from deeplift_tf.errors import InputError
from deeplift_tf.genomics.fasta import Fasta, open_fasta
from deeplift_tf.genomics.places import none_inside
from deeplift_tf.genomics.regions import Region, names_differ, read_regions, within
from deeplift_tf.genomics.selection import Selection
from deeplift_tf.genomics.sequences import of_channels, say_unknown
from deeplift_tf.references.sequence import pairs_kept
from deeplift_tf.sequences.alphabet import Alphabet

logger = logging.getLogger("deeplift_tf")


@dataclass
class SequenceRows(StoredRows):
    """One-hot sequences of a file.

    Attributes
    ----------
    fasta : Fasta
    regions : sequence of Region
        Where each row lies: in a genome, or the whole of a sequence of its own.
    dropped : sequence of Region
        Those that cannot be scored: over the edge of their chromosome, or of a chromosome that is not there.
    soft_masked_as_n : bool
        Whether letters in lower case are read as N.
    alphabet : Alphabet
    null : int, optional
        Seed: each row is a dinucleotide shuffle of its sequence, for scores that chance makes.
    unknown, letters : int
        How many of the letters read so far were read as N, and how many were read.
    """

    fasta: Fasta
    regions: Sequence[Region]
    dropped: Sequence[Region] = ()
    soft_masked_as_n: bool = False
    alphabet: Alphabet = field(default_factory=Alphabet)
    null: int | None = None
    unknown: int = field(default=0)
    letters: int = field(default=0)
    _said: bool = field(default=False, repr=False)
    _longest: dict[str, int] = field(default_factory=dict, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, length, letters)."""
        first = self.regions[0]
        return len(self.regions), first.end - first.start, len(self.alphabet)

    @property
    def dtype(self) -> np.dtype[np.int8]:
        """Of the one-hot rows."""
        return np.dtype(np.int8)

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return consecutive rows, shape (n, length, letters).

        The first ones read say how many letters were read as N, if they are over 1 %.
        """
        regions = self.regions[rows]
        sequences = [self.fasta.fetch(region.chrom, region.start, region.end) for region in regions]
        channels = self.alphabet.channels(sequences, self.soft_masked_as_n, [region.name for region in regions])
        unknown, first = int((channels == len(self.alphabet)).sum()), not self.letters
        self.unknown, self.letters = self.unknown + unknown, self.letters + channels.size
        if first:
            self._said = say_unknown(unknown, channels.size, f"the first {len(regions)} rows", self.soft_masked_as_n)
        found = of_channels(channels, len(self.alphabet))
        return found if self.null is None else pairs_kept(found, 1, self.null)[:, 0]

    def warn(self) -> None:
        """Say how many letters were read as N, if they are many and the first rows have not said so."""
        if self.letters and not self._said:
            self._said = say_unknown(self.unknown, self.letters, "all rows", self.soft_masked_as_n)

    def write(
        self,
        folder: Path,
        scores: Mapping[str, RowArray],
        labels: Sequence[str],
        formats: Collection[str],
        sizes: Mapping[str, int],
        compression: str = "gzip",
    ) -> None:
        """Write the regions, and their scores in the formats of other tools; see `folder.write_formats`."""
        from deeplift_tf.genomics.folder import write_formats

        write_formats(folder, scores, labels, self, formats, sizes, compression)

    def names(self, rows: slice) -> np.ndarray:
        """Return the names of consecutive rows, as bytes of one length for all."""
        return self._texts("name", rows)

    def lines(self, rows: slice) -> np.ndarray | None:
        """Return the lines that consecutive rows come from, as bytes of one length for all; None of a FASTA file."""
        return self._texts("line", rows) if any(region.line for region in self.regions[:1]) else None

    def _texts(self, what: str, rows: slice) -> np.ndarray:
        if what not in self._longest:
            self._longest[what] = max(1, *(len(getattr(region, what).encode()) for region in self.regions))
        return np.array([getattr(region, what).encode() for region in self.regions[rows]], f"S{self._longest[what]}")


@contextmanager
def region_rows(
    regions: Path,
    genome: Path,
    length: int,
    upper_case: bool | None = None,
    *,
    soft_masked_as_n: bool = False,
    alphabet: str | Alphabet = "dna",
    selection: Selection | None = None,
    null: int | None = None,
) -> Iterator[SequenceRows]:
    """Open the sequences of regions.

    Parameters
    ----------
    regions : Path
        BED or narrowPeak.
    genome : Path
        FASTA.
    length : int
        Of the windows around the summits.
    upper_case : bool, optional
        The older name of the opposite of `soft_masked_as_n`.
    soft_masked_as_n : bool
        Read letters in lower case as N.
    alphabet : str
        See `one_hot`.
    selection : Selection, optional
        Which of the regions; the default is all.
    null : int, optional
        See `SequenceRows`.

    Yields
    ------
    SequenceRows

    Raises
    ------
    InputError
        If no region lies inside of the genome, or none is chosen.
    """
    letters, masked = Alphabet.of(alphabet), soft_masked_as_n or upper_case is False
    windows = read_regions(regions, length)
    with open_fasta(genome) as fasta:
        if selection is not None:
            windows = selection.on_genome(windows, str(regions))
        kept, dropped = within(windows, fasta.sizes)
        cause = names_differ(dropped, fasta.sizes)
        if dropped and kept:
            first = dropped[0]
            logger.warning(
                "%d of %d regions dropped: over the edge of their chromosome, or of none in the genome; the first is "
                "%s:%d-%d%s",
                *(len(dropped), len(windows), first.chrom, first.start, first.end, cause),
            )
        if not kept:
            raise none_inside(regions, length, genome, cause)
        if selection is not None:
            kept = selection.of_kept(kept)
        yield SequenceRows(fasta, kept, dropped, masked, letters, null)


@contextmanager
def sequence_rows(
    path: Path,
    length: int | None = None,
    upper_case: bool | None = None,
    skip: bool = False,
    *,
    soft_masked_as_n: bool = False,
    alphabet: str | Alphabet = "dna",
    null: int | None = None,
) -> Iterator[SequenceRows]:
    """Open the sequences of a FASTA file as they are.

    Parameters
    ----------
    path : Path
    length : int, optional
        What all of them must have; by default that of the first.
    upper_case : bool, optional
        The older name of the opposite of `soft_masked_as_n`.
    skip : bool
        Leave out sequences of another length.
    soft_masked_as_n : bool
        Read letters in lower case as N.
    alphabet : str
        See `one_hot`.
    null : int, optional
        See `SequenceRows`.

    Yields
    ------
    SequenceRows

    Raises
    ------
    InputError
        If a sequence has another length, names it; with `skip`, when all have.
    """
    letters, masked = Alphabet.of(alphabet), soft_masked_as_n or upper_case is False
    with open_fasta(path) as fasta:
        wanted = next(iter(fasta.sizes.values())) if length is None else length
        regions = [Region(name, 0, size, size // 2) for name, size in fasta.sizes.items()]
        kept = [region for region in regions if region.end == wanted]
        other = [region for region in regions if region.end != wanted]
        if other:
            named = ", ".join(f"{region.chrom!r} has {region.end}" for region in other[:3])
            message = (
                f"{path}: expected sequences of {wanted} letters; {len(other)} of {len(regions)} have another length: "
                f"{named}"
            )
            if not (skip and kept):
                left_out = "; or leave them out with `on_error=skip`" if kept else ""
                raise InputError(f"{message}; give `regions` of them, and this file as `genome`{left_out}")
            logger.warning("%s; they are skipped", message)
        yield SequenceRows(fasta, kept, other, masked, letters, null)
