"""Values that are −∞ at one end or at both: masks that data choose, masked outputs, activations of masked units."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import deeplift_tf as dl
from deeplift_tf.errors import DeepLiftWarning
from deeplift_tf.layers.gates import Steps
from tests.support.installed import exported

INF = float("inf")
MASK = np.array([0, -INF, 0, -INF], "float32")
X = np.array([[1.0, 0.5, -0.3, 0.2], [2.0, -1.0, 0.7, 1.0], [0.4, 0.1, 0.9, -0.6]], "float32")
X0 = np.array([[-0.5, 0.25, -0.7, 0.3], [0.1, 0.6, -0.2, 0.5], [-0.1, 0.2, -0.3, 0.4]], "float32")
ROADS = ["live", "keras", pytest.param("h5", marks=pytest.mark.slow), pytest.param("export", marks=pytest.mark.slow)]


def converted(model: keras.Model, road: str, folder: Path, **options: Any) -> dl.Network:
    if road == "live":
        return dl.convert(model, **options)
    if road == "export":
        return dl.convert(exported(model, folder / "saved"), **options)
    model.save(folder / f"model.{road}")
    return dl.convert(folder / f"model.{road}", **options)


def model_of(function: Callable[[Any], Any]) -> keras.Model:
    x = keras.Input((4,))
    return keras.Model(x, function(x))


def opened(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, -INF)


def largest_two(x: np.ndarray) -> np.ndarray:
    return np.where(x >= np.sort(x)[..., -2:-1], x, -INF)


def softmax(x: np.ndarray) -> np.ndarray:
    shifted = np.exp(x - x.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def log_sum(x: np.ndarray) -> np.ndarray:
    return np.log(np.exp(x).sum(-1, keepdims=True))


def logistic(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


CHOSEN: dict[str, tuple[Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]] = {
    "softmax": (lambda x: ops.softmax(ops.where(x > 0, x, -INF)), lambda x: softmax(opened(x))),
    "log sum exp": (
        lambda x: ops.logsumexp(ops.where(x > 0, x, -INF), axis=-1, keepdims=True),
        lambda x: log_sum(opened(x)),
    ),
    "the largest two": (
        lambda x: ops.softmax(ops.where(x >= ops.top_k(x, 2)[0][:, -1:], x, -INF)),
        lambda x: softmax(largest_two(x)),
    ),
    "plus infinity": (lambda x: ops.exp(-ops.where(x > 0, x, INF)), lambda x: np.exp(-np.where(x > 0, x, INF))),
    "sigmoid": (lambda x: ops.sigmoid(ops.where(x > 0, x, -INF)), lambda x: logistic(opened(x))),
}
MASKED: dict[str, tuple[Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]] = {
    "sigmoid": (lambda x: ops.sigmoid(x + MASK), lambda x: logistic(x + MASK)),
    "exp": (lambda x: ops.exp(x + MASK), lambda x: np.exp(x + MASK)),
    "softplus": (lambda x: ops.softplus(x + MASK), lambda x: np.log1p(np.exp(x + MASK))),
    "tanh": (lambda x: ops.tanh(x + MASK), lambda x: np.tanh(x + MASK)),
    "largest": (
        lambda x: ops.max(x + MASK, axis=-1, keepdims=True),
        lambda x: (x + MASK).max(-1, keepdims=True),
    ),
    "softmax by hand": (
        lambda x: ops.exp(x + MASK) / ops.sum(ops.exp(x + MASK), axis=-1, keepdims=True),
        lambda x: softmax(x + MASK),
    ),
    "exp of log softmax": (lambda x: ops.exp(ops.log_softmax(x + MASK)), lambda x: softmax(x + MASK)),
}


def check(network: dl.Network, expected: Callable[[np.ndarray], np.ndarray], dtype: str) -> None:
    """Outputs at both ends are numpy's, every layer is exact, and contributions sum to the difference."""
    tolerance = 1e-12 if dtype == "float64" else 2e-6  # a few roundings of values of size one
    assert all(node.layer.exact for node in network.graph.nodes)
    y, y0 = expected(X.astype("float64")), expected(X0.astype("float64"))
    weights = np.array([1.0, -2.0, 0.5, 3.0])[: y.shape[-1]]
    for rule in ("rescale", "reveal_cancel"):
        scores = network.with_rule(rule).compile()(X, X0, target=weights)
        np.testing.assert_allclose(scores.outputs, y @ weights, atol=5 * tolerance)
        np.testing.assert_allclose(scores.reference_outputs, y0 @ weights, atol=5 * tolerance)
        np.testing.assert_allclose(scores.contributions.sum(-1), (y - y0) @ weights, atol=10 * tolerance)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["softmax", *(pytest.param(n, marks=pytest.mark.slow) for n in list(CHOSEN)[1:])])
