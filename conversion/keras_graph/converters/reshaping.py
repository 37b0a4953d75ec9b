"""Converters of layers that move units, and of those that do nothing at inference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from deeplift_tf.conversion.keras_graph.context import ConversionContext, known
from deeplift_tf.conversion.keras_graph.registry import converts
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.reshaping import Crop, ExpandAxis, Identity, Pad, Permute, Repeat, Reshape


@converts(
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    # augmentation: acts in training only
    "AugMix",
    "CutMix",
    "MixUp",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
)
def nothing(layer: Any, context: ConversionContext) -> Edge:
    """Nothing at inference."""
    return context.add(Identity())


@converts("Flatten")
def flatten(layer: Any, context: ConversionContext) -> Edge:
    """All units of a row in one axis, channels last whatever the data format."""
    rank, value = len(context.shape), context.inputs[0]
    if layer.data_format == "channels_first" and rank > 2:
        value = context.add(Permute((0, *range(2, rank), 1)), value)
    sizes = known(context.shape[1:])
    return context.add(Reshape((-1 if sizes is None else math.prod(sizes),)), value)


@converts("Reshape")
def reshape(layer: Any, context: ConversionContext) -> Edge:
    """The layer's target shape, with what Keras finds for a size of -1."""
    sizes = known(context.use.output_shapes[0][1:])
    return context.add(Reshape(tuple(layer.target_shape) if sizes is None else sizes))


@converts("Permute")
def permute(layer: Any, context: ConversionContext) -> Edge:
    """The layer's order of axes, which counts from one."""
    return context.add(Permute((0, *layer.dims)))


@converts("RepeatVector")
def repeat_vector(layer: Any, context: ConversionContext) -> Edge:
    """A new axis, and the units repeated along it."""
    return context.add(Repeat((1, layer.n, 1)), context.add(ExpandAxis(1)))


def spatial_pairs(amounts: Any, layer: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """Return (before, after) for every axis, from those of the spatial ones."""
    pairs = [tuple(pair) for pair in np.reshape(np.asarray(amounts), (-1, 2)).tolist()]
    none: tuple[int, int] = (0, 0)
    first = getattr(layer, "data_format", None) == "channels_first"
    return (none, none, *pairs) if first else (none, *pairs, none)


@converts("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
def zero_padding(layer: Any, context: ConversionContext) -> Edge:
    """Zeros around the spatial axes."""
    return context.add(Pad(spatial_pairs(layer.padding, layer, len(context.shape))))


@converts("Cropping1D", "Cropping2D", "Cropping3D")
def cropping(layer: Any, context: ConversionContext) -> Edge:
    """Edges of the spatial axes left out."""
    return context.add(Crop(spatial_pairs(layer.cropping, layer, len(context.shape))))


@converts("Pipeline")
def pipeline(layer: Any, context: ConversionContext) -> Edge:
    """One layer after the other."""
    value = context.inputs[0]
    for each in layer.layers:
        value = context.nested(each, value)
    return value
