"""Norm layers: layer, RMS, group and unit normalisation divide by a norm of the same units; closed form.

Let c be the units of a group, centred or not, q = |c|²/n + ε, and y = c/√q. Along the straight line c(α) from c⁰ to
c, q is a quadratic of α, and the mean of the Jacobian over the line, which is what the Path kind approximates, has an
elementary form. With e = Δc/|Δc|, c(α) = s(α)·e + g: only s changes, from s⁰ to s, and g, the way from zero to the
line, stays. With D = |g|²/n + ε, σ = √q, a = |Δc|²/n, S = σ + σ⁰ and T = σσ⁰ + ss⁰/n + D = (S² − a)/2:

    K  = ∫ q^(−1/2)              = 2·artanh(√a/S)/√a
    M₁ = D·∫ q^(−3/2)            = D·S/(σσ⁰T) = (s/σ − s⁰/σ⁰)/|Δc|
    B  = (1/n)·∫ s·q^(−3/2)      = (s + s⁰)/(nσσ⁰S)

    Mᵀm = K·(m − e⟨e,m⟩) + M₁·e⟨e,m⟩ − B·(g⟨e,m⟩ + e⟨g,m⟩) − M₁/(nD)·g⟨g,m⟩

K is the potential of a uniformly charged rod; the others follow by partial integration. Every term is of the size of
what it stands for: nothing large is subtracted from anything as large, at no reference and no ε, the zero reference
with ε = 1e-24 included, where sixteen nodes in α miss by up to 99 %. The numbers of a group are float64.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.layers.base import Step
from deeplift_tf.layers.kinds import Secant

SERIES_BELOW = 0.05  # of w = z²: here artanh(z)/z is a power series of few terms
SERIES_TERMS = 14  # 0.05^14 is below the rounding of float64


class Means(NamedTuple):
    """K, M₁, B and M₁/(nD), one of each for every group."""

    inverse: tf.Tensor
    along: tf.Tensor
    across: tf.Tensor
    aside: tf.Tensor


def line_integrals(s0: tf.Tensor, s1: tf.Tensor, aside: tf.Tensor, a: tf.Tensor, epsilon: float) -> Means:
    """Return K, M₁, B and M₁/(nD).

    Parameters
    ----------
    s0, s1, aside, a : tf.Tensor, float64
        s⁰/√n, s/√n, |g|²/n and |Δc|²/n.
    epsilon : float
    """
    least = aside + epsilon
    sigma0, sigma1, p = tf.sqrt(s0 * s0 + least), tf.sqrt(s1 * s1 + least), s0 * s1
    total, product, root = sigma0 + sigma1, sigma0 * sigma1, tf.sqrt(a)
    # on both sides of zero T cancels, where it is the Gram determinant over σσ⁰ − p − D
    apart = p < -least
    t = tf.where(apart, tf.math.divide_no_nan(a * least, product - tf.minimum(p + least, 0)), product + p + least)
    through = tf.math.divide_no_nan(tf.math.divide_no_nan(s1, sigma1) - tf.math.divide_no_nan(s0, sigma0), root)
    beside = tf.math.divide_no_nan(least, sigma0 * t) * tf.math.divide_no_nan(total, sigma1)
    along = tf.where(apart, through, beside)
    across = tf.math.divide_no_nan(tf.math.divide_no_nan(s0 + s1, product), total)
    return Means(mean_inverse(total, root, t), along, across, tf.math.divide_no_nan(along, least))


def mean_inverse(total: tf.Tensor, root: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
    """Return K, from S, √a and T."""
    z = tf.math.divide_no_nan(root, total)
    w = tf.minimum(z * z, 1)
    near = w < SERIES_BELOW
    w_near, z_far = tf.where(near, w, tf.zeros_like(w)), tf.where(near, tf.ones_like(z), z)
    ratio = tf.maximum(2 * tf.math.divide_no_nan(tf.math.divide_no_nan(t, total + root), total + root), 1e-40)
    artanh_near = sum(w_near**k / (2 * k + 1) for k in range(SERIES_TERMS))
    return tf.math.divide_no_nan(2 * tf.where(near, artanh_near, -tf.math.log(ratio) / 2 / z_far), total)


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

    def remainder(self, x: tf.Tensor) -> tf.Tensor | None:
        """Return y − c/√q; None if it is zero, that is unless ε replaces a floor."""
        return None

    def secant_transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return Mᵀm, of m centred where c is: the transpose of centring."""
        (value,) = step.inputs
        c0, c1 = self.centre(value.reference), self.centre(value.x)
        step_taken = c1 - c0
        length = tf.sqrt(self.mean(step_taken * step_taken))
        e = tf.math.divide_no_nan(step_taken, length)  # of length √n: means of products in place of sums
        s0, s1 = self.mean(e * c0), self.mean(e * c1)
        # from the end that is nearer to zero, so that rounding is relative to that; twice, so that nothing of e is left
        size0, size1 = self.mean(c0 * c0), self.mean(c1 * c1)
        g = tf.where(size0 <= size1, c0, c1) - e * tf.where(size0 <= size1, s0, s1)
        g -= e * self.mean(e * g)
        rounding = tf.square(tf.constant(4 * np.finfo(g.dtype.as_numpy_dtype).eps, g.dtype))
        g = tf.where(self.mean(g * g) <= rounding * tf.minimum(size0, size1), tf.zeros_like(g), g)
        s0, s1, aside, a = (tf.cast(each, tf.float64) for each in (s0, s1, self.mean(g * g), length * length))
        wide = line_integrals(s0, s1, aside, a, self.epsilon)
        means = Means(*(tf.cast(each, c1.dtype) for each in wide))
        m = self.centre(step.rows.target(multipliers))
        along, across = self.mean(e * m), self.mean(g * m)
        back = means.inverse * (m - e * along) - g * (means.across * along + means.aside * across)
        # what moves y along e is known; what rounding left of the other terms there, as large as K, is taken off,
        # in float64: a sum of parts that are up to 30 times as large as what they make
        e, back, along, across = (tf.cast(each, tf.float64) for each in (e, back, along, across))
        back += e * (wide.along * along - wide.across * across - self.mean(e * back))
        h0, h1 = (self.remainder(each) for each in (value.reference, value.x))
        if h0 is not None and h1 is not None:
            missing = tf.cast(self.mean(m * (h1 - h0)), tf.float64)
            back += e * tf.math.divide_no_nan(missing, tf.cast(length, tf.float64))
        return [step.rows.merge_targets(tf.cast(self.centre(back), c1.dtype))]


@dataclasses.dataclass(frozen=True, eq=False)
class UnitNorm(Norm):
    """y = x/max(|x|, √ε): vectors of unit length.

    Along the line ε is under the root instead; the difference of the two at the ends goes along Δx.
    """

    epsilon: float = 1e-24
    centred: bool = False

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return x/|x|."""
        (x,) = inputs
        return x * tf.minimum(tf.math.rsqrt(tf.reduce_sum(x * x, self.axes, keepdims=True)), self.epsilon**-0.5)

    def remainder(self, x: tf.Tensor) -> tf.Tensor:
        """Return x/max(|x|, √ε) − x/√(|x|² + ε), as a share of the first, so that nothing is subtracted."""
        size = self.mean(x * x)
        floor = tf.constant(self.epsilon, x.dtype)
        ratio = tf.math.divide_no_nan(tf.minimum(size, floor), tf.maximum(size, floor))
        return self.forward(x) * -tf.math.expm1(-tf.math.log1p(ratio) / 2)

    def mean(self, x: tf.Tensor) -> tf.Tensor:
        """Return the sum over each group: here n = 1."""
        return tf.reduce_sum(x, self.axes, keepdims=True)
