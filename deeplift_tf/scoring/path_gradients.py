"""Gradients averaged over points of a path: the places and weights of quadratures, and the traced function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.arrays.checks import at_least_one
from deeplift_tf.errors import InputError
from deeplift_tf.layers.path import gauss_legendre
from deeplift_tf.rules.tensors import merge_leading, shape_of
from deeplift_tf.scoring.attribution import hypothetical
from deeplift_tf.scoring.sampled import Sampled, add_up, chunks

Nodes = tuple[np.ndarray, np.ndarray]


def right_riemann(steps: int) -> Nodes:
    """Return α = 1/m, 2/m, ..., 1, all of one weight: the sum in the paper."""
    return np.arange(1, steps + 1) / steps, np.full(steps, 1 / steps)


def midpoint(steps: int) -> Nodes:
    """Return the middles of m equal pieces, all of one weight."""
    return (np.arange(steps) + 0.5) / steps, np.full(steps, 1 / steps)


def trapezoid(steps: int) -> Nodes:
    """Return m places from 0 to 1, those at the ends of half the weight."""
    if steps < 2:
        raise InputError(f"steps: the trapezoid needs both ends, so at least 2; received {steps}")
    weights = np.full(steps, 1 / (steps - 1))
    weights[[0, -1]] /= 2
    return np.linspace(0, 1, steps), weights


QUADRATURES: dict[str, Callable[[int], Nodes]] = {
    "gauss_legendre": gauss_legendre,
    "right_riemann": right_riemann,
    "midpoint": midpoint,
    "trapezoid": trapezoid,
}


class PathGradients(Sampled):
    """Weighted means of gradients at x⁰ + αΔx."""

    def run(  # type: ignore[override]
        self,
        x: Sequence[tf.Tensor],
        references: Sequence[tf.Tensor],
        weights: tf.Tensor,
        alphas: tf.Tensor,
        quadrature: tf.Tensor,
    ) -> dict[str, Any]:
        """Return the results of a batch; see `compile_plan`.

        Parameters
        ----------
        x, references, weights
            See `compile_plan`.
        alphas : tf.Tensor, shape (pieces, P, 1 or n, 1 or R)
            The places, of which P are looked at together.
        quadrature : tf.Tensor, shape (pieces, P)
            Their weights.
        """
        ends = self.ends(x, references, weights)
        views = [ends.views[edge] for edge in self.plan.scored]
        pairs = shape_of(views[0].delta)[:2]
        lead = [shape_of(alphas)[1], *pairs]

        def means(piece: tf.Tensor) -> list[tf.Tensor]:
            points = []
            for view in views:
                alpha = tf.reshape(alphas[piece], [*shape_of(alphas)[1:], *[1] * (view.delta.shape.rank - 2)])
                point = view.reference + tf.cast(alpha, view.delta.dtype) * view.delta
                points.append(merge_leading(tf.broadcast_to(point, [*lead, *shape_of(view.delta)[2:]]), 3))
            at = dict(zip(self.plan.scored, points, strict=True))
            gradients = self.gradients_at(ends, points, lambda: self.outputs_at(ends, at, lead), lead)
            return [tf.einsum("kp...,p->k...", g, tf.cast(quadrature[piece], g.dtype)) for g in gradients]

        results: dict[str, Any] = {"contributions": [], "multipliers": [], "hypothetical": []}
        contributions = []
        for edge, m, view in zip(self.plan.scored, add_up(means, shape_of(alphas)[0]), views, strict=True):
            contributions.append(m * view.delta)
            results["multipliers"].append(tf.reduce_sum(m, 2))
            results["contributions"].append(tf.reduce_sum(contributions[-1], 2))
            if self.plan.hypothetical:
                parts = hypothetical(m, view.reference, self.letters_axis(edge))
                results["hypothetical"].append(tf.reduce_sum(parts, 2))
        return results | self._completeness(ends.weights, ends.views[self.plan.target], contributions)


EXTRA = (tf.TensorSpec([None] * 4, tf.float64), tf.TensorSpec([None] * 2, tf.float64))


def cut(alphas: np.ndarray, weights: np.ndarray, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return places, shape (P, 1 or n, 1 or R), and their weights in pieces that the network may see together."""
    size = min(size, len(alphas))
    return tf.constant(chunks(alphas, size, 0.5)), tf.constant(chunks(weights, size, 0.0))


def places_of(steps: int, quadrature: str) -> Nodes:
    """Return the places of a quadrature on the way from 0 to 1, and their weights.

    Raises
    ------
    InputError
        If there is no such quadrature, or no step.
    """
    if quadrature not in QUADRATURES:
        raise InputError(f"quadrature: expected one of {', '.join(QUADRATURES)}; received {quadrature!r}")
    return QUADRATURES[quadrature](at_least_one("steps", steps))
