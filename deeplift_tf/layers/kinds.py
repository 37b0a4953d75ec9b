"""The kinds of layer. A kind states its formulas once; a concrete layer states only its function.

With y the output, m the multipliers that reach it, s the spread, and S± the slopes of the rule in force:

=============  ==========================  ===========================================================
kind           forward                     backward
=============  ==========================  ===========================================================
Linear         s_y = |L|·|Δx|              m̄ₓ = Lᵀm̄ + sign(Δx)·|L|ᵀd
Routing        s_y = |A|s                  m̄ₓ = Aᵀm̄, dₓ = |A|ᵀd
Maximum        the Routing whose A the    slope Δy/Δx at the unit that made the larger of y and y⁰
               data choose
Elementwise    s_y = |S⁺|Δx⁺ + |S⁻||Δx⁻|   m̄ₓ = ½(S⁺+S⁻)m̄ + ½(|S⁺|−|S⁻|)d,
                                           dₓ = ½(S⁺−S⁻)m̄ + ½(|S⁺|+|S⁻|)d
Secant         s_y = |Δy|                  m̄ₓ = Mᵀm̂, with MΔx = Δy in closed form
=============  ==========================  ===========================================================

The last kind, Path, is in `path`. The formulas of Linear are those of DeepLIFT (Shrikumar et al., ICML 2017,
section 3.5), written for m̄ and d instead of m⁺ and m⁻.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import tensorflow as tf

from deeplift_tf.layers.base import Layer, Step
from deeplift_tf.layers.ties import GroupMoves, Groups, Windows, in_order, sent_back, sent_to_places, shared
from deeplift_tf.rules.multipliers import Difference, Multipliers, Pairing, collapse
from deeplift_tf.rules.rules import Rule, Slopes
from deeplift_tf.rules.secants import Function
from deeplift_tf.rules.secants.function import guard
from deeplift_tf.rules.tensors import jvp_of_transpose, vjp


@dataclasses.dataclass(frozen=True, eq=False)
class Affine(Layer):
    """An affine map y = A(x) + b, base of Linear and Routing."""

    ruled = False

    @abstractmethod
    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return A(x), without b."""

    def magnitude(self) -> Affine:
        """Return the layer of |A|, with absolute weights; A itself if no entry is negative."""
        return self

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return A(x) + b."""
        return self.linear(*inputs)

    def transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return Aᵀm for each input, by differentiating `linear`."""
        return vjp(self.linear, [step.rows.template(value.x, multipliers) for value in step.inputs], multipliers)


@dataclasses.dataclass(frozen=True, eq=False)
class Linear(Affine):
    """An affine map that mixes its inputs: positive and negative parts are formed anew from Δx."""

    kind = "Linear"

    def scaled(self, scale: tf.Tensor, shift: tf.Tensor) -> Linear | None:
        """Return the layer of a·y + b, for constants that broadcast; None if they cannot be folded into its weights."""
        return None

    def of_scaled(self, scale: tf.Tensor, shift: tf.Tensor) -> Linear | None:
        """Return the layer of a·x + b in place of x; None if the constants cannot be folded into its weights."""
        return None

    def spread(self, step: Step) -> tuple[tf.Tensor, ...]:
        """s_y = |L|·|Δx|."""
        sizes = [step.rows.merge_pairs(tf.abs(value.delta)) for value in step.inputs]
        return (self.magnitude().linear(*sizes),)

    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Multipliers]:
        """m̄ₓ = Lᵀm̄ + sign(Δx)·|L|ᵀd; nothing is sent as half-difference."""
        (m,) = multipliers
        assert m is not None
        means = [Multipliers(mean) for mean in self.transpose(step, m.mean)]
        if m.half_difference is None:
            return means
        halves = self.magnitude().transpose(step, m.half_difference)
        pairs = [Multipliers(mean.mean, half) for mean, half in zip(means, halves, strict=True)]
        return [
            Multipliers(collapse(pair, value.delta, step.rows)) for pair, value in zip(pairs, step.inputs, strict=True)
        ]


