"""The split pass: parts of one value that are cut out of it one by one are cut in one operation."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

import tensorflow as tf

from deeplift_tf.graph.graph import Edge, Graph, Node
from deeplift_tf.layers.reshaping import Crop, Split


def join_crops(graph: Graph, keep: frozenset[Edge]) -> Graph:
    """Return the graph with one `Split` in place of crops that divide a value along an axis, such as an LSTM's gates.

    Their multipliers are then put side by side, rather than padded with zeros and added up.
    """
    crops: dict[Edge, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        if isinstance(node.layer, Crop) and Edge(node.name) not in keep:
            crops[node.inputs[0]].append(node)
    joined = {parts[0].name: split for parts in crops.values() if (split := split_of(graph, parts)) is not None}
    if not joined:
        return graph
    moved = {
        Edge(part.name): Edge(split.name, index) for split, parts in joined.values() for index, part in enumerate(parts)
    }
    nodes = []
    for node in graph.nodes:
        if node.name in joined:
            nodes.append(joined[node.name][0])
        elif Edge(node.name) not in moved:
            nodes.append(dataclasses.replace(node, inputs=tuple(moved.get(edge, edge) for edge in node.inputs)))
    outputs = {name: moved.get(edge, edge) for name, edge in graph.outputs.items()}
    return dataclasses.replace(graph, nodes=tuple(nodes), outputs=outputs)


def split_of(graph: Graph, crops: Sequence[Node]) -> tuple[Node, list[Node]] | None:
    """Return the split that stands for crops of one value, and those in the order of its outputs; None if none does."""
    axes = {axis for node in crops for axis, pair in enumerate(amounts_of(node)) if any(pair)}
    if len(crops) < 2 or len(axes) != 1:
        return None
    (axis,) = axes
    whole = graph.shape(crops[0].inputs[0])[axis]
    parts = sorted(crops, key=lambda node: amounts_of(node)[axis][0])
    sizes = tuple(node.shapes[0][axis] for node in parts)
    if whole is None or None in sizes:
        return None
    starts = [amounts_of(node)[axis][0] for node in parts]
    if starts != [sum(sizes[:index]) for index in range(len(parts))] or sum(sizes) != whole:
        return None
    shapes: tuple[tf.TensorShape, ...] = tuple(node.shapes[0] for node in parts)
    return dataclasses.replace(crops[0], layer=Split(axis, sizes), shapes=shapes), parts


def amounts_of(node: Node) -> tuple[tuple[int, int], ...]:
    """Return what a crop leaves out before and after, for each axis."""
    assert isinstance(node.layer, Crop)
    return node.layer.amounts
