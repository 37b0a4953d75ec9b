"""Affine maps of each unit: batch normalisation at inference, standardising, rescaling."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplift_tf.layers.kinds import Routing
from deeplift_tf.rules.tensors import once


@dataclasses.dataclass(frozen=True, eq=False)
class Scale(Routing):
    """y = a·x + b, unit by unit: BatchNormalization at inference, Normalization, Rescaling.

    A negative scale swaps positive and negative parts, which |a| does by itself.

    Attributes
    ----------
    scale, shift : tf.Tensor
        Broadcast against the last axes of x.
    """

    scale: tf.Tensor
    shift: tf.Tensor

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return a·x."""
        return inputs[0] * self.scale

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return a·x + b."""
        return inputs[0] * self.scale + self.shift

    def magnitude(self) -> Scale:
        """Return the map by |a|."""
        return dataclasses.replace(self, scale=once(tf.abs, self.scale))
