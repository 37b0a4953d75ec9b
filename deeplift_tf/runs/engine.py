"""Engines: what turns batches into named arrays, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from deeplift_tf.runs.request import Arrays, Scorer
from deeplift_tf.runs.source import Batch

Engine = Callable[[Iterator[Batch]], Iterator[tuple[Batch, Arrays]]]


def in_this_process(score: Scorer) -> Engine:
    """Return an engine that scores one batch after another."""

    def engine(batches: Iterator[Batch]) -> Iterator[tuple[Batch, Arrays]]:
        for batch in batches:
            yield batch, score(batch.x, batch.references)

    return engine
