"""Pooling: averages are Diagonal, maxima choose their units."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf

from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.channels import with_channels_last
from deeplift_tf.layers.kernels import Padding
from deeplift_tf.layers.kinds import Diagonal, Maximum
from deeplift_tf.tensors import shape_of


@dataclasses.dataclass(frozen=True, eq=False)
class Window(Layer):
    """Settings of a sliding window.

    Attributes
    ----------
    size, strides : tuple of int
        One for each spatial axis.
    padding : {"same", "valid"}, or sequence of (int, int)
        Places without a value before and after each spatial axis, for maxima.
    channels_first : bool
    """

    size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: Padding
    channels_first: bool = False

    def pool(self, function: Callable[..., tf.Tensor], x: tf.Tensor) -> tf.Tensor:
        """Apply tf.nn.max_pool or tf.nn.avg_pool."""
        pool_last = self.pool_volumes if len(self.size) == 3 else self.pool_windows
        return with_channels_last(lambda x: pool_last(function, x), x, self.channels_first)

    @property
    def words(self) -> Padding:
        """The padding in TensorFlow's words."""
        return self.padding.upper() if isinstance(self.padding, str) else self.padding

    def pool_windows(self, function: Callable[..., tf.Tensor], x: tf.Tensor) -> tf.Tensor:
        """Pool x, shape (rows, ..., channels), along one or two axes."""
        return function(x, self.size, self.strides, self.words)

    def pool_volumes(self, function: Callable[..., tf.Tensor], x: tf.Tensor) -> tf.Tensor:
        """Pool x, shape (rows, depth, height, width, channels), in two steps: float64 has no kernel for three axes."""
        rows, depth, height, width, channels = shape_of(x)
        x = tf.reshape(x, [-1, height, width, channels])
        x = function(x, self.size[1:], self.strides[1:], self.words)
        _, *image = shape_of(x)
        x = tf.reshape(x, [rows, depth, image[0] * image[1] * channels])
        x = function(x, self.size[:1], self.strides[:1], self.words)
        return tf.reshape(x, [rows, shape_of(x)[1], *image])


class AveragePooling(Window, Diagonal):
    """Means over windows; padding does not count towards them."""

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the mean of each window."""
        return self.pool(tf.nn.avg_pool, inputs[0])


class MaxPooling(Window, Maximum):
    """Maxima over windows."""

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the maximum of each window."""
        return self.pool(max_pool, inputs[0])


def max_pool(x: tf.Tensor, size: Sequence[int], strides: Sequence[int], padding: Padding) -> tf.Tensor:
    """Return tf.nn.max_pool of x, shape (rows, ..., channels), with padding of our own where it keeps the shape.

    The spread is the derivative of a derivative, and TensorFlow's kernel for it (MaxPoolGradGrad) may write its result
    over its input where both have one shape, before all of that is read. Padded, they have different shapes.
    """
    kept = all(stride == 1 or length == 1 for stride, length in zip(strides, x.shape[1:-1], strict=True))
    if isinstance(padding, str) and (padding != "SAME" or not kept):
        return tf.nn.max_pool(x, size, strides, padding)
    amounts = [((window - 1) // 2, window // 2) for window in size] if isinstance(padding, str) else padding
    padded = tf.pad(x, [(0, 0), *amounts, (0, 0)], constant_values=x.dtype.min)
    return tf.nn.max_pool(padded, size, strides, "VALID")


@dataclasses.dataclass(frozen=True, eq=False)
class Reduction(Layer):
    """Settings of a reduction over whole axes.

    Attributes
    ----------
    axes : tuple of int
        Axes that are reduced; the leading one, of rows, is not among them.
    keepdims : bool
    """

    axes: tuple[int, ...]
    keepdims: bool = False


class Mean(Reduction, Diagonal):
    """Mean over axes: global average pooling."""

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the mean."""
        return tf.reduce_mean(inputs[0], self.axes, keepdims=self.keepdims)


class Max(Reduction, Maximum):
    """Maximum over axes: global max pooling. Units that tie share the credit equally."""

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the maximum."""
        return tf.reduce_max(inputs[0], self.axes, keepdims=self.keepdims)


@dataclasses.dataclass(frozen=True, eq=False)
class AdaptiveMax(Maximum):
    """Maxima over windows of unequal size, the same along each spatial axis in turn.

    Attributes
    ----------
    windows : tuple of tf.Tensor, shape (output size, widest window), int32
        For each spatial axis the positions of every window, the last one repeated where a window is narrower.
    channels_first : bool
    """

    windows: tuple[tf.Tensor, ...]
    channels_first: bool = False

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the maximum of each window."""
        return with_channels_last(self.pool, inputs[0], self.channels_first)

    def pool(self, x: tf.Tensor) -> tf.Tensor:
        """Return the maxima of x, shape (rows, ..., channels)."""
        for axis, window in enumerate(self.windows, start=1):
            x = tf.reduce_max(tf.gather(x, window, axis=axis), axis + 1)
        return x
