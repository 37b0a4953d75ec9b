"""Engines: compute batches in order, in this process or on Ray's workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from deeplift_tf.runs.engines.local import Engine, in_this_process
from deeplift_tf.runs.request import Request, Scorer

if TYPE_CHECKING:
    from deeplift_tf.network import Network
    from deeplift_tf.runs.engines.ray import Workers


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
    from deeplift_tf.runs.engines.ray import on_ray

    with on_ray(request, workers, made) as engine:
        yield engine
