"""Row sources: rows and their references, cut into batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.io.inputs import Rows
from deeplift_tf.io.reference_rows import ReferenceRows


class RowBatch(NamedTuple):
    """Some rows, as a scoring function takes them.

    Attributes
    ----------
    rows : slice
    x : array or dict of arrays
    references
        Those of these rows.
    skipped : mapping of int to str
        Rows, counted in the whole input, that cannot be scored, and why; zeros stand in their place.
    beside : mapping of str to np.ndarray
        What is written beside their scores: the names of sequences.
    """

    rows: slice
    x: Any
    references: Any
    skipped: Mapping[int, str]
    beside: Mapping[str, np.ndarray]


class Alleles(NamedTuple):
    """References of variants: their reference alleles and, where asked for, what both alleles are compared with.

    Attributes
    ----------
    reference : array or dict of arrays
    common : float, Maker or None
        Made of the reference allele for both.
    """

    reference: Any
    common: Any = None


class Source(NamedTuple):
    """Rows and their references, read batch by batch; bad rows end the run, or are skipped.

    Attributes
    ----------
    rows : Rows
    references : ReferenceRows
    skip : bool
    common : float or Maker, optional
        Of variants: what both alleles are compared with, each by itself.
    """

    rows: Rows
    references: ReferenceRows
    skip: bool = False
    common: Any = None

    def read(self, rows: slice) -> RowBatch:
        """Read consecutive rows."""
        x, bad = self.rows.read_good(rows) if self.skip else (self.rows.read(rows), {})
        skipped = {rows.start + row: reason for row, reason in bad.items()}
        references = self._references(rows, x)
        if self.rows.references:
            references = Alleles(references, self.common)
        return RowBatch(rows, x, references, skipped, self.rows.names(rows))

    def _references(self, rows: slice, x: Any) -> Any:
        """Return the references of rows: of the inputs that are held, what they are."""
        read = self.references.read(rows)
        if not self.rows.held:
            return read
        given = read if isinstance(read, Mapping) else dict.fromkeys(self.rows.scored, read)
        return {**given, **{name: x[name] for name in self.rows.held}}


class Shard(NamedTuple):
    """One part of a run, counted from 1, of several."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def rows(self, count: int, size: int) -> range:
        """Return the rows of this part: whole batches, so that they are cut as those of the whole run are.

        Raises
        ------
        InputError
            There are fewer batches than parts.
        """
        whole = -(-count // size)
        if whole < self.of:
            raise InputError(
                f"`shard={self}`: {count} rows are {whole} batches of {size}; there can be no more shards than batches"
            )
        start, stop = (size * (whole * part // self.of) for part in (self.number - 1, self.number))
        return range(start, min(stop, count))


def batches(rows: range, size: int) -> Iterator[slice]:
    """Cut rows into batches of one size; the last may be smaller."""
    return (slice(start, min(start + size, rows.stop)) for start in range(rows.start, rows.stop, size))
