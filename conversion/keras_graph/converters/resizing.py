"""Converters of layers that change the size of images."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from deeplift_tf.conversion.keras_graph.context import ConversionContext, known
from deeplift_tf.conversion.keras_graph.converters.pooling import spatial_axes
from deeplift_tf.conversion.keras_graph.registry import converts
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.normalization import Scale
from deeplift_tf.layers.reshaping import AxisMaps, Crop, Repeat
from deeplift_tf.scoring.capacity import row_elements

MAX_PIXELS = 1 << 26
"""Pixels of images that a layer is given at once to read its matrices off; larger images go along a path."""


@converts("UpSampling1D", "UpSampling2D", "UpSampling3D")
def upsampling(layer: Any, context: ConversionContext) -> Edge | tuple[Edge, ...]:
    """Units repeated, or interpolated by one matrix for each axis."""
    if getattr(layer, "interpolation", "nearest") != "nearest":
        return separable(layer, context)
    rank = len(context.shape)
    axes = spatial_axes(layer, rank) if hasattr(layer, "data_format") else (1,)
    sizes = dict(zip(axes, np.broadcast_to(layer.size, len(axes)).tolist(), strict=True))
    return context.add(Repeat(tuple(sizes.get(axis, 1) for axis in range(rank))))


@converts("CenterCrop")
def center_crop(layer: Any, context: ConversionContext) -> Edge | tuple[Edge, ...]:
    """The middle of an image that is large enough; a smaller one is resized."""
    rank, axes = len(context.shape), spatial_axes(layer, len(context.shape))
    spare = [(context.shape[axis] or 0) - size for axis, size in zip(axes, (layer.height, layer.width), strict=True)]
    if min(spare) < 0:
        return separable(layer, context)
    amounts = dict(zip(axes, [(each // 2, each - each // 2) for each in spare], strict=True))
    return context.add(Crop(tuple(amounts.get(axis, (0, 0)) for axis in range(rank))))


@converts("Resizing")
def resizing(layer: Any, context: ConversionContext) -> Edge | tuple[Edge, ...]:
    """One matrix for each axis."""
    return separable(layer, context)


def separable(layer: Any, context: ConversionContext) -> Edge | tuple[Edge, ...]:
    """Add an affine map of images that is a matrix for each of two axes, and a shift.

    The matrices are read off the layer itself: it is given the unit images of one axis, each constant along the
    other. Where padding stands at the edges, the middle of the other axis tells.
    """
    axes = spatial_axes(layer, len(context.shape))
    sizes = known(context.shape[axis] for axis in axes)
    if sizes is None:
        return context.path()
    first = layer.data_format == "channels_first"
    pixels = max(prod(sizes), *(row_elements(shape) for shape in context.use.output_shapes))
    if pixels > MAX_PIXELS:
        return context.path()
    shift = apply(layer, np.zeros((1, *sizes, 1), "float32"), first)
    matrices = [
        context.weight(matrix_along(layer, along, sizes, shift, max(1, MAX_PIXELS // pixels))) for along in range(2)
    ]
    value = context.add(AxisMaps(axes, tuple(matrices)))
    if not shift.any():
        return value
    constant = shift[0, None, ..., 0] if first else shift[0]
    return context.add(Scale(context.weight(1.0), context.weight(constant)), value)


def matrix_along(
    layer: Any, along: int, sizes: tuple[int, ...], shift: np.ndarray, together: int
) -> np.ndarray[Any, Any]:
    """Return what a layer does along one axis of space, shape (new size, size).

    Parameters
    ----------
    layer : keras.layers.Layer
    along : int
        0 for rows, 1 for columns.
    sizes : tuple of int
        Of the images.
    shift : np.ndarray, shape (1, height, width, 1)
        What it makes of zeros.
    together : int
        Unit images that are given to it at once, as channels.
    """
    first, columns = layer.data_format == "channels_first", []
    for start in range(0, sizes[along], together):
        index = np.arange(start, min(start + together, sizes[along]))
        images = np.zeros((1, *sizes, len(index)), "float32")
        if along == 0:
            images[0, index, :, index - start] = 1
        else:
            images[0, :, index, index - start] = 1
        response = apply(layer, images, first) - shift
        middle = response.shape[2 - along] // 2
        columns.append(response[0, :, middle] if along == 0 else response[0, middle])
    return np.concatenate(columns, axis=-1)


def apply(layer: Any, images: np.ndarray, channels_first: bool) -> np.ndarray:
    """Call a layer on images with the channels last, whatever its data format."""
    if not channels_first:
        return np.asarray(layer(images))
    return np.moveaxis(np.asarray(layer(np.moveaxis(images, -1, 1))), 1, -1)
