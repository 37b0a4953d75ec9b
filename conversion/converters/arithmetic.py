"""Arithmetic of keras.ops: of tensors with one another and with constants."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf import slopes
from deeplift_tf.conversion.arguments import is_symbol
from deeplift_tf.conversion.converters.operations import function_of
from deeplift_tf.conversion.registry import converts
from deeplift_tf.conversion.scope import Scope
from deeplift_tf.graph import Edge
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.given import OnPartOfTheLine, Rearrangement
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.merging import Add, Largest, Multiply, Smallest, Subtract
from deeplift_tf.layers.normalization import Scale
from deeplift_tf.slopes import Function

Operand = Edge | np.ndarray


def operands(scope: Scope) -> tuple[Operand, Operand]:
    """Return both operands: an edge for a tensor, an array for a constant."""
    args, kwargs = scope.use.arguments
    edges = {id(symbol): edge for symbol, edge in zip(scope.use.symbols, scope.inputs, strict=True)}
    first, second = [*args, *kwargs.values()][:2]
    return tuple(edges[id(v)] if is_symbol(v) else np.asarray(v, np.float64) for v in (first, second))  # type: ignore[return-value]


def spread_out(scope: Scope, value: Edge) -> Edge:
    """Repeat a value along the axes in which the result is larger: a constant is to be met by every copy."""
    shape = scope.use.output_shapes[0]
    if shape == scope.shape:
        return value
    tail = [1 if size is None else size for size in shape[1:]]
    rank = len(shape)

    def repeated(x: tf.Tensor) -> tf.Tensor:
        x = tf.reshape(x, [-1, *[1] * (rank - x.shape.rank), *x.shape[1:]])
        return x + tf.zeros(tail, x.dtype)

    return scope.add(Rearrangement(repeated), value)


def affine(scope: Scope, value: Edge, scale: Any, shift: Any) -> Edge:
    """Add a·x + b."""
    return scope.add(Scale(scope.weight(scale), scope.weight(shift)), spread_out(scope, value))


PARTIAL = {"log", "log10", "log1p", "log2", "power", "reciprocal", "rsqrt", "sqrt"}


def elementwise(scope: Scope, function: Function, *values: Edge) -> Edge:
    """Add a scalar function."""
    partial = function.name in PARTIAL or not function.name
    return scope.add(OnPartOfTheLine(function) if partial else Elementwise(function), *values)


@converts("ops.Add")
def add(operation: Any, scope: Scope) -> Edge:
    """U + v, or u + c."""
    u, v = operands(scope)
    if isinstance(u, Edge) and isinstance(v, Edge):
        return scope.add(Add(), u, v)
    return affine(scope, u, 1.0, v) if isinstance(u, Edge) else affine(scope, v, 1.0, u)  # type: ignore[arg-type]


@converts("ops.Subtract")
def subtract(operation: Any, scope: Scope) -> Edge:
    """U − v, u − c, or c − v."""
    u, v = operands(scope)
    if isinstance(u, Edge):
        return scope.add(Subtract(), u, v) if isinstance(v, Edge) else affine(scope, u, 1.0, -v)
    return affine(scope, v, -1.0, u)  # type: ignore[arg-type]


@converts("ops.Multiply")
def multiply(operation: Any, scope: Scope) -> Edge:
    """u·v, or u·c."""
    u, v = operands(scope)
    if isinstance(u, Edge) and isinstance(v, Edge):
        return scope.add(Multiply(), u, v)
    return affine(scope, u, v, 0.0) if isinstance(u, Edge) else affine(scope, v, u, 0.0)  # type: ignore[arg-type]


@converts("ops.Divide", "ops.TrueDivide")
def divide(operation: Any, scope: Scope) -> Edge:
    """u·(1/v), u/c, or c·(1/v)."""
    u, v = operands(scope)
    if not isinstance(v, Edge):
        return affine(scope, u, 1.0 / v, 0.0)  # type: ignore[arg-type]
    inverse = elementwise(scope, slopes.reciprocal(), v)
    return scope.add(Multiply(), u, inverse) if isinstance(u, Edge) else affine(scope, inverse, u, 0.0)


@converts("ops.Negative")
def negative(operation: Any, scope: Scope) -> Edge:
    """−x."""
    return affine(scope, scope.inputs[0], -1.0, 0.0)


POWERS = {2.0: slopes.square(), 0.5: slopes.sqrt(), -0.5: slopes.rsqrt(), -1.0: slopes.reciprocal()}


@converts("ops.Power")
def power(operation: Any, scope: Scope) -> Edge:
    """x^c by its slope; c^x and u^v as exponentials."""
    u, v = operands(scope)
    if not isinstance(u, Edge):
        exponent = affine(scope, v, np.log(u), 0.0)  # type: ignore[arg-type]
    elif isinstance(v, Edge):
        exponent = scope.add(Multiply(), elementwise(scope, slopes.log(), u), v)
    elif v.ndim == 0:
        return elementwise(scope, POWERS.get(float(v)) or slopes.power(float(v)), u)
    else:
        exponent = affine(scope, elementwise(scope, slopes.log(), u), v, 0.0)
    return elementwise(scope, slopes.exponential(), exponent)


@converts("ops.Maximum", "ops.Minimum", "ops.Fmax", "ops.Fmin")
def extreme(operation: Any, scope: Scope) -> Edge:
    """The larger or smaller of two tensors; max(x, c) = c + relu(x − c), min(x, c) = c − relu(c − x)."""
    u, v = operands(scope)
    larger = type(operation).__name__ in ("Maximum", "Fmax")
    if isinstance(u, Edge) and isinstance(v, Edge):
        layer: Layer = Largest() if larger else Smallest()
        return scope.add(layer, u, v)
    value, limit = (u, v) if isinstance(u, Edge) else (v, u)
    sign = 1.0 if larger else -1.0
    if larger and not np.any(limit):
        return elementwise(scope, slopes.relu(), spread_out(scope, value))  # type: ignore[arg-type]
    above = affine(scope, value, sign, -sign * limit)  # type: ignore[arg-type, operator]
    return scope.add(Scale(scope.weight(sign), scope.weight(limit)), elementwise(scope, slopes.relu(), above))


@converts("ops.Hypot")
def hypot(operation: Any, scope: Scope) -> Edge | tuple[Edge, ...]:
    """The square root of u² + v²."""
    u, v = operands(scope)
    if not isinstance(u, Edge) or not isinstance(v, Edge):
        return scope.path()
    squares = [elementwise(scope, slopes.square(), value) for value in (u, v)]
    return elementwise(scope, slopes.sqrt(), scope.add(Add(), *squares))


@converts("ops.Mod", "ops.Fmod", "ops.FloorDivide", "ops.Heaviside", "ops.Ldexp", "ops.Logaddexp", "ops.Logaddexp2")
def of_one_tensor(operation: Any, scope: Scope) -> Edge | tuple[Edge, ...]:
    """A scalar function where one operand is a constant; of two tensors along a path."""
    u, v = operands(scope)
    if (isinstance(u, Edge) and isinstance(v, Edge)) or scope.shape != scope.use.output_shapes[0]:
        return scope.path()
    return elementwise(scope, slopes.quotient(function_of(scope)))
