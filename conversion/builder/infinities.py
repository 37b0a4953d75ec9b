"""Infinities: which values of a network the constants of the model can make infinite, as masks of −∞ do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.builder.pending_node import PendingNode
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.several_axes import SeveralAxes
from deeplift_tf.layers.softmax import Softmax

SCOPE = "node_"
"""Before the number of a layer: the name of the scope in which it is traced."""


def unbounded(graph: Any, pending: Sequence[PendingNode]) -> set[str]:
    """Return the names of the nodes that read an infinite constant, and of those that read what they make.

    Parameters
    ----------
    graph : tf.Graph
        A trace of all layers, each in a scope of its own.
    pending : sequence of PendingNode
    """
    reading = set(readers(graph))
    found: set[str] = set()
    for index, pending_node in enumerate(pending):
        entering = any(edge.node in found for edge in pending_node.inputs)
        if (entering and not is_bounded(pending_node.layer)) or f"{SCOPE}{index}" in reading:
            found.add(pending_node.name)
    return found


def readers(graph: Any) -> Iterator[str]:
    """Return the outermost scopes of the operations of a graph that read an infinite constant."""
    infinite = {id(inner) for constant, inner in graph.captures if is_infinite(constant)}
    infinite |= {
        id(operation.outputs[0])
        for operation in graph.get_operations()
        if operation.type == "Const" and is_infinite(operation.outputs[0])
    }
    if infinite:
        for operation in graph.get_operations():
            if any(id(tensor) in infinite for tensor in operation.inputs):
                yield operation.name.partition("/")[0]


def is_infinite(constant: Any) -> bool:
    """Whether an array of floats has infinite values."""
    if not constant.dtype.is_floating:
        return False
    values = tf.get_static_value(constant)
    if values is None:
        return False
    with np.errstate(all="ignore"):
        return not np.isfinite(np.sum(values, dtype="float64")) and bool(np.isinf(values).any())


def is_bounded(layer: Layer) -> bool:
    """Whether a layer makes no infinities, whatever it reads."""
    inside = layer.layer if isinstance(layer, SeveralAxes) else layer
    return type(inside) is Softmax
