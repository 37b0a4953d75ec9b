"""A function is never taken for one that it resembles: where they differ, the network predicts as the model does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import deeplift_tf as dl
from deeplift_tf.conversion.keras_graph.activations import is_elementwise
from deeplift_tf.layers.kinds import Elementwise
from tests.support.installed import exported

Function = Callable[[Any], Any]

ALMOST: dict[str, tuple[Function, list[float]]] = {
    "threshold": (lambda x: x * tf.cast(x > 0.05, x.dtype), [0.04, 0.05, 0.06]),
    "small threshold": (lambda x: x * tf.cast(x > 1e-3, x.dtype), [5e-4, 2e-3]),
    "smallest threshold": (lambda x: x * tf.cast(x > 1e-12, x.dtype), [5e-13, 2e-12]),
    "large threshold": (lambda x: x * tf.cast(x > 1e6, x.dtype), [5e5, 2e6]),
    "scaled threshold": (lambda x: x * tf.cast(2.0 * x > 6.0, x.dtype), [2.9, 3.1]),
    "clipped": (lambda x: tf.minimum(tf.nn.relu(x), 5e4) + 0.0 * x, [4e4, 6e4]),
    "cut gelu": (lambda x: tf.where(x < -3.0, tf.zeros_like(x), tf.nn.gelu(x)), [-3.1, -2.9]),
    "dead zone": (lambda x: tf.where(tf.abs(x) < 0.3, tf.zeros_like(x), tf.tanh(x)), [0.2, -0.2, 0.4]),
    "notch": (lambda x: tf.where(x == 0.5, 0.0 * x, tf.clip_by_value(x, -1.0, 1.0)), [0.5, 0.6]),
    "at three": (lambda x: tf.where(x == 3.0, 7.0 + 0.0 * x, x), [3.0, 2.0]),
    "relu on ten": (lambda x: tf.where(tf.abs(x) <= 10.0, tf.nn.relu(x), 1.0 + 0.0 * x), [11.0, -11.0, 9.0]),
    "saturated": (lambda x: tf.nn.relu(x) - tf.nn.relu(x - 1e30), [3e30, 1e29]),
    "at zero": (lambda x: tf.where(x == 0.0, 5.0 + 0.0 * x, tf.nn.relu(x)), [0.0, 1.0]),
}
WRITTEN_OUT: dict[str, tuple[Function, str]] = {
    "relu": (lambda x: x * tf.cast(x > 0, x.dtype), "relu"),
    "leaky": (lambda x: tf.where(x > 0, x, 0.2 * x), "leaky_relu"),
    "gelu": (lambda x: 0.5 * x * (1.0 + tf.math.erf(x / 1.4142135)), "gelu"),
    "silu": (lambda x: x * tf.sigmoid(x), "silu"),
}


def model_of(function: Function, shape: tuple[int, ...] = (2,)) -> keras.Model:
    class Made(layers.Layer):
        def call(self, x: Any) -> Any:
            return function(x)

    x = keras.Input(shape)
    return keras.Model(x, Made()(x))


def converted(model: keras.Model, road: str, folder: Path, dtype: str = "float32") -> dl.Network:
    if road == "live":
        return dl.convert(model, dtype=dtype)
    exported(model, folder / "saved")
    return dl.convert(str(folder / "saved"), dtype=dtype)


def check(model: keras.Model, network: dl.Network, x: np.ndarray, x0: np.ndarray) -> None:
    """Outputs of both ends are the model's, and scores sum to their difference, under both rules."""
    y, y0 = (np.asarray(model(each.astype("float32"))) for each in (x, np.broadcast_to(x0, x.shape)))
    np.testing.assert_allclose(network.predict(x), y, rtol=2e-5, atol=1e-30)
    assert all(node.layer.exact for node in network.layers.values())
    for rule in ("rescale", "reveal_cancel"):
        scores = network.with_rule(rule).compile()(x, references=x0, target=np.ones(y.shape[1:]))
        size = np.abs(y).sum() + np.abs(y0).sum()
        assert scores.reference_outputs is not None and scores.delta is not None
        np.testing.assert_allclose(scores.reference_outputs, y0.sum(-1), rtol=2e-5, atol=1e-6 * size)
        assert np.all(np.abs(scores.delta) <= 1e-4 * np.abs(y - y0).sum(-1) + 1e-6 * size), (rule, scores.delta)


SOME = ("threshold", "clipped", "cut gelu")


@pytest.mark.parametrize("name", [n if n in SOME else pytest.param(n, marks=pytest.mark.slow) for n in ALMOST])
@pytest.mark.parametrize("road", ["live", pytest.param("saved", marks=pytest.mark.slow)])
@pytest.mark.slow_for("live-cut gelu")
def test_what_only_resembles_a_function_is_not_taken_for_it(name: str, road: str, tmp_path: Path) -> None:
    function, points = ALMOST[name]
    model = model_of(function)
    x = np.array([[point, 0.7] for point in points] + [[-0.4, 2.0]])
    network = converted(model, road, tmp_path)
    for x0 in (np.array([0.1, -0.2]), np.zeros(2), np.nextafter(x[0], np.float32(9)).astype("float32")):
        check(model, network, x, x0)


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_functions_written_out_are_known_still(name: str) -> None:
    function, known = WRITTEN_OUT[name]
    (layer,) = [node.layer for node in dl.convert(model_of(function)).layers.values()]
    assert isinstance(layer, Elementwise) and layer.function.name == known


