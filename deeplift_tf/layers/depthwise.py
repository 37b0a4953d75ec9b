"""Depthwise convolutions: each channel is convolved by itself."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from deeplift_tf.layers.convolution import Convolution
from deeplift_tf.layers.convolution_ops import depthwise_convolution


class DepthwiseConv(Convolution):
    """DepthwiseConv1D and DepthwiseConv2D; the kernel is (*window, channels, multiplier)."""

    def convolve(self, x: tf.Tensor) -> tf.Tensor:
        """Return the depthwise convolution."""
        return depthwise_convolution(x, self.kernel, self.strides, self.padding, self.dilation)

    @property
    def channels(self) -> int:
        """Number of output channels."""
        return int(self.kernel.shape[-2] * self.kernel.shape[-1])

    @property
    def summed_axes(self) -> list[int]:
        """Axes of the kernel over which an output sums."""
        return list(range(len(self.strides)))

    def by_output(self, values: tf.Tensor) -> tf.Tensor:
        """Return constants of the output channels as they broadcast against the kernel."""
        return values if values.shape[0] == 1 else tf.reshape(values, self.kernel.shape[-2:])

    def by_input(self, values: tf.Tensor) -> tf.Tensor:
        """Return constants of the input channels as they broadcast against the kernel."""
        return values[:, None]

    def padded(self, zeros: Sequence[tuple[int, int]]) -> None:
        """Return None: the operation is given no amounts; see `depthwise_convolution`."""
        return None
