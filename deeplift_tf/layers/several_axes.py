"""Softmax and its relatives over several axes at once, as attention over both axes of an image has it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from deeplift_tf.layers.base import Step
from deeplift_tf.layers.kinds import Secant
from deeplift_tf.layers.softmax import LogSumExp, Softmax
from deeplift_tf.rules.tensors import shape_of


@dataclasses.dataclass(frozen=True, eq=False)
class SeveralAxes(Secant):
    """A layer over the last axis, on several axes brought together there.

    Attributes
    ----------
    layer : Softmax, LogSoftmax or LogSumExp
        Over axis -1.
    axes : tuple of int
        In their order, counted from the end.
    """

    layer: Softmax
    axes: tuple[int, ...]

    def together(self, x: tf.Tensor) -> tf.Tensor:
        """Return (..., a, b) as (..., a·b)."""
        moved = tf.experimental.numpy.moveaxis(x, self.axes, range(-len(self.axes), 0))
        return tf.reshape(moved, [*shape_of(moved)[: -len(self.axes)], -1])

    def apart(self, x: tf.Tensor, sizes: Sequence[Any]) -> tf.Tensor:
        """Return (..., a·b) as (..., a, b), for the sizes of these axes."""
        moved = tf.reshape(x, [*shape_of(x)[:-1], *sizes])
        return tf.experimental.numpy.moveaxis(moved, range(-len(self.axes), 0), self.axes)

    def sizes(self, x: tf.Tensor) -> list[Any]:
        """Return the sizes of the axes."""
        return [shape_of(x)[axis] for axis in self.axes]

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the layer's value, in the shape of the input, or without the axes where the layer drops its own."""
        (x,) = inputs
        y = self.layer.forward(self.together(x))
        if not isinstance(self.layer, LogSumExp):
            return self.apart(y, self.sizes(x))
        return self.apart(y, [1] * len(self.axes)) if self.layer.keepdims else y

    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return Mᵀm̂ of the layer, its axis in parts again."""
        (value,) = step.inputs
        x = self.together(value.x)
        reference = x if value.x is value.reference else self.together(value.reference)
        dropped = isinstance(self.layer, LogSumExp) and not self.layer.keepdims
        m = multipliers if dropped else self.together(multipliers)
        inner = step._replace(inputs=(value._replace(x=x, reference=reference, spread=None),))
        (sent,) = self.layer.secant_transpose(inner, m)
        return [self.apart(sent, self.sizes(value.x))]
