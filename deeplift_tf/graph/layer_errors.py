"""Layer errors: the sum-to-delta error of each layer on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Graph
from deeplift_tf.rules.multipliers import Difference, Multipliers, Pairing


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
    edges, rows = [value.edge for value in graph.inputs], Pairing()
    nodes = graph.ancestors(start)
    values = propagation.forward(nodes, dict(zip(edges, x, strict=True)))
    views = propagation.differences(
        nodes, values, propagation.forward(nodes, dict(zip(edges, references, strict=True))), rows
    )
    reached = {edge: Multipliers(m) for edge, m in start.items()}
    target = sum(contribution(m, views[edge]) for edge, m in reached.items())
    lost: dict[str, np.ndarray] = {}
    for node in reversed(nodes):
        arriving = [reached.get(edge) for edge in node.outputs]
        if all(m is None for m in arriving):
            continue
        sent = node.layer.backward(propagation.step_of(node, views, rows), *arriving)
        leaving = [
            (edge, m) for edge, m in zip(node.inputs, sent, strict=True) if m is not None and differs(views[edge])
        ]
        if not leaving:
            continue  # an embedding, where the way back ends
        came = sum(
            contribution(m, views[edge]) for edge, m in zip(node.outputs, arriving, strict=True) if m is not None
        )
        lost[node.name] = np.sum([contribution(m, views[edge]) for edge, m in leaving], axis=0) - came
        for edge, m in leaving:
            reached[edge] = m.plus(reached.get(edge))
    errors = {name: float(np.abs(rows_lost).max()) for name, rows_lost in lost.items()}
    return errors, float(np.abs(sum(lost.values())).max()), float(np.abs(target).max())


def differs(value: Difference) -> bool:
    """Whether a value is of floats, which alone have a difference."""
    return bool(value.x.dtype.is_floating)


def contribution(multipliers: Multipliers, value: Difference) -> np.ndarray:
    """Return Σ(m̄Δ + d·s) of a value, shape (N,)."""
    total = multipliers.mean * value.delta
    if multipliers.half_difference is not None:
        total += multipliers.half_difference * value.size
    return tf.reduce_sum(total, list(range(1, total.shape.rank))).numpy()
