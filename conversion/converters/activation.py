"""Activation layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf import slopes
from deeplift_tf.conversion.registry import converts
from deeplift_tf.conversion.scope import Scope, known
from deeplift_tf.conversion.unfolding import unfolded
from deeplift_tf.graph import Edge
from deeplift_tf.layers.given import Rearrangement
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.reshaping import Permute, Reshape
from deeplift_tf.layers.side import Side
from deeplift_tf.layers.softmax import Softmax


@converts("Activation")
def activation(layer: Any, scope: Scope) -> Edge:
    """Whatever function it names."""
    return scope.activation(layer.activation, *scope.inputs)


@converts("ReLU")
def relu(layer: Any, scope: Scope) -> Edge:
    """The rectifier with its cap, leak and threshold."""
    function = slopes.relu_layer(layer.max_value, float(layer.negative_slope), float(layer.threshold))
    return scope.add(Elementwise(function))


@converts("LeakyReLU")
def leaky_relu(layer: Any, scope: Scope) -> Edge:
    """One slope for all units."""
    return scope.add(Elementwise(slopes.leaky_relu(float(layer.negative_slope))))


@converts("PReLU")
def prelu(layer: Any, scope: Scope) -> Edge:
    """One slope for each unit, or for each of a shared axis."""
    return scope.add(Elementwise(slopes.prelu(scope.weight(layer.alpha))))


@converts("ELU")
def elu(layer: Any, scope: Scope) -> Edge:
    """The exponential linear unit."""
    return scope.add(Elementwise(slopes.elu(float(layer.alpha))))


def masked(scope: Scope, value: Edge, mask: Edge, otherwise: float) -> Edge:
    """Add a constant in place of the units that a mask leaves out."""

    def chosen(x: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        return tf.where(kept, x, tf.constant(otherwise, x.dtype))

    return scope.add(Rearrangement(chosen, (1,), shifted=bool(otherwise)), value, mask)


@converts("Masking")
def masking(layer: Any, scope: Scope) -> Edge:
    """Zeros in place of the steps that hold nothing but the mask's value; which ones these are is taken from x."""
    value = layer.mask_value

    def holds_more(x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_any(tf.not_equal(x, tf.cast(value, x.dtype)), -1, keepdims=True)

    return masked(scope, scope.inputs[0], scope.add(Side(holds_more)), otherwise=0.0)


@converts("Softmax")
def softmax(layer: Any, scope: Scope) -> Edge | tuple[Edge, ...]:
    """Softmax along an axis; several axes are brought together at the end first."""
    rank = len(scope.shape)
    axes = [axis % rank for axis in np.atleast_1d(layer.axis).tolist()]
    if scope.use.arguments[1].get("mask") is not None or len(scope.use.arguments[0]) > 1:
        if len(scope.inputs) == 1:
            return unfolded(scope) or scope.path()  # a constant mask
        if len(axes) > 1 or scope.use.specs[1].dtype != tf.bool:
            return scope.path()
        value, mask = scope.inputs
        y = scope.add(Softmax(axes[0] - rank), masked(scope, value, mask, otherwise=-1e9))
        return masked(scope, y, mask, otherwise=0.0)
    if len(axes) == 1:
        return scope.add(Softmax(axes[0] - rank))
    order = [axis for axis in range(rank) if axis not in axes] + sorted(axes)
    sizes = known(scope.shape[axis] for axis in order[1:])
    if 0 in axes or sizes is None:
        return scope.path()
    y = scope.add(Permute(tuple(order)))
    y = scope.add(Reshape((*sizes[: -len(axes)], -1)), y)
    y = scope.add(Softmax(-1), y)
    y = scope.add(Reshape(sizes), y)
    return scope.add(Permute(tuple(int(axis) for axis in np.argsort(order))), y)
