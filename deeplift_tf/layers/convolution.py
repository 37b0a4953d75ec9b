"""Convolutions in one, two and three dimensions, depthwise and transposed ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from deeplift_tf.layers.base import Step
from deeplift_tf.layers.channels import with_channels_last
from deeplift_tf.layers.kernels import (
    FEW_CHANNELS,
    by_flipped_kernel,
    by_packed_kernel,
    convolution,
    differentiable_convolution,
    transposed_convolution,
)
from deeplift_tf.layers.kinds import Linear
from deeplift_tf.tensors import once, shape_of


@dataclasses.dataclass(frozen=True, eq=False)
class Convolution(Linear):
    """What the convolutions share: a kernel, a bias per channel, strides, dilation and padding.

    Attributes
    ----------
    kernel : tf.Tensor, shape (*window, input channels per group, output channels)
    bias : tf.Tensor or None, shape (output channels,)
    strides, dilation : tuple of int
        One for each spatial axis.
    padding : {"same", "valid", "causal"}
    channels_first : bool
        Whether inputs are (rows, channels, ...) rather than (rows, ..., channels).
    """

    kernel: tf.Tensor
    bias: tf.Tensor | None
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: str
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

    def magnitude(self) -> Convolution:
        """Return the convolution with the absolute kernel."""
        return dataclasses.replace(self, kernel=once(tf.abs, self.kernel))

    def pad(self, x: tf.Tensor) -> tuple[tf.Tensor, str]:
        """Return x padded where TensorFlow has no word for it, and the padding that is left to TensorFlow."""
        if self.padding != "causal":
            return x, self.padding.upper()
        before = (self.kernel.shape[0] - 1) * self.dilation[0]
        return tf.pad(x, [[0, 0], [before, 0], [0, 0]]), "VALID"


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

    def scaled(self, scale: tf.Tensor, shift: tf.Tensor) -> Conv | None:
        """Return the layer of a·y + b."""
        if self.channels_first or max(scale.shape.rank, shift.shape.rank) > 1:
            return None
        bias = shift if self.bias is None else self.bias * scale + shift
        bias = tf.broadcast_to(bias, self.kernel.shape[-1:])
        return dataclasses.replace(self, kernel=self.kernel * scale, bias=bias)

    def convolve(self, x: tf.Tensor) -> tf.Tensor:
        """Return the convolution."""
        x, padding = self.pad(x)
        run = convolution if self.native else differentiable_convolution
        groups = x.shape[-1] // self.kernel.shape[-2]
        return self.each_group(lambda part, kernel: run(part, kernel, self.strides, padding, self.dilation), x, groups)

    def each_group(self, function: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], x: tf.Tensor, groups: int) -> tf.Tensor:
        """Apply a function of channels and a kernel to one group after another, since the CPU kernels know none."""
        if groups == 1:
            return function(x, self.kernel)
        pairs = zip(tf.split(x, groups, -1), tf.split(self.kernel, groups, -1), strict=True)
        return tf.concat([function(part, kernel) for part, kernel in pairs], -1)

    def transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return Lᵀm. It is the one that differentiation gives, and reads no more of x than its shape."""
        (value,) = step.inputs
        sizes = shape_of(value.x)[value.x.shape.rank - self.kernel.shape.rank + 1 :]
        *sizes, channels = [*sizes[1:], sizes[0]] if self.channels_first else sizes
        if len(sizes) > 2 or (max(self.strides) > 1 and (max(self.dilation) > 1 or self.padding == "causal")):
            return super().transpose(step, multipliers)

        def back(m: tf.Tensor) -> tf.Tensor:
            groups = channels // self.kernel.shape[-2]
            return self.each_group(lambda part, kernel: self.transpose_group(part, kernel, sizes), m, groups)

        return [with_channels_last(back, multipliers, self.channels_first)]

    def transpose_group(self, multipliers: tf.Tensor, kernel: tf.Tensor, sizes: Sequence[Any]) -> tf.Tensor:
        """Return Lᵀm by whichever way is fastest."""
        if max(self.dilation) > 1:
            return by_flipped_kernel(multipliers, kernel, self.pads, self.dilation)
        known = all(isinstance(size, int) for size in sizes)
        if kernel.shape[-2] <= FEW_CHANNELS and max(self.strides) == 1 and known:
            return by_packed_kernel(multipliers, kernel, self.pads, sizes)
        padding = self.pads if self.padding == "causal" else self.padding.upper()
        return transposed_convolution(multipliers, kernel, self.strides, padding, sizes)

    @property
    def pads(self) -> list[tuple[int, int]]:
        """Zeros before and after each spatial axis, as the padding puts them where there are no strides."""
        reach = [(size - 1) * rate for size, rate in zip(self.kernel.shape[:-2], self.dilation, strict=True)]
        each: dict[str, Callable[[int], tuple[int, int]]] = {
            "valid": lambda far: (0, 0),
            "same": lambda far: (far // 2, far - far // 2),
            "causal": lambda far: (far, 0),
        }
        return [each[self.padding](far) for far in reach]


class DepthwiseConv(Convolution):
    """DepthwiseConv1D and DepthwiseConv2D; the kernel is (*window, channels, multiplier)."""

    def convolve(self, x: tf.Tensor) -> tf.Tensor:
        """Return the depthwise convolution, in one dimension as an image of height one."""
        x, padding = self.pad(x)
        if len(self.strides) == 2:
            return self.convolve_image(x, self.kernel, self.strides, self.dilation, padding)
        strides, dilation = self.strides * 2, (1, *self.dilation)
        y = self.convolve_image(tf.expand_dims(x, 1), tf.expand_dims(self.kernel, 0), strides, dilation, padding)
        return tf.squeeze(y, [1])

    @staticmethod
    def convolve_image(
        x: tf.Tensor, kernel: tf.Tensor, strides: Sequence[int], dilation: Sequence[int], padding: str
    ) -> tf.Tensor:
        """Return the depthwise convolution of (rows, height, width, channels)."""
        return tf.nn.depthwise_conv2d(x, kernel, [1, *strides, 1], padding, dilations=list(dilation))


@dataclasses.dataclass(frozen=True, eq=False)
class ConvTranspose(Convolution):
    """Conv1DTranspose, Conv2DTranspose, Conv3DTranspose; the kernel is (*window, output, input channels).

    Attributes
    ----------
    output_padding : tuple of int or None
        Further positions at the end of each spatial axis; None takes the size that the strides suggest.
    """

    output_padding: tuple[int, ...] | None = None

    def convolve(self, x: tf.Tensor) -> tf.Tensor:
        """Return the transposed convolution."""
        sizes = shape_of(x)
        spatial = [self.output_size(axis, size) for axis, size in enumerate(sizes[1:-1])]
        output = [sizes[0], *spatial, self.kernel.shape[-2]]
        kernel = with_gaps(self.kernel, self.dilation)
        return tf.nn.conv_transpose(x, kernel, output, list(self.strides), self.padding.upper())

    def output_size(self, axis: int, size: Any) -> Any:
        """Return the output's size along a spatial axis, by the arithmetic of Keras."""
        stride, window = self.strides[axis], (self.kernel.shape[axis] - 1) * self.dilation[axis] + 1
        further = None if self.output_padding is None else self.output_padding[axis]
        if self.padding == "same":
            return size * stride if further is None else (size - 1) * stride + window % 2 + further
        return (size - 1) * stride + window + (max(stride - window, 0) if further is None else further)


def with_gaps(kernel: tf.Tensor, dilation: Sequence[int]) -> tf.Tensor:
    """Return a kernel with zeros between its weights: the CPU kernels of transposed convolution know no dilation."""
    for axis, step in enumerate(dilation):
        if step > 1:
            size = kernel.shape[axis]
            positions = tf.range(size) * step
            kernel = tf.tensordot(
                tf.one_hot(positions, (size - 1) * step + 1, axis=0, dtype=kernel.dtype), kernel, [[1], [axis]]
            )
            kernel = tf.transpose(kernel, [*range(1, axis + 1), 0, *range(axis + 1, kernel.shape.rank)])
    return kernel
