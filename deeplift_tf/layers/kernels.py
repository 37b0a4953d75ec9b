"""Convolutions and their transposes in the forms that TensorFlow computes fastest on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.tensors import once, shape_of

Padding = str | Sequence[tuple[int, int]]

FEW_CHANNELS = (
    4  # up to here a transpose is packed: 7.7 ms against 17.7 for 32 sequences of 600 bases, 300 filters of 19
)
PACKED = 4  # neighbouring positions computed together as channels; 8 and 16 gain nothing


def convolution(
    x: tf.Tensor, kernel: tf.Tensor, strides: Sequence[int], padding: Padding, dilation: Sequence[int]
) -> tf.Tensor:
    """Return a convolution of (rows, ..., channels), in one dimension as one of images of height one.

    Dilated convolutions of two dimensions have a kernel of their own, which is far faster than the rearranging of
    positions into rows that `tf.nn.convolution` does for them.
    """
    if len(strides) == 1:
        wide = padding if isinstance(padding, str) else [padding[0], (0, 0), *padding[1:]]
        image, one_high = tf.expand_dims(x, 1), once(lambda w: tf.expand_dims(w, 0), kernel)
        return tf.squeeze(convolution(image, one_high, (1, *strides), wide, (1, *dilation)), [1])
    if len(strides) == 2:
        return tf.nn.conv2d(x, kernel, list(strides), padding, dilations=list(dilation))
    return differentiable_convolution(x, kernel, strides, padding, dilation)


def differentiable_convolution(
    x: tf.Tensor, kernel: tf.Tensor, strides: Sequence[int], padding: Padding, dilation: Sequence[int]
) -> tf.Tensor:
    """Return a convolution of (rows, ..., channels) whose derivative runs on any device."""
    form = ("NWC", "NHWC", "NDHWC")[len(strides) - 1]  # eager derivatives of three dimensions need it said
    return tf.nn.convolution(x, kernel, list(strides), padding, form, list(dilation))


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
        As TensorFlow has it, or zeros before and after each spatial axis of the input.
    sizes : sequence of int or tf.Tensor
        Of the input's spatial axes.
    """
    if len(sizes) == 1:
        wide = padding if isinstance(padding, str) else [(0, 0), *padding]
        image, one_high = tf.expand_dims(multipliers, 1), once(lambda w: tf.expand_dims(w, 0), kernel)
        return tf.squeeze(transposed_convolution(image, one_high, (1, *strides), wide, [1, *sizes]), [1])
    explicit = padding if isinstance(padding, str) else [(0, 0), *padding, (0, 0)]
    shape = [shape_of(multipliers)[0], *sizes, kernel.shape[2]]
    return tf.nn.conv2d_transpose(multipliers, kernel, shape, list(strides), explicit)


def by_flipped_kernel(
    multipliers: tf.Tensor, kernel: tf.Tensor, pads: Sequence[tuple[int, int]], dilation: Sequence[int]
) -> tf.Tensor:
    """Return the transpose of a convolution without strides as a convolution with the flipped kernel.

    For dilated ones: their automatic derivative is an operation that CPUs without oneDNN lack.

    Parameters
    ----------
    multipliers : tf.Tensor, shape (rows, ..., output channels)
    kernel : tf.Tensor, shape (*window, input channels, output channels)
    pads : sequence of (int, int)
        Zeros before and after each spatial axis of the input.
    dilation : sequence of int
    """
    axes = list(range(len(pads)))
    flipped = once(lambda w: tf.transpose(tf.reverse(w, axes), [*axes, len(axes) + 1, len(axes)]), kernel)
    reach = [(size - 1) * rate for size, rate in zip(kernel.shape[:-2], dilation, strict=True)]
    own = [(far - before, far - after) for far, (before, after) in zip(reach, pads, strict=True)]
    return convolution(multipliers, flipped, [1] * len(axes), [(0, 0), *own, (0, 0)], dilation)


def by_packed_kernel(
    multipliers: tf.Tensor, kernel: tf.Tensor, pads: Sequence[tuple[int, int]], sizes: Sequence[int]
) -> tf.Tensor:
    """Return the transpose of a convolution without strides or dilation onto few channels.

    A result of four channels leaves most of a processor's vector units idle. Here each stride computes `PACKED`
    neighbouring positions along the last spatial axis, as that many times the channels.

    Parameters
    ----------
    multipliers : tf.Tensor, shape (rows, ..., output channels)
    kernel : tf.Tensor, shape (*window, input channels, output channels)
    pads : sequence of (int, int)
        Zeros before and after each spatial axis of the input.
    sizes : sequence of int
        Of the input's spatial axes.
    """
    if len(sizes) == 1:
        image, one_high = tf.expand_dims(multipliers, 1), once(lambda w: tf.expand_dims(w, 0), kernel)
        return tf.squeeze(by_packed_kernel(image, one_high, [(0, 0), *pads], [1, *sizes]), [1])
    (height, width), channels, reach = sizes, kernel.shape[2], [size - 1 for size in kernel.shape[:2]]
    steps = -(-width // PACKED)
    before = reach[1] - pads[1][0]
    after = (steps - 1) * PACKED + reach[1] + PACKED - multipliers.shape[2] - before
    own = [(0, 0), (reach[0] - pads[0][0], reach[0] - pads[0][1]), (before, max(after, 0)), (0, 0)]
    packed = tf.nn.conv2d(multipliers, once(packed_kernel, kernel), [1, PACKED], own)
    apart = tf.reshape(packed[:, :, :steps], [-1, height, steps * PACKED, channels])
    return apart[:, :, :width]


def packed_kernel(kernel: tf.Tensor) -> tf.Tensor:
    """Return the kernel that makes `PACKED` neighbouring positions of a transpose at once.

    Position q·PACKED + r of the result reads place j of the window of stride q with weight r − j + size − 1.
    """
    size, outputs = kernel.shape[1], kernel.shape[3]
    places = np.arange(size + PACKED - 1)[:, None]
    weights = np.arange(PACKED)[None] - places + size - 1
    inside = (weights >= 0) & (weights < size)
    padded = tf.pad(tf.reverse(kernel, [0]), [[0, 0], [0, 1], [0, 0], [0, 0]])
    gathered = tf.gather(padded, np.where(inside, weights, size), axis=1)  # (height, place, r, input, output)
    return tf.reshape(tf.transpose(gathered, [0, 1, 4, 2, 3]), [kernel.shape[0], len(places), outputs, -1])
