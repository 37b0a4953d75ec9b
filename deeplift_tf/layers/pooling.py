"""Pooling layers: averages are Routing, maxima select units."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.channels import with_channels_last
from deeplift_tf.layers.convolution_ops import Padding
from deeplift_tf.layers.kinds import Maximum, Routing, as_traced
from deeplift_tf.layers.ties import Groups, Windows
from deeplift_tf.rules.tensors import shape_of

MOST_COPIES = 32  # of the units that windows which overlap may take; above, units are put in order


@dataclasses.dataclass(frozen=True, eq=False)
class Window(Layer):
    """Settings of a sliding window.

    Attributes
    ----------
    size, strides : tuple of int
        One for each spatial axis.
    padding : {"same", "valid"}, or sequence of (int, int)
        Empty positions before and after each spatial axis, for maxima.
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


class AveragePooling(Window, Routing):
    """Means over windows, without padding."""

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the mean of each window."""
        return self.pool(tf.nn.avg_pool, inputs[0])


@dataclasses.dataclass(frozen=True, eq=False)
class MaxPooling(Window, Maximum):
    """Maxima over windows.

    Attributes
    ----------
    run : callable
        As in `Elementwise`, for windows that do not overlap.
    """

    run: Callable[..., Any] = as_traced

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the maximum of each window."""
        return self.pool(max_pool, inputs[0])

    def separate_windows(self) -> Windows | None:
        """Return windows that do not overlap."""
        if self.size != self.strides:
            return None
        first, whole = 2 + self.channels_first, dataclasses.replace(self, padding="valid")
        axes = tuple(range(first, first + 2 * len(self.size), 2))
        return Windows(self.padded, self.cut, axes, functools.partial(whole.pool, max_pool))

    def groups(self) -> Groups | None:
        """Return overlapping windows as copies of the units, if these are not too many."""
        copies = math.prod(self.size) / math.prod(self.strides)
        return Groups(self.copies, (1,), first=True) if copies <= MOST_COPIES else None

    def padded(self, x: tf.Tensor) -> tf.Tensor:
        """Return x with the smallest number around it, so that no window is partly empty, and none beyond the last."""
        first = 1 + self.channels_first
        sizes = shape_of(x)[first : first + len(self.size)]
        around = ends(self.padding, self.size, self.strides, sizes)
        kept = [
            (before + size + after - window) // stride * stride + window
            for (before, after), size, window, stride in zip(around, sizes, self.size, self.strides, strict=True)
        ]
        if kept == sizes:
            return x
        pads = [(0, 0)] * first + around + [(0, 0)] * (not self.channels_first)
        if self.padding != "valid":
            x = tf.pad(x, pads, constant_values=x.dtype.min)
        return x[(slice(None),) * first + tuple(slice(0, each) for each in kept)]

    def cut(self, x: tf.Tensor) -> tf.Tensor:
        """Return padded x with an axis for the places of a window behind each spatial axis."""
        first, sizes = 1 + self.channels_first, shape_of(x)
        spatial = zip(sizes[first : first + len(self.size)], self.size, strict=True)
        cut = [each for size, window in spatial for each in (size // window, window)]
        return tf.reshape(x, [*sizes[:first], *cut, *sizes[first + len(self.size) :]])

    def copies(self, x: tf.Tensor) -> tf.Tensor:
        """Return a copy of x for each place in a window, shape (rows, places, ...)."""
        first, x = 1 + self.channels_first, self.padded(x)
        sizes = shape_of(x)[first : first + len(self.size)]
        last = [size - window for size, window in zip(sizes, self.size, strict=True)]

        def at(places: tuple[int, ...]) -> tf.Tensor:
            each = zip(places, last, self.strides, strict=True)
            return x[(slice(None),) * first + tuple(slice(p, p + end + 1, stride) for p, end, stride in each)]

        return tf.stack([at(places) for places in itertools.product(*map(range, self.size))], 1)


def ends(padding: Padding, size: Sequence[int], strides: Sequence[int], sizes: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Return how many places without a value stand before and after each spatial axis, of known size or not."""
    if not isinstance(padding, str):
        return list(padding)
    if padding == "valid":
        return [(0, 0)] * len(size)
    found = []
    for window, stride, length in zip(size, strides, sizes, strict=True):
        missing = (-(-length // stride) - 1) * stride + window - length
        total = max(missing, 0) if isinstance(missing, int) else tf.maximum(missing, 0)
        found.append((total // 2, total - total // 2))
    return found


def max_pool(x: tf.Tensor, size: Sequence[int], strides: Sequence[int], padding: Padding) -> tf.Tensor:
    """Return tf.nn.max_pool of x, shape (rows, ..., channels), with explicit padding if the pooling keeps the shape.

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


class Mean(Reduction, Routing):
    """Mean over axes: global average pooling."""

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the mean."""
        return tf.reduce_mean(inputs[0], self.axes, keepdims=self.keepdims)


class Max(Reduction, Maximum):
    """Maximum over axes: global max pooling. Units that tie share the credit equally."""

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the maximum."""
        return tf.reduce_max(inputs[0], self.axes, keepdims=self.keepdims)

    def groups(self) -> Groups:
        """Return the units unchanged."""
        return Groups(tf.identity, self.axes)


@dataclasses.dataclass(frozen=True, eq=False)
class AdaptiveMax(Maximum):
    """Maxima over windows of unequal size, the same along each spatial axis in turn.

    Attributes
    ----------
    windows : tuple of tf.Tensor, shape (output size, widest window), int32
        For each spatial axis the positions of every window, the last one repeated if a window is narrower.
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

    def groups(self) -> Groups:
        """Return the windows as copies of the units, which are few: windows of such layers hardly overlap."""
        return Groups(self.copies, (1,), first=True)

    def copies(self, x: tf.Tensor) -> tf.Tensor:
        """Return x of every place in a window, shape (rows, places, ...)."""
        x = tf.expand_dims(x, 1)
        for axis, window in enumerate(self.windows, start=2 + self.channels_first):
            x = tf.concat([tf.gather(x, place, axis=axis) for place in tf.unstack(window, axis=1)], 1)
        return x
