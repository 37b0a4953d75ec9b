"""Gradients averaged along the path from the reference, or around x: integrated and expected gradients, SmoothGrad."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import InputError
from deeplift_tf.graph.graph import Graph
from deeplift_tf.layers.path import gauss_legendre
from deeplift_tf.methods.call import Call, Options, chunks
from deeplift_tf.methods.sampled import Sampled, add_up
from deeplift_tf.rules.tensors import merge_leading, shape_of
from deeplift_tf.scoring.attribution import Plan, hypothetical
from deeplift_tf.scoring.batches import Batch
from deeplift_tf.scoring.completeness import OF_PATHS
from deeplift_tf.scoring.reference_sampler import ReferenceSampler, generator
from deeplift_tf.scoring.scores import Scores

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from deeplift_tf.network import Network

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
    """Weighted means of gradients at x⁰ + αΔx.

    Parameters
    ----------
    graph, plan
    from_zero : bool
        Whether contributions are those of x rather than of its difference from the reference.
    """

    def __init__(self, graph: Graph, plan: Plan, from_zero: bool = False) -> None:
        super().__init__(graph, plan)
        self.from_zero = from_zero

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
            contributions.append(m * (view.x if self.from_zero else view.delta))
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


def integrated_gradients(
    network: Network,
    x: Any,
    references: Any = None,
    target: Any = 0,
    *,
    steps: int = 50,
    quadrature: str = "gauss_legendre",
    multiply_by_inputs: bool = True,
    **options: Unpack[Options],
) -> Scores:
    """Integrated gradients: C = Δx·∫ ∇F(x⁰ + αΔx) dα (Sundararajan et al., ICML 2017, equation 1).

    Parameters
    ----------
    network : Network
    x, references, target
        As for `Score.__call__`; over several references the scores are averaged.
    steps : int
        Places on the way at which the gradient is taken.
    quadrature : {"gauss_legendre", "right_riemann", "midpoint", "trapezoid"}
        The paper's sum is "right_riemann", whose error falls as 1/steps where the gradient is continuous; those of
        "midpoint" and "trapezoid" fall as 1/steps², that of "gauss_legendre" faster than any power where the function
        is smooth.
    multiply_by_inputs : bool
        False returns the mean gradients as contributions.
    **options
        See `Options`.

    Returns
    -------
    Scores
        `delta` is what the quadrature leaves: the convergence delta. A warning says where it exceeds 1 % of the
        difference.
    """
    if quadrature not in QUADRATURES:
        raise InputError(f"quadrature: expected one of {', '.join(QUADRATURES)}; received {quadrature!r}")
    alphas, weights = QUADRATURES[quadrature](at_least_one("steps", steps))
    call = Call(network, x, references, target, options, PathGradients, EXTRA)
    found = call.run(lambda part, size: cut(alphas[:, None, None], weights, size))
    scores = call.scores(found, multiply_by_inputs)
    call.score.warn_of_errors(scores, found["contributions"], OF_PATHS)
    return scores


def expected_gradients(
    network: Network,
    x: Any,
    references: Any = None,
    target: Any = 0,
    *,
    samples: int = 1,
    seed: int = 0,
    multiply_by_inputs: bool = True,
    **options: Unpack[Options],
) -> Scores:
    """Return expected gradients: Δx·∇F(x⁰ + αΔx), averaged over references and random α (Erion et al. 2021).

    Parameters are those of `integrated_gradients`, with the references as the background set, and

    Parameters
    ----------
    samples : int
        Random α for each pair of an example and a reference.
    seed : int
        A row's α follow from the seed and what it holds, whatever batch it is in.

    Returns
    -------
    Scores
        `delta` is what chance leaves, of the mean over references.
    """
    call = Call(network, x, references, target, options, PathGradients, EXTRA)

    def places(part: Batch, size: int) -> tuple[tf.Tensor, tf.Tensor]:
        shape = (at_least_one("samples", samples), call.question.references.count)
        drawn = [generator(seed, content(part.x, row)).random(shape) for row in range(len(part.x[0]))]
        return cut(np.stack(drawn, 1)[:, :, part.some], np.full(samples, 1 / samples), size)

    found = call.run(places)
    scores = call.scores(found, multiply_by_inputs)
    if scores.delta is None:
        return scores
    assert scores.reference_outputs is not None
    axes = 1 + call.question.several_targets
    total = sum(part.reshape(*part.shape[:axes], -1).sum(-1) for part in found["contributions"])
    return scores.replace(delta=total - (scores.outputs - scores.reference_outputs))


def content(x: tuple[np.ndarray, ...], row: int) -> np.ndarray:
    """Return what a row holds in all inputs, one after another."""
    parts = [part[row] for part in x if part.dtype.kind in "fiub"]
    return np.concatenate([np.asarray(part, np.float64).ravel() for part in parts])


def smoothgrad(
    network: Network,
    x: Any,
    references: Any = None,
    target: Any = 0,
    *,
    samples: int = 25,
    noise: float = 0.15,
    seed: int = 0,
    multiply_by_inputs: bool = False,
    **options: Unpack[Options],
) -> Scores:
    """SmoothGrad: the mean gradient at x with Gaussian noise added (Smilkov et al. 2017).

    Parameters are those of `gradient`, with references never read, and

    Parameters
    ----------
    samples : int
    noise : float
        Standard deviation, as a fraction of the largest minus the smallest value of each row.
    seed : int
        A row's noise follows from the seed and what it holds, whatever batch it is in.
    multiply_by_inputs : bool
        True multiplies by x.
    """
    around = ReferenceSampler(
        functools.partial(noisy, samples=at_least_one("samples", samples), noise=noise, seed=seed)
    )
    call = Call(network, x, around, target, options, PathGradients, EXTRA, complete=False, settings=(True,))
    return call.scores(call.run(lambda part, size: cut(np.zeros((1, 1, 1)), np.ones(1), size)), multiply_by_inputs)


def noisy(x: np.ndarray, samples: int, noise: float, seed: int) -> np.ndarray:
    """Return rows of x with Gaussian noise, shape (N, samples, ...)."""
    made = [generator(seed, row.astype(np.float64)).standard_normal((samples, *row.shape)) for row in x]
    scales = [noise * (row.max() - row.min()) for row in x]
    return np.stack([row + scale * each for row, scale, each in zip(x, scales, made, strict=True)])


def at_least_one(name: str, number: int) -> int:
    """Check a number of steps or samples.

    Raises
    ------
    InputError
        If it is less than one.
    """
    if number < 1:
        raise InputError(f"{name}: expected at least 1; received {number}")
    return number
