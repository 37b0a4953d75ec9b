"""Layers explained along the straight line from x⁰ to x, by quadrature that is fine enough to be believed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tests.oracle.walk import Array, Pair, Unit, collapsed, negative, positive

PIECES, NODES = 256, 12  # equal pieces of the line, and Gauss-Legendre nodes in each
HALVINGS = 60  # further pieces, ever shorter ones, towards the place where the Jacobian changes fastest


@dataclass(frozen=True)
class StraightPath:
    """A function of a vector with its Jacobian, shape (outputs, inputs): m̂ᵀ times the mean Jacobian over the line.

    `steepest` gives the place on the line from x⁰ along Δx, from 0 to 1, where the Jacobian changes fastest.
    """

    value: Callable[[Array], Array]
    jacobian: Callable[[Array], Array]
    steepest: Callable[[Array, Array], float]

    def forward(self, *x: Array) -> Array:
        return self.value(x[0])

    def parts(self, inputs: Sequence[Unit], rule: str) -> Pair:
        delta = self.value(inputs[0].x) - self.value(inputs[0].x0)
        return positive(delta), negative(delta)

    def backward(self, inputs: Sequence[Unit], output: Unit, m_plus: Array, m_minus: Array, rule: str) -> list[Pair]:
        unit, m = inputs[0], collapsed(output.delta, m_plus, m_minus)
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        mean = np.zeros((output.x.size, unit.x.size))
        near, steps = self.steepest(unit.x0, unit.delta), 0.5 ** np.arange(1, HALVINGS)
        ends = np.unique(np.clip([*np.linspace(0, 1, PIECES + 1), near, *(near - steps), *(near + steps)], 0, 1))
        for start, stop in itertools.pairwise(ends):
            for node, weight in zip(nodes, weights, strict=True):
                alpha = start + (stop - start) * (node + 1) / 2
                mean += weight / 2 * (stop - start) * self.jacobian(unit.x0 + alpha * unit.delta)
        return [(m @ mean, m @ mean)]


def layer_norm(gamma: Array, beta: Array, epsilon: float) -> StraightPath:
    """y = γ (x − mean x) / √(var x + ε) + β over all units of a vector."""

    def value(x: Array) -> Array:
        centred = x - x.mean()
        return np.asarray(gamma * centred / np.sqrt((centred**2).mean() + epsilon) + beta)

    def jacobian(x: Array) -> Array:
        n, centred = x.size, x - x.mean()
        q = (centred**2).mean() + epsilon
        centring = np.eye(n) - 1 / n
        return np.asarray(gamma[:, None] * (centring / np.sqrt(q) - np.outer(centred, centred) / (n * q**1.5)))

    def steepest(x0: Array, delta: Array) -> float:
        before, step = x0 - x0.mean(), delta - delta.mean()
        length = float(step @ step)
        return min(max(-float(before @ step) / length, 0.0), 1.0) if length else 0.0

    return StraightPath(value, jacobian, steepest)
