"""Converters of Dense and EinsumDense."""

from __future__ import annotations

from typing import Any

from deeplift_tf.conversion.keras_graph.context import ConversionContext
from deeplift_tf.conversion.keras_graph.registry import converts
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.dense import Dense, EinsumDense


@converts("Dense")
def dense(layer: Any, context: ConversionContext) -> Edge:
    """Kernel and bias, then the activation."""
    y = context.add(Dense(context.weight(layer.kernel), context.weight(layer.bias)), name="linear")
    return context.activation(layer.activation, y)


@converts("EinsumDense")
def einsum_dense(layer: Any, context: ConversionContext) -> Edge:
    """Equation, kernel and bias, then the activation."""
    y = context.add(
        EinsumDense(layer.equation, context.weight(layer.kernel), context.weight(layer.bias)), name="linear"
    )
    return context.activation(layer.activation, y)
