"""Division by a norm of the same units: layer, RMS, group and unit normalisation, in closed form.

Let c be the units of a group, centred or not, q = |c|²/n + ε, and y = c/√q. Along the straight line c(α) from c⁰ to
c, q is a quadratic of α, and the mean of the Jacobian over the line, which is what the Path kind approximates, has an
elementary form. With σ = √q, p = ⟨c, c⁰⟩/n + ε, a = |Δc|²/n, S = σ + σ⁰, T = σσ⁰ + p = (S² − a)/2 and z = √a/S:

    K   = ∫ q^(−1/2)          = 2·artanh(z)/√a
    W₀  = ∫ (1−α) q^(−3/2)    = 1/(σ⁰T)
    W₁  = ∫ α q^(−3/2)        = 1/(σT)
    W₀₁ = ∫ α(1−α) q^(−3/2)   = (S/T − K)/a,   W₀₀ = W₀ − W₀₁,   W₁₁ = W₁ − W₀₁

    Mᵀm = K·m − (1/n)·[c⁰(W₀₀⟨c⁰,m⟩ + W₀₁⟨c,m⟩) + c(W₀₁⟨c⁰,m⟩ + W₁₁⟨c,m⟩)]

K is the potential of a uniformly charged rod; the others follow by partial integration. MΔc = Δy to rounding for any
reference and any ε, the zero reference with ε = 1e-6 included, where sixteen nodes in α miss by up to 99 %.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from deeplift_tf.layers.base import Step
from deeplift_tf.layers.kinds import Secant

SERIES_BELOW = 0.05  # of w = z²: here the closed form of W₀₁ loses digits and its power series has few terms
SERIES_TERMS = 14  # 0.05^14 is below the rounding of float64


class Means(NamedTuple):
    """The integrals over the line, one of each for every group."""

    inverse: tf.Tensor
    w00: tf.Tensor
    w01: tf.Tensor
    w11: tf.Tensor


def line_integrals(q0: tf.Tensor, q1: tf.Tensor, p: tf.Tensor, gram: tf.Tensor, a: tf.Tensor) -> Means:
    """Return K, W₀₀, W₀₁ and W₁₁.

    Parameters
    ----------
    q0, q1, p, a : tf.Tensor
        As above.
    gram : tf.Tensor
        q⁰q − p², from which T follows without cancellation where p < 0.
    """
    s0, s1 = tf.sqrt(q0), tf.sqrt(q1)
    total, product = s0 + s1, s0 * s1
    t = tf.where(p >= 0, product + p, gram / (product - tf.minimum(p, 0)))
    root = tf.sqrt(a)
    z = root / total
    w = tf.minimum(z * z, 1)
    near = w < SERIES_BELOW
    w_near, z_far = tf.where(near, w, tf.zeros_like(w)), tf.where(near, tf.ones_like(z), z)
    artanh_far = tf.math.log((total + root) * (total + root) / (2 * t)) / 2
    artanh_near = sum(w_near**k / (2 * k + 1) for k in range(SERIES_TERMS))
    inverse = 2 / total * tf.where(near, artanh_near, artanh_far / z_far)
    w01_near = 2 / total**3 * sum(2 * k / (2 * k + 1) * w_near ** (k - 1) for k in range(1, SERIES_TERMS))
    w01 = tf.where(near, w01_near, (total / t - inverse) / tf.where(near, tf.ones_like(a), a))
    return Means(inverse, 1 / (s0 * t) - w01, w01, 1 / (s1 * t) - w01)


@dataclasses.dataclass(frozen=True, eq=False)
class Norm(Secant):
    """y = c/√(|c|²/n + ε).

    Attributes
    ----------
    axes : tuple of int
        The axes of a group, counted from the end.
    epsilon : float
    centred : bool
        Whether c is x without its mean (layer and group normalisation) or x itself (RMS).
    """

    axes: tuple[int, ...]
    epsilon: float
    centred: bool = True

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return c/√q."""
        c = self.centre(inputs[0])
        return c / tf.sqrt(self.mean(c * c) + self.epsilon)

    def centre(self, x: tf.Tensor) -> tf.Tensor:
        """Return c."""
        return x - self.mean(x) if self.centred else x

    def mean(self, x: tf.Tensor) -> tf.Tensor:
        """Return the mean over each group, axes kept: |c|²/n of c·c."""
        return tf.reduce_mean(x, self.axes, keepdims=True)

    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return Mᵀm, centred again where c is: the transpose of centring."""
        (value,) = step.inputs
        c0, c1 = self.centre(value.reference), self.centre(value.x)
        q0, q1, p = self.mean(c0 * c0), self.mean(c1 * c1), self.mean(c0 * c1)
        a = self.mean(tf.square(c1 - c0))
        gram = tf.nn.relu(q0 * q1 - p * p) + self.epsilon * a
        means = line_integrals(q0 + self.epsilon, q1 + self.epsilon, p + self.epsilon, gram, a)
        m = step.rows.target(multipliers)
        along0, along1 = self.mean(c0 * m), self.mean(c1 * m)
        back = means.inverse * m
        back -= c0 * (means.w00 * along0 + means.w01 * along1) + c1 * (means.w01 * along0 + means.w11 * along1)
        return [step.rows.merge_targets(back - self.mean(back) if self.centred else back)]


@dataclasses.dataclass(frozen=True, eq=False)
class UnitNorm(Norm):
    """y = x/max(|x|, 1e-12): vectors of unit length, with ε = 1e-24 in place of the maximum on the way."""

    epsilon: float = 1e-24
    centred: bool = False

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return x/|x|."""
        (x,) = inputs
        return x * tf.minimum(tf.math.rsqrt(tf.reduce_sum(x * x, self.axes, keepdims=True)), 1e12)

    def mean(self, x: tf.Tensor) -> tf.Tensor:
        """Return the sum over each group: here n = 1."""
        return tf.reduce_sum(x, self.axes, keepdims=True)