VECTORS: dict[str, tuple[Function, float]] = {
    "temperature": (lambda x: tf.exp(x / 3.0) / tf.reduce_sum(tf.exp(x / 3.0), -1, keepdims=True), 1.0),
    "clipped logits": (lambda x: softmax_of(tf.clip_by_value(x, -50.0, 50.0)), 90.0),
    "far clipped logits": (lambda x: softmax_of(tf.minimum(x, 1e9)), 1e10),
    "norm with a floor": (
        lambda x: x * tf.math.rsqrt(tf.maximum(tf.reduce_mean(x * x, -1, keepdims=True), 1e-5)),
        1e-4,
    ),
    "unit norm with a floor": (lambda x: x / tf.maximum(tf.norm(x, axis=-1, keepdims=True), 1e-3), 1e-4),
}


def softmax_of(x: Any) -> Any:
    shifted = tf.exp(x - tf.reduce_max(x, -1, keepdims=True))
    return shifted / tf.reduce_sum(shifted, -1, keepdims=True)


@pytest.mark.parametrize("name", ["clipped logits", *(pytest.param(n, marks=pytest.mark.slow) for n in VECTORS)])
def test_vector_functions_are_not_taken_for_plain_ones(name: str) -> None:
    function, size = VECTORS[name]
    model = model_of(function, (4,))
    x = size * np.array([[1.0, 0.6, -0.3, 0.1], [0.2, 0.9, 0.5, -1.0]])
    network = dl.convert(model)
    np.testing.assert_allclose(network.predict(x), np.asarray(model(x.astype("float32"))), rtol=1e-4, atol=1e-30)


def test_elementwise_is_told_by_operations() -> None:
    assert is_elementwise(lambda x: tf.where(x > 1.0, tf.tanh(x), tf.zeros_like(x)))
    assert is_elementwise(tf.function(lambda x: x * 2.0))
    assert not is_elementwise(lambda x: x - tf.nn.relu(tf.reduce_max(x) - 1e6))  # units meet beyond a million
    assert not is_elementwise(lambda x: tf.cumsum(x, -1))
    assert not is_elementwise(lambda x: tf.reduce_sum(x, -1))
    assert not is_elementwise(lambda x: tf.concat([x, x], -1))


@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel"])
@pytest.mark.parametrize("distance", [1.0, 1e-3, 1e-6])
@pytest.mark.slow_but_for("0.001-rescale", "1.0-rescale")
def test_functions_of_a_user_are_exact_at_any_distance(rule: str, distance: float) -> None:
    """One-sided limits and steps, with ends on both sides of the limit, however close."""
    x = keras.Input((4,))
    functions = [
        lambda v: keras.ops.clip(v, 0.3, np.inf),
        lambda v: keras.ops.clip(v, -np.inf, 0.3),
        layers.Activation(lambda v: keras.ops.where(v > 0.3, v, 0.0)),
        layers.Activation(lambda v: tf.minimum(v, 0.3) * 2.0 + tf.tanh(v)),
    ]
    x0 = np.array([0.3, 0.3 - distance / 4, 0.29999, 0.0])
    for function in functions:
        model = keras.Model(x, function(x))
        network = dl.convert(model, rule=rule)
        assert all(node.layer.exact for node in network.layers.values())
        values = x0 + distance * np.array([1.0, 0.5, 1.0, -1.0])
        y, y0 = (np.asarray(model(each[None].astype("float32"))) for each in (values, x0))
        scores = network.compile()(values[None], references=x0, target=np.ones(4))
        np.testing.assert_allclose(scores.contributions, y - y0, rtol=1e-4, atol=4e-7)


PIECES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "bend": (lambda x: tf.where(x < 1.0, x * x, 2 * x - 1), lambda a: np.where(a < 1, a * a, 2 * a - 1)),
    "huber": (
        lambda x: tf.where(tf.abs(x) < 2.0, x * x / 2, 2 * tf.abs(x) - 2),
        lambda a: np.where(abs(a) < 2, a * a / 2, 2 * abs(a) - 2),
    ),
    "jump": (lambda x: tf.where(x < 1.0, x * x, 2 * x), lambda a: np.where(a < 1, a * a, 2 * a)),
}


@pytest.mark.parametrize("road", ["activation", "layer"])
@pytest.mark.parametrize("name", PIECES)
@pytest.mark.slow_but_for("jump-layer")
def test_functions_in_pieces_follow_reveal_cancel_unless_they_may_jump(name: str, road: str) -> None:
    function, plain = PIECES[name]

    class Own(layers.Layer):
        def call(self, x: Any) -> Any:
            return function(x)

    x = keras.Input((2,))
    dense, own = layers.Dense(1), layers.Activation(function) if road == "activation" else Own()
    model = keras.Model(x, own(dense(x)))
    dense.set_weights([np.array([[1.0], [-1.0]]), np.array([0.3])])
    found = dl.convert(model, rule="reveal_cancel", dtype="float64").compile()(np.array([[2.5, 1.0]]), 0.0)
    # from 0.3 by +2.5 and −1: each effect is the mean of adding it first and last
    first, last = plain(0.3 + 2.5) - plain(0.3), plain(0.3 + 1.5) - plain(0.3 - 1.0)
    down = plain(0.3 - 1.0) - plain(0.3), plain(0.3 + 1.5) - plain(0.3 + 2.5)
    expected = [(first + last) / 2, sum(down) / 2]
    if name == "jump":
        expected = np.array([2.5, -1.0]) * (plain(0.3 + 1.5) - plain(0.3)) / 1.5
    np.testing.assert_allclose(found.contributions[0], expected, rtol=1e-6)  # 0.3 is stored in float32
