"""Which values a reference takes over from x: masks, indices, and integers that are no scored tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import tensorflow as tf

from deeplift_tf.graph import Edge, Node
from deeplift_tf.walk import Values


def held_at_x(
    inputs: Iterable[Edge], nodes: Sequence[Node], scored: Iterable[Edge], target: Edge, x: Values
) -> set[Edge]:
    """Return the edges whose values for the reference are those for x.

    Integers, booleans and strings have no difference. Tokens are the exception: where every way from an integer input
    to the target leads through a scored value, such as an embedding, the input takes the reference that is given for
    it, and the scored value differs.

    Parameters
    ----------
    inputs : iterable of Edge
        Of the graph.
    nodes : sequence of Node
    scored : iterable of Edge
    target : Edge
    x : dict of Edge to tf.Tensor
        Values of the examples.
    """
    without = {edge for edge, value in x.items() if not value.dtype.is_floating}
    scored = frozenset(scored)
    for edge in without.intersection(inputs):
        reached, cut = followed(edge, nodes, scored, x)
        if cut and target not in reached:
            without = without - reached
    return without


def followed(start: Edge, nodes: Sequence[Node], scored: frozenset[Edge], x: Values) -> tuple[set[Edge], bool]:
    """Return what depends on an input, up to scored values and masks, and whether a scored value was met."""
    reached, cut = {start}, False
    for node in nodes:
        if not reached.intersection(node.inputs):
            continue
        for edge in node.outputs:
            cut = cut or edge in scored
            if edge not in scored and x[edge].dtype != tf.bool:
                reached.add(edge)
    return reached, cut
