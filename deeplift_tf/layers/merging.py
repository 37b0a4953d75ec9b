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

    def transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return m for each input, added up over the axes along which it is repeated."""
        axes = repeated_axes(step)
        return super().transpose(step, multipliers) if axes is None else [added_up(multipliers, each) for each in axes]


def repeated_axes(step: Step) -> list[list[int]] | None:
    """Return for each input the axes, counted from the end, along which it is repeated; None if that is not known.

    Where it is known, no operation has to find these axes anew for each batch.
    """
    shapes = [tf.broadcast_static_shape(value.x.shape, value.reference.shape) for value in step.inputs]
    if any(shape.rank is None for shape in shapes):
        return None
    tails = [list(shape)[1 + (step.rows.references is not None) :] for shape in shapes]
    if len({len(tail) for tail in tails}) > 1 or any(None in tail for tail in tails):
        return None
    largest = [max(sizes) for sizes in zip(*tails, strict=True)]
    return [[axis - len(tail) for axis, size in enumerate(tail) if size != largest[axis]] for tail in tails]


def added_up(tensor: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """Return the sum over some axes, whose size becomes one."""
    return tf.reduce_sum(tensor, axes, keepdims=True) if axes else tensor


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


class Stack(Routing):
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

    def transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return m and −m."""
        first, second = Add().transpose(step, multipliers)
        return [first, -second]

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

    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Of two factors each gets m·(the mean of the other's ends), added up over the axes along which it is repeated.

        The same as on the line, without the operations that find those axes anew for each batch.
        """
        axes = repeated_axes(step)
        if axes is None or len(axes) != 2:
            return super().secant_transpose(step, multipliers)
        m = step.rows.target(multipliers)
        middles = [v.x if v.x is v.reference else 0.5 * (v.x + v.reference) for v in reversed(step.inputs)]
        sent = [added_up(m * middle, each) for middle, each in zip(middles, axes, strict=True)]
        return [step.rows.merge_targets(each) for each in sent]


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
