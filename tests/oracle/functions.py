"""Functions of one number for `Elementwise`, with their derivatives."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tests.oracle.ops import Function
from tests.oracle.walk import Array


def sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def leaky_relu(alpha: ArrayLike) -> Function:
    """PReLU too; its alpha broadcasts against one example."""
    alpha = np.asarray(alpha, float)
    return Function(
        lambda a: np.where(a > 0, a, alpha * a), lambda a: np.where(a > 0, 1.0, alpha), bool(np.ndim(alpha) == 0)
    )


def elu(alpha: float = 1.0) -> Function:
    return Function(
        lambda a: np.where(a > 0, a, alpha * np.expm1(np.minimum(a, 0))),
        lambda a: np.where(a > 0, 1.0, alpha * np.exp(np.minimum(a, 0))),
    )


RELU = leaky_relu(0.0)
SIGMOID = Function(sigmoid, lambda a: sigmoid(a) * sigmoid(-a))
TANH = Function(np.tanh, lambda a: 1 / np.cosh(a) ** 2)
SILU = Function(lambda a: a * sigmoid(a), lambda a: sigmoid(a) + a * sigmoid(a) * sigmoid(-a), rising=False)
