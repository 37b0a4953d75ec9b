"""Converters of pooling layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.keras_graph.context import ConversionContext, known
from deeplift_tf.conversion.keras_graph.registry import converts
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.functional import RoutingFunction
from deeplift_tf.layers.pooling import AdaptiveMax, AveragePooling, Max, MaxPooling, Mean
from deeplift_tf.layers.reshaping import AxisMaps

DIMENSIONS = ("1D", "2D", "3D")

MAX_MATRIX = 1 << 26
"""Elements of a matrix that stands for adaptive pooling along one axis; larger ones go along a path."""


def window(layer: Any) -> dict[str, Any]:
    """Return size, strides, padding and data format of a Keras pooling layer."""
    rank = len(layer.input_spec.shape or ()) or layer.input_spec.ndim
    each = [
        value if isinstance(value, (tuple, list)) else (value,) * (rank - 2)
        for value in (layer.pool_size, layer.strides)
    ]
    return {
        "size": tuple(each[0]),
        "strides": tuple(each[1]),
        "padding": layer.padding,
        "channels_first": layer.data_format == "channels_first",
    }


@converts(*(f"MaxPooling{n}" for n in DIMENSIONS))
def max_pooling(layer: Any, context: ConversionContext) -> Edge:
    """Maxima over windows."""
    return context.add(MaxPooling(**window(layer)))


@converts(*(f"AveragePooling{n}" for n in DIMENSIONS))
def average_pooling(layer: Any, context: ConversionContext) -> Edge:
    """Means over windows."""
    return context.add(AveragePooling(**window(layer)))


def spatial_axes(layer: Any, rank: int) -> tuple[int, ...]:
    """Return the axes that are neither rows nor channels."""
    return tuple(range(2, rank)) if layer.data_format == "channels_first" else tuple(range(1, rank - 1))


@converts(*(f"GlobalMaxPooling{n}" for n in DIMENSIONS))
def global_max(layer: Any, context: ConversionContext) -> Edge:
    """Maxima over all positions."""
    return context.add(Max(spatial_axes(layer, len(context.shape)), layer.keepdims))


@converts(*(f"GlobalAveragePooling{n}" for n in DIMENSIONS))
def global_average(layer: Any, context: ConversionContext) -> Edge | tuple[Edge, ...]:
    """Means over all positions, or over those that a mask leaves."""
    axes = spatial_axes(layer, len(context.shape))
    if len(context.inputs) == 1:
        return context.add(Mean(axes, layer.keepdims))

    def masked_mean(x: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        weights = tf.expand_dims(tf.cast(mask, x.dtype), 3 - axes[0])
        return tf.reduce_sum(x * weights, axes, layer.keepdims) / tf.reduce_sum(weights, axes, layer.keepdims)

    return context.add(RoutingFunction(masked_mean, (1,)))


def adaptive_windows(size: int, outputs: int) -> list[np.ndarray]:
    """Return the positions in each window: from ⌊i·size/outputs⌋ up to ⌈(i+1)·size/outputs⌉, as Keras cuts them."""
    return [np.arange(i * size // outputs, -(-(i + 1) * size // outputs)) for i in range(outputs)]


def has_few_windows(context: ConversionContext, axes: Sequence[int], outputs: Sequence[int]) -> bool:
    """Whether sizes are known, and small enough for a matrix along each axis."""
    sizes = known(context.shape[axis] for axis in axes)
    return sizes is not None and all(a * b <= MAX_MATRIX for a, b in zip(sizes, outputs, strict=True))


@converts(*(f"AdaptiveAveragePooling{n}" for n in DIMENSIONS))
def adaptive_average(layer: Any, context: ConversionContext) -> Edge | tuple[Edge, ...]:
    """One matrix of means for each axis."""
    axes = spatial_axes(layer, len(context.shape))
    if not has_few_windows(context, axes, layer.output_size):
        return context.path()
    matrices = []
    for axis, outputs in zip(axes, layer.output_size, strict=True):
        size = context.shape[axis] or 0
        rows = [np.isin(np.arange(size), w) / len(w) for w in adaptive_windows(size, outputs)]
        matrices.append(context.weight(np.stack(rows)))
    return context.add(AxisMaps(axes, tuple(matrices)))


@converts(*(f"AdaptiveMaxPooling{n}" for n in DIMENSIONS))
def adaptive_max(layer: Any, context: ConversionContext) -> Edge | tuple[Edge, ...]:
    """Maxima over windows of unequal size."""
    axes = spatial_axes(layer, len(context.shape))
    if not has_few_windows(context, axes, layer.output_size):
        return context.path()
    tables = []
    for axis, outputs in zip(axes, layer.output_size, strict=True):
        windows = adaptive_windows(context.shape[axis] or 0, outputs)
        widest = max(map(len, windows))
        tables.append(tf.constant(np.stack([np.pad(w, (0, widest - len(w)), mode="edge") for w in windows]), tf.int32))
    return context.add(AdaptiveMax(tuple(tables), layer.data_format == "channels_first"))
