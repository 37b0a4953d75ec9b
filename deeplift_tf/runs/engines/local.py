"""The local engine: computes one batch after another in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from deeplift_tf.runs.request import Arrays, Scorer
from deeplift_tf.runs.source import RowBatch

Engine = Callable[[Iterator[RowBatch]], Iterator[tuple[RowBatch, Arrays]]]


def in_this_process(score: Scorer) -> Engine:
    """Return an engine that scores one batch after another."""

    def engine(batches: Iterator[RowBatch]) -> Iterator[tuple[RowBatch, Arrays]]:
        for batch in batches:
            yield batch, score(batch.x, batch.references)

    return engine
