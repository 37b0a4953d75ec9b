"""Gradients averaged along the path from the reference: integrated and expected gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deeplift_tf.arrays.checks import at_least_one
from deeplift_tf.methods.call import Call, Options
from deeplift_tf.scoring.batches import Batch
from deeplift_tf.scoring.completeness import OF_PATHS
from deeplift_tf.scoring.path_gradients import EXTRA, PathGradients, cut, places_of
from deeplift_tf.scoring.reference_sampler import generator
from deeplift_tf.scoring.scores import Scores

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from deeplift_tf.network import Network


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
    alphas, weights = places_of(steps, quadrature)
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
