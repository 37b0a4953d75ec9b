"""The identity pass: removes layers that do nothing."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplift_tf.graph.graph import Edge, Graph
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.reshaping import Crop, Identity, Pad, Permute, Repeat, Reshape


def without_identities(graph: Graph, keep: frozenset[Edge]) -> Graph:
    """Leave out layers that do nothing."""
    moved: dict[Edge, Edge] = {}
    nodes = []
    for node in graph.nodes:
        inputs = tuple(moved.get(edge, edge) for edge in node.inputs)
        nothing = does_nothing(node.layer, graph.shape(node.inputs[0]), node.shapes[0]) if inputs else False
        if nothing and Edge(node.name) not in keep:
            moved[Edge(node.name)] = inputs[0]
        else:
            nodes.append(dataclasses.replace(node, inputs=inputs))
    return dataclasses.replace(graph, nodes=tuple(nodes))


def does_nothing(layer: Layer, before: tf.TensorShape, after: tf.TensorShape) -> bool:
    """Whether a layer gives its input as it is; the shapes are those of its input and of its output."""
    if isinstance(layer, Permute):
        return layer.axes == tuple(range(len(layer.axes)))
    if isinstance(layer, (Pad, Crop)):
        return not any(map(any, layer.amounts))
    if isinstance(layer, Repeat):
        return set(layer.repeats) == {1}
    if isinstance(layer, Reshape):
        sizes = list(before[1:])
        return sizes == list(after[1:]) and sizes.count(None) < 2  # one unknown size follows from the others
    return isinstance(layer, Identity)
