"""Layers of any function: the kind is the class, the function an argument.

Many operations differ only in what they compute: a reshape and a cumulative sum are both Routing.
Inputs listed as sides are settings, not values: masks, indices, weights that depend on no input. They stay at x in the
reference pass too, and get no multipliers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from deeplift_tf.layers.base import Layer, Step
from deeplift_tf.layers.kinds import Affine, Elementwise, Linear, Maximum, Routing, Secant
from deeplift_tf.layers.merging import Multilinear
from deeplift_tf.layers.non_differentiable import all_pairs, side_rows
from deeplift_tf.layers.path import straight_line
from deeplift_tf.rules.multipliers import Multipliers
from deeplift_tf.rules.rules import RESCALE, Rule
from deeplift_tf.rules.tensors import shape_of, vjp


@dataclasses.dataclass(frozen=True, eq=False)
class FunctionLayer(Layer):
    """A function, and which of its inputs are sides.

    Attributes
    ----------
    function : callable
        Takes tensors of shape (rows, ...), returns one.
    sides : tuple of int
    """

    function: Callable[..., tf.Tensor]
    sides: tuple[int, ...] = ()

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the function's value."""
        return self.function(*inputs)


@dataclasses.dataclass(frozen=True, eq=False)
class AffineFunction(FunctionLayer, Affine):
    """Base class of the affine kinds: f(x) = A(x) + b, with A found by differentiation.

    Attributes
    ----------
    absolute : callable or None
        The function with absolute weights; None if no entry of A is negative.
    shifted : bool
        Whether b is not zero.
    """

    absolute: Callable[..., tf.Tensor] | None = None
    shifted: bool = False

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return A(x) + b."""
        return self.function(*inputs)

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return A(x)."""
        y = self.function(*inputs)
        if not self.shifted:
            return y
        return y - self.function(*(x if i in self.sides else tf.zeros_like(x) for i, x in enumerate(inputs)))

    def magnitude(self) -> AffineFunction:
        """Return the map by |A|."""
        return self if self.absolute is None else dataclasses.replace(self, function=self.absolute, absolute=None)

    def spread_of(self, step: Step, sizes: list[tf.Tensor]) -> tuple[tf.Tensor, ...]:
        """Return |A|s for a spread s of each input."""
        pairs = [
            step.rows.merge_pairs(all_pairs(value, step.rows)) if i in self.sides else size
            for i, (value, size) in enumerate(zip(step.inputs, sizes, strict=True))
        ]
        return (self.magnitude().linear(*pairs),)

    def transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return Aᵀm for each input."""
        points = [
            side_rows(value, step.rows) if i in self.sides else step.rows.template(value.x, multipliers)
            for i, value in enumerate(step.inputs)
        ]
        return vjp(self.function, points, multipliers)

    def without_sides(self, sent: list[Multipliers]) -> list[Any]:
        """Return what is sent to each input, nothing to sides."""
        return [None if i in self.sides else each for i, each in enumerate(sent)]


class RoutingFunction(AffineFunction, Routing):
    """A Routing: moves, repeats, sums or weighs units."""

    def spread(self, step: Step) -> tuple[tf.Tensor, ...]:
        """s_y = |A|s."""
        sizes = [
            value.x if i in self.sides else step.rows.merge_pairs(value.size) for i, value in enumerate(step.inputs)
        ]
        return self.spread_of(step, sizes)

    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Any]:
        """m̄ₓ = Aᵀm̄, dₓ = |A|ᵀd."""
        return self.without_sides(super().backward(step, *multipliers))


class LinearFunction(AffineFunction, Linear):
    """A Linear layer: mixes units by constant weights."""

    def spread(self, step: Step) -> tuple[tf.Tensor, ...]:
        """s_y = |L|·|Δx|."""
        sizes = [
            value.x if i in self.sides else step.rows.merge_pairs(tf.abs(value.delta))
            for i, value in enumerate(step.inputs)
        ]
        return self.spread_of(step, sizes)

    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Any]:
        """m̄ₓ = Lᵀm̄ + sign(Δx)·|L|ᵀd."""
        return self.without_sides(super().backward(step, *multipliers))


class PartialFunction(Elementwise):
    """A scalar function that is not defined everywhere: logarithm, root, reciprocal.

    RevealCancel reads the function at x⁰+Δ⁺ and x⁰+Δ⁻, which may lie outside its domain; so this layer follows Rescale
    instead.
    """

    def reads_spread(self, rule: Rule, wanted: bool) -> bool:
        """Read when the output's is wanted."""
        return wanted

    def spread(self, step: Step) -> tuple[tf.Tensor, ...]:
        """s_y = |S|s."""
        return super().spread(self.rescaled(step))

    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Multipliers]:
        """m̄ₓ = S·m̄, dₓ = |S|·d."""
        return super().backward(self.rescaled(step), *multipliers)

    @staticmethod
    def rescaled(step: Step) -> Step:
        """Return the step, under Rescale if RevealCancel is in force."""
        return step._replace(rule=RESCALE) if step.rule.spread else step


