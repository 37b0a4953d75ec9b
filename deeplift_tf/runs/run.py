"""The main loop: batches are read, scored and written at the same time, in order."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing

import numpy as np

from deeplift_tf.arrays.checks import not_finite
from deeplift_tf.errors import InputError
from deeplift_tf.runs.engines.local import Engine
from deeplift_tf.runs.prefetch import prefetch, write_behind
from deeplift_tf.runs.request import CLASSES, Arrays
from deeplift_tf.runs.resumable import ResumableWriter
from deeplift_tf.runs.source import RowBatch, Source, batches
from deeplift_tf.scoring.progress import Progress


def run(
    source: Source,
    engine: Engine,
    kept: ResumableWriter,
    rows: range,
    batch_size: int,
    progress: Progress,
) -> None:
    """Score rows, from the first one on whose scores are not kept already.

    Parameters
    ----------
    source : Source
    engine : Engine
    kept : ResumableWriter
        Where the scores go.
    rows : range
    batch_size : int
    progress : callable
        Called with (rows done, rows in all).
    """
    left = range(rows.start + kept.state.rows, rows.stop)
    progress(kept.state.rows, len(rows))
    with (
        write_behind(kept.append, kept.flush) as write,
        closing(prefetch(source.read, batches(left, batch_size))) as read,
    ):
        for batch, arrays in engine(read):
            skipped = dict(sorted({**overflowed(arrays, batch, source.skip), **batch.skipped}.items()))
            scores = without(arrays, [row - batch.rows.start for row in skipped])
            write({**scores, **batch.beside}, skipped)
            progress(batch.rows.stop - rows.start, len(rows))


def overflowed(arrays: Arrays, batch: RowBatch, skip: bool) -> dict[int, str]:
    """Return the rows whose scores are no finite numbers, though all that was read was finite, and what they hold.

    Raises
    ------
    InputError
        If they are not to be skipped; names the first.
    """
    found: dict[int, str] = {}
    for name, array in arrays.items():
        for row, what in not_finite(array).items():
            found.setdefault(batch.rows.start + row, f"the array {name!r} of its scores {what}")
    found = {row: reason for row, reason in found.items() if row not in batch.skipped}
    if found and not skip:
        row = min(found)
        raise InputError(
            f"row {row} (counted from 0): {found[row]}: the model overflows there, or has no finite output; "
            "`dtype=float64` may help, and but for DNA `on_error=skip` lists such rows and goes on"
        )
    return found


def without(arrays: Arrays, rows: Collection[int]) -> Arrays:
    """Return arrays with NaN in the place of some rows."""
    if not rows:
        return arrays
    marked = {name: np.array(array) for name, array in arrays.items()}
    for name, array in marked.items():
        no_class = -1 if name.partition("/")[0] == CLASSES else 0
        array[list(rows)] = np.nan if array.dtype.kind == "f" else no_class
    return marked
