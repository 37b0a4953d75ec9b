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
    views = views_of(nodes, given, lead_of(rows))
    return propagation.with_spreads(nodes, views, rows, wanted)


def views_of(nodes: Sequence[Node], given: Views, lead: int) -> Views:
    """Return the differences of everything that nodes compute from given ones, without spreads.

    Parameters
    ----------
    nodes : sequence of Node
    given : dict of Edge to Difference
        Of the values that enter. All of x have the same leading axes, and so have all references.
    lead : int
        Number of those axes.
    """
    x = values_of(nodes, {edge: value.x for edge, value in given.items()}, lead)
    still = all(value.x is value.reference for value in given.values())
    references = x if still else values_of(nodes, {edge: value.reference for edge, value in given.items()}, lead)
    views = {edge: Difference(x[edge], references[edge]) for edge in x} | given
    return propagation.with_finite_ends(nodes, views)


def values_of(nodes: Sequence[Node], given: propagation.Values, lead: int) -> propagation.Values:
    """Return the values of everything that nodes compute, whose rows have several axes.

    Parameters
    ----------
    nodes : sequence of Node
    given : dict of Edge to tf.Tensor
        What enters; all with the same leading axes.
    lead : int
        Number of those axes.
    """
    sizes = shape_of(next(iter(given.values())))[:lead]
    values = propagation.forward(nodes, {edge: merge_leading(value, lead) for edge, value in given.items()})
    return {edge: tf.reshape(y, [*sizes, *shape_of(y)[1:]]) for edge, y in values.items()} | given
