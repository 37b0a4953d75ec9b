"""The loop: batches are read, scored and written at the same time, in order."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import closing

import numpy as np

from deeplift_tf.runs.engine import Engine
from deeplift_tf.runs.kept import Kept
from deeplift_tf.runs.overlap import ahead, behind
from deeplift_tf.runs.request import Arrays
from deeplift_tf.runs.source import Source, batches


def run(
    source: Source, engine: Engine, kept: Kept, rows: range, batch_size: int, advance: Callable[[int], None]
) -> None:
    """Score rows, from the first one on whose scores are not kept already.

    Parameters
    ----------
    source : Source
    engine : Engine
    kept : Kept
        Where the scores go.
    rows : range
    batch_size : int
    advance : callable
        Is told how many rows are done more.
    """
    left = range(rows.start + kept.state.rows, rows.stop)
    with behind(kept.append, kept.flush) as write, closing(ahead(source.read, batches(left, batch_size))) as read:
        for batch, arrays in engine(read):
            scores = without(arrays, [row - batch.rows.start for row in batch.skipped])
            write({**scores, **batch.beside}, batch.skipped)
            advance(batch.rows.stop - batch.rows.start)


def without(arrays: Arrays, rows: Collection[int]) -> Arrays:
    """Return arrays with NaN in the place of some rows."""
    if not rows:
        return arrays
    marked = {name: np.array(array) for name, array in arrays.items()}
    for array in marked.values():
        array[list(rows)] = np.nan if array.dtype.kind == "f" else 0
    return marked
