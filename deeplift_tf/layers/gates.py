"""Choices by the data: a switch between two values, and functions that jump.

A boolean or an integer computed from floats has its own value at the reference. In the network it is a float, so
it has a difference and multipliers like any other value: a gate is 0 or 1.
"""

from __future__ import annotations

import dataclasses
import functools

import tensorflow as tf

from deeplift_tf.layers.base import Step
from deeplift_tf.layers.functional import FunctionLayer, PartialFunction
from deeplift_tf.layers.kinds import Secant
from deeplift_tf.layers.non_differentiable import side_rows
from deeplift_tf.rules.multipliers import Difference, Pairing
from deeplift_tf.rules.tensors import shape_of, vjp


def opened(gate: tf.Tensor) -> tf.Tensor:
    """Return a gate of 0 and 1 as booleans."""
    return gate > 0.5


class Steps(PartialFunction):
    """A scalar function that jumps: comparisons, rounding. Values often lie exactly on a jump.

    RevealCancel reads a function at x⁰+Δ⁺ and x⁰+Δ⁻, whose rounding may fall on the other side of a jump; so this layer
    follows Rescale instead.
    """


def both_ends(value: Difference, rows: Pairing) -> tuple[tf.Tensor, tf.Tensor]:
    """Return x and x⁰, each once for each row of the multipliers."""
    sizes = shape_of(value.delta)
    x, reference = (rows.repeat(tf.broadcast_to(end, sizes)) for end in (value.x, value.reference))
    return x, reference


@dataclasses.dataclass(frozen=True, eq=False)
class Where(Secant):
    """y = g·a + (1 − g)·b, for a gate g of 0 and 1: a if it is 1, b if it is 0. The three may broadcast.

    The map is that of a product: a and b get m times the mean of the gate at both ends, the gate gets m times the mean
    of a − b. If the branch that is not chosen is infinite or NaN at an end, and the gate differs between the ends, the
    gate gets the whole difference.

    Attributes
    ----------
    chosen, otherwise : tf.Tensor or None
        A branch that is constant; None for one that is an input, after the gate.
    """

    chosen: tf.Tensor | None = None
    otherwise: tf.Tensor | None = None

    def branches(self, inputs: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, tf.Tensor]:
        """Return a and b, given those that are inputs."""
        left = iter(inputs)
        first = next(left) if self.chosen is None else self.chosen
        return first, next(left) if self.otherwise is None else self.otherwise

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the branch that the gate chooses."""
        gate, *values = inputs
        return tf.where(opened(gate), *self.branches(tuple(values)))

    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return Mᵀm̂ for the gate and for the branches that are inputs."""
        rows = step.rows
        (gate, gate0), *ends = [both_ends(value, rows) for value in step.inputs]
        values, values0 = tuple(x for x, _ in ends), tuple(x0 for _, x0 in ends)
        (a, b), (a0, b0) = self.branches(values), self.branches(values0)
        difference = rows.repeat(step.outputs[0].delta)
        turned = gate - gate0 + tf.zeros_like(difference)
        mean = (a / 2 - b / 2) + (a0 / 2 - b0 / 2) + tf.zeros_like(difference)
        finite = tf.math.is_finite(mean)
        slope = tf.where(turned == 0, tf.zeros_like(difference), tf.where(finite, mean, difference * turned))
        through = tf.where(finite | (turned == 0), multipliers, tf.zeros_like(multipliers))

        def at(end: tf.Tensor) -> list[tf.Tensor]:
            return vjp(lambda *x: tf.where(opened(end), *self.branches(x)), values, through) if values else []

        sent = [(first + second) / 2 for first, second in zip(at(gate), at(gate0), strict=True)]
        return [*vjp(lambda g: g * slope, [gate], multipliers), *sent]


@dataclasses.dataclass(frozen=True, eq=False)
class Jump(FunctionLayer, Secant):
    """A function that jumps, such as argmax: its difference is divided in proportion to |Δx|.

    The units of a group get m·Δy in proportion to their |Δx|, which is the secant slope if the group is one unit.
    Inputs in which the function is linear get the mean of its derivatives at both ends of the others, and the
    remaining difference goes to the others.

    Attributes
    ----------
    linear : tuple of int
        Inputs in which the function is linear, for given values of the others.
    shared : int
        Leading axes that the output has in common with all inputs that are not linear; each place along them is a
        group of its own.
    by_unit : bool
        Whether each unit of the output is a group of its own, made of one unit of each input; inputs may broadcast.
    """

    linear: tuple[int, ...] = ()
    shared: int = 1
    by_unit: bool = False

    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return Mᵀm̂ for each input, zeros for sides."""
        rows, every = step.rows, range(len(step.inputs))
        x, x0 = [], []
        for index, value in enumerate(step.inputs):
            side = index in self.sides
            now, before = (side_rows(value, rows),) * 2 if side else both_ends(value, rows)
            x.append(now)
            x0.append(before)
        middle = [(x[i] + x0[i]) / 2 if i in self.linear else None for i in every]
        high, low = ([end[i] if middle[i] is None else middle[i] for i in every] for end in (x, x0))
        leap = (self.function(*high) - self.function(*low)) * multipliers
        sent = [tf.zeros_like(each) for each in x]
        if self.linear:
            up, down = (vjp(self.function, point, multipliers) for point in (high, low))
            sent = [(up[i] + down[i]) / 2 if i in self.linear else sent[i] for i in every]
        moving = [i for i in every if i not in self.linear and i not in self.sides]
        steps = {i: x[i] - x0[i] for i in moving}
        return [value if i not in steps else self.credit(leap, i, steps) for i, value in enumerate(sent)]

    def credit(self, leap: tf.Tensor, index: int, steps: dict[int, tf.Tensor]) -> tf.Tensor:
        """Return the multipliers of one input, given the differences of its groups and of each input."""
        own = tf.sign(steps[index])
        if self.by_unit:
            whole = functools.reduce(tf.add, [tf.abs(step) for step in steps.values()])
            share = tf.math.divide_no_nan(leap, whole + tf.zeros_like(leap))
            return vjp(lambda x: x * share, [own], tf.ones_like(share))[0] * own
        share = tf.math.divide_no_nan(
            self.grouped(leap), tf.add_n([self.grouped(tf.abs(step)) for step in steps.values()])
        )
        tail = [1] * (own.shape.rank - self.shared)
        return tf.reshape(share, [*shape_of(share), *tail]) * own

    def grouped(self, values: tf.Tensor) -> tf.Tensor:
        """Return the sum over each group."""
        return tf.reduce_sum(values, list(range(self.shared, values.shape.rank)))
