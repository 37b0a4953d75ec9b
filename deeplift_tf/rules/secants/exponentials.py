"""Functions built on the exponential: sigmoid, tanh, softplus, ELU, SiLU, GELU and others."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from deeplift_tf.rules.secants.function import Function, compose, differentiable, gated, guard, ordered, scaled, smooth
from deeplift_tf.rules.secants.rectifiers import above, absolute

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
# tf.nn.gelu rounds its constants to float32 in float64 too; the true ones would differ from it by 5e-9.
GELU_ROOT_HALF = float(np.float32(math.sqrt(0.5)))
GELU_CUBIC = float(np.float32(0.044715))


def decay(d: tf.Tensor) -> tf.Tensor:
    """Return (exp(d) - 1) / d for d <= 0, the mean of exp between d and 0: 1 at zero."""
    d = tf.minimum(d, -guard(d))
    return tf.math.expm1(d) / d


def log1p_ratio(z: tf.Tensor) -> tf.Tensor:
    """Return log(1 + z) / z for z >= 0: 1 at zero."""
    z = tf.clip_by_value(z, guard(z), z.dtype.max)
    return tf.math.log1p(z) / z


@ordered
def exp_secant(lower: tf.Tensor, upper: tf.Tensor) -> tf.Tensor:
    """Return the secant slope of exp."""
    return tf.exp(upper) * decay(lower - upper)


@ordered
def sigmoid_secant(lower: tf.Tensor, upper: tf.Tensor) -> tf.Tensor:
    """Return the secant slope of the sigmoid: a product of positive factors, also where both ends saturate."""
    return tf.sigmoid(upper) * tf.sigmoid(-lower) * decay(lower - upper)


def sigmoid_four(a: tf.Tensor, b: tf.Tensor, rise: tf.Tensor, drop: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return mean and half-difference of RevealCancel's slopes of the sigmoid; see `four_slopes`.

    They are products, and the four slopes share most of the factors.
    """
    low, high = a - drop, a + rise
    closed = tf.sigmoid(-low)
    up = decay(-rise) * (tf.sigmoid(high) * tf.sigmoid(-a) + tf.sigmoid(b) * closed)
    down = decay(-drop) * (tf.sigmoid(a) * closed + tf.sigmoid(high) * tf.sigmoid(-b))
    return (up + down) / 4, (up - down) / 4


