"""Transposed convolutions."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from deeplift_tf.layers.convolution import Convolution
from deeplift_tf.layers.convolution_ops import as_tensorflow
from deeplift_tf.rules.tensors import once, shape_of


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
        kernel = once(lambda w: with_gaps(w, self.dilation), self.kernel)
        return tf.nn.conv_transpose(x, kernel, output, list(self.strides), as_tensorflow(self.padding))

    @property
    def channels(self) -> int:
        """Number of output channels."""
        return int(self.kernel.shape[-2])

    @property
    def uneven(self) -> bool:
        """Whether some outputs are made of fewer inputs than others: at the edges, and between strides."""
        return True

    def by_output(self, values: tf.Tensor) -> tf.Tensor:
        """Return constants of the output channels as they broadcast against the kernel."""
        return values[:, None]

    def by_input(self, values: tf.Tensor) -> tf.Tensor:
        """Return constants of the input channels as they broadcast against the kernel."""
        return values

    def padded(self, zeros: Sequence[tuple[int, int]]) -> None:
        """Return None: its padding takes positions off its output."""
        return None

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
