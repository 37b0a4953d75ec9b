"""Converters of layers with several inputs."""

from __future__ import annotations

import string
from typing import Any

import keras
import numpy as np

from deeplift_tf.conversion.keras_graph.context import ConversionContext
from deeplift_tf.conversion.keras_graph.registry import converts
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.merging import Add, Average, Concatenate, Contraction, Largest, Multiply, Smallest, Subtract
from deeplift_tf.layers.norms import UnitNorm
from deeplift_tf.layers.reshaping import ExpandAxis

MERGES: dict[str, type[Layer]] = {
    "Add": Add,
    "Average": Average,
    "Maximum": Largest,
    "Minimum": Smallest,
    "Multiply": Multiply,
    "Subtract": Subtract,
}


@converts(*MERGES)
def merge(layer: Any, context: ConversionContext) -> Edge:
    """Inputs of lower rank get axes of size one behind that of rows, as in Keras."""
    rank = max(map(len, context.shapes))
    values = []
    for value, shape in zip(context.inputs, context.shapes, strict=True):
        for _ in range(rank - len(shape)):
            value = context.add(ExpandAxis(1), value)
        values.append(value)
    return context.add(MERGES[type(layer).__name__](), *values)


@converts("Concatenate")
def concatenate(layer: Any, context: ConversionContext) -> Edge:
    """Side by side along an axis."""
    return context.add(Concatenate(layer.axis))


@converts("Dot")
def dot(layer: Any, context: ConversionContext) -> Edge:
    """Sum over one axis of each input; each scaled to unit length before, where the layer says so."""
    ranks = [len(shape) for shape in context.shapes]
    axes = [axis % rank for axis, rank in zip(np.broadcast_to(layer.axes, 2).tolist(), ranks, strict=True)]
    values = list(context.inputs)
    if layer.normalize:
        pairs = zip(values, axes, ranks, strict=True)
        floor = keras.backend.epsilon() ** 2  # of squared lengths: that of keras.ops.normalize, which the layer calls
        values = [context.add(UnitNorm(axes=(axis - rank,), epsilon=floor), value) for value, axis, rank in pairs]
    product = context.add(Contraction(dot_equation(axes, ranks)), *values)
    return context.add(ExpandAxis(1), product) if ranks == [2, 2] else product


def dot_equation(axes: list[int], ranks: list[int]) -> str:
    """Return the einsum that sums over one axis of each of two tensors, whose first axes are rows."""
    first = list(string.ascii_lowercase[: ranks[0]])
    second = [first[0], *string.ascii_lowercase[ranks[0] : ranks[0] + ranks[1] - 1]]
    second[axes[1]] = first[axes[0]]
    rest = [x for i, x in enumerate(first) if i != axes[0]] + [x for i, x in enumerate(second) if i not in (0, axes[1])]
    return f"{''.join(first)},{''.join(second)}->{''.join(rest)}"
