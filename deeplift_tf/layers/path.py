"""The Path kind: a differentiable function followed along the straight line from reference to input."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.layers.base import Layer, Step
from deeplift_tf.layers.non_differentiable import all_pairs
from deeplift_tf.rules.multipliers import Difference, Multipliers, Pairing, collapse
from deeplift_tf.rules.tensors import vjp

PATH_NODES = 16  # 2e-7 relative on smooth layers with moderate displacements; a kink inside leaves about 1/n

UNROLLED = 4  # up to here the nodes stand one after another in the graph; above, they run in a loop


def gauss_legendre(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights on [0, 1], exact for polynomials of degree 2·nodes − 1."""
    positions, weights = np.polynomial.legendre.leggauss(nodes)
    return (positions + 1) / 2, weights / 2


def straight_line(
    function: Callable[..., Any], inputs: tuple[Difference, ...], multipliers: Any, nodes: int, rows: Pairing
) -> list[Any]:
    """Return Σₖ wₖ J(x⁰+αₖΔx)ᵀm̂ for each input, all of them moving along one joint line.

    Inputs that are not floats (masks, indices) stay at x, and None is returned for them.

    Parameters
    ----------
    function : callable
        Takes tensors of shape (rows, ...).
    inputs : tuple of Difference
    multipliers : tf.Tensor or sequence of tf.Tensor or None, shape (K·N·R, ...)
    nodes : int
        Number of Gauss–Legendre nodes.
    rows : Pairing
    """
    floats = [index for index, value in enumerate(inputs) if value.x.dtype.is_floating]

    def at(alpha: Any, weight: Any) -> list[tf.Tensor]:
        points = [rows.repeat(point_on_line(value, alpha, rows)) for value in inputs]
        sent = vjp(function, points, multipliers)
        return [sent[index] * tf.cast(weight, sent[index].dtype) for index in floats]

    positions, weights = gauss_legendre(nodes)
    totals = at(positions[0], weights[0])
    if nodes <= UNROLLED:
        for alpha, weight in zip(positions[1:], weights[1:], strict=True):
            totals = [total + part for total, part in zip(totals, at(alpha, weight), strict=True)]
    else:
        totals = looped(at, totals, positions, weights)
    found = dict(zip(floats, totals, strict=True))
    return [found.get(index) for index in range(len(inputs))]


def looped(at: Callable[..., list[tf.Tensor]], first: list[tf.Tensor], positions: Any, weights: Any) -> list[tf.Tensor]:
    """Add up the nodes after the first in a loop."""
    alphas, table = tf.constant(positions), tf.constant(weights)
    shapes = [tf.TensorShape(total.shape) for total in first]

    def body(k: tf.Tensor, *sums: tf.Tensor) -> tuple[tf.Tensor, ...]:
        parts = at(alphas[k], table[k])
        return (k + 1, *(tf.ensure_shape(s + p, shape) for s, p, shape in zip(sums, parts, shapes, strict=True)))

    loop = tf.while_loop(lambda k, *_: k < len(positions), body, (tf.constant(1), *first))
    return list(loop[1:])


def point_on_line(value: Difference, alpha: Any, rows: Pairing) -> tf.Tensor:
    """Return x⁰ + αΔx; or x for integers, and under rules without a reference."""
    if value.x is value.reference or not value.x.dtype.is_floating:
        return all_pairs(value, rows)
    return value.reference + tf.cast(alpha, value.x.dtype) * value.delta


@dataclasses.dataclass(frozen=True, eq=False)
class Path(Layer):
    """Any differentiable function; as exact as the quadrature.

    Attributes
    ----------
    function : callable
        A traced function of tensors of shape (rows, ...), free of the framework that it came from.
    nodes : int
        Number of Gauss–Legendre nodes.
    """

    kind = "Path"
    exact = False
    function: Callable[..., Any]
    nodes: int = PATH_NODES

    def forward(self, *inputs: tf.Tensor) -> Any:
        """Return f(x)."""
        return self.function(*inputs)

    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Multipliers]:
        """m̄ₓ = Σₖ wₖ J(x⁰+αₖΔx)ᵀm̂; under a rule without a reference one node, the gradient at x."""
        collapsed = [
            None if m is None else collapse(m, output.delta, step.rows)
            for m, output in zip(multipliers, step.outputs, strict=True)
        ]
        m = collapsed if len(collapsed) > 1 else collapsed[0]
        nodes = self.nodes if step.rule.reference else 1
        return [Multipliers(mean) for mean in straight_line(self.function, step.inputs, m, nodes, step.rows)]