@dataclasses.dataclass(frozen=True, eq=False)
class Routing(Affine):
    """An affine map that carries positive and negative parts through, each on its own."""

    kind = "Routing"

    def reads_spread(self, rule: Rule, wanted: bool) -> bool:
        """Read when the output's is wanted."""
        return wanted

    def spread(self, step: Step) -> tuple[tf.Tensor, ...]:
        """s_y = |A|s."""
        return (self.magnitude().linear(*(step.rows.merge_pairs(value.size) for value in step.inputs)),)

    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Multipliers]:
        """m̄ₓ = Aᵀm̄, dₓ = |A|ᵀd."""
        (m,) = multipliers
        assert m is not None
        means = self.transpose(step, m.mean)
        if m.half_difference is None:
            return [Multipliers(mean) for mean in means]
        halves = self.magnitude().transpose(step, m.half_difference)
        return [Multipliers(mean, half) for mean, half in zip(means, halves, strict=True)]


def as_traced(arithmetic: Callable[..., Any], rule: Rule, function: Any, *values: Any) -> Any:
    """Run arithmetic operation by operation."""
    return arithmetic(rule, function, *values)


def is_still(step: Step) -> bool:
    """Whether the inputs are their own references, as under a rule without one."""
    return all(value.x is value.reference for value in step.inputs)


def at_least_still(delta: tf.Tensor) -> tf.Tensor:
    """Return |Δ| with a lower bound in place of zeros, so that 0/0 becomes a slope of one.

    If units tie, a group without a difference may credit a unit that has one. The contribution of that unit is then too
    large by the bound times m, which is far below rounding.
    """
    return tf.maximum(tf.abs(delta), tf.constant(guard(delta), delta.dtype))


@dataclasses.dataclass(frozen=True, eq=False)
class Maximum(Layer):
    """The largest (or smallest) of a group of units: a Routing whose A the data choose.

    If Δy > 0 the credit goes to a unit of x with the value y, if Δy < 0 to a unit of x⁰ with the value y⁰: in both
    cases to a unit with the maximum of max(x, x⁰). Of several such units (with a constant reference, often many), the
    one with the largest min(x, x⁰) gets it, the unit that moves least. So the choice does not depend on where a group
    starts. The slope Δy/Δx lies in [0, 1], and is one if Δx = 0. The sum over units equals the difference for any
    reference and for overlapping groups. The original DeepLIFT passes the gradient at x instead, whose sum does not
    (measured: relative errors up to 2).

    Attributes
    ----------
    run : callable
        As in `Elementwise`, for windows that do not overlap.
    """

    kind = "Routing"
    run = staticmethod(as_traced)
    larger: ClassVar[bool] = True
    any_dtype: ClassVar[bool] = True  # whether `forward` takes numbers of another dtype than the network's

    def reads_spread(self, rule: Rule, wanted: bool) -> bool:
        """Read when the output's is wanted."""
        return wanted

    def units(self, step: Step) -> tuple[Difference, ...]:
        """Return the inputs that the maximum is taken of."""
        return step.inputs

    def keys(self, step: Step) -> list[list[tf.Tensor]]:
        """Return the keys by which units are compared, the most significant first; views of pairs."""
        return [self.extremes(value) for value in self.units(step)]

    def extremes(self, value: Difference) -> list[tf.Tensor]:
        """Return max(x, x⁰) and min(x, x⁰); for a minimum those of −x."""
        ends = [tf.maximum(value.x, value.reference), tf.minimum(value.x, value.reference)]
        return ends if self.larger else [-end for end in ends[::-1]]

    def value_of_key(self, key: tf.Tensor) -> tf.Tensor:
        """Return the units' values, up to constants and signs, from the first of what they are compared by."""
        return key

    def separate_windows(self) -> Windows | None:
        """Return the arrangement of units in windows that do not overlap; None if they are not in such windows."""
        return None

    def groups(self) -> Groups | None:
        """Return how to arrange the units of each group along axes of their own; None if that costs too much."""
        return None

    def spread(self, step: Step) -> tuple[tf.Tensor, ...]:
        """s_y = As."""
        single = step._replace(rows=step.rows._replace(targets=None))
        sizes = [step.rows.merge_pairs(value.size) for value in self.units(step)]
        (output,) = step.outputs
        cotangent = tf.zeros_like(step.rows.merge_pairs(output.delta))
        parts = [
            jvp_of_transpose(lambda m, index=index: self.traced_transpose(single, m)[index], cotangent, size)
            for index, size in enumerate(sizes)
        ]
        return (tf.add_n(parts),)

    def transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return Aᵀm for each input: the credit m·|Δy| of every group, divided by the |Δx| of the credited unit.

        Both differences have the same sign. Under a rule without a reference it is the derivative.
        """
        if self.run is as_traced or step.rows != Pairing() or is_still(step) or self.separate_windows() is None:
            return self.traced_transpose(step, multipliers)
        return self.run(through_windows, step.rule, self, step.inputs, step.outputs, multipliers)

    def traced_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return the same, operation by operation."""
        if is_still(step):
            return vjp(self.forward, [step.rows.repeat(value.x) for value in self.units(step)], multipliers)
        return self.shares(step, multipliers, sent_back)

    def shares(self, step: Step, multipliers: tf.Tensor, send: Callable[..., tf.Tensor]) -> list[tf.Tensor]:
        """Return Aᵀm; `send` finds the credited units of windows."""
        rows, units, (output,) = step.rows, self.units(step), step.outputs
        credit = rows.merge_targets(rows.target(multipliers) * at_least_still(output.delta))
        return [
            rows.merge_targets(rows.target(part) / at_least_still(value.delta))
            for part, value in zip(self.credited(step, credit, send), units, strict=True)
        ]

    def credited(self, step: Step, credit: tf.Tensor, send: Callable[..., tf.Tensor]) -> list[tf.Tensor]:
        """Return the credit of each group at its credited unit."""
        rows, keys, windows, groups = step.rows, self.keys(step), self.separate_windows(), self.groups()
        moved = GroupMoves(rows.merge_pairs(step.outputs[0].delta), self.value_of_key)
        if windows is not None:
            (merged,) = [[rows.merge_pairs(key) for key in each] for each in keys]
            return [send(windows, merged, moved, credit, lambda each: rows.repeat(rows.pair(each)))]
        if groups is not None:
            merged = [[rows.merge_pairs(key) for key in each] for each in keys]
            return shared(groups, merged, moved, credit, rows.targets)
        order = [rows.repeat(each) for each in in_order(keys, 1 + (rows.references is not None), self.any_dtype)]
        sent = vjp(self.forward, order if self.larger else [-each for each in order], tf.cast(credit, order[0].dtype))
        return [tf.cast(part, credit.dtype) for part in sent]

    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Multipliers]:
        """m̄ₓ = Aᵀm̄, dₓ = Aᵀd: no entry of A is negative."""
        (m,) = multipliers
        assert m is not None
        means = self.transpose(step, m.mean)
        if m.half_difference is None:
            return [Multipliers(mean) for mean in means]
        halves = self.transpose(step, m.half_difference)
        return [Multipliers(mean, half) for mean, half in zip(means, halves, strict=True)]


