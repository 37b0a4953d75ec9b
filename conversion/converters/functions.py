"""Scalar and vector functions of keras.ops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf import slopes
from deeplift_tf.conversion.activations import VECTOR_FUNCTIONS
from deeplift_tf.conversion.arguments import is_symbol
from deeplift_tf.conversion.converters.arithmetic import elementwise
from deeplift_tf.conversion.converters.normalization import scaled
from deeplift_tf.conversion.converters.operations import constants_of, function_of
from deeplift_tf.conversion.registry import converts
from deeplift_tf.conversion.scope import Scope
from deeplift_tf.graph import Edge
from deeplift_tf.layers.given import Rearrangement
from deeplift_tf.layers.merging import Subtract
from deeplift_tf.layers.norms import Norm, UnitNorm
from deeplift_tf.layers.pooling import Max, Mean
from deeplift_tf.layers.reshaping import Crop
from deeplift_tf.layers.softmax import LogSumExp

PLAIN: dict[str, Callable[[], slopes.Function]] = {
    "Abs": slopes.absolute,
    "Absolute": slopes.absolute,
    "Fabs": slopes.absolute,
    "Ceil": slopes.ceil,
    "Cos": slopes.cos,
    "Erf": slopes.erf,
    "Exp": slopes.exponential,
    "Expm1": slopes.expm1,
    "Floor": slopes.floor,
    "HardSigmoid": slopes.hard_sigmoid,
    "HardSilu": slopes.hard_silu,
    "HardTanh": slopes.hard_tanh,
    "Log": slopes.log,
    "Log1p": slopes.log1p,
    "LogSigmoid": slopes.log_sigmoid,
    "Reciprocal": slopes.reciprocal,
    "Relu": slopes.relu,
    "Relu6": slopes.relu6,
    "Rsqrt": slopes.rsqrt,
    "Selu": slopes.selu,
    "Sigmoid": slopes.sigmoid,
    "Sign": slopes.sign,
    "Silu": slopes.silu,
    "Sin": slopes.sin,
    "Softplus": slopes.softplus,
    "Softsign": slopes.softsign,
    "SparsePlus": slopes.sparse_plus,
    "SparseSigmoid": slopes.sparse_sigmoid,
    "Sqrt": slopes.sqrt,
    "Square": slopes.square,
    "Tanh": slopes.tanh,
    "TanhShrink": slopes.tanh_shrink,
}
SCALAR: dict[str, Callable[[Any], slopes.Function]] = {
    "Celu": lambda op: slopes.celu(float(op.alpha)),
    "Elu": lambda op: slopes.elu(float(op.alpha)),
    "Exp2": lambda op: slopes.compose(slopes.exponential(), slopes.scale(math.log(2.0)), "exp2"),
    "Gelu": lambda op: slopes.gelu(bool(op.approximate)),
    "HardShrink": lambda op: slopes.hard_shrink(float(op.threshold)),
    "LeakyRelu": lambda op: slopes.leaky_relu(float(op.negative_slope)),
    "Log10": lambda op: slopes.scaled(slopes.log(), 1 / math.log(10.0), "log10"),
    "Log2": lambda op: slopes.scaled(slopes.log(), 1 / math.log(2.0), "log2"),
    "SoftShrink": lambda op: slopes.soft_shrink(float(op.threshold)),
    "Squareplus": lambda op: slopes.squareplus(float(op.b)),
    "Threshold": lambda op: slopes.threshold(float(op.threshold), float(op.default_value)),
}
GENERAL = [
    "Arccos",
    "Arccosh",
    "Arcsin",
    "Arcsinh",
    "Arctan",
    "Arctanh",
    "Cbrt",
    "Cosh",
    "Deg2rad",
    "Erfc",
    "Erfinv",
    "I0",
    "NanToNum",
    "Rad2deg",
    "Round",
    "Sinc",
    "Sinh",
    "Tan",
    "Trunc",
]


@converts(*(f"ops.{name}" for name in (*PLAIN, *SCALAR)))
def scalar(operation: Any, scope: Scope) -> Edge:
    """A function of each unit with a slope in closed form."""
    name = type(operation).__name__
    return elementwise(scope, PLAIN[name]() if name in PLAIN else SCALAR[name](operation))


@converts(*(f"ops.{name}" for name in GENERAL))
def general(operation: Any, scope: Scope) -> Edge:
    """A function of each unit whose slope is a quotient, or a mean of derivatives where the ends are close."""
    return elementwise(scope, slopes.quotient(function_of(scope)))


@converts("ops.Clip")
def clip(operation: Any, scope: Scope) -> Edge | tuple[Edge, ...]:
    """Between two numbers; an absent one is infinite."""
    low, high = (
        limit if value is None else value
        for value, limit in ((operation.x_min, -math.inf), (operation.x_max, math.inf))
    )
    if is_symbol(low) or is_symbol(high) or np.ndim(low) or np.ndim(high):
        return scope.path()
    if math.inf in (-low, high):
        return elementwise(scope, slopes.quotient(function_of(scope)))
    return elementwise(scope, slopes.clip(float(low), float(high)))


def axes_from_end(axis: Any, rank: int) -> tuple[int, ...]:
    """Return axes counted from the end; None stands for all but that of rows."""
    axes = range(1, rank) if axis is None else np.atleast_1d(axis).tolist()
    return tuple(sorted(each % rank - rank for each in axes))


@converts("ops.Softmax", "ops.LogSoftmax", "ops.Sparsemax")
def normalised(operation: Any, scope: Scope) -> Edge | tuple[Edge, ...]:
    """Along one axis."""
    axes = axes_from_end(operation.axis, len(scope.shape))
    names = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sparsemax": "sparsemax"}
    make = VECTOR_FUNCTIONS[names[type(operation).__name__]]
    return scope.add(make(axes[0])) if len(axes) == 1 else scope.path()


@converts("ops.Logsumexp")
def logsumexp(operation: Any, scope: Scope) -> Edge:
    """Over one axis after the other: of sums of sums."""
    axes, value = axes_from_end(operation.axis, len(scope.shape)), scope.inputs[0]
    for axis in axes:
        value = scope.add(LogSumExp(axis, keepdims=True), value)
    return value if operation.keepdims else scope.add(Rearrangement(lambda x: tf.squeeze(x, axes)), value)


@converts("ops.Glu")
def glu(operation: Any, scope: Scope) -> Edge | tuple[Edge, ...]:
    """One half gated by the other."""
    last = operation.axis in (-1, len(scope.shape) - 1)
    return scope.glu(scope.inputs[0]) if last else scope.path()


def variance(scope: Scope, axes: tuple[int, ...], keepdims: bool) -> Edge:
    """Add the mean square of x − mean(x)."""
    centred = scope.add(Subtract(), scope.inputs[0], scope.add(Mean(axes, True)))
    return scope.add(Mean(axes, keepdims), elementwise(scope, slopes.square(), centred))


@converts("ops.Var", "ops.Std")
def spread(operation: Any, scope: Scope) -> Edge:
    """Variance, and its square root."""
    y = variance(scope, axes_from_end(operation.axis, len(scope.shape)), bool(operation.keepdims))
    return elementwise(scope, slopes.sqrt(), y) if type(operation).__name__ == "Std" else y


@converts("ops.Moments")
def moments(operation: Any, scope: Scope) -> tuple[Edge, ...]:
    """Mean and variance."""
    axes, keepdims = axes_from_end(operation.axes, len(scope.shape)), bool(operation.keepdims)
    return scope.add(Mean(axes, keepdims)), variance(scope, axes, keepdims)


@converts("ops.Norm")
def norm(operation: Any, scope: Scope) -> Edge | tuple[Edge, ...]:
    """Of vectors: the root of the sum of squares, the sum of sizes, or the largest size."""
    axes, keepdims = axes_from_end(operation.axis, len(scope.shape)), bool(operation.keepdims)
    order = operation.ord
    if order in (None, "fro", 2) and (order != 2 or len(axes) == 1):
        squares = elementwise(scope, slopes.square())
        return elementwise(scope, slopes.sqrt(), scope.add(total(axes, keepdims), squares))
    if len(axes) == 1 and order in (1, math.inf):
        sizes = elementwise(scope, slopes.absolute())
        return scope.add(total(axes, keepdims) if order == 1 else Max(axes, keepdims), sizes)
    return scope.path()


def total(axes: tuple[int, ...], keepdims: bool) -> Rearrangement:
    """Return the layer of sums over axes."""
    return Rearrangement(lambda x: tf.reduce_sum(x, axes, keepdims=keepdims))


@converts("ops.Normalize")
def normalize(operation: Any, scope: Scope) -> Edge | tuple[Edge, ...]:
    """Vectors of unit length."""
    if operation.order != 2:
        return scope.path()
    return scope.add(UnitNorm(axes=axes_from_end(operation.axis, len(scope.shape))))


@converts("ops.LayerNorm", "ops.RMSNorm")
def layer_norm(operation: Any, scope: Scope) -> Edge | tuple[Edge, ...]:
    """By mean and variance, or by the root mean square, of each row's own units."""
    rank, given = len(scope.shape), constants_of(scope)
    axes = axes_from_end(operation.axis, rank)
    gamma, beta = given.get("gamma", given.get("scale")), given.get("beta")
    if is_symbol(gamma) or is_symbol(beta):
        return scope.path()
    rms = type(operation).__name__ == "RMSNorm" or operation.rms_scaling
    epsilon = 1e-7 if operation.epsilon is None else operation.epsilon
    y = scope.add(Norm(axes, epsilon, centred=not rms))
    return scaled(scope, y, gamma, beta, [axis + rank for axis in axes])


@converts("ops.BatchNorm")
def batch_norm(operation: Any, scope: Scope) -> Edge | tuple[Edge, ...]:
    """Constant statistics are one scale and one shift."""
    given = constants_of(scope)
    if len(scope.inputs) > 1:
        return scope.path()
    mean, variance_ = (np.asarray(given[name], np.float64) for name in ("mean", "variance"))
    scale = 1 / np.sqrt(variance_ + operation.epsilon)
    scale = scale if given["scale"] is None else scale * np.asarray(given["scale"])
    shift = -mean * scale + (0.0 if given["offset"] is None else np.asarray(given["offset"]))
    rank = len(scope.shape)
    return scaled(scope, scope.inputs[0], scale, shift, [operation.axis % rank])


@converts("ops.Diff")
def diff(operation: Any, scope: Scope) -> Edge | tuple[Edge, ...]:
    """Each unit minus the one before it."""
    rank = len(scope.shape)
    axis, value = operation.axis % rank, scope.inputs[0]
    for _ in range(operation.n):
        after, before = (
            scope.add(Crop(tuple(ends if each == axis else (0, 0) for each in range(rank))), value)
            for ends in ((1, 0), (0, 1))
        )
        value = scope.add(Subtract(), after, before)
    return value
