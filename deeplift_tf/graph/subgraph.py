"""Propagation through the subgraph of a layer: of a recurrent cell, or of a layer applied to every step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import tensorflow as tf

from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Node
from deeplift_tf.rules.multipliers import Difference, Pairing
from deeplift_tf.rules.rules import Rule
from deeplift_tf.rules.tensors import merge_leading, shape_of

Views = dict[Edge, Difference]


def under(nodes: Sequence[Node], rule: Rule) -> tuple[Node, ...]:
    """Return the nodes under the rule of the layer around them."""
    return tuple(dataclasses.replace(node, layer=node.layer.under(rule), rule=rule) for node in nodes)


def mapped(value: Difference, function: Callable[[tf.Tensor], tf.Tensor]) -> Difference:
    """Return a function of both ends of a difference; of one if they are the same, as under the gradient rule."""
    x = function(value.x)
    return Difference(x, x if value.x is value.reference else function(value.reference))


def lead_of(rows: Pairing) -> int:
    """Return the number of leading axes of a view of pairs."""
    return 1 + (rows.references is not None)


def inner_views(nodes: Sequence[Node], given: Views, rows: Pairing, wanted: Iterable[Edge] = ()) -> Views:
    """Return the differences of everything that nodes compute from given ones, with the spreads that rules read.

    Parameters
    ----------
    nodes : sequence of Node
    given : dict of Edge to Difference
        Of the values that enter. All of x have the same leading axes, and so have all references.
    rows : Pairing
    wanted : iterable of Edge
        Edges whose spread is needed even if no rule reads it.
    """
    lead = lead_of(rows)

    def run(part: Callable[[Difference], tf.Tensor]) -> propagation.Values:
        sources = {edge: part(value) for edge, value in given.items()}
        sizes = shape_of(next(iter(sources.values())))[:lead]
        values = propagation.forward(nodes, {edge: merge_leading(source, lead) for edge, source in sources.items()})
        return {edge: tf.reshape(y, [*sizes, *shape_of(y)[1:]]) for edge, y in values.items()}

    x = run(lambda value: value.x)
    still = all(value.x is value.reference for value in given.values())
    references = x if still else run(lambda value: value.reference)
    views = {edge: Difference(x[edge], references[edge]) for edge in x} | given
    return propagation.with_spreads(nodes, views, rows, wanted)
