"""Rows and their references, cut into batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from deeplift_tf.io.inputs import Rows
from deeplift_tf.io.reference_rows import ReferenceRows


class Batch(NamedTuple):
    """Some rows, as a scoring function takes them."""

    rows: slice
    x: Any
    references: Any


class Source(NamedTuple):
    """Rows and their references, read batch by batch."""

    rows: Rows
    references: ReferenceRows

    def read(self, rows: slice) -> Batch:
        """Read consecutive rows."""
        return Batch(rows, self.rows.read(rows), self.references.read(rows))


def batches(count: int, size: int) -> Iterator[slice]:
    """Cut rows into batches of one size; the last may be smaller."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
