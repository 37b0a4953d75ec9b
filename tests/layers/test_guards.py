"""Masks of −∞, guarded quotients at 0/0, and logits and differences of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import deeplift_tf as dl
from deeplift_tf.layers.quotients import along_the_line
from tests.support.installed import keras_version

INF = float("inf")
MASKS = {"inf": -INF, "1e9": -1e9, "1e38": -1e38}
X = np.array([[1.0, 0.5, -0.3, 0.2], [2.0, -1.0, 0.7, 1.0]])
REFERENCES = (0.0, np.array([0.1, -0.2, 0.5, 0.3]))
RULES = ("rescale", "reveal_cancel")


def as_layer(function: Callable[[Any], Any]) -> Any:
    """One layer whose operations are TensorFlow's."""

    class Made(layers.Layer):
        def call(self, x: Any) -> Any:
            return function(x)

    return Made()


def softmax(x: np.ndarray) -> np.ndarray:
    shifted = np.exp(x - x.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def check(y: Any, x: Any, expected: Callable[[np.ndarray], np.ndarray], dtype: str, values: np.ndarray = X) -> None:
    """Outputs at both ends are those of numpy, and the scores of the first sum to their difference."""
    network = dl.convert(keras.Model(x, y), dtype=dtype)
    tolerance = 1e-12 if dtype == "float64" else 2e-6
    for reference in REFERENCES:
        ends = [expected(each)[:, 0] for each in (values, np.zeros_like(values) + reference)]
        for rule in (*RULES, "gradient"):
            found = network.with_rule(rule).compile()(values, references=reference, target=0)
            assert np.isfinite(found.contributions).all() and np.isfinite(found.multipliers).all()
            np.testing.assert_allclose(found.outputs, ends[0], rtol=0, atol=tolerance)
            if rule != "gradient":
                assert found.delta is not None
                np.testing.assert_allclose(found.contributions.sum(-1), ends[0] - ends[1], rtol=0, atol=tolerance)
                np.testing.assert_allclose(found.delta, 0, atol=tolerance)


FLOATS = ["float32", pytest.param("float64", marks=pytest.mark.slow)]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("road", ["keras", pytest.param("graph", marks=pytest.mark.slow)])
@pytest.mark.parametrize("masked", [(1, 3), pytest.param((1, 2, 3), marks=pytest.mark.slow)])
@pytest.mark.parametrize("size", [n if n == "inf" else pytest.param(n, marks=pytest.mark.slow) for n in MASKS])
def test_masked_softmax(size: str, masked: tuple[int, ...], road: str, dtype: str) -> None:
    mask = np.zeros(4, "float32")
    mask[list(masked)] = MASKS[size]
    x = keras.Input((4,))
    y = ops.softmax(ops.add(x, mask), -1) if road == "keras" else as_layer(lambda v: tf.nn.softmax(v + mask))(x)
    check(y, x, lambda v: softmax(v + mask), dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_masked_log_sum_exp_and_log_softmax(dtype: str) -> None:
    mask = np.array([0, -INF, 0, -INF], "float32")

    def log_sum(v: np.ndarray) -> np.ndarray:
        return np.log(np.exp(v + mask).sum(-1, keepdims=True))

    x = keras.Input((4,))
    check(as_layer(lambda v: tf.reduce_logsumexp(v + mask, -1, keepdims=True))(x), x, log_sum, dtype)
    if keras_version >= (3, 11):  # before, it does not run on symbols
        check(ops.logsumexp(ops.add(x, mask), -1, keepdims=True), x, log_sum, dtype)
    y = as_layer(lambda v: tf.nn.log_softmax(v + mask)[:, :1])(x)
    check(y, x, lambda v: v[:, :1] - log_sum(v), dtype)


@pytest.mark.parametrize(("scale", "dtype"), [(1e38, "float64"), (3e38, "float64"), (1e35, "float32")])
def test_softmax_of_large_logits(scale: float, dtype: str) -> None:
    x = keras.Input((4,))
    check(as_layer(lambda v: tf.nn.softmax(v * scale))(x), x, lambda v: softmax(v * scale), dtype)


def quotient(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.where(v == 0, 0.0, u / np.where(v == 0, 1.0, v))


GUARDS: dict[str, tuple[Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]] = {
    "largest": (
        lambda x: tf.math.divide_no_nan(x, tf.reduce_max(tf.abs(x), -1, keepdims=True)),
        lambda x: quotient(x, np.abs(x).max(-1, keepdims=True)),
    ),
    "sum": (
        lambda x: tf.math.divide_no_nan(x, tf.reduce_sum(x, -1, keepdims=True)),
        lambda x: quotient(x, x.sum(-1, keepdims=True)),
    ),
    "two": (lambda x: tf.math.divide_no_nan(x[:, :2], x[:, 2:]), lambda x: quotient(x[:, :2], x[:, 2:])),
    "own size": (lambda x: tf.math.divide_no_nan(x, tf.abs(x)), np.sign),
    "xdivy": (lambda x: tf.math.xdivy(x[:, :2], tf.abs(x[:, 2:]) + 1.0), lambda x: x[:, :2] / (np.abs(x[:, 2:]) + 1)),
    "xlogy": (
        lambda x: tf.math.xlogy(tf.abs(x[:, :2]), tf.abs(x[:, 2:])),
        lambda x: np.abs(x[:, :2]) * np.log(np.where(x[:, 2:] == 0, 1.0, np.abs(x[:, 2:]))),
    ),
    "multiplied": (lambda x: tf.math.multiply_no_nan(x[:, :2], x[:, 2:]), lambda x: x[:, :2] * x[:, 2:]),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [n if n == "largest" else pytest.param(n, marks=pytest.mark.slow) for n in GUARDS])
def test_guarded_quotients(name: str, dtype: str) -> None:
    function, expected = GUARDS[name]
    x = keras.Input((4,))
    check(as_layer(function)(x), x, expected, dtype)


SAFE: dict[str, tuple[Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]] = {
    "sum": (
        lambda x: x / (tf.reduce_sum(tf.abs(x), -1, keepdims=True) + 1e-9),
        lambda x: x / (np.abs(x).sum(-1, keepdims=True) + 1e-9),
    ),
    "largest": (
        lambda x: x / tf.maximum(tf.reduce_max(tf.abs(x), -1, keepdims=True), 1e-7),
        lambda x: x / np.maximum(np.abs(x).max(-1, keepdims=True), 1e-7),
    ),
    "deviation": (
        lambda x: (x - tf.reduce_mean(x, -1, keepdims=True)) / (tf.math.reduce_std(x, -1, keepdims=True) + 1e-7),
        lambda x: (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True) + 1e-7),
    ),
    "length": (
        lambda x: x / tf.maximum(tf.norm(x, axis=-1, keepdims=True), 1e-12),
        lambda x: x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12),
    ),
    "where": (
        lambda x: tf.where(tf.abs(x[:, 2:]) == 0, 0.0, x[:, :2] / tf.abs(x[:, 2:])),
        lambda x: quotient(x[:, :2], np.abs(x[:, 2:])),
    ),
    "log": (lambda x: tf.math.log(tf.maximum(x, 1e-7)), lambda x: np.log(np.maximum(x, 1e-7))),
    "root": (lambda x: tf.sqrt(tf.abs(x) + 1e-12), lambda x: np.sqrt(np.abs(x) + 1e-12)),
    "entropy": (lambda x: -tf.abs(x) * tf.math.log(tf.abs(x) + 1e-9), lambda x: -np.abs(x) * np.log(np.abs(x) + 1e-9)),
    "range": (
        lambda x: tf.math.divide_no_nan(x, tf.reduce_max(x, -1, keepdims=True) - tf.reduce_min(x, -1, keepdims=True)),
        lambda x: quotient(x, x.max(-1, keepdims=True) - x.min(-1, keepdims=True)),
    ),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [n if n == "sum" else pytest.param(n, marks=pytest.mark.slow) for n in SAFE])
def test_quotients_and_logarithms_kept_from_zero(name: str, dtype: str) -> None:
    """Parts do not grow with 1/ε: float32 sums to the difference at the zero reference, too."""
    function, expected = SAFE[name]
    network = dl.convert(keras.Model(x := keras.Input((4,)), as_layer(function)(x)), dtype=dtype)
    for reference in (0.0, 1e-9, np.array([0.1, -0.2, 0.5, 0.3])):
        y, y0 = (expected(each)[:, 0] for each in (X, np.zeros_like(X) + reference))
        found = network.compile()(X, references=reference, target=0)
        tolerance = {"float32": 1e-5, "float64": 1e-9}[dtype] * np.maximum(1, np.abs(y) + np.abs(y0))
        assert (np.abs(found.contributions.sum(-1) - (y - y0)) <= tolerance).all()
        assert (np.abs(found.outputs - y) <= tolerance).all()
        assert (np.abs(found.reference_outputs - y0) <= tolerance).all()


@pytest.mark.parametrize("size", [1e-13, 1e-12, 3e-12, 1e-9])
def test_lengths_near_their_floor(size: float) -> None:
    """Outputs and differences are those of the floor itself, not of an epsilon under the root."""
    function, expected = SAFE["length"]
    network = dl.convert(keras.Model(x := keras.Input((4,)), as_layer(function)(x)), dtype="float64")
    values = size * np.array([[0.3, -0.8, 0.5, 0.1], [1.0, 2.0, -3.0, 0.5]])
    for reference in (0.0, size * np.array([0.5, 0.1, -0.2, 0.3])):
        y, y0 = expected(values)[:, 1], expected(np.zeros_like(values) + reference)[:, 1]
        found = network.compile()(values, references=reference, target=1)
        np.testing.assert_allclose(found.outputs, y, rtol=1e-12)
        np.testing.assert_allclose(found.contributions.sum(-1), y - y0, rtol=0, atol=1e-12)


def test_quotients_follow_the_line() -> None:
    """By 400 nodes, denominators of either sign."""
    rng = np.random.default_rng(0)
    u, u0 = rng.normal(size=(2, 500))
    sign = np.sign(rng.normal(size=500))
    v, v0 = sign * 10 ** rng.uniform(-1, 1, (2, 500))
    v0[:100] = v[:100] * (1 + 10 ** rng.uniform(-12, -1, 100))
    found = along_the_line(*(tf.constant(each) for each in (u, v, u0, v0)))
    nodes, weights = np.polynomial.legendre.leggauss(400)
    us, vs = (a0 + (nodes[:, None] + 1) / 2 * (a - a0) for a, a0 in ((u, u0), (v, v0)))
    for each, integrand in zip(found, (1 / vs, -us / vs**2), strict=True):
        expected = (weights[:, None] / 2 * integrand).sum(0)
        np.testing.assert_allclose(each, expected, rtol=1e-9, atol=1e-9 * np.abs(integrand).max())
    # from a denominator that is almost zero nothing is as large as its inverse
    k, w = along_the_line(*(tf.constant(each, tf.float32) for each in (1.0, 2.0, 0.0, 1e-9)))
    np.testing.assert_allclose([k, w], [np.log(2e9) / 2, (0.5 - np.log(2e9) / 2) / 2], rtol=1e-6)


def test_differences_far_below_one() -> None:
    x = keras.Input((3, 1))
    network = dl.convert(keras.Model(x, layers.Flatten()(layers.MaxPooling1D(3)(x))), dtype="float64")
    for size in (1e-25, 1e-100, 1e-200):
        values = size * np.array([[[0.2], [0.8], [0.5]]])
        for x0 in (size, 0.0):
            found = network.compile()(values, references=np.full((3, 1), x0)).contributions.ravel()
            np.testing.assert_allclose(found, [0, 0.8 * size - x0, 0], rtol=1e-9)
