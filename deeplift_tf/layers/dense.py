"""Fully connected layers."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplift_tf.layers.base import Step
from deeplift_tf.layers.channels import each_channel
from deeplift_tf.layers.kinds import Linear
from deeplift_tf.rules.tensors import once, shape_of


def product(x: tf.Tensor, kernel: tf.Tensor, axes: int = 1, back: bool = False) -> tf.Tensor:
    """Return x W, summed over the last axes of x and the first of W, as one product of matrices; or `back`, m Wᵀ.

    Parameters
    ----------
    x : tf.Tensor, shape (..., *first axes of W), or with `back` (..., *last axes of W)
    kernel : tf.Tensor
    axes : int
        How many axes of W are its first ones.
    back : bool
    """
    first, last = kernel.shape[:axes], kernel.shape[axes:]
    summed, kept = (last, first) if back else (first, last)
    if x.shape.rank == 2 and kernel.shape.rank == 2:
        return tf.matmul(x, kernel, transpose_b=back)
    matrix = tf.reshape(kernel, [first.num_elements(), last.num_elements()])
    lead = shape_of(x)[: x.shape.rank - len(summed)]
    y = tf.matmul(tf.reshape(x, [-1, summed.num_elements()]), matrix, transpose_b=back)
    return tf.reshape(y, [*lead, *kept])


def shared_axes(equation: str) -> int:
    """Return the number of axes that an einsum sums over, where they are the last of x and the first of W; else 0."""
    terms, y = equation.replace(" ", "").split("->")
    x, kernel = terms.split(",")
    for axes in range(1, len(kernel)):
        if x.endswith(kernel[:axes]) and y == x[:-axes] + kernel[axes:] and not set(kernel[axes:]) & set(x):
            return axes
    return 0


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
        return product(inputs[0], self.kernel)

    def transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return m Wᵀ."""
        return [product(multipliers, self.kernel, back=True)]

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return x W + b."""
        y = self.linear(*inputs)
        return y if self.bias is None else y + self.bias

    def scaled(self, scale: tf.Tensor, shift: tf.Tensor) -> Dense | None:
        """Return the layer of a·y + b."""
        a, b = each_channel(scale, -1), each_channel(shift, -1)
        if a is None or b is None:
            return None
        bias = b if self.bias is None else self.bias * a + b
        return Dense(self.kernel * a, tf.broadcast_to(bias, self.kernel.shape[1:]))

    def of_scaled(self, scale: tf.Tensor, shift: tf.Tensor) -> Dense | None:
        """Return the layer of a·x + b in place of x."""
        a, b = each_channel(scale, -1), each_channel(shift, -1)
        if a is None or b is None:
            return None
        bias = tf.reduce_sum(b[:, None] * self.kernel, 0)
        return Dense(a[:, None] * self.kernel, bias if self.bias is None else self.bias + bias)

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
        axes = shared_axes(self.equation)
        return product(inputs[0], self.kernel, axes) if axes else tf.einsum(self.equation, *inputs, self.kernel)

    def transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return Lᵀm."""
        axes = shared_axes(self.equation)
        if axes:
            return [product(multipliers, self.kernel, axes, back=True)]
        return super().transpose(step, multipliers)

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return einsum(x, W) + b."""
        y = self.linear(*inputs)
        return y if self.bias is None else y + self.bias

    def scaled(self, scale: tf.Tensor, shift: tf.Tensor) -> EinsumDense | None:
        """Return the layer of a·y + b."""
        kernel = self.times(scale, self.equation.split("->")[1])
        if kernel is None:
            return None
        return EinsumDense(self.equation, kernel, shift if self.bias is None else self.bias * scale + shift)

    def of_scaled(self, scale: tf.Tensor, shift: tf.Tensor) -> EinsumDense | None:
        """Return the layer of a·x in place of x; one of a·x + b may have a bias for each position."""
        kernel = None if tf.reduce_any(shift != 0) else self.times(scale, self.equation.split(",")[0])
        return None if kernel is None else dataclasses.replace(self, kernel=kernel)

    def times(self, values: tf.Tensor, term: str) -> tf.Tensor | None:
        """Return W times constants that broadcast against the last axes of a term; None where W lacks one of them."""
        known = term.strip().split("...")[-1]  # before an ellipsis, who knows which axis is which
        names = known[-values.shape.rank :].rjust(values.shape.rank, "?") if values.shape.rank else ""
        letters = "".join(name for name, size in zip(names, values.shape, strict=True) if size > 1)
        kernel = self.equation.replace(" ", "").split("->")[0].split(",")[1]
        if not set(letters) <= set(kernel):
            return None
        return tf.einsum(f"{kernel},{letters}->{kernel}", self.kernel, tf.squeeze(values))

    def magnitude(self) -> EinsumDense:
        """Return the layer of |W|."""
        return dataclasses.replace(self, kernel=once(tf.abs, self.kernel))