def through_windows(
    rule: Rule, layer: Maximum, inputs: Sequence[Difference], outputs: Sequence[Difference], multipliers: tf.Tensor
) -> list[tf.Tensor]:
    """Return Aᵀm of a maximum over windows, in a form that XLA makes one pass of."""
    return layer.shares(Step(tuple(inputs), tuple(outputs), Pairing(), rule), multipliers, sent_to_places)


@dataclasses.dataclass(frozen=True, eq=False)
class TieBrokenMaximum(Maximum):
    """A maximum of units that an activation may have made equal: their values before it break ties.

    Its inputs are those of the maximum, then as many again that only break ties.

    Attributes
    ----------
    layer : Maximum
    alone : bool
        Whether the values before the activation are enough for comparison: if the activation is flat only at its
        smallest value, they have the same order.
    law : Function or None
        The activation, with `alone`; None if the units differ by no more than their values before it.
    """

    layer: Maximum
    alone: bool = False
    law: Function | None = None
    run: Callable[..., Any] = as_traced

    @property
    def larger(self) -> bool:  # type: ignore[override]
        """As in the maximum itself."""
        return self.layer.larger

    @property
    def any_dtype(self) -> bool:  # type: ignore[override]
        """As in the maximum itself."""
        return self.layer.any_dtype

    def value_of_key(self, key: tf.Tensor) -> tf.Tensor:
        """Return the activation of what the units were before."""
        return key if self.law is None else self.law.value(key if self.larger else -key)

    def separate_windows(self) -> Windows | None:
        """As in the maximum itself."""
        return self.layer.separate_windows()

    def groups(self) -> Groups | None:
        """As in the maximum itself."""
        return self.layer.groups()

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return the maximum of the units; the other inputs do not change it."""
        return self.layer.forward(*(inputs if len(inputs) == 1 else inputs[: -(-len(inputs) // 2)]))

    def units(self, step: Step) -> tuple[Difference, ...]:
        """Return the first half of the inputs."""
        return step.inputs[: len(step.inputs) // 2]

    def keys(self, step: Step) -> list[list[tf.Tensor]]:
        """Return the keys of the units, then those of their values before the activation."""
        units = self.units(step)
        before = [self.extremes(value) for value in step.inputs[len(units) :]]
        if self.alone:
            return before
        return [self.extremes(value) + key for value, key in zip(units, before, strict=True)]

    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Any]:
        """Send the maximum's multipliers to the units, and nothing to the inputs that break ties."""
        count = len(self.units(step))
        return [*super().backward(step, *multipliers)[:count], *[None] * count]