@pytest.mark.parametrize("road", ROADS)
def test_masks_that_data_choose(name: str, road: str, dtype: str, tmp_path: Path) -> None:
    function, expected = CHOSEN[name]
    check(converted(model_of(function), road, tmp_path, dtype=dtype), expected, dtype)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["sigmoid", *(pytest.param(n, marks=pytest.mark.slow) for n in list(MASKED)[1:])])
@pytest.mark.parametrize("road", ROADS)
def test_functions_of_masked_units(name: str, road: str, dtype: str, tmp_path: Path) -> None:
    function, expected = MASKED[name]
    check(converted(model_of(function), road, tmp_path, dtype=dtype), expected, dtype)


def test_contributions_of_units_that_a_mask_opens() -> None:
    """As a mask of −A does for A → ∞: the unit moves by all of its probability, which the others lose in proportion."""
    network = dl.convert(model_of(CHOSEN["softmax"][0]), dtype="float64")
    x, x0 = (each.astype("float64") for each in (X, X0))
    y, y0 = softmax(opened(x)), softmax(opened(x0))
    both = (x > 0) & (x0 > 0)
    step = np.log(np.where(both, y, 1)) - np.log(np.where(both, y0, 1))
    mean = np.where(both, (y - y0) / np.where(step == 0, 1, step), 0)
    moved = np.where(both, mean * (x - x0), y - y0)  # L·Δx; of a unit that opens or closes its whole probability
    lost = mean[:, :1] / np.maximum(mean.sum(-1, keepdims=True), 1e-300)
    expected = -lost * moved
    expected[:, 0] += moved[:, 0]
    several = both.any(-1)  # where no unit is open at both ends, what the others lose has no such share
    found = network.compile()(X, X0, target=0).contributions
    np.testing.assert_allclose(found[several], expected[several], atol=1e-12)
    assert several.any()


def test_masked_outputs_do_not_touch_the_others() -> None:
    """Actions that are not legal have the output −∞; the legal ones have contributions, and a masked one a warning."""
    dense = layers.Dense(4)
    model = model_of(lambda x: dense(x) + MASK)
    kernel = dense.get_weights()[0].astype("float64")
    network = dl.convert(model)
    scores = network.compile()(X, X0, target=2)
    np.testing.assert_allclose(scores.outputs, X @ kernel[:, 2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scores.contributions, (X - X0) * kernel[:, 2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scores.delta, 0, atol=1e-6)
    with pytest.warns(DeepLiftWarning, match="3 of 3 rows"):
        masked = network.compile()(X, X0, target=1)
    assert np.all(masked.outputs == -INF) and np.all(masked.reference_outputs == -INF)


@pytest.mark.parametrize("name", ["below", "above"])
def test_a_region_with_infinities_is_not_taken_for_another(name: str) -> None:
    """Every number is within a share of infinity."""
    end = {"below": -INF, "above": INF}[name]
    network = dl.convert(model_of(lambda x: ops.where(x > -0.5, x, end)))
    (layer,) = [node.layer for node in network.graph.nodes]
    assert type(layer) is Steps
    np.testing.assert_array_equal(network.predict(X), np.where(X > -0.5, X, end))


def test_a_region_that_is_never_finite_is_no_softmax() -> None:
    class Unbounded(layers.Layer):
        def call(self, x: Any) -> Any:
            return tf.exp(x - INF) / tf.reduce_sum(tf.exp(x - INF), -1, keepdims=True)

    network = dl.convert(model_of(Unbounded()))
    assert np.isnan(network.predict(X)).all()
