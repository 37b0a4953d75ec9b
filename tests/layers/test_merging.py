"""Sums and products whose factors repeat: their transposes are those that differentiation finds."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deeplift_tf.layers.base import Layer, Step
from deeplift_tf.layers.kinds import Routing
from deeplift_tf.layers.merging import Add, Multilinear, Multiply, Subtract
from deeplift_tf.rules.multipliers import Difference, Pairing
from deeplift_tf.rules.rules import RESCALE

N, R, K = 3, 2, 2
SIZES = {
    "equal": ((4, 5), (4, 5)),
    "one channel": ((4, 5), (4, 1)),
    "squeezed": ((1, 5), (4, 5)),
    "both": ((4, 1), (1, 5)),
}


def step_of(sizes: tuple[tuple[int, ...], ...], shared: bool) -> tuple[Step, tf.Tensor]:
    rng = np.random.default_rng(0)

    def drawn(*shape: int) -> tf.Tensor:
        return tf.constant(rng.normal(size=shape))

    inputs = tuple(Difference(drawn(N, 1, *size), drawn(1 if shared else N, R, *size)) for size in sizes)
    whole = np.broadcast_shapes(*sizes)
    zeros = tf.zeros((N, R, *whole), tf.float64)
    return Step(inputs, (Difference(zeros, zeros),), Pairing(R, K), RESCALE), tf.constant(
        rng.normal(size=(K * N * R, *whole))
    )


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize(
    ("layer", "general"), [(Multiply(), Multilinear), (Add(), Routing), (Subtract(), Routing)], ids=["×", "+", "−"]
)
def test_transposes_are_those_of_differentiation(layer: Layer, general: type, name: str, shared: bool) -> None:
    step, m = step_of(SIZES[name], shared)
    method = "secant_transpose" if isinstance(layer, Multiply) else "transpose"
    for found, expected in zip(getattr(layer, method)(step, m), getattr(general, method)(layer, step, m), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)  # float64's rounding
