"""Convolutions and their transposes in the forms that are fastest in TensorFlow on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from deeplift_tf.rules.tensors import once, shape_of

Padding = str | Sequence[tuple[int, int]]
"""``"same"``, ``"valid"``, or how many zeros stand before and after each spatial axis."""


def as_tensorflow(padding: Padding) -> Any:
    """Return padding in TensorFlow's words, or its amounts for all four axes of images."""
    return padding.upper() if isinstance(padding, str) else [(0, 0), *padding, (0, 0)]


def padded(x: tf.Tensor, padding: Padding) -> tuple[tf.Tensor, str]:
    """Return x with its zeros around it where padding is given as amounts, and what is left to TensorFlow."""
    if isinstance(padding, str):
        return x, padding.upper()
    return tf.pad(x, as_tensorflow(padding)), "VALID"


def amounts(
    padding: Padding, reach: Sequence[int], strides: Sequence[int], sizes: Sequence[int]
) -> list[tuple[int, int]]:
    """Return how many zeros padding puts before and after each spatial axis; without strides, of whatever size.

    Parameters
    ----------
    padding : str or sequence of (int, int)
    reach : sequence of int
        How far a window goes beyond its first place.
    strides, sizes : sequence of int
    """
    if not isinstance(padding, str):
        return list(padding)
    if padding == "valid":
        return [(0, 0)] * len(reach)
    each = zip(reach, strides, sizes, strict=True)
    totals = [max((-(-size // stride) - 1) * stride + far + 1 - size, 0) for far, stride, size in each]
    return [(total // 2, total - total // 2) for total in totals]


def convolution(
    x: tf.Tensor, kernel: tf.Tensor, strides: Sequence[int], padding: Padding, dilation: Sequence[int]
) -> tf.Tensor:
    """Return a convolution of (rows, ..., channels), in one dimension as one of images of height one.

    Dilated convolutions of two dimensions have a kernel of their own, which is far faster than the rearranging of
    positions into rows that `tf.nn.convolution` does for them.
    """
    if len(strides) == 1:
        wide = padding if isinstance(padding, str) else [(0, 0), *padding]
        image, one_high = tf.expand_dims(x, 1), once(lambda w: tf.expand_dims(w, 0), kernel)
        return tf.squeeze(convolution(image, one_high, (1, *strides), wide, (1, *dilation)), [1])
    if len(strides) == 2:
        return tf.nn.conv2d(x, kernel, list(strides), as_tensorflow(padding), dilations=list(dilation))
    return differentiable_convolution(x, kernel, strides, padding, dilation)


def differentiable_convolution(
    x: tf.Tensor, kernel: tf.Tensor, strides: Sequence[int], padding: Padding, dilation: Sequence[int]
) -> tf.Tensor:
    """Return a convolution of (rows, ..., channels) whose derivative runs on any device."""
    form = ("NWC", "NHWC", "NDHWC")[len(strides) - 1]  # eager derivatives of three dimensions need it said
    x, word = padded(x, padding)
    return tf.nn.convolution(x, kernel, list(strides), word, form, list(dilation))


def depthwise_convolution(
    x: tf.Tensor, kernel: tf.Tensor, strides: Sequence[int], padding: Padding, dilation: Sequence[int]
) -> tf.Tensor:
    """Return a depthwise convolution of (rows, ..., channels), of one or two dimensions.

    Parameters
    ----------
    kernel : tf.Tensor, shape (*window, channels, multiplier)
    """
    if len(strides) == 1:
        wide = padding if isinstance(padding, str) else [(0, 0), *padding]
        image, one_high = tf.expand_dims(x, 1), once(lambda w: tf.expand_dims(w, 0), kernel)
        return tf.squeeze(depthwise_convolution(image, one_high, [*strides, *strides], wide, (1, *dilation)), [1])
    x, word = padded(x, padding)  # given amounts, TensorFlow 2.21 may end the process as it optimises a graph
    return tf.nn.depthwise_conv2d(x, kernel, [1, *strides, 1], word, dilations=list(dilation))


def transposed_convolution(
    multipliers: tf.Tensor, kernel: tf.Tensor, strides: Sequence[int], padding: Padding, sizes: Sequence[Any]
) -> tf.Tensor:
    """Return the transpose of a convolution without dilation, of one or two dimensions.

    Differentiation would give the same operation, but ask for the shape of the forward pass, which would then be run.

    Parameters
    ----------
    multipliers : tf.Tensor, shape (rows, ..., output channels)
    kernel : tf.Tensor, shape (*window, input channels, output channels)
    strides : sequence of int
    padding : str or sequence of (int, int)
    sizes : sequence of int or tf.Tensor
        Of the input's spatial axes.
    """
    if len(sizes) == 1:
        wide = padding if isinstance(padding, str) else [(0, 0), *padding]
        image, one_high = tf.expand_dims(multipliers, 1), once(lambda w: tf.expand_dims(w, 0), kernel)
        return tf.squeeze(transposed_convolution(image, one_high, (1, *strides), wide, [1, *sizes]), [1])
    if not isinstance(padding, str):
        return cropped_transpose(multipliers, kernel, strides, padding, sizes)
    shape = [shape_of(multipliers)[0], *sizes, kernel.shape[2]]
    return tf.nn.conv2d_transpose(multipliers, kernel, shape, list(strides), padding.upper())


def cropped_transpose(
    multipliers: tf.Tensor,
    kernel: tf.Tensor,
    strides: Sequence[int],
    pads: Sequence[tuple[int, int]],
    sizes: Sequence[Any],
) -> tf.Tensor:
    """Return the transpose of a convolution of images with zeros around them, the zeros' part cut off.

    oneDNN knows no transpose with amounts: 3.2 ms in place of 4.3 for 4 images of 56 x 56, 64 channels, 128 filters.
    """
    wide = [size + before + after for size, (before, after) in zip(sizes, pads, strict=True)]
    whole = transposed_convolution(multipliers, kernel, strides, "valid", wide)
    (top, _), (left, _) = pads
    return whole[:, top : top + sizes[0], left : left + sizes[1]]


def by_flipped_kernel(
    multipliers: tf.Tensor, kernel: tf.Tensor, pads: Sequence[tuple[int, int]], dilation: Sequence[int]
) -> tf.Tensor:
    """Return the transpose of a convolution without strides as a convolution with the flipped kernel.

    For dilated ones: their automatic derivative is an operation that CPUs without oneDNN lack. For given amounts of
    padding: oneDNN has no such derivative.

    Parameters
    ----------
    multipliers : tf.Tensor, shape (rows, ..., output channels)
    kernel : tf.Tensor, shape (*window, input channels, output channels)
    pads : sequence of (int, int)
        Zeros before and after each spatial axis of the input, of which every window leaves some place over.
    dilation : sequence of int
    """
    axes = list(range(len(pads)))
    flipped = once(lambda w: tf.transpose(tf.reverse(w, axes), [*axes, len(axes) + 1, len(axes)]), kernel)
    reach = [(size - 1) * rate for size, rate in zip(kernel.shape[:-2], dilation, strict=True)]
    own = [(far - before, far - after) for far, (before, after) in zip(reach, pads, strict=True)]
    return convolution(multipliers, flipped, [1] * len(axes), own, dilation)