class MaxFunction(FunctionLayer, Maximum):
    """Each unit of the output is the largest of some units of the input."""

    any_dtype = False  # a function of another framework may hold to the network's


class MinFunction(MaxFunction):
    """Each unit of the output is the smallest of some units of the input."""

    larger = False


@dataclasses.dataclass(frozen=True, eq=False)
class Product(FunctionLayer, Multilinear):
    """A polynomial in all of its inputs together: products of tensors, or of the units of one.

    Attributes
    ----------
    degree : int or None
        None: one for each input.
    """

    degree: int | None = None

    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Integrate the transposed Jacobian along the line: ⌈degree/2⌉ nodes are exact."""
        degree = len(step.inputs) - len(self.sides) if self.degree is None else self.degree
        return straight_line(self.function, step.inputs, multipliers, max(1, (degree + 1) // 2), step.rows)


class BinaryFunction(FunctionLayer, Secant):
    """Any function of two values, unit by unit, for example a guarded quotient, which jumps because 0/0 is 0.

    Each value gets the mean of the change of y by its own step before and after the other value's step, divided by its
    own Δ: this is exact, and for a product it is half the sum of the other's ends. If y is NaN at one of the corners,
    such as x·log(0), the difference is divided in proportion to |Δx|.
    """

    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return Mᵀm̂ for both values."""
        rows, zeros = step.rows, tf.zeros_like(multipliers)
        own = [rows.repeat(tf.broadcast_to(value.x, shape_of(value.delta))) for value in step.inputs]
        u, v = (each + zeros for each in own)
        by_unit = [tf.where(tf.math.is_finite(d), d, 0.0) for d in vjp(self.function, [u, v], tf.ones_like(zeros))]
        if any(value.x is not value.reference for value in step.inputs):
            before = [rows.repeat(tf.broadcast_to(value.reference, shape_of(value.delta))) for value in step.inputs]
            u0, v0 = (each + zeros for each in before)
            by_unit = self.slopes(u, v, u0, v0, by_unit)
        return [
            vjp(lambda x: x + zeros, [value], slope * multipliers)[0] for value, slope in zip(own, by_unit, strict=True)
        ]

    def slopes(
        self, u: tf.Tensor, v: tf.Tensor, u0: tf.Tensor, v0: tf.Tensor, derivatives: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Return the slope of each value; its derivative if its difference is zero."""
        after, before = self.function(u, v), self.function(u0, v0)
        u_alone, v_alone = self.function(u, v0), self.function(u0, v)
        steps, whole = (u - u0, v - v0), after - before
        effects = [(u_alone - before + after - v_alone) / 2, (v_alone - before + after - u_alone) / 2]
        known = tf.math.is_finite(effects[0]) & tf.math.is_finite(effects[1])
        length = tf.abs(steps[0]) + tf.abs(steps[1])
        shares = [whole * tf.math.divide_no_nan(tf.abs(each), length) for each in steps]
        return [
            tf.where(each == 0, slope, tf.where(known, effect, share) / tf.where(each == 0, tf.ones_like(each), each))
            for each, slope, effect, share in zip(steps, derivatives, effects, shares, strict=True)
        ]
