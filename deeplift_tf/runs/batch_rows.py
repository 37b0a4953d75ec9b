"""How many rows of a run are read, scored and written together, by the bytes that they and their scores take."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

from deeplift_tf.runs.request import Request

if TYPE_CHECKING:
    from deeplift_tf.arrays.rows import RowArray
    from deeplift_tf.network import Network

logger = logging.getLogger("deeplift_tf")

BYTES = 1 << 28
"""Of the rows of a batch and their scores. Some three batches are in memory at once: scored, written, waiting."""


def batch_rows(request: Request, network: Network, arrays: Mapping[str, RowArray]) -> int:
    """Return the rows of a batch: those of the request, or as many as fit; says which.

    Depends on the request, the model and the shape of rows alone: shards are cut alike on every machine.

    Parameters
    ----------
    request : Request
    network : Network
    arrays : mapping of str to RowArray
        The rows of each input.
    """
    from deeplift_tf.scoring.capacity import bytes_of, row_elements  # TensorFlow, once mistakes have been told
    from deeplift_tf.scoring.pass_size import ALWAYS

    given = sum(prod(array.shape[1:]) for array in arrays.values())
    scored = max(given, sum(row_elements(network.graph.shape(network.edge(name))) for name in request.layers))
    kinds = 2 + 2 * request.hypothetical  # contributions and multipliers; hypothetical ones, and those at the letters
    row = bytes_of(network.graph, given + kinds * scored * len(request.targets))
    fitting = max(1, ALWAYS // len(request.targets), BYTES // max(1, row))
    if fitting >= request.batch_size:
        return request.batch_size
    logger.info(
        "`batch_size`: %d rows are read, scored and written together, and not %d, which would take %.3g GB with their "
        "scores",
        fitting,
        request.batch_size,
        request.batch_size * row / 1e9,
    )
    return fitting
