"""Tie-breaking for maxima: activations can make different units equal, for example all zeros behind ReLU."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from deeplift_tf.graph.graph import Edge, Node
from deeplift_tf.graph.time_distributed import TimeDistributed
from deeplift_tf.layers.kinds import Elementwise, Maximum, Routing, TieBrokenMaximum
from deeplift_tf.layers.merging import Concatenate
from deeplift_tf.layers.normalization import Scale
from deeplift_tf.layers.pooling import Max, MaxPooling
from deeplift_tf.layers.reshaping import Crop, Identity, Pad, Permute, Reshape
from deeplift_tf.rules.secants import Function, relu

MOVING = (Identity, Reshape, Permute, Crop)


class PreActivation(NamedTuple):
    """A value as it would be without the activation that it comes from.

    Attributes
    ----------
    edge : Edge
    nodes : tuple of Node
        What makes it, where no node of the graph does.
    law : Function or None
        The activation, where the value is that function of this one throughout, flat at its smallest value only:
        then units that are compared by this one are in the same order.
    by_channel : bool
        Whether that holds for units of one channel, the last axis, among themselves only.
    """

    edge: Edge
    nodes: tuple[Node, ...] = ()
    law: Function | None = None
    by_channel: bool = False


def settle_ties(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Let maxima see what their units were before an activation made them equal, through layers that keep units apart.

    Parameters
    ----------
    nodes : sequence of Node
        In order.

    Returns
    -------
    tuple of Node
        The same, with `TieBrokenMaximum` in place of such maxima, and what those compare.
    """
    known: dict[Edge, PreActivation] = {}
    settled: dict[str, Node] = {}
    for node in nodes:
        layer = node.layer
        if isinstance(layer, TimeDistributed):
            graph = dataclasses.replace(layer.graph, nodes=settle_ties(layer.graph.nodes))
            node = dataclasses.replace(node, layer=dataclasses.replace(layer, graph=graph))
        elif isinstance(layer, Elementwise) and layer.function.rising:
            known[Edge(node.name)] = before_activation(node, layer.function, known)
        elif any(edge in known for edge in node.inputs) and passes(node):
            known[Edge(node.name)] = before_node(node, known)
            if isinstance(layer, Maximum):
                made, node = decided(node, known)
                settled |= {each.name: each for each in made}
        settled[node.name] = node
    return tuple(settled.values())


def before_activation(node: Node, function: Function, known: dict[Edge, PreActivation]) -> PreActivation:
    """Return what an activation was made from; of two activations in a row what the first was made from."""
    (edge,) = node.inputs
    law = None if function.levels else function
    if edge not in known:
        return PreActivation(edge, (), law)
    return known[edge]._replace(law=None)


def passes(node: Node) -> bool:
    """Whether a layer keeps units apart, or picks some of them: then it does the same to what they were before."""
    if isinstance(node.layer, (Maximum, Concatenate)):
        return True
    return isinstance(node.layer, Routing) and len(node.inputs) == 1


def before_node(node: Node, known: dict[Edge, PreActivation]) -> PreActivation:
    """Return what a node would make of the values before."""
    sources = [known.get(edge, PreActivation(edge)) for edge in node.inputs]
    name = f"{node.name}/before"
    layer = dataclasses.replace(node, name=name, inputs=tuple(source.edge for source in sources))
    nodes = tuple(dict.fromkeys(each for source in sources for each in source.nodes))
    law, by_channel = law_through(node, sources)
    return PreActivation(Edge(name), (*nodes, layer), law, by_channel)


def law_through(node: Node, sources: Sequence[PreActivation]) -> tuple[Function | None, bool]:
    """Return the law of what a node makes, and whether it holds by channel only."""
    layer, law, by_channel = node.layer, sources[0].law, sources[0].by_channel
    if law is None or len({(source.law, source.by_channel) for source in sources}) > 1:
        return None, False
    if isinstance(layer, Pad):
        return (law, by_channel) if law.name == "relu" else (None, False)  # zeros are the ReLU of zeros
    if isinstance(layer, Scale):
        return (law, True) if rises_by_channel(layer) else (None, False)
    if isinstance(layer, Concatenate):
        return (None if by_channel else law), False
    kept = isinstance(layer, (Identity, Crop)) or (isinstance(layer, (*MOVING, Maximum)) and not by_channel)
    return (law, by_channel) if kept or within_channels(node) else (None, False)


def rises_by_channel(layer: Scale) -> bool:
    """Whether a scale is positive, and the same for all units of a channel, the last axis."""
    return (layer.scale.shape.rank or 0) <= 1 and (layer.shift.shape.rank or 0) <= 1 and all_positive(layer.scale)


def all_positive(scale: tf.Tensor) -> bool:
    """Whether a constant is known and positive."""
    value = tf.get_static_value(scale)
    return value is not None and bool((value > 0).all())


def within_channels(node: Node) -> bool:
    """Whether a maximum compares units of one channel, the last axis, only."""
    layer = node.layer
    if isinstance(layer, MaxPooling):
        return not layer.channels_first
    return isinstance(layer, Max) and -1 not in layer.axes and node_rank(node) - 1 not in layer.axes


def node_rank(node: Node) -> int:
    """Return the number of axes of what a reduction reads."""
    rank = node.shapes[0].rank or 0
    return rank if not isinstance(node.layer, Max) or node.layer.keepdims else rank + len(node.layer.axes)


def decided(node: Node, known: dict[Edge, PreActivation]) -> tuple[tuple[Node, ...], Node]:
    """Return the nodes that a maximum is to compare, and the maximum that does."""
    layer = node.layer
    assert isinstance(layer, Maximum)
    sources = [known.get(edge, PreActivation(edge)) for edge in node.inputs]
    laws = {source.law for source in sources}
    by_channel = any(source.by_channel for source in sources)
    law = next(iter(laws)) if len(laws) == 1 else None
    contracts = law == relu()  # then a scale behind it moves units by no more than what they were before
    alone = law is not None and (not by_channel or (contracts and within_channels(node)))
    inputs = (*node.inputs, *(source.edge for source in sources))
    made = tuple(each for source in sources for each in source.nodes)
    return made, dataclasses.replace(
        node,
        layer=TieBrokenMaximum(layer, alone, None if contracts or not alone else law, run=layer.run),
        inputs=inputs,
    )