def silu_four(a: tf.Tensor, b: tf.Tensor, rise: tf.Tensor, drop: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the same of x * sigmoid(x): the gate at the lower end, and the upper end times the gate's slope."""
    low, high = a - drop, a + rise
    at_a, at_b, at_low, at_high = (tf.sigmoid(end) for end in (a, b, low, high))
    shut_a, shut_b, shut_low = (tf.sigmoid(-end) for end in (a, b, low))
    up = at_a + at_low + decay(-rise) * (high * at_high * shut_a + b * at_b * shut_low)
    down = at_low + at_b + decay(-drop) * (a * at_a * shut_low + high * at_high * shut_b)
    return (up + down) / 4, (up - down) / 4


def tanh_four(*ends: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the same of tanh(x) = 2 sigmoid(2x) - 1."""
    mean, half = sigmoid_four(*(2.0 * end for end in ends))
    return 4.0 * mean, 4.0 * half


@ordered
def _log1p_exp_secant(lower: tf.Tensor, upper: tf.Tensor) -> tf.Tensor:
    """Return minus the secant slope of log(1 + exp(-t)) for t >= 0."""
    ratio = tf.exp(-lower) * tf.sigmoid(upper) * decay(lower - upper)
    return ratio * log1p_ratio(ratio * (upper - lower))


def softplus_secant(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return the secant slope of softplus(x) = relu(x) + log(1 + exp(-|x|)): it never overflows and has no branch."""
    # Both parts have a kink at 0, where they must take the same side.
    return above(a, b, True) - absolute().secant(a, b, True) * _log1p_exp_secant(tf.abs(a), tf.abs(b))


def exponential() -> Function:
    """Return exp(x)."""
    return differentiable("exponential", tf.exp, exp_secant, rising=True)


def expm1() -> Function:
    """Return exp(x) - 1."""
    return differentiable("expm1", tf.math.expm1, exp_secant, rising=True)


def sigmoid() -> Function:
    """Return 1 / (1 + exp(-x))."""
    function = differentiable("sigmoid", tf.sigmoid, sigmoid_secant, rising=True)
    return function._replace(four=sigmoid_four, by_output=lambda m, y: tf.raw_ops.SigmoidGrad(y=y, dy=m))


def tanh() -> Function:
    """Return tanh(x) = 2 sigmoid(2x) - 1."""
    function = differentiable("tanh", tf.tanh, lambda a, b: 4.0 * sigmoid_secant(2.0 * a, 2.0 * b), rising=True)
    return function._replace(four=tanh_four, by_output=lambda m, y: tf.raw_ops.TanhGrad(y=y, dy=m))


def tanh_shrink() -> Function:
    """Return x - tanh(x)."""
    bent = tanh().secant
    return differentiable("tanh_shrink", lambda x: x - tf.tanh(x), lambda a, b: 1.0 - bent(a, b))


def softplus() -> Function:
    """Return log(1 + exp(x))."""
    return differentiable("softplus", tf.math.softplus, softplus_secant, rising=True)


def log_sigmoid() -> Function:
    """Return log(sigmoid(x)) = -softplus(-x)."""
    return differentiable("log_sigmoid", tf.math.log_sigmoid, lambda a, b: softplus_secant(-a, -b), rising=True)


def silu() -> Function:
    """Return x * sigmoid(x)."""
    return gated(sigmoid(), "silu")._replace(four=silu_four)


def mish() -> Function:
    """Return x * tanh(softplus(x))."""
    return gated(compose(tanh(), softplus()), "mish")


def gelu(approximate: bool = False) -> Function:
    """Return x * P(X <= x) for a standard normal X, or its approximation by tanh."""
    return gated(_normal_approximate() if approximate else _normal(), "gelu")


def _normal() -> Function:
    """Return P(X <= x), by the complement of erf: it does not cancel at its closed end.

    It has no singularity, and with ends half a unit apart a few nodes are exact to rounding.
    """
    return smooth(lambda x: 0.5 * tf.math.erfc(-GELU_ROOT_HALF * x), "normal", width=0.5, nodes=(3, 6))


def _normal_approximate() -> Function:
    """Return (1 + tanh(u)) / 2 = sigmoid(2u), with 2u a cubic polynomial of x."""
    k, c = math.sqrt(8 / math.pi), GELU_CUBIC

    def cubic(x: tf.Tensor) -> tf.Tensor:
        return k * x * (1.0 + c * x * x)

    def cubic_secant(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return k * (1.0 + c * (a * a + a * b + b * b))

    return compose(sigmoid(), differentiable("cubic", cubic, cubic_secant))


def elu(alpha: float = 1.0) -> Function:
    """Return x above zero, alpha * (exp(x) - 1) below."""

    def value(x: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(x) + alpha * tf.math.expm1(tf.minimum(x, 0.0))

    def secant(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
        share = above(a, b, right)
        return share + (1.0 - share) * alpha * exp_secant(tf.minimum(a, 0.0), tf.minimum(b, 0.0))

    return Function(value, secant, "elu", rising=alpha >= 0)


def selu() -> Function:
    """Return the ELU of self-normalising networks."""
    return scaled(elu(SELU_ALPHA), SELU_SCALE, "selu")


def celu(alpha: float = 1.0) -> Function:
    """Return x above zero, alpha * (exp(x / alpha) - 1) below: alpha * elu(x / alpha), for alpha > 0."""
    unit = elu()

    def secant(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return unit.secant(a / alpha, b / alpha)

    return differentiable("celu", lambda x: alpha * unit.value(x / alpha), secant, rising=True)
