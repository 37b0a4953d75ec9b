"""Passes: rewrite the graph before it is compiled, for the same scores with less work.

Each rewrite takes a graph and the values that have to stay, and returns another graph with the same scores for them.
They are exact; what they leave is rounding.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from deeplift_tf.graph.graph import Edge, Graph
from deeplift_tf.graph.passes.identities import without_identities
from deeplift_tf.graph.passes.padding import fold_padding
from deeplift_tf.graph.passes.pairs import first_of, merge_pairs
from deeplift_tf.graph.passes.pooling import leave_out_zeros, pool_before_activation
from deeplift_tf.graph.passes.scales import fold_scale_after, fold_scale_before, fuse_scales
from deeplift_tf.graph.passes.shapes import fuse_shapes
from deeplift_tf.graph.passes.splits import join_crops
from deeplift_tf.graph.recurrent import Recurrent
from deeplift_tf.graph.time_distributed import TimeDistributed
from deeplift_tf.layers.base import Layer


def optimize(graph: Graph, keep: Iterable[Edge]) -> Graph:
    """Return a graph that gives the same scores with fewer passes over its values.

    Parameters
    ----------
    graph : Graph
    keep : iterable of Edge
        Values that have to be there still: those that are scored, and the target.
    """
    kept = frozenset(keep)
    graph = with_fewer_nodes(graph, kept)
    graph = merge_pairs(graph, kept, leave_out_zeros(graph, kept))
    return merge_pairs(graph, kept, pool_before_activation(graph))


def with_fewer_nodes(graph: Graph, keep: frozenset[Edge]) -> Graph:
    """Leave out and merge nodes, whatever their rules, for as long as there are any."""
    outputs = {f"{edge.node}:{edge.output}": edge for edge in keep}
    nodes = tuple(dataclasses.replace(node, layer=inside(node.layer)) for node in graph.ancestors(keep))
    graph, count = Graph(graph.inputs, nodes, outputs), len(nodes) + 1
    while len(graph.nodes) < count:
        count = len(graph.nodes)
        graph = without_identities(graph, keep)
        merge = first_of(fuse_shapes, fuse_scales, fold_scale_after(graph), fold_padding, fold_scale_before(graph))
        graph = merge_pairs(graph, keep, merge)
    return join_crops(graph, keep)


def inside(layer: Layer) -> Layer:
    """Return a layer with the graph that it repeats simplified."""
    if isinstance(layer, TimeDistributed):
        return dataclasses.replace(layer, graph=with_fewer_nodes(layer.graph, frozenset([layer.end])))
    if isinstance(layer, Recurrent):
        cell = with_fewer_nodes(layer.cell, frozenset(layer.ends))
        return dataclasses.replace(layer, cell=dataclasses.replace(cell, outputs=layer.cell.outputs))
    return layer


def differentiable(graph: Graph) -> Graph:
    """Return the same graph with layers whose forward pass TensorFlow can differentiate on any device.

    The walk back has no need of it: layers bring their own transposes. Methods that differentiate through the whole
    network do.
    """
    nodes = tuple(dataclasses.replace(node, layer=node.layer.differentiable()) for node in graph.nodes)
    return dataclasses.replace(graph, nodes=nodes)
