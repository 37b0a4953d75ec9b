"""Quotients of two values: the mean Jacobian along the line on which both move."""

from __future__ import annotations

import tensorflow as tf

from deeplift_tf.layers.functional import BinaryFunction

SERIES_BELOW = 0.25  # of |t|: there the two forms of Q below agree to rounding
SERIES_TERMS = 14  # 0.25^28 is below the rounding of float64


class Quotient(BinaryFunction):
    """u/v, where v keeps its sign: the mean Jacobian along the line from (u⁰, v⁰) to (u, v).

    K = ∫ 1/v = ln(v/v⁰)/Δv is what u gets, W = −∫ u/v² = (Δ(u/v) − K·Δu)/Δv what v gets. From a reference close to
    zero, as x/(Σ|x| + ε) has it, K·Δu is ln(v/v⁰) times the quotient, where the halves of a product, Δu(1/v + 1/v⁰)/2,
    are as large as 1/ε and cancel. Where v changes its sign or is zero, it is these.
    """

    def slopes(
        self, u: tf.Tensor, v: tf.Tensor, u0: tf.Tensor, v0: tf.Tensor, derivatives: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Return K and W."""
        one_sign = ((v > 0) & (v0 > 0)) | ((v < 0) & (v0 < 0))
        one = tf.ones_like(v)
        safe, safe0 = tf.where(one_sign, v, one), tf.where(one_sign, v0, one)
        line = along_the_line(u, safe, u0, safe0)
        return [tf.where(one_sign, a, b) for a, b in zip(line, super().slopes(u, v, u0, v0, derivatives), strict=True)]


def along_the_line(u: tf.Tensor, v: tf.Tensor, u0: tf.Tensor, v0: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return K and W, v and v⁰ being of one sign.

    With h = v + v⁰ and t = Δv/h, 1/(vv⁰) = 4/(h²(1 − t²)) and K = 2·artanh(t)/(th). Close ends: W = −ū/(vv⁰) + Δu·Q,
    ū the mean of u and Q = (2t/h²)(2/3 + 4/5 t² + 6/7 t⁴ + ...). Others: −u⁰/(vv⁰) − Δu(K − 1/v)/Δv, or the same from
    the other end, whichever has the smaller |v|.
    """
    half = v / 2 + v0 / 2  # h/2, which does not overflow
    t = (v / 2 - v0 / 2) / half
    near = tf.abs(t) < SERIES_BELOW
    w = tf.where(near, t * t, tf.zeros_like(t))
    k_near = sum(w**n / (2 * n + 1) for n in range(SERIES_TERMS)) / half
    q = t / half / half * sum(w**n * (n + 1) / (2 * n + 3) for n in range(SERIES_TERMS))
    step = tf.where(near, tf.ones_like(v), v - v0)
    k = tf.where(near, k_near, (tf.math.log(tf.abs(v)) - tf.math.log(tf.abs(v0))) / step)
    from_reference = tf.abs(v0) < tf.abs(v)
    nearest, other = tf.where(from_reference, u0, u), tf.where(from_reference, v, v0)
    far = -nearest / v / v0 - (u - u0) / step * (k - 1 / other)
    return k, tf.where(near, (u - u0) * q - (u / 2 + u0 / 2) / v / v0, far)
