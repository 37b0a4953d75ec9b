"""The Function class, a scalar function with its secant slope, and the algebra that builds one from another."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.rules.tensors import without_infinities

Value = Callable[[tf.Tensor], tf.Tensor]


class Function(NamedTuple):
    """A scalar function f, applied elementwise, and its secant slope S(a, b) = (f(b) - f(a)) / (b - a).

    Attributes
    ----------
    value : callable
        x -> f(x), of the shape and dtype of x (float32 or float64).
    secant : callable
        (a, b, right=False) -> S(a, b), symmetric in a and b, which broadcast; S(a, a) = f'(a).
        It is computed without cancellation. If a = b lies on a kink, ``right`` chooses the slope just to the
        right; otherwise it is the one that TensorFlow's gradient gives to ReLU: that of the flat side, or of the left
        side if neither is flat. Pass the reference as a: it is often a batch of one, and the arithmetic on one
        operand alone is done there.
    name : str
        The name in ``keras.activations``, or of the TensorFlow operation.
    rectifier : bool
        Whether guided backprop and DeconvNet mask it: the ReLU family.
    rising : bool
        Whether it never decreases, so that no slope is negative.
    levels : bool
        Whether many inputs share a value that is not the function's smallest, for example inputs above 6 under ReLU6.
    four : callable or None
        (a, b, rise, drop) -> (S̄, h): mean and half-difference of RevealCancel's S⁺ and S⁻ between a and
        b = a + rise - drop, where rise, drop >= 0; see `four_slopes`. A cheaper form than that one, accurate to the
        rounding of a slope of one. None if no such form is known.
    by_output : callable or None
        (m, y) -> f'(x)·m, from y = f(x), for functions whose derivative their value determines; then nobody needs to
        keep x.
    """

    value: Value
    secant: Callable[..., tf.Tensor]
    name: str = ""
    rectifier: bool = False
    rising: bool = False
    levels: bool = False
    four: Callable[..., tuple[tf.Tensor, tf.Tensor]] | None = None
    by_output: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None


def four_slopes(
    secant: Callable[..., tf.Tensor], a: tf.Tensor, b: tf.Tensor, rise: tf.Tensor, drop: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return mean and half-difference of S⁺ = ½[S(a, a+rise) + S(a−drop, b)] and S⁻ = ½[S(a, a−drop) + S(a+rise, b)].

    Each of the four segments is defined by its start and its length, so that both ends are the same number if the
    length is zero; its slope is then the one just to the right.
    """
    low = a - drop
    up = secant(a, a + rise, right=True) + secant(low, low + rise, right=True)
    down = secant(low, low + drop, right=True) + secant(b, b + drop, right=True)
    return (up + down) / 4, (up - down) / 4


def tiny(x: tf.Tensor) -> float:
    """Return the smallest normal number of the dtype of x."""
    return float(np.finfo(x.dtype.as_numpy_dtype).tiny)


def guard(x: tf.Tensor) -> float:
    """Return a displacement so small that it counts as zero, but whose products are still normal numbers."""
    info = np.finfo(x.dtype.as_numpy_dtype)
    return float(info.tiny / info.eps)


