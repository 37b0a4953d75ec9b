"""Converters of layers that shift and scale each unit by constants, or divide by a norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from deeplift_tf.conversion.keras_graph.context import ConversionContext
from deeplift_tf.conversion.keras_graph.registry import converts
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.normalization import Scale
from deeplift_tf.layers.norms import Norm, UnitNorm
from deeplift_tf.layers.reshaping import Reshape


def along(values: Any, axes: Sequence[int], rank: int) -> np.ndarray:
    """Return values of some axes in a shape that broadcasts against the last axes of a tensor of some rank."""
    values = np.asarray(values, np.float64)
    first = min(axes, default=rank)
    return values.reshape([values.shape[axes.index(axis)] if axis in axes else 1 for axis in range(first, rank)])


@converts("BatchNormalization")
def batch_normalization(layer: Any, context: ConversionContext) -> Edge:
    """The moving statistics with gamma and beta, as one scale and one shift."""
    scale = 1 / np.sqrt(np.asarray(layer.moving_variance, np.float64) + layer.epsilon)
    scale = scale * np.asarray(layer.gamma) if layer.scale else scale
    shift = -np.asarray(layer.moving_mean) * scale
    shift = shift + np.asarray(layer.beta) if layer.center else shift
    rank = len(context.shape)
    axes = [layer.axis % rank]
    return context.add(Scale(context.weight(along(scale, axes, rank)), context.weight(along(shift, axes, rank))))


@converts("Normalization")
def normalization(layer: Any, context: ConversionContext) -> Edge:
    """Mean and variance of the data that the layer was adapted to."""
    mean = np.asarray(layer.mean, np.float64)
    deviation = np.maximum(np.sqrt(np.asarray(layer.variance, np.float64)), keras.config.epsilon())
    scale, shift = (deviation, mean) if layer.invert else (1 / deviation, -mean / deviation)
    return context.add(Scale(context.weight(scale[0]), context.weight(shift[0])))


@converts("Rescaling")
def rescaling(layer: Any, context: ConversionContext) -> Edge:
    """Constants, of all units or of each channel."""
    scale, shift = np.broadcast_arrays(np.asarray(layer.scale, np.float64), np.asarray(layer.offset, np.float64))
    if scale.ndim and keras.config.image_data_format() == "channels_first":
        scale, shift = (part.reshape(part.shape + (1,) * (3 - part.ndim)) for part in (scale, shift))
    return context.add(Scale(context.weight(scale), context.weight(shift)))


def scaled(context: ConversionContext, value: Edge, gamma: Any, beta: Any, axes: Sequence[int]) -> Edge:
    """Add gamma and beta of some axes to a normalised value, as far as there are any."""
    rank = len(context.shape)
    if gamma is None and beta is None:
        return value
    scale = 1.0 if gamma is None else along(gamma, axes, rank)
    shift = 0.0 if beta is None else along(beta, axes, rank)
    return context.add(Scale(context.weight(scale), context.weight(shift)), value)


@converts("LayerNormalization")
def layer_normalization(layer: Any, context: ConversionContext) -> Edge:
    """Mean and variance of each row's own units, then gamma and beta."""
    rank = len(context.shape)
    axes = sorted(axis % rank for axis in np.atleast_1d(layer.axis).tolist())
    y = context.add(Norm(tuple(axis - rank for axis in axes), layer.epsilon))
    return scaled(context, y, layer.gamma if layer.scale else None, layer.beta if layer.center else None, axes)


@converts("RMSNormalization")
def rms_normalization(layer: Any, context: ConversionContext) -> Edge:
    """Root mean square of each row's own units, then gamma."""
    rank = len(context.shape)
    axes = sorted(axis % rank for axis in np.atleast_1d(layer.axis).tolist())
    y = context.add(Norm(tuple(axis - rank for axis in axes), layer.epsilon, centred=False))
    return scaled(context, y, layer.scale, None, axes)


@converts("UnitNormalization")
def unit_normalization(layer: Any, context: ConversionContext) -> Edge:
    """Vectors of unit length."""
    rank = len(context.shape)
    return context.add(UnitNorm(axes=tuple(axis % rank - rank for axis in np.atleast_1d(layer.axis).tolist())))


@converts("GroupNormalization")
def group_normalization(layer: Any, context: ConversionContext) -> Edge | tuple[Edge, ...]:
    """Mean and variance over groups of channels and all other axes, then gamma and beta."""
    shape, rank = context.shape, len(context.shape)
    if None in shape[1:]:
        return context.path()
    axis, sizes = layer.axis % rank, [size or 0 for size in shape[1:]]
    channels = sizes[axis - 1]
    groups = channels if layer.groups == -1 else layer.groups
    apart = (*sizes[: axis - 1], groups, channels // groups, *sizes[axis:])
    y = context.add(Reshape(apart))
    together = tuple(each for each in range(-len(apart), 0) if each != axis - 1 - len(apart))
    y = context.add(Norm(together, layer.epsilon), y)
    y = context.add(Reshape(tuple(sizes)), y)
    return scaled(context, y, layer.gamma if layer.scale else None, layer.beta if layer.center else None, [axis])
