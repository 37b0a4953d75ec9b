"""Algebraic and analytic functions: powers, logarithms, waves, steps. Each has its usual domain."""

from __future__ import annotations

import tensorflow as tf

from deeplift_tf.rules.secants.exponentials import log1p_ratio
from deeplift_tf.rules.secants.function import (
    Function,
    differentiable,
    guard,
    ordered,
    piecewise_constant,
    scaled,
    smooth,
    tiny,
)


def linear() -> Function:
    """Return x."""
    return differentiable("linear", tf.identity, lambda a, b: tf.ones_like(a + b))


def scale(factor: float) -> Function:
    """Return factor * x."""
    return scaled(linear(), factor, "scale")


def negative() -> Function:
    """Return -x."""
    return scaled(linear(), -1.0, "negative")


def square() -> Function:
    """Return x^2."""
    return differentiable("square", tf.square, lambda a, b: a + b)


def reciprocal() -> Function:
    """Return 1 / x, of either sign."""
    return differentiable("reciprocal", tf.math.reciprocal, lambda a, b: -1.0 / a / b)


def sqrt() -> Function:
    """Return the square root, of x >= 0.

    If both ends are 0 the slope is infinite, and 0 is returned: no finite slope is better, and an infinite one times a
    displacement of zero is NaN.
    """
    return differentiable("sqrt", tf.sqrt, lambda a, b: tf.math.divide_no_nan(1.0, tf.sqrt(a) + tf.sqrt(b)))


def rsqrt() -> Function:
    """Return 1 / sqrt(x), of x > 0."""

    def secant(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        root_a, root_b = tf.sqrt(a), tf.sqrt(b)
        return -1.0 / root_a / root_b / (root_a + root_b)

    return differentiable("rsqrt", tf.math.rsqrt, secant)


@ordered
def _log_secant(lower: tf.Tensor, upper: tf.Tensor) -> tf.Tensor:
    return log1p_ratio((upper - lower) / lower) / lower


def log() -> Function:
    """Return the natural logarithm, of x > 0."""
    return differentiable("log", tf.math.log, _log_secant)


def log1p() -> Function:
    """Return log(1 + x), of x > -1."""

    @ordered
    def secant(lower: tf.Tensor, upper: tf.Tensor) -> tf.Tensor:
        return log1p_ratio((upper - lower) / (1.0 + lower)) / (1.0 + lower)

    return differentiable("log1p", tf.math.log1p, secant)


def power(exponent: float) -> Function:
    """Return x^exponent: of any x for an integer from -16 to 16, of x >= 0 (x > 0 if negative) for others."""
    if float(exponent).is_integer() and abs(exponent) <= 16:
        return _integer_power(int(exponent))

    @ordered
    def secant(lower: tf.Tensor, upper: tf.Tensor) -> tf.Tensor:
        upper = tf.maximum(upper, tiny(upper))
        gap = tf.maximum((upper - lower) / upper, guard(lower))
        # log(lower / upper), from whichever of the two is exact.
        log_ratio = tf.where(gap > 0.5, tf.math.log(lower / upper), tf.math.log1p(-tf.minimum(gap, 0.5)))
        return -tf.pow(upper, exponent - 1.0) * tf.math.expm1(exponent * log_ratio) / gap

    return differentiable("power", lambda x: tf.pow(x, exponent), secant)


def _integer_power(exponent: int) -> Function:
    """Return x^n, whose secant slope is the sum of all a^i b^(n-1-i)."""

    def secant(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        a, b = (a, b) if exponent > 0 else (1.0 / a, 1.0 / b)
        slope, power_of_b = tf.zeros_like(a + b), tf.ones_like(b)
        for _ in range(abs(exponent)):
            slope, power_of_b = a * slope + power_of_b, b * power_of_b
        return slope if exponent > 0 else -slope * a * b

    return differentiable("power", lambda x: tf.pow(x, tf.cast(exponent, x.dtype)), secant)


def _half_angle(lower: tf.Tensor, upper: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return sin(h) / h, sin(h) and cos(h) for h half the distance between the ends."""
    half = tf.maximum((upper - lower) / 2.0, guard(lower))
    sine = tf.sin(half)
    return sine / half, sine, tf.cos(half)


@ordered
def _sin_secant(lower: tf.Tensor, upper: tf.Tensor) -> tf.Tensor:
    """Return sin(h) / h * cos(lower + h); lower and h are not added, as their sum would be rounded."""
    ratio, sine, cosine = _half_angle(lower, upper)
    return ratio * (tf.cos(lower) * cosine - tf.sin(lower) * sine)


@ordered
def _cos_secant(lower: tf.Tensor, upper: tf.Tensor) -> tf.Tensor:
    ratio, sine, cosine = _half_angle(lower, upper)
    return -ratio * (tf.sin(lower) * cosine + tf.cos(lower) * sine)


def sin() -> Function:
    """Return sin(x)."""
    return differentiable("sin", tf.sin, _sin_secant)


def cos() -> Function:
    """Return cos(x)."""
    return differentiable("cos", tf.cos, _cos_secant)


def erf() -> Function:
    """Return the error function."""
    return smooth(tf.math.erf, "erf")


def softsign() -> Function:
    """Return x / (1 + |x|)."""

    def secant(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        p, n = tf.nn.relu(tf.maximum(a, b)), tf.nn.relu(-tf.minimum(a, b))
        bend = 2.0 * p * (n / (p + n + guard(p)))
        return (1.0 + bend) / (1.0 + tf.abs(a)) / (1.0 + tf.abs(b))

    return differentiable("softsign", tf.nn.softsign, secant, rising=True)


def squareplus(b: float = 4.0) -> Function:
    """Return (x + sqrt(x^2 + b)) / 2, for b > 0."""

    def root(x: tf.Tensor) -> tf.Tensor:
        return tf.sqrt(x * x + b)

    def stable(x: tf.Tensor) -> tf.Tensor:
        # Below zero x + sqrt(x^2 + b) cancels.
        return tf.nn.relu(x) + 0.5 * b / (root(x) + tf.abs(x))

    def secant(u: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        return (stable(u) + stable(v)) / (root(u) + root(v))

    return differentiable("squareplus", lambda x: 0.5 * (x + root(x)), secant, rising=True)


def sign() -> Function:
    """Return -1, 0 or 1."""
    return piecewise_constant(tf.sign, "sign", rising=True)


def floor() -> Function:
    """Return the integer at or below x."""
    return piecewise_constant(tf.floor, "floor", rising=True)


def ceil() -> Function:
    """Return the integer at or above x."""
    return piecewise_constant(tf.math.ceil, "ceil", rising=True)


def rounded() -> Function:
    """Return the nearest integer, of two the even one."""
    return piecewise_constant(tf.round, "round", rising=True)
