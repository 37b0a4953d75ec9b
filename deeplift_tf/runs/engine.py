"""Engines: what turns batches into named arrays, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from deeplift_tf.runs.request import Arrays, Request, Scorer
from deeplift_tf.runs.source import Batch

if TYPE_CHECKING:
    from deeplift_tf.network import Network
    from deeplift_tf.runs.ray_engine import Workers

Engine = Callable[[Iterator[Batch]], Iterator[tuple[Batch, Arrays]]]


def in_this_process(score: Scorer) -> Engine:
    """Return an engine that scores one batch after another."""

    def engine(batches: Iterator[Batch]) -> Iterator[tuple[Batch, Arrays]]:
        for batch in batches:
            yield batch, score(batch.x, batch.references)

    return engine


@contextmanager
def engine_of(request: Request, network: Network, workers: Workers | None, made: Any) -> Iterator[Engine]:
    """Yield the engine that answers a request.

    Parameters
    ----------
    request : Request
    network : Network
        That of the request's model, for this process.
    workers : Workers, optional
        Those of Ray; None for this process.
    made : float or Maker, optional
        References that are the same for all batches, or are made where they are used.
    """
    if workers is None:
        yield in_this_process(Scorer(request, network))
        return
    from deeplift_tf.runs.ray_engine import on_ray

    with on_ray(request, workers, made) as engine:
        yield engine
