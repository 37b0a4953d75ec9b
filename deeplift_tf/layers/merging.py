"""Layers of several inputs: sums are Routing, products Secant, maxima select units."""

from __future__ import annotations

import dataclasses
import functools
from typing import ClassVar

import tensorflow as tf

from deeplift_tf.layers.base import Step
from deeplift_tf.layers.kinds import Maximum, Routing, Secant
from deeplift_tf.layers.path import straight_line
from deeplift_tf.layers.ties import Groups


class Add(Routing):
    """Sum of the inputs, which may broadcast."""

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the sum."""
        return functools.reduce(tf.add, inputs)


class Average(Routing):
    """Mean of the inputs, which may broadcast."""

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the mean."""
        return functools.reduce(tf.add, inputs) / len(inputs)


@dataclasses.dataclass(frozen=True, eq=False)
class Members(Average):
    """Mean of the outputs of the members of an ensemble.

    Attributes
    ----------
    logits : str, optional
        Name of the node that makes the mean of what goes into the members' final softmax or sigmoid, where they end in
        one.
    """

    logits: str | None = None


class Stacked(Routing):
    """Inputs of one shape along a new axis, behind that of rows."""

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the inputs side by side."""
        return tf.stack(inputs, 1)


class Subtract(Routing):
    """First input minus the second."""

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return u − v."""
        first, second = inputs
        return first - second

    def magnitude(self) -> Add:
        """Return the sum."""
        return Add()


@dataclasses.dataclass(frozen=True, eq=False)
class Concatenate(Routing):
    """Inputs side by side.

    Attributes
    ----------
    axis : int
    """

    axis: int

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the concatenation."""
        return tf.concat(inputs, self.axis)


class Largest(Maximum):
    """Elementwise maximum of the inputs. Inputs that tie share the credit."""

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the maximum."""
        return tf.reduce_max(tf.stack(_broadcast(inputs)), 0)

    def groups(self) -> Groups:
        """Return the inputs side by side."""
        return Groups(lambda *inputs: tf.stack(_broadcast(inputs), 1), (1,))


class Smallest(Maximum):
    """Elementwise minimum of the inputs. Inputs that tie share the credit."""

    larger: ClassVar[bool] = False

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the minimum."""
        return tf.reduce_min(tf.stack(_broadcast(inputs)), 0)

    def groups(self) -> Groups:
        """Return the inputs side by side."""
        return Groups(lambda *inputs: tf.stack(_broadcast(inputs), 1), (1,))


def _broadcast(inputs: tuple[tf.Tensor, ...]) -> list[tf.Tensor]:
    zeros = functools.reduce(tf.add, [tf.zeros_like(x) for x in inputs])
    return [x + zeros for x in inputs]


class Multilinear(Secant):
    """Products of several inputs, linear in each: exact along the straight line with few nodes.

    The derivative of a product of k factors is a polynomial of degree k − 1 along the line, so ⌈k/2⌉ Gauss–Legendre
    nodes are exact. For two factors that is one node, where u gets B(·, (v+v⁰)/2) and v gets B((u+u⁰)/2, ·).
    """

    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Integrate the transposed Jacobian along the line."""
        nodes = (len(step.inputs) + 1) // 2
        return straight_line(self.forward, step.inputs, multipliers, nodes, step.rows)


class Multiply(Multilinear):
    """Elementwise product of the inputs, which may broadcast."""

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the product."""
        return functools.reduce(tf.multiply, inputs)


@dataclasses.dataclass(frozen=True, eq=False)
class Contraction(Multilinear):
    """Sum of products over shared axes: Dot, matrix products, attention.

    Attributes
    ----------
    equation : str
        For tf.einsum, with a letter for the rows in every term.
    """

    equation: str

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the contraction."""
        return tf.einsum(self.equation, *inputs)
