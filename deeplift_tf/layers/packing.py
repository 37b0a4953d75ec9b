"""Transposed convolutions with few output channels, computed by blocks of positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.rules.tensors import once

# up to here a transpose is packed: 7.7 ms against 17.7 for 32 sequences of 600 bases, 300 filters of 19; 9 ms against
# 24 for 4 images of 224 x 224, 64 filters of 7 x 7 with strides
FEW_CHANNELS = 4
PACKED = 4  # without strides, neighbouring positions computed together as channels; 8 and 16 gain nothing


def by_packed_kernel(
    multipliers: tf.Tensor,
    kernel: tf.Tensor,
    strides: Sequence[int],
    pads: Sequence[tuple[int, int]],
    sizes: Sequence[int],
) -> tf.Tensor:
    """Return the transpose of a convolution without dilation onto few channels.

    A result of four channels leaves most of a processor's vector units idle. Here blocks of neighbouring positions are
    computed together, as that many times the channels: those between two strides, or `PACKED` along the last axis
    where there are none.

    Parameters
    ----------
    multipliers : tf.Tensor, shape (rows, ..., output channels)
    kernel : tf.Tensor, shape (*window, input channels, output channels)
    strides : sequence of int
    pads : sequence of (int, int)
        Zeros before and after each spatial axis of the input, of which every window leaves some place over.
    sizes : sequence of int
        Of the input's spatial axes.
    """
    if len(sizes) == 1:
        image, one_high = tf.expand_dims(multipliers, 1), once(lambda w: tf.expand_dims(w, 0), kernel)
        return tf.squeeze(by_packed_kernel(image, one_high, (1, *strides), [(0, 0), *pads], [1, *sizes]), [1])
    blocks = list(strides) if max(strides) > 1 else [1, PACKED]
    axes = [Packing(*each) for each in zip(kernel.shape[:2], strides, [pad for pad, _ in pads], blocks, strict=True)]
    steps = [-(-size // block) for size, block in zip(sizes, blocks, strict=True)]
    own = [axis.pads(count, given) for axis, count, given in zip(axes, steps, multipliers.shape[1:3], strict=True)]
    packed = tf.nn.conv2d(
        multipliers,
        once(lambda w: packed_kernel(w, axes), kernel),
        [axis.block // axis.stride for axis in axes],
        [(0, 0), *own, (0, 0)],
    )
    apart = tf.reshape(packed[:, : steps[0], : steps[1]], [-1, *steps, *blocks, kernel.shape[2]])
    whole = [count * block for count, block in zip(steps, blocks, strict=True)]
    y = tf.reshape(tf.transpose(apart, [0, 1, 3, 2, 4, 5]), [-1, *whole, kernel.shape[2]])
    return y[:, : sizes[0], : sizes[1]]


class Packing(NamedTuple):
    """How one axis of a transpose is computed by blocks.

    Place r of block t of the result reads what a window at stride q = t·block/stride + j left there: its weight
    r + pad − j·stride, wherever there is one. That leaves some j from `first` to `last`.

    Attributes
    ----------
    window, stride, pad, block : int
        A block is a multiple of the stride.
    """

    window: int
    stride: int
    pad: int
    block: int

    @property
    def first(self) -> int:
        """The first stride that a block reads, from its own."""
        return -((self.window - 1 - self.pad) // self.stride)

    @property
    def last(self) -> int:
        """The last one."""
        return (self.block - 1 + self.pad) // self.stride

    @property
    def weights(self) -> np.ndarray:
        """Which weight each place of a block reads of each stride, shape (strides, block); `window` where none."""
        strides, places = np.arange(self.first, self.last + 1)[:, None], np.arange(self.block)[None]
        found = places + self.pad - strides * self.stride
        return np.where((found >= 0) & (found < self.window), found, self.window)

    def pads(self, steps: int, given: int) -> tuple[int, int]:
        """Return the zeros before and after the multipliers of a number of strides, for so many blocks."""
        end = (steps - 1) * (self.block // self.stride) + self.last + 1
        return -self.first, max(end - given, 0)


def packed_kernel(kernel: tf.Tensor, axes: Sequence[Packing]) -> tf.Tensor:
    """Return the kernel that makes a block of a transpose at once, shape (*strides, output channels, block · input)."""
    padded = tf.pad(kernel, [[0, 1], [0, 1], [0, 0], [0, 0]])
    rows = tf.gather(padded, axes[0].weights, axis=0)
    both = tf.gather(rows, axes[1].weights, axis=2)  # (strides, block, strides, block, input, output)
    ordered = tf.transpose(both, [0, 2, 5, 1, 3, 4])
    return tf.reshape(ordered, [*ordered.shape[:3], -1])
