"""The loop: batches are read, scored and written at the same time, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing

import numpy as np

from deeplift_tf.runs.engine import Engine
from deeplift_tf.runs.overlap import ahead, behind
from deeplift_tf.runs.request import Arrays
from deeplift_tf.runs.source import Source


def run(
    source: Source,
    engine: Engine,
    write: Callable[[Arrays], None],
    batches: Iterable[slice],
    advance: Callable[[int], None],
) -> float | None:
    """Score batches of rows.

    Parameters
    ----------
    source : Source
    engine : Engine
    write : callable
        Is handed the arrays of each batch, in a thread of its own.
    batches : iterable of slice
    advance : callable
        Is told how many rows were scored.

    Returns
    -------
    float or None
        The largest absolute delta; None where there is none.
    """
    largest: float | None = None
    with behind(write) as hand_over, closing(ahead(source.read, batches)) as read:
        for batch, arrays in engine(read):
            hand_over(arrays)
            largest = larger(largest, arrays)
            advance(batch.rows.stop - batch.rows.start)
    return largest


def larger(largest: float | None, arrays: Arrays) -> float | None:
    """Return the larger of a delta and the largest of a batch."""
    deltas = [float(np.abs(array).max()) for name, array in arrays.items() if name.partition("/")[0] == "delta"]
    return max([*deltas, *([] if largest is None else [largest])], default=None)
