"""Norms: the mean Jacobian along the line in closed form, exact in float32 from a zero reference and at any epsilon."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import deeplift_tf as dl
from deeplift_tf.layers.base import Step
from deeplift_tf.layers.norms import Norm, UnitNorm
from deeplift_tf.rules.multipliers import Difference, Pairing
from deeplift_tf.rules.rules import RESCALE


def through(layer: Norm, x: np.ndarray, x0: np.ndarray, m: np.ndarray, dtype: tf.DType) -> np.ndarray:
    """Mᵀm of each row."""
    values = [tf.constant(each, dtype) for each in (x, x0)]
    outputs = [layer.forward(value) for value in values]
    step = Step((Difference(*values),), (Difference(*outputs),), Pairing(), RESCALE)
    (back,) = layer.secant_transpose(step, tf.constant(m, dtype))
    return np.asarray(back)


def output(layer: Norm, x: np.ndarray) -> np.ndarray:
    """The norm, in plain numpy."""
    c = x - x.mean(-1, keepdims=True) if layer.centred else x
    q = (c * c).sum(-1, keepdims=True) if isinstance(layer, UnitNorm) else (c * c).mean(-1, keepdims=True)
    return c / np.sqrt(q + layer.epsilon)


KINDS: dict[str, Callable[[float], Norm]] = {
    "layer": lambda epsilon: Norm((-1,), epsilon, True),
    "rms": lambda epsilon: Norm((-1,), epsilon, False),
    "unit": lambda epsilon: UnitNorm(axes=(-1,)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("epsilon", [1e-12, *(pytest.param(e, marks=pytest.mark.slow) for e in (0.0, 1e-6, 1e-3))])
@pytest.mark.parametrize("reference", ["zero", pytest.param("row", marks=pytest.mark.slow)])
def test_float32_sums_to_the_difference(kind: str, epsilon: float, reference: str) -> None:
    """In 99.9 % of random rows, or in as many as multipliers in float64 do once they are rounded to float32."""
    layer, rng = KINDS[kind](epsilon), np.random.default_rng(0)
    if epsilon == 0 and reference == "zero" and kind != "unit":
        pytest.skip("0/0 in the model itself")
    for n, rows in ((1, 10_000), (2, 10_000), (3, 10_000), (16, 10_000), (1024, 500)):
        if n == 1 and kind == "layer":
            continue  # constant
        x, m = rng.normal(size=(rows, n)).astype("float32"), rng.normal(size=(rows, n)).astype("float32")
        x0 = np.zeros_like(x) if reference == "zero" else rng.normal(size=(rows, n)).astype("float32")
        wide = [each.astype("float64") for each in (x, x0, m)]
        y, y0 = output(layer, wide[0]), output(layer, wide[1])
        expected = (wide[2] * (y - y0)).sum(-1)
        # float32 keeps 6e-8 of the outputs of both ends, and their difference may be less than that
        bound = 1e-4 * np.abs(expected) + 6e-8 * (np.abs(wide[2]) * (np.abs(y) + np.abs(y0))).sum(-1)
        found, rounded = (
            (np.abs((back.astype("float64") * (wide[0] - wide[1])).sum(-1) - expected) > bound).mean()
            for back in (
                through(layer, x, x0, m, tf.float32),
                through(layer, wide[0], wide[1], wide[2], tf.float64).astype("float32"),
            )
        )
        assert found <= max(1e-3, 2.5 * rounded) + 2 / rows, (n, found, rounded)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_mean_jacobian(kind: str) -> None:
    """By 400 nodes, where epsilon and rows are such that these are enough."""
    layer, rng, n = KINDS[kind](0.3), np.random.default_rng(1), 5
    x, x0, m = (rng.normal(size=(20, n)) + shift for shift in (3.0, 2.0, 0.0))
    found = through(layer, x, x0, m, tf.float64)
    nodes, weights = np.polynomial.legendre.leggauss(400)
    expected, scale = np.zeros_like(x), 1.0 if kind == "unit" else float(n)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        point = x0 + node * (x - x0)
        c = point - point.mean(-1, keepdims=True) if layer.centred else point
        q = (c * c).sum(-1, keepdims=True) / scale + layer.epsilon
        along = (c * m).sum(-1, keepdims=True) / scale
        part = m / np.sqrt(q) - c * along / q**1.5
        expected += weight * (part - part.mean(-1, keepdims=True) if layer.centred else part)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


def test_ends_in_one_place_give_the_derivative() -> None:
    layer, rng = Norm((-1,), 1e-3), np.random.default_rng(2)
    x, m = rng.normal(size=(2, 3, 4))
    value = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(value)
        y = layer.forward(value)
    np.testing.assert_allclose(through(layer, x, x, m, tf.float64), tape.gradient(y, value, tf.constant(m)), atol=1e-12)


@pytest.mark.parametrize("name", ["unit", "cosine", pytest.param("layer", marks=pytest.mark.slow)])
def test_models_from_a_zero_reference_in_float32(name: str) -> None:
    """float32 contributions are those of float64, to 1e-5 of the largest."""
    x = keras.Input((6,))
    y = layers.Dense(5, name="a")(x)
    if name == "cosine":
        y = layers.Dot(-1, normalize=True)([y, layers.Dense(5, name="b")(x)])
    else:
        y = layers.UnitNormalization()(y) if name == "unit" else layers.LayerNormalization(epsilon=1e-12)(y)
        y = ops.sum(y * np.arange(1.0, 6.0, dtype="float32"), -1, keepdims=True)
    model = keras.Model(x, y)
    values = np.random.default_rng(3).normal(size=(50, 6))
    single, double = (dl.convert(model, dtype=dtype).compile()(values) for dtype in ("float32", "float64"))
    size = np.abs(double.contributions).max()
    np.testing.assert_allclose(single.contributions, double.contributions, rtol=0, atol=1e-5 * size)
    assert single.delta is not None and np.abs(single.delta).max() <= 1e-5 * size
