"""Pass sizes: how many pairs and targets are computed together, by the bytes that their values take."""

from __future__ import annotations

from collections.abc import Sequence, Set
from itertools import accumulate
from typing import NamedTuple

import tensorflow as tf

from deeplift_tf.graph.graph import Graph
from deeplift_tf.platform.memory import memory_bytes
from deeplift_tf.scoring import capacity

TARGETS = 16
"""Targets that walk back together at most: that many keep the whole gain of a shared forward pass."""

ALWAYS = 32
"""Rows that are always computed together, as many as the default batch; no results depend on the sizes below it."""

KEPT_BYTES = 1 << 30
"""Of the values that are kept from the pass forward until multipliers arrive; larger batches are no faster."""

WALK_BYTES = 1 << 29
"""Of multipliers on their way back, one row for each target and pair."""

WALK_COPIES = 2
"""Tensors of the size of the largest value that a row of multipliers holds at once: what arrives and what leaves."""

GPU_TIMES = 8
"""How many times as many bytes a GPU takes together, which needs larger batches to be busy."""


class PassSize(NamedTuple):
    """What is computed together.

    Attributes
    ----------
    pairs : int
        (Example, reference) pairs at most.
    targets : int
        Targets at most.
    note : str, optional
        What to say where the batch is smaller than the user has asked for.
    """

    pairs: int
    targets: int
    note: str | None = None


def pass_size(
    graph: Graph, shapes: Sequence[tuple[int, ...]], passed: Set[str], pairs: int, targets: int = 1
) -> PassSize:
    """Return how many pairs and targets are computed together.

    Depends on the network, the shapes and the numbers asked for alone, so that the same call is cut in the same way on
    every machine; a machine whose memory does not hold even the smallest of such passes cuts them smaller.

    Parameters
    ----------
    graph : Graph
    shapes : sequence of tuple of int
        Of one row of each input.
    passed : set of str
        The nodes that multipliers pass on their way back.
    pairs : int
        (Example, reference) pairs that were asked for.
    targets : int
        Targets in all.
    """
    together = min(targets, TARGETS)
    if targets == 1 and pairs <= ALWAYS:
        return PassSize(pairs, together)
    kept, walk = bytes_of_row(graph, shapes, passed)
    times = GPU_TIMES if tf.config.get_visible_devices("GPU") else 1
    least = max(1, min(ALWAYS, memory_bytes() // (4 * walk)))
    alone = max(ALWAYS, min(times * KEPT_BYTES // kept, times * WALK_BYTES // walk))
    rows = max(least, times * WALK_BYTES // walk)  # pairs times targets
    fitting = max(1, min(pairs, alone, rows // together if targets > 1 else pairs))
    note = None
    if alone < pairs:
        note = (
            f"`batch_size`: {alone} (example, reference) pairs are computed together, and not {pairs}, whose values "
            f"would take {pairs * (kept + walk) / 1e9:.3g} GB and gain no speed"
        )
    return PassSize(fitting, max(1, min(together, rows // fitting)), note)


def bytes_of_row(graph: Graph, shapes: Sequence[tuple[int, ...]], passed: Set[str]) -> tuple[int, int]:
    """Return the bytes that one pair keeps for the way back, and those that one row of multipliers takes on it.

    Parameters
    ----------
    graph : Graph
    shapes : sequence of tuple of int
    passed : set of str
    """
    values = capacity.row_values(graph, whole_powers(graph, shapes))
    if not passed <= {value.layer for value in values}:  # it does not run at a larger size
        values = capacity.row_values(graph, shapes)
    inside = [value.elements for value in values if not passed.isdisjoint(accumulate(value.layer.split("/"), joined))]
    kept = capacity.bytes_of(graph, sum(inside))
    return max(1, kept), max(1, WALK_COPIES * capacity.bytes_of(graph, max(inside, default=0)))


def joined(outer: str, inner: str) -> str:
    """Return the name of a node in the graph of another node."""
    return f"{outer}/{inner}"


def whole_powers(graph: Graph, shapes: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return shapes with the axes that a model leaves open at a power of two, so that few of them are looked at."""
    return [
        tuple(
            size if fixed is not None else 1 << max(0, size - 1).bit_length()
            for size, fixed in zip(shape, [*value.shape[1:]], strict=True)
        )
        for shape, value in zip(shapes, graph.inputs, strict=True)
    ]
