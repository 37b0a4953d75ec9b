"""Convolutions in one, two and three dimensions: the shared base class, and ordinary convolutions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from deeplift_tf.layers.base import Step
from deeplift_tf.layers.channels import each_channel, with_channels_last
from deeplift_tf.layers.convolution_ops import (
    Padding,
    amounts,
    by_flipped_kernel,
    convolution,
    differentiable_convolution,
    transposed_convolution,
)
from deeplift_tf.layers.kinds import Linear
from deeplift_tf.layers.packing import FEW_CHANNELS, by_packed_kernel
from deeplift_tf.rules.tensors import once, shape_of


@dataclasses.dataclass(frozen=True, eq=False)
class Convolution(Linear):
    """What the convolutions share: a kernel, a bias per channel, strides, dilation and padding.

    Attributes
    ----------
    kernel : tf.Tensor, shape (*window, input channels per group, output channels)
    bias : tf.Tensor or None, shape (output channels,)
    strides, dilation : tuple of int
        One for each spatial axis.
    padding : {"same", "valid"}, or sequence of (int, int)
        Zeros before and after each spatial axis where they are no word's.
    channels_first : bool
        Whether inputs are (rows, channels, ...) rather than (rows, ..., channels).
    """

    kernel: tf.Tensor
    bias: tf.Tensor | None
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: Padding
    channels_first: bool = False

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the convolution without its bias."""
        return with_channels_last(self.convolve, inputs[0], self.channels_first)

    def convolve(self, x: tf.Tensor) -> tf.Tensor:
        """Return the convolution of x, shape (rows, ..., channels)."""
        raise NotImplementedError

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the convolution with its bias."""
        y = self.linear(*inputs)
        if self.bias is None:
            return y
        if not self.channels_first:
            return tf.nn.bias_add(y, self.bias)
        return y + tf.reshape(self.bias, [-1] + [1] * (y.shape.rank - 2))

    def scaled(self, scale: tf.Tensor, shift: tf.Tensor) -> Convolution | None:
        """Return the layer of a·y + b."""
        a, b = (each_channel(values, self.channel_axis) for values in (scale, shift))
        if a is None or b is None:
            return None
        bias = b if self.bias is None else self.bias * a + b
        return dataclasses.replace(
            self, kernel=self.kernel * self.by_output(a), bias=tf.broadcast_to(bias, [self.channels])
        )

    def of_scaled(self, scale: tf.Tensor, shift: tf.Tensor) -> Convolution | None:
        """Return the layer of a·x + b in place of x. Where it pads, with zeros in place of b, no b is folded."""
        a, b = (each_channel(values, self.channel_axis) for values in (scale, shift))
        shifted = bool(tf.reduce_any(shift != 0))
        if a is None or b is None or (shifted and self.uneven):
            return None
        layer = dataclasses.replace(self, kernel=self.kernel * self.by_input(a))
        if not shifted:
            return layer
        sums = tf.reduce_sum(self.kernel * self.by_input(b), self.summed_axes)
        bias = tf.reshape(sums, [-1])
        return dataclasses.replace(layer, bias=bias if self.bias is None else self.bias + bias)

    @property
    def channel_axis(self) -> int:
        """Axis of the channels, counted from the last."""
        return -1 - len(self.strides) if self.channels_first else -1

    @property
    def channels(self) -> int:
        """Number of output channels."""
        return int(self.kernel.shape[-1])

    @property
    def summed_axes(self) -> list[int]:
        """Axes of the kernel over which an output sums."""
        return list(range(len(self.strides) + 1))

    @property
    def uneven(self) -> bool:
        """Whether some outputs are made of fewer inputs than others."""
        return any(map(any, self.pads))

    def by_output(self, values: tf.Tensor) -> tf.Tensor:
        """Return constants of the output channels, shape (channels or 1,), as they broadcast against the kernel."""
        return values

    def by_input(self, values: tf.Tensor) -> tf.Tensor:
        """Return constants of the input channels, shape (channels or 1,), as they broadcast against the kernel."""
        raise NotImplementedError

    def padded(self, zeros: Sequence[tuple[int, int]]) -> Convolution | None:
        """Return the layer that puts zeros around x itself; None where TensorFlow's operations do not.

        Parameters
        ----------
        zeros : sequence of (int, int)
            Before and after, for each axis of x, that of rows included.
        """
        spatial = list(zeros[2:] if self.channels_first else zeros[1:-1])
        if len(spatial) > 2 or sum(map(sum, spatial)) < sum(map(sum, zeros)):
            return None
        if self.padding == "same" and max(self.strides) > 1:
            return None
        both = tuple((own[0] + before, own[1] + after) for own, (before, after) in zip(self.pads, spatial, strict=True))
        # a window that lies in zeros alone has no place in a transpose
        fits = all(max(pair) <= far for pair, far in zip(both, self.reach, strict=True))
        return dataclasses.replace(self, padding=both) if fits else None

    def magnitude(self) -> Convolution:
        """Return the convolution with the absolute kernel."""
        return dataclasses.replace(self, kernel=once(tf.abs, self.kernel))

    @property
    def reach(self) -> list[int]:
        """How far a window goes beyond its first place, along each spatial axis."""
        return [(size - 1) * rate for size, rate in zip(self.kernel.shape, self.dilation, strict=False)]

    @property
    def pads(self) -> list[tuple[int, int]]:
        """Zeros before and after each spatial axis, as the padding puts them where there are no strides."""
        return amounts(self.padding, self.reach, [1] * len(self.reach), self.reach)


@dataclasses.dataclass(frozen=True, eq=False)
class Conv(Convolution):
    """Conv1D, Conv2D, Conv3D, grouped ones included.

    Attributes
    ----------
    native : bool
        Whether dilated convolutions run in their own kernel, which is fast and has a derivative on some devices only.
    """

    native: bool = True

    def differentiable(self) -> Conv:
        """Return the convolution by functions that have a derivative everywhere."""
        return dataclasses.replace(self, native=False)

    def by_input(self, values: tf.Tensor) -> tf.Tensor:
        """Return constants of the input channels, those of each group for its outputs."""
        if values.shape[0] == 1:
            return values
        groups = tf.transpose(tf.reshape(values, [-1, self.kernel.shape[-2]]))
        return tf.repeat(groups, self.channels // groups.shape[1], axis=1)

    def convolve(self, x: tf.Tensor) -> tf.Tensor:
        """Return the convolution."""
        run = convolution if self.native else differentiable_convolution
        settings, groups = (self.strides, self.padding, self.dilation), x.shape[-1] // self.kernel.shape[-2]
        return self.each_group(lambda part, kernel: run(part, kernel, *settings), x, groups)

    def each_group(self, function: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], x: tf.Tensor, groups: int) -> tf.Tensor:
        """Apply a function of channels and a kernel to one group after another, since the CPU kernels know none."""
        if groups == 1:
            return function(x, self.kernel)
        kernels = once(lambda w: tf.split(w, groups, -1), self.kernel)
        pairs = zip(tf.split(x, groups, -1), kernels, strict=True)
        return tf.concat([function(part, kernel) for part, kernel in pairs], -1)

    def transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return Lᵀm. It is the one that differentiation gives, and reads no more of x than its shape."""
        (value,) = step.inputs
        sizes = shape_of(value.x)[value.x.shape.rank - self.kernel.shape.rank + 1 :]
        *sizes, channels = [*sizes[1:], sizes[0]] if self.channels_first else sizes
        if len(sizes) > 2 or (max(self.strides) > 1 and max(self.dilation) > 1):
            return super().transpose(step, multipliers)

        def back(m: tf.Tensor) -> tf.Tensor:
            groups = channels // self.kernel.shape[-2]
            return self.each_group(lambda part, kernel: self.transpose_group(part, kernel, sizes), m, groups)

        return [with_channels_last(back, multipliers, self.channels_first)]

    def transpose_group(self, multipliers: tf.Tensor, kernel: tf.Tensor, sizes: Sequence[Any]) -> tf.Tensor:
        """Return Lᵀm by whichever way is fastest."""
        strided, known = max(self.strides) > 1, multipliers.shape[1:].is_fully_defined()
        known = known and all(isinstance(size, int) for size in sizes)
        if kernel.shape[-2] <= FEW_CHANNELS and max(self.dilation) == 1 and known:
            pads = amounts(self.padding, self.reach, self.strides, sizes)
            return by_packed_kernel(multipliers, kernel, self.strides, pads, sizes)
        if max(self.dilation) > 1 or not (strided or isinstance(self.padding, str)):
            return by_flipped_kernel(multipliers, kernel, self.pads, self.dilation)
        return transposed_convolution(multipliers, kernel, self.strides, self.padding, sizes)
