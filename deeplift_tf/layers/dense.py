"""Fully connected layers."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplift_tf.layers.kinds import Linear
from deeplift_tf.tensors import once


@dataclasses.dataclass(frozen=True, eq=False)
class Dense(Linear):
    """y = x W + b over the last axis.

    Attributes
    ----------
    kernel : tf.Tensor, shape (channels, units)
    bias : tf.Tensor or None, shape (units,)
    """

    fully_connected = True
    kernel: tf.Tensor
    bias: tf.Tensor | None = None

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return x W."""
        (x,) = inputs
        return tf.matmul(x, self.kernel) if x.shape.rank == 2 else tf.tensordot(x, self.kernel, 1)

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return x W + b."""
        y = self.linear(*inputs)
        return y if self.bias is None else y + self.bias

    def scaled(self, scale: tf.Tensor, shift: tf.Tensor) -> Dense | None:
        """Return the layer of a·y + b."""
        if max(scale.shape.rank, shift.shape.rank) > 1:
            return None
        bias = shift if self.bias is None else self.bias * scale + shift
        return Dense(self.kernel * scale, tf.broadcast_to(bias, self.kernel.shape[1:]))

    def magnitude(self) -> Dense:
        """Return the layer of |W|."""
        return dataclasses.replace(self, kernel=once(tf.abs, self.kernel))


@dataclasses.dataclass(frozen=True, eq=False)
class EinsumDense(Linear):
    """y = einsum(x, W) + b.

    Attributes
    ----------
    equation : str
        As Keras writes it, an ellipsis for leading axes included.
    kernel : tf.Tensor
    bias : tf.Tensor or None
        Broadcast against the last axes of y.
    """

    fully_connected = True
    equation: str
    kernel: tf.Tensor
    bias: tf.Tensor | None = None

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return einsum(x, W)."""
        return tf.einsum(self.equation, *inputs, self.kernel)

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return einsum(x, W) + b."""
        y = self.linear(*inputs)
        return y if self.bias is None else y + self.bias

    def magnitude(self) -> EinsumDense:
        """Return the layer of |W|."""
        return dataclasses.replace(self, kernel=once(tf.abs, self.kernel))