def spread_through(rule: Rule, function: Function, value: Difference) -> tf.Tensor:
    """s_y = |S⁺|Δx⁺ + |S⁻||Δx⁻|, which is S̄·s + h·Δx if no slope is negative."""
    mean, half = sizes(function, rule.slopes(function, value))
    spread = mean * value.size
    return spread if half is None else spread + half * value.delta


def multiplied(rule: Rule, function: Function, value: Difference, m: Multipliers) -> Multipliers:
    """m̄ₓ = S̄m̄ + ½(|S⁺|−|S⁻|)d, dₓ = hm̄ + ½(|S⁺|+|S⁻|)d."""
    slopes = rule.slopes(function, value)
    mean, half = product(slopes, m.mean)
    if m.half_difference is not None:
        own, across = product(sizes(function, slopes), m.half_difference)
        mean = mean if across is None else mean + across
        half = own if half is None else half + own
    return Multipliers(mean, half)


def sizes(function: Function, slopes: Slopes) -> Slopes:
    """Return |S±|."""
    return slopes if function.rising else slopes.sizes()


def product(slopes: Slopes, m: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Return S̄·m and h·m."""
    mean, half = slopes
    return mean * m, None if half is None else half * m


@dataclasses.dataclass(frozen=True, eq=False)
class Elementwise(Layer):
    """A scalar function of each unit; the rule in force determines its slopes.

    The absolute values keep the sum exact if the function decreases: a negative slope turns a positive part into a
    negative one.

    Attributes
    ----------
    function : Function
    run : callable
        How the arithmetic of the rule is run: one operation after another, or compiled as a whole.
    """

    kind = "Elementwise"
    function: Function
    run: Callable[..., Any] = as_traced

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return f(x)."""
        (x,) = inputs
        return self.function.value(x)

    def reads_spread(self, rule: Rule, wanted: bool) -> bool:
        """Read by RevealCancel, and by any rule when the output's is wanted."""
        return rule.spread or wanted

    def spread(self, step: Step) -> tuple[tf.Tensor, ...]:
        """See `spread_through`."""
        return (step.rows.merge_pairs(self.run(spread_through, step.rule, self.function, step.inputs[0])),)

    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Multipliers]:
        """Multiply by the slopes; see `multiplied`."""
        (m,), (value,), rows = multipliers, step.inputs, step.rows
        assert m is not None
        if step.rule.gate is not None and self.function.rectifier:
            m = Multipliers(step.rule.gate(collapse(m, step.outputs[0].delta, rows)))
        if step.rule.product is not None and m.half_difference is None and rows.targets is None:
            (output,) = step.outputs
            return [Multipliers(rows.merge_pairs(step.rule.product(self.function, value, output, rows.pair(m.mean))))]
        half = None if m.half_difference is None else rows.target(m.half_difference)
        m = self.run(multiplied, step.rule, self.function, value, Multipliers(rows.target(m.mean), half))
        half = None if m.half_difference is None else rows.merge_targets(m.half_difference)
        return [Multipliers(rows.merge_targets(m.mean), half)]


@dataclasses.dataclass(frozen=True, eq=False)
class Secant(Layer):
    """A vector function with a closed-form secant map M: MΔx = Δy. It carries no spread."""

    kind = "Secant"

    @abstractmethod
    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return Mᵀm̂ for each input."""

    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Multipliers]:
        """m̄ₓ = Mᵀm̂."""
        (m,), (output,) = multipliers, step.outputs
        assert m is not None
        return [Multipliers(mean) for mean in self.secant_transpose(step, collapse(m, output.delta, step.rows))]