def differentiable(
    name: str, value: Value, secant: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], rising: bool = False
) -> Function:
    """Return a function without kinks: its secant slope has no sides."""

    def either_side(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
        return secant(a, b)

    return Function(value, either_side, name, rising=rising)


def ordered(secant: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Return a symmetric secant slope, given one that is written for (lower, upper) ends."""

    def symmetric(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return secant(tf.minimum(a, b), tf.maximum(a, b))

    return symmetric


def compose(outer: Function, inner: Function, name: str = "") -> Function:
    """Return outer(inner(x)): the secant slopes multiply, outer's being taken between inner's values.

    ``inner`` must be increasing, for ``right`` to mean the same side in both.
    """

    def value(x: tf.Tensor) -> tf.Tensor:
        return outer.value(inner.value(x))

    def secant(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
        return outer.secant(inner.value(a), inner.value(b), right) * inner.secant(a, b, right)

    return Function(value, secant, name or f"{outer.name}({inner.name})")


def scaled(function: Function, factor: float, name: str = "") -> Function:
    """Return factor times a function."""

    def value(x: tf.Tensor) -> tf.Tensor:
        return factor * function.value(x)

    def secant(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
        return factor * function.secant(a, b, right)

    def four(*ends: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        assert function.four is not None
        mean, half = function.four(*ends)
        return factor * mean, factor * half

    return function._replace(
        value=value,
        secant=secant,
        name=name or function.name,
        four=None if function.four is None else four,
        by_output=None,
    )


def gated(gate: Function, name: str) -> Function:
    """Return x * g(x) for a gate g that rises from 0 to 1 (SiLU, GELU, Mish, hard SiLU).

    Of the ways to split the difference of a product, S = g(lower) + upper * S_g cancels least: a large negative lower
    end meets a closed gate.
    """

    def value(x: tf.Tensor) -> tf.Tensor:
        return x * gate.value(x)

    def secant(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
        lower, upper = tf.minimum(a, b), tf.maximum(a, b)
        return gate.value(lower) + upper * gate.secant(lower, upper, right)

    return Function(value, secant, name)


def piecewise_constant(value: Value, name: str = "", rising: bool = False) -> Function:
    """Return a step function: differences of its values are exact, and zero if a = b."""

    def secant(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
        return tf.math.divide_no_nan(value(b) - value(a), b - a)

    return Function(value, secant, name, rising=rising, levels=True)


def quotient(value: Value, name: str = "") -> Function:
    """Return any function, with or without kinks and jumps: S·(b − a) is f(b) − f(a) if the ends differ.

    If the ends are close, the difference of the values is mostly rounding. If the mean of f' between them agrees to
    within that rounding, it is more accurate and is used; at a jump, at a kink, or if f' is NaN, it does not agree. If
    the ends are equal, S is f', or 0 if f' is NaN.
    """
    near = smooth(value, name, width=float("inf"), nodes=(4, 8)).secant

    def secant(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
        y_a, y_b, distance = without_infinities(value(a)), without_infinities(value(b)), b - a
        apart = tf.abs(distance) >= tiny(a)
        plain = (y_b - y_a) / tf.where(apart, distance, tf.ones_like(distance))
        mean = near(a, b)
        mean = tf.where(tf.math.is_finite(mean), mean, tf.zeros_like(mean))
        eps = float(np.finfo(a.dtype.as_numpy_dtype).eps)
        rounding = 4 * eps * (tf.maximum(tf.abs(y_a), tf.abs(y_b)) + tf.abs(mean * distance))
        agree = (tf.abs(mean * distance - (y_b - y_a)) <= rounding) & (tf.abs(distance) < 1.0)
        return tf.where(agree | ~apart, mean, plain)

    return Function(value, secant, name)


def smooth(value: Value, name: str = "", width: float = 1.0, nodes: tuple[int, int] = (6, 12)) -> Function:
    """Return any differentiable function: slow and general, for functions without a closed form.

    Parameters
    ----------
    value : callable
        x -> f(x), elementwise, differentiable by ``tf.GradientTape``.
    name : str
        Its name.
    width : float
        Ends closer than this take the mean of f' (Gauss-Legendre), others the plain quotient, whose error is that of f
        divided by their distance. The mean is good to rounding where f has no complex singularity within one width.
    nodes : tuple of int
        Of the mean, in float32 and in float64.
    """

    def derivative(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            y = value(x)
        return tape.gradient(y, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def mean_derivative(lower: tf.Tensor, distance: tf.Tensor) -> tf.Tensor:
        places, weights = np.polynomial.legendre.leggauss(nodes[lower.dtype == tf.float64])
        terms = [w / 2 * derivative(lower + (1 + t) / 2 * distance) for t, w in zip(places, weights, strict=True)]
        return tf.add_n(terms)

    def secant(lower: tf.Tensor, upper: tf.Tensor) -> tf.Tensor:
        distance = upper - lower
        if width == float("inf"):
            return mean_derivative(lower, distance)
        near = mean_derivative(lower, tf.minimum(distance, width))
        far = (value(upper) - value(lower)) / tf.maximum(distance, width)
        return tf.where(distance < width, near, far)

    return differentiable(name, value, ordered(secant))
