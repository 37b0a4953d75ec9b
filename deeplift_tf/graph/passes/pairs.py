"""Pairs of a node and its only consumer, which most passes match."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable

from deeplift_tf.graph.graph import Edge, Graph, Node
from deeplift_tf.layers.base import Layer

Merge = Callable[[Node, Node], tuple[Node, ...] | None]
"""Takes a node and its only consumer; returns what to put in their place, or None."""


def merge_pairs(graph: Graph, keep: frozenset[Edge], merge: Merge) -> Graph:
    """Rewrite pairs of a node and its only consumer, where `merge` has something to put in their place.

    The last of the new nodes bears the consumer's name. Pairs are taken in order, and what came of one may be the
    first of the next.
    """
    uses = Counter(edge for node in graph.nodes for edge in node.inputs)
    nodes: dict[str, Node] = {}
    for node in graph.nodes:
        first = nodes.get(node.inputs[0].node) if len(node.inputs) == 1 else None
        alone = first is not None and uses[node.inputs[0]] == 1 and Edge(first.name) not in keep
        merged = merge(first, node) if first is not None and alone and len(first.shapes) == 1 else None
        if merged is None:
            nodes[node.name] = node
            continue
        assert first is not None
        del nodes[first.name]
        nodes |= {each.name: each for each in merged}
    return dataclasses.replace(graph, nodes=tuple(nodes.values()))


def first_of(*merges: Merge) -> Merge:
    """Return the first rewrite that has something to put in the place of a pair."""

    def merge(first: Node, second: Node) -> tuple[Node, ...] | None:
        return next((merged for each in merges if (merged := each(first, second)) is not None), None)

    return merge


def in_place_of(first: Node, second: Node, layer: Layer) -> tuple[Node, ...]:
    """Return the second node with one layer for both, on the inputs of the first."""
    return (dataclasses.replace(second, layer=layer, inputs=first.inputs),)
