"""Rewriting of the graph before it is compiled: the same scores for less work.

Each rewrite takes a graph and the values that have to stay, and returns another graph with the same scores for them.
They are exact; what they leave is rounding.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable

from deeplift_tf.graph import Edge, Graph, Node
from deeplift_tf.layers.kinds import Elementwise, Linear
from deeplift_tf.layers.normalization import Scale
from deeplift_tf.layers.pooling import Max, MaxPooling
from deeplift_tf.layers.reshaping import Identity
from deeplift_tf.rules import RESCALE
from deeplift_tf.walk import spreads_read


def simplify(graph: Graph, keep: Iterable[Edge]) -> Graph:
    """Return a graph that gives the same scores with fewer passes over its values.

    Parameters
    ----------
    graph : Graph
    keep : iterable of Edge
        Values that have to be there still: those that are scored, and the target.
    """
    kept = frozenset(keep)
    outputs = {f"{edge.node}:{edge.output}": edge for edge in kept}
    graph = without_identities(Graph(graph.inputs, graph.ancestors(kept), outputs), kept)
    graph = merge_pairs(graph, kept, fold_scale)
    return merge_pairs(graph, kept, pool_before_activation(graph))


def without_identities(graph: Graph, keep: frozenset[Edge]) -> Graph:
    """Leave out layers that do nothing."""
    moved: dict[Edge, Edge] = {}
    nodes = []
    for node in graph.nodes:
        inputs = tuple(moved.get(edge, edge) for edge in node.inputs)
        if isinstance(node.layer, Identity) and Edge(node.name) not in keep:
            moved[Edge(node.name)] = inputs[0]
        else:
            nodes.append(dataclasses.replace(node, inputs=inputs))
    return dataclasses.replace(graph, nodes=tuple(nodes))


Merge = Callable[[Node, Node], tuple[Node, ...] | None]


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


def fold_scale(first: Node, second: Node) -> tuple[Node, ...] | None:
    """Fold a scale and shift of each channel into the Linear layer before it: batch normalisation into weights.

    One-to-one maps alone may be folded under every rule: a product of two layers that mix their inputs would have
    another |L|.
    """
    if not isinstance(first.layer, Linear) or not isinstance(second.layer, Scale):
        return None
    layer = first.layer.scaled(second.layer.scale, second.layer.shift)
    return None if layer is None else (dataclasses.replace(second, layer=layer, inputs=first.inputs),)


def pool_before_activation(graph: Graph) -> Merge:
    """Return the rewrite that puts max pooling before an activation that never falls, which then sees fewer units.

    The unit that holds the maximum is the same, and its slope Δy/Δx is the product of the same two. Under
    RevealCancel, or where a spread is carried through, the two orders differ.
    """
    read = spreads_read(graph.nodes)

    def merge(first: Node, second: Node) -> tuple[Node, ...] | None:
        pools = isinstance(second.layer, (MaxPooling, Max))
        if not pools or not isinstance(first.layer, Elementwise) or not first.layer.function.rising:
            return None
        if first.rule is not RESCALE or second.rule is not RESCALE or read & {Edge(second.name), *first.inputs}:
            return None
        pool = dataclasses.replace(second, name=first.name, inputs=first.inputs)
        activation = dataclasses.replace(
            second, layer=first.layer, inputs=(Edge(first.name),), owner=first.owner, keras_class=first.keras_class
        )
        return pool, activation

    return merge


def differentiable(graph: Graph) -> Graph:
    """Return the same graph with layers whose forward pass TensorFlow can differentiate on any device.

    The walk back has no need of it: layers bring their own transposes. Methods that differentiate through the whole
    network do.
    """
    nodes = tuple(dataclasses.replace(node, layer=node.layer.differentiable()) for node in graph.nodes)
    return dataclasses.replace(graph, nodes=nodes)
