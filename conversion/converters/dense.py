"""Dense and EinsumDense."""

from __future__ import annotations

from typing import Any

from deeplift_tf.conversion.registry import converts
from deeplift_tf.conversion.scope import Scope
from deeplift_tf.graph import Edge
from deeplift_tf.layers.dense import Dense, EinsumDense


@converts("Dense")
def dense(layer: Any, scope: Scope) -> Edge:
    """Kernel and bias, then the activation."""
    y = scope.add(Dense(scope.weight(layer.kernel), scope.weight(layer.bias)), name="linear")
    return scope.activation(layer.activation, y)


@converts("EinsumDense")
def einsum_dense(layer: Any, scope: Scope) -> Edge:
    """Equation, kernel and bias, then the activation."""
    y = scope.add(EinsumDense(layer.equation, scope.weight(layer.kernel), scope.weight(layer.bias)), name="linear")
    return scope.activation(layer.activation, y)
