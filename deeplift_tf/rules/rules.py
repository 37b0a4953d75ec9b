"""The rules: slopes of an elementwise nonlinearity between a reference and an input.

A rule is a function of a layer's input and its reference; it does not know the layer. All mathematics of the package
that is not linear algebra is here and in `secants`. Sources: DeepLIFT, Shrikumar et al., ICML 2017, sections 3.5.2
(Rescale) and 3.5.3 (RevealCancel); guided backpropagation, Springenberg et al. 2015; DeconvNet, Zeiler and Fergus 2014.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import tensorflow as tf

from deeplift_tf.errors import RuleError
from deeplift_tf.rules.multipliers import Difference
from deeplift_tf.rules.secants import Function
from deeplift_tf.rules.secants.function import four_slopes
from deeplift_tf.rules.tensors import STAND_IN, vjp


class Slopes(NamedTuple):
    """The slopes of positive and negative differences, S± = S̄ ± h.

    Attributes
    ----------
    mean : tf.Tensor
        S̄ = ½(S⁺ + S⁻).
    half_difference : tf.Tensor or None
        h = ½(S⁺ − S⁻); None if both are the same.
    """

    mean: tf.Tensor
    half_difference: tf.Tensor | None = None

    def sizes(self) -> Slopes:
        """Return the same of |S⁺| and |S⁻|."""
        if self.half_difference is None:
            return Slopes(tf.abs(self.mean))
        up, down = tf.abs(self.mean + self.half_difference), tf.abs(self.mean - self.half_difference)
        return Slopes((up + down) / 2, (up - down) / 2)


def rescale_slopes(function: Function, value: Difference) -> Slopes:
    """S⁺ = S⁻ = S(x⁰, x); if x = x⁰, the derivative, with ReLU′(0) = 0."""
    return Slopes(function.secant(value.reference, value.x))


def reveal_cancel_slopes(function: Function, value: Difference) -> Slopes:
    """S⁺ = ½[S(x⁰, x⁰+Δ⁺) + S(x⁰+Δ⁻, x)], S⁻ = ½[S(x⁰, x⁰+Δ⁻) + S(x⁰+Δ⁺, x)].

    If a displacement is zero, its slope is the one just to the right.
    """
    ends = (value.reference, value.x, *value.parts)
    return Slopes(*(four_slopes(function.secant, *ends) if function.four is None else function.four(*ends)))


def gradient_slopes(function: Function, value: Difference) -> Slopes:
    """S⁺ = S⁻ = f′(x)."""
    (slope,) = vjp(function.value, [value.x], tf.ones_like(value.x))
    return Slopes(slope)


def times_derivative(function: Function, value: Difference, output: Difference, m: tf.Tensor) -> tf.Tensor:
    """Return f′(x)·m by TensorFlow's own kernel; from y where that is enough, so that nobody needs to keep x."""
    if function.by_output is not None:
        return function.by_output(m, output.x)
    return vjp(function.value, [value.x], m)[0]


def deconvnet_slopes(function: Function, value: Difference) -> Slopes:
    """One for rectifiers, whose forward state DeconvNet ignores; f′(x) for all other functions."""
    if not function.rectifier:
        return gradient_slopes(function, value)
    return Slopes(tf.ones_like(value.x))


def deconvnet_times(function: Function, value: Difference, output: Difference, m: tf.Tensor) -> tf.Tensor:
    """Return m for rectifiers; f′(x)·m for all other functions."""
    return m if function.rectifier else times_derivative(function, value, output, m)


@dataclass(frozen=True)
class Rule:
    """How an elementwise nonlinearity passes multipliers on.

    Attributes
    ----------
    name : str
    slopes : callable
        (function, difference) -> S±.
    spread : bool
        Whether the rule reads the positive and negative parts of its input's difference.
    reference : bool
        False: the rule reads x only, and every layer under it sees x⁰ := x.
    gate : callable or None
        Function that a rectifier applies to the collapsed multipliers that reach it, before the slopes.
    product : callable or None
        (function, difference of its input, of its output, m) -> S·m, of the shape of x, if that is cheaper than the
        slopes and a product.
    """

    name: str
    slopes: Callable[[Function, Difference], Slopes]
    spread: bool = False
    reference: bool = True
    gate: Callable[[tf.Tensor], tf.Tensor] | None = None
    product: Callable[[Function, Difference, Difference, tf.Tensor], tf.Tensor] | None = None


RESCALE = Rule("rescale", rescale_slopes)
REVEAL_CANCEL = Rule("reveal_cancel", reveal_cancel_slopes, spread=True)
GRADIENT = Rule("gradient", gradient_slopes, reference=False, product=times_derivative)
GUIDED_BACKPROP = Rule("guided_backprop", gradient_slopes, reference=False, gate=tf.nn.relu, product=times_derivative)
DECONVNET = Rule("deconvnet", deconvnet_slopes, reference=False, gate=tf.nn.relu, product=deconvnet_times)


@functools.cache
def of_infinite_ends(rule: Rule) -> Rule:
    """Return a rule that follows Rescale where an end is infinite: x⁰ + Δ⁺ has no meaning there."""

    def slopes(function: Function, value: Difference) -> Slopes:
        plain, own = rescale_slopes(function, value).mean, rule.slopes(function, value)
        infinite = tf.maximum(tf.abs(value.x), tf.abs(value.reference)) >= STAND_IN
        half = own.half_difference
        return Slopes(
            tf.where(infinite, plain, own.mean), None if half is None else tf.where(infinite, tf.zeros_like(half), half)
        )

    return replace(rule, slopes=slopes)


RULES = {rule.name: rule for rule in (RESCALE, REVEAL_CANCEL, GRADIENT, GUIDED_BACKPROP, DECONVNET)}
GENOMICS_DEFAULT = "genomics_default"  # not one rule but a choice between two, made by `assignment`


def rule_named(rule: str | Rule) -> Rule:
    """Return the rule of a name; a `Rule` is returned unchanged.

    Raises
    ------
    RuleError
        If no rule has the name.
    """
    if isinstance(rule, Rule):
        return rule
    if rule not in RULES:
        known = ", ".join([*RULES, GENOMICS_DEFAULT])
        raise RuleError(f"unknown rule {rule!r}; expected one of {known}, or a dl.rules.Rule")
    return RULES[rule]
