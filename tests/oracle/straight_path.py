"""Layers explained along the straight line from x⁰ to x, by quadrature that is fine enough to be believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tests.oracle.walk import Array, Pair, Unit, collapsed, negative, positive

PIECES, NODES = 256, 12  # pieces of the line, and Gauss-Legendre nodes in each


@dataclass(frozen=True)
class StraightPath:
    """A function of a vector with its Jacobian, shape (outputs, inputs): m̂ᵀ times the mean Jacobian over the line."""

    value: Callable[[Array], Array]
    jacobian: Callable[[Array], Array]

    def forward(self, *x: Array) -> Array:
        return self.value(x[0])

    def parts(self, inputs: Sequence[Unit], rule: str) -> Pair:
        delta = self.value(inputs[0].x) - self.value(inputs[0].x0)
        return positive(delta), negative(delta)

    def backward(self, inputs: Sequence[Unit], output: Unit, m_plus: Array, m_minus: Array, rule: str) -> list[Pair]:
        unit, m = inputs[0], collapsed(output.delta, m_plus, m_minus)
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        mean = np.zeros((output.x.size, unit.x.size))
        for piece in range(PIECES):
            for node, weight in zip(nodes, weights, strict=True):
                alpha = (piece + (node + 1) / 2) / PIECES
                mean += weight / (2 * PIECES) * self.jacobian(unit.x0 + alpha * unit.delta)
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

    return StraightPath(value, jacobian)
