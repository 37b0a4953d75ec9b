"""Softmax and related layers, which couple the units of an axis through one normaliser."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplift_tf.layers.base import Step
from deeplift_tf.layers.kinds import Secant
from deeplift_tf.rules.secants import relu
from deeplift_tf.rules.secants.exponentials import decay
from deeplift_tf.rules.tensors import shape_of, vjp


@dataclasses.dataclass(frozen=True, eq=False)
class Softmax(Secant):
    """exp(v) with v = x − log Σexp(x).

    With L the secant slope of exp between v⁰ and v, the logarithmic mean of y and y⁰, the constant sum of y gives
    0 = ΣL·Δv, hence v moves by Δx − ΣL·Δx/ΣL: closed form, without cancellation.

    Attributes
    ----------
    axis : int
        The axis of the sum, counted from the end.
    """

    axis: int

    def weights(self, step: Step) -> tuple[tf.Tensor, tf.Tensor]:
        """Return L and L/ΣL, views of pairs. The softmax itself is known from the forward pass."""
        (value,) = step.inputs
        y = tf.nn.softmax(value.x, self.axis)
        if value.x is value.reference:
            return y, y
        before = tf.nn.softmax(value.reference, self.axis)
        u0, u1 = self.logarithm(value.reference, before), self.logarithm(value.x, y)
        distance = tf.where(u0 == u1, tf.zeros_like(u0), tf.abs(u0 - u1))  # a masked unit is −∞ at both ends
        slope = tf.maximum(before, y) * decay(-distance)
        return slope, slope / tf.reduce_sum(slope, self.axis, keepdims=True)

    def logarithm(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """Return v, where y = exp(v) is known: at the largest x it is log y."""
        at_largest = tf.math.log(tf.reduce_max(y, self.axis, keepdims=True))
        return x - tf.reduce_max(x, self.axis, keepdims=True) + at_largest

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the softmax."""
        return tf.nn.softmax(inputs[0], self.axis)

    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """M = diag(L) − LLᵀ/ΣL, which is symmetric."""
        slope, share = self.weights(step)
        m = step.rows.target(multipliers)
        m -= self.at_largest(share, m)
        return [step.rows.merge_targets(slope * (m - tf.reduce_sum(share * m, self.axis, keepdims=True)))]

    def at_largest(self, share: tf.Tensor, m: tf.Tensor) -> tf.Tensor:
        """Return m of the unit with the largest share, axis kept.

        What all units have in common has no effect. Where one share is almost one, m − Σ share·m would cancel there.
        """
        size = shape_of(share)[self.axis]
        along = self.axis % share.shape.rank
        largest = tf.one_hot(tf.argmax(share, along), size, axis=along, dtype=m.dtype)
        return tf.reduce_sum(largest * m, self.axis, keepdims=True)


class LogSoftmax(Softmax):
    """x − log Σexp(x)."""

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the log softmax."""
        return tf.nn.log_softmax(inputs[0], self.axis)

    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """M = 1 − 1·Lᵀ/ΣL."""
        _, share = self.weights(step)
        m = step.rows.target(multipliers)
        return [step.rows.merge_targets(m - share * tf.reduce_sum(m, self.axis, keepdims=True))]


@dataclasses.dataclass(frozen=True, eq=False)
class LogSumExp(Softmax):
    """log Σexp(x): M = Lᵀ/ΣL, as in softmax.

    Attributes
    ----------
    axis : int
        Counted from the end.
    keepdims : bool
    """

    keepdims: bool = False

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return log Σexp(x)."""
        return tf.reduce_logsumexp(inputs[0], self.axis, keepdims=self.keepdims)

    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return L/ΣL·m."""
        _, share = self.weights(step)
        m = step.rows.target(multipliers)
        return [step.rows.merge_targets(share * (m if self.keepdims else tf.expand_dims(m, self.axis)))]


@dataclasses.dataclass(frozen=True, eq=False)
class Sparsemax(Secant):
    """relu(x − τ), with one threshold τ for all units of an axis (Martins and Astudillo, ICML 2016).

    Δτ = g·Δx with g the mean of the gradients of τ at both ends, and the shortest vector along Δx that makes the
    equation hold; then M = diag(S)(1 − 1·gᵀ), S the slope of the rectifier.

    Attributes
    ----------
    axis : int
        Counted from the end.
    cumulated : bool
        Whether the threshold adds up the cumulated sums of the support, as Keras 3.15 does, in place of taking the
        last of them, which is the projection onto the simplex.
    """

    axis: int
    cumulated: bool

    def threshold(self, x: tf.Tensor) -> tf.Tensor:
        """Return τ, axis kept: the support is the largest whose members all exceed their own threshold."""
        moved = tf.experimental.numpy.moveaxis(x, self.axis, -1)
        ordered = tf.sort(moved, direction="DESCENDING")
        count = tf.cast(tf.range(1, tf.shape(ordered)[-1] + 1), x.dtype)
        sums = tf.cumsum(ordered, -1)
        inside = tf.cast(ordered * count > sums - 1, x.dtype)
        total = tf.reduce_sum((sums if self.cumulated else ordered) * inside, -1, keepdims=True)
        threshold = (total - 1) / tf.reduce_sum(inside, -1, keepdims=True)
        return tf.experimental.numpy.moveaxis(threshold, -1, self.axis)

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return relu(x − τ)."""
        (x,) = inputs
        return tf.nn.relu(x - self.threshold(x))

    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return Mᵀm = S·m − g·Σ(S·m)."""
        (value,) = step.inputs
        before, after = self.threshold(value.reference), self.threshold(value.x)
        slope = relu().secant(value.reference - before, value.x - after)
        ends = [
            vjp(self.threshold, [end], tf.ones_like(tau))[0]
            for end, tau in ((value.reference, before), (value.x, after))
        ]
        gradient, delta = (ends[0] + ends[1]) / 2, value.delta
        missing = after - before - tf.reduce_sum(gradient * delta, self.axis, keepdims=True)
        length = tf.reduce_sum(delta * delta, self.axis, keepdims=True)
        gradient += tf.math.divide_no_nan(missing, length) * delta
        m = slope * step.rows.target(multipliers)
        return [step.rows.merge_targets(m - gradient * tf.reduce_sum(m, self.axis, keepdims=True))]
