"""Converters of activation layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.keras_graph.context import ConversionContext
from deeplift_tf.conversion.keras_graph.registry import converts
from deeplift_tf.conversion.keras_graph.unfolding import unfolded
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.functional import RoutingFunction
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.non_differentiable import NonDifferentiable
from deeplift_tf.layers.several_axes import SeveralAxes
from deeplift_tf.layers.softmax import Softmax
from deeplift_tf.rules import secants


@converts("Activation")
def activation(layer: Any, context: ConversionContext) -> Edge:
    """Whatever function it names."""
    return context.activation(layer.activation, *context.inputs)


@converts("ReLU")
def relu(layer: Any, context: ConversionContext) -> Edge:
    """The rectifier with its cap, leak and threshold."""
    function = secants.relu_layer(layer.max_value, float(layer.negative_slope), float(layer.threshold))
    return context.add(Elementwise(function))


@converts("LeakyReLU")
def leaky_relu(layer: Any, context: ConversionContext) -> Edge:
    """One slope for all units."""
    return context.add(Elementwise(secants.leaky_relu(float(layer.negative_slope))))


@converts("PReLU")
def prelu(layer: Any, context: ConversionContext) -> Edge:
    """One slope for each unit, or for each of a shared axis."""
    return context.add(Elementwise(secants.prelu(context.weight(layer.alpha))))


@converts("ELU")
def elu(layer: Any, context: ConversionContext) -> Edge:
    """The exponential linear unit."""
    return context.add(Elementwise(secants.elu(float(layer.alpha))))


def masked(context: ConversionContext, value: Edge, mask: Edge, otherwise: float) -> Edge:
    """Add a constant in place of the units that a mask leaves out."""

    def chosen(x: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        return tf.where(kept, x, tf.constant(otherwise, x.dtype))

    return context.add(RoutingFunction(chosen, (1,), shifted=bool(otherwise)), value, mask)


@converts("Masking")
def masking(layer: Any, context: ConversionContext) -> Edge:
    """Zeros in place of the steps that hold nothing but the mask's value; which ones these are is taken from x."""
    value = layer.mask_value

    def holds_more(x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_any(tf.not_equal(x, tf.cast(value, x.dtype)), -1, keepdims=True)

    return masked(context, context.inputs[0], context.add(NonDifferentiable(holds_more)), otherwise=0.0)


@converts("Softmax")
def softmax(layer: Any, context: ConversionContext) -> Edge | tuple[Edge, ...]:
    """Softmax along an axis; several axes together where it names several."""
    rank = len(context.shape)
    axes = [axis % rank for axis in np.atleast_1d(layer.axis).tolist()]
    if context.use.arguments[1].get("mask") is not None or len(context.use.arguments[0]) > 1:
        if len(context.inputs) == 1:
            return unfolded(context) or context.path()  # a constant mask
        if 0 in axes or context.use.specs[1].dtype != tf.bool:
            return context.path()
        value, mask = context.inputs
        y = context.add(over(axes, rank), masked(context, value, mask, otherwise=-1e9))
        return masked(context, y, mask, otherwise=0.0)
    return context.path() if 0 in axes else context.add(over(axes, rank))


def over(axes: list[int], rank: int) -> Layer:
    """Return softmax over one axis or several."""
    if len(axes) == 1:
        return Softmax(axes[0] - rank)
    return SeveralAxes(Softmax(-1), tuple(sorted(axis - rank for axis in axes)))
