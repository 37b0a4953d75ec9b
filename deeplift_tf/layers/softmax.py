"""Softmax and its relatives, which couple the units of an axis through one normaliser."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod

import tensorflow as tf

from deeplift_tf.layers.base import Step
from deeplift_tf.layers.kinds import Secant
from deeplift_tf.slopes import Function, exponential, relu


@dataclasses.dataclass(frozen=True, eq=False)
class Normalised(Secant):
    """A function of v = x − τ(x), where τ keeps Σ f(v) = 1.

    With L the secant slope of f between v⁰ and v, the constant sum gives 0 = ΣL·Δv, hence Δτ = ΣL·Δx/ΣL, in closed
    form and without cancellation. For f = exp, L is the logarithmic mean of y and y⁰.

    Attributes
    ----------
    axis : int
        The axis of the sum, counted from the end.
    """

    axis: int

    @abstractmethod
    def centred(self, x: tf.Tensor) -> tf.Tensor:
        """Return v = x − τ(x)."""

    @property
    @abstractmethod
    def function(self) -> Function:
        """Return f."""

    def weights(self, step: Step) -> tuple[tf.Tensor, tf.Tensor]:
        """Return L and L/ΣL, views of pairs."""
        (value,) = step.inputs
        slope = self.function.secant(self.centred(value.reference), self.centred(value.x))
        return slope, slope / tf.reduce_sum(slope, self.axis, keepdims=True)

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return f(v)."""
        return self.function.value(self.centred(inputs[0]))

    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """M = diag(L) − LLᵀ/ΣL, which is symmetric."""
        slope, share = self.weights(step)
        m = step.rows.target(multipliers)
        return [step.rows.merge_targets(slope * (m - tf.reduce_sum(share * m, self.axis, keepdims=True)))]


class Softmax(Normalised):
    """exp(x) / Σexp(x)."""

    def centred(self, x: tf.Tensor) -> tf.Tensor:
        """Return log softmax."""
        return tf.nn.log_softmax(x, self.axis)

    @property
    def function(self) -> Function:
        """Return exp."""
        return exponential()

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the softmax."""
        return tf.nn.softmax(inputs[0], self.axis)


class LogSoftmax(Softmax):
    """x − log Σexp(x)."""

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the log softmax."""
        return self.centred(inputs[0])

    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """M = 1 − 1·Lᵀ/ΣL."""
        _, share = self.weights(step)
        m = step.rows.target(multipliers)
        return [step.rows.merge_targets(m - share * tf.reduce_sum(m, self.axis, keepdims=True))]


class Sparsemax(Normalised):
    """Euclidean projection onto the simplex, relu(x − τ) (Martins and Astudillo, ICML 2016)."""

    def centred(self, x: tf.Tensor) -> tf.Tensor:
        """Return x − τ(x), τ from the sorted values: the largest support whose members all exceed it."""
        moved = tf.experimental.numpy.moveaxis(x, self.axis, -1)
        ordered = tf.sort(moved, direction="DESCENDING")
        count = tf.cast(tf.range(1, tf.shape(ordered)[-1] + 1), x.dtype)
        total = tf.cumsum(ordered, -1) - 1
        inside = tf.cast(ordered * count > total, x.dtype)
        support = tf.reduce_sum(inside, -1, keepdims=True)
        threshold = tf.reduce_sum(ordered * inside, -1, keepdims=True) / support - 1 / support
        return tf.experimental.numpy.moveaxis(moved - threshold, -1, self.axis)

    @property
    def function(self) -> Function:
        """Return the rectifier."""
        return relu()
