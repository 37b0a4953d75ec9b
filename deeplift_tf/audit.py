"""Which layer loses how much: the sum-to-delta error of each layer on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from deeplift_tf import walk
from deeplift_tf.graph import Edge, Graph
from deeplift_tf.multipliers import Difference, Multipliers, Rows


def layer_errors(
    graph: Graph, x: Sequence[tf.Tensor], references: Sequence[tf.Tensor], start: Mapping[Edge, tf.Tensor]
) -> tuple[dict[str, float], float, float]:
    """Return for each layer by how much the contributions of its inputs miss those of its outputs.

    Row by row, the errors of all layers add up to the sum-to-delta error of the network.

    Parameters
    ----------
    graph : Graph
    x, references : sequence of tf.Tensor, shape (N, ...), one for each input
    start : mapping
        Multipliers of the target's edges, shape (N, ...).

    Returns
    -------
    errors : dict of str to float
        By the nodes' names, the largest error of any row; layers that no multipliers reach are left out.
    delta : float
        The largest sum-to-delta error of any row.
    difference : float
        The largest difference of the target from its reference.
    """
    edges, rows = [value.edge for value in graph.inputs], Rows()
    nodes = graph.ancestors(start)
    values = walk.forward(nodes, dict(zip(edges, x, strict=True)))
    views = walk.differences(nodes, values, walk.forward(nodes, dict(zip(edges, references, strict=True))), rows)
    reached = {edge: Multipliers(m) for edge, m in start.items()}
    errors = {}
    for node in reversed(nodes):
        outputs = [Edge(node.name, index) for index in range(len(node.shapes))]
        arriving = [reached.get(edge) for edge in outputs]
        if all(m is None for m in arriving):
            continue
        leaving = node.layer.backward(walk.step_of(node, views, rows), *arriving)
        came = sum(contribution(m, views[edge]) for edge, m in zip(outputs, arriving, strict=True) if m is not None)
        left = sum(contribution(m, views[edge]) for edge, m in zip(node.inputs, leaving, strict=True))
        errors[node.name] = float(np.abs(left - came).max())
        for edge, m in zip(node.inputs, leaving, strict=True):
            reached[edge] = m.plus(reached.get(edge))
    target = sum(contribution(Multipliers(m), views[edge]) for edge, m in start.items())
    total = sum(contribution(reached[edge], views[edge]) for edge in edges if edge in reached)
    return errors, float(np.abs(total - target).max()), float(np.abs(target).max())


def contribution(multipliers: Multipliers, value: Difference) -> np.ndarray:
    """Return Σ(m̄Δ + d·s) of a value, shape (N,); nothing comes from a value that is no float."""
    if not value.x.dtype.is_floating:
        return np.zeros(value.x.shape[0])
    total = multipliers.mean * value.delta
    if multipliers.half_difference is not None:
        total += multipliers.half_difference * value.size
    return tf.reduce_sum(total, list(range(1, total.shape.rank))).numpy()
