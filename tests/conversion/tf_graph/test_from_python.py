"""Models and layers of a user's own classes: what their Python code computes is walked, and stays exact."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf.conversion.check import check
from deeplift_tf.errors import UnsupportedLayerError
from tests.support.checks import assert_close_to_largest, assert_complete
from tests.support.graph_models import random_rows, with_random_weights

L = keras.layers
RULES = ("rescale", "reveal_cancel")


class Tower(keras.Model):
    """Normalised by moments, gated by itself: TensorFlow operations between the layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = L.Conv1D(6, 5, activation="relu")
        self.norm = L.BatchNormalization()
        self.head = L.Dense(3)
        self.gate = self.add_weight(shape=(6,), name="gate")

    def call(self, x: Any, training: bool = False) -> Any:
        y = self.norm(self.conv(x), training=training)
        y = y * tf.nn.sigmoid(y) * self.gate
        mean, variance = tf.nn.moments(y, [-1], keepdims=True)
        y = tf.reduce_max((y - mean) * tf.math.rsqrt(variance + 1e-3), 1)
        return tf.nn.softmax(self.head(y))


class Pair(keras.Model):
    """Inputs and outputs by name, a layer used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.head = L.Dense(4, activation="relu"), L.Dense(2)

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        hidden = self.hidden(inputs["left"])
        counts = tf.reduce_logsumexp(hidden * inputs["right"], axis=-1, keepdims=True)
        return {"counts": counts, "profile": self.head(self.hidden(inputs["left"] * 0.5))}


def test_a_model_of_a_users_own_class() -> None:
    x, references = np.random.default_rng(0).normal(size=(2, 3, 20, 4)).astype("float32")
    model = Tower()
    model(x)
    with_random_weights(model)
    network = dl.convert(model, dtype="float64")
    assert all(row.exact for row in network.table())
    assert_close_to_largest(network.predict(x), np.asarray(model(x)), 1e-5)
    for rule in RULES:
        assert_complete(network.with_rule(rule).compile()(x, references=references, target=1), 1e-9)
    report = check(model, network)
    assert report.prediction_error < 1e-5 and report.relative_delta is not None and report.relative_delta < 1e-9


def test_inputs_and_outputs_by_name() -> None:
    rng = np.random.default_rng(0)
    x = {"left": rng.normal(size=(3, 5)).astype("float32"), "right": rng.normal(size=(3, 4)).astype("float32")}
    model = Pair()
    model(x)
    with_random_weights(model)
    network = dl.convert(model)
    assert (network.input_names, network.output_names) == (("left", "right"), ("counts", "profile"))
    for name, expected in model(x).items():
        assert_close_to_largest(network.predict(x)[name], expected.numpy(), 1e-5)
    scores = network.compile()(x, references=0.1, output="counts", target=0)
    assert_complete(scores, 1e-4)
    assert set(scores.contributions) == {"left", "right"}


FUNCTIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "log-sum-exp": (lambda x: tf.reduce_logsumexp(x, axis=-1, keepdims=True), "Secant"),
    "log-sum-exp, axis lost": (lambda x: tf.reduce_logsumexp(x, axis=1), "Secant"),
    "softmax": (lambda x: tf.nn.softmax(x), "Secant"),
    "softmax by hand": (lambda x: tf.exp(x) / tf.reduce_sum(tf.exp(x), -1, keepdims=True), "Secant"),
    "log-softmax by hand": (lambda x: x - tf.reduce_logsumexp(x, -1, keepdims=True), "Secant"),
    "unit length": (lambda x: tf.math.l2_normalize(x, -1), "Secant"),
    "gelu": (lambda x: 0.5 * x * (1 + tf.math.erf(x / math.sqrt(2))), "Elementwise"),
    "gelu by tanh": (
        lambda x: 0.5 * x * (1 + tf.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        "Elementwise",
    ),
    "silu": (lambda x: x * tf.sigmoid(x), "Elementwise"),
    "silu of TensorFlow": (lambda x: tf.nn.silu(x), "Elementwise"),
    "mish": (lambda x: x * tf.tanh(tf.math.softplus(x)), "Elementwise"),
    "leaky": (lambda x: tf.where(x > 0, x, 0.3 * x), "Elementwise"),
    "of no name": (lambda x: x * tf.cos(x) + tf.square(x) * tf.exp(-tf.abs(x)), "Elementwise"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.slow_for("mish", "gelu by tanh", "unit length", "of no name", "gelu")
def test_lambdas_stay_exact(name: str) -> None:
    function, kind = FUNCTIONS[name]
    sequence = keras.Input((5, 4))
    hidden = L.Lambda(function, name="own")(L.Conv1D(3, 2, name="conv")(sequence))
    model = with_random_weights(keras.Model(sequence, L.Dense(2)(L.Flatten()(hidden))))
    network = dl.convert(model, dtype="float64", rule="reveal_cancel")
    assert (network.layers["own"].layer.kind, network.layers["own"].keras_class) == (kind, "Lambda")
    assert len(network.graph.nodes) == 4, "one layer stands for the whole function"
    (x,), (references,) = random_rows(model, 4, 1), random_rows(model, 4, 2)
    assert_close_to_largest(network.predict(x), np.asarray(model(x)), 1e-5)
    assert_complete(network.compile()(x, references=references, target=1), 1e-8)  # quotients of unnamed functions


def test_layers_of_a_users_own_inside_a_functional_model() -> None:
    class Block(keras.layers.Layer):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self.dense = L.Dense(4, activation="gelu")

        def build(self, shape: Any) -> None:
            self.dense.build(shape)

        def call(self, x: Any) -> Any:
            return tf.concat([self.dense(x), tf.nn.elu(x)], -1)

    features = keras.Input((6,))
    model = with_random_weights(keras.Model(features, L.Dense(2)(Block(name="block")(features))))
    network = dl.convert(model, dtype="float64")
    assert all(row.exact for row in network.table())
    assert {row.keras_class for row in network.table() if row.name.startswith("block")} == {"Block"}
    (x,), (references,) = random_rows(model, 4, 1), random_rows(model, 4, 2)
    assert_close_to_largest(network.predict(x), np.asarray(model(x)), 1e-5)
    assert_complete(network.compile()(x, references=references, target=1), 1e-9)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x - tf.reduce_mean(x, 0, keepdims=True),
        lambda x: tf.reverse(x, [0]) * x,
        lambda x: tf.compat.v1.nn.fused_batch_norm(x[:, None], tf.ones([4]), tf.zeros([4]), is_training=True)[0],
    ],
)
def test_a_layer_in_which_rows_look_at_one_another_is_refused(function: Callable[[Any], Any]) -> None:
    """No path follows it either: it would send contributions to other rows."""
    features = keras.Input((5, 4))
    model = keras.Model(features, L.Dense(2)(L.Lambda(function, output_shape=lambda s: s, name="own")(features)))
    with pytest.raises(UnsupportedLayerError, match="own: what it makes of one row depends on the rows beside it"):
        dl.convert(model)


def test_a_layer_that_reads_a_variable_which_it_changes_is_refused() -> None:
    """One that only counts is not."""

    class Counter(keras.layers.Layer):
        reads = False

        def build(self, shape: Any) -> None:
            self.count = self.add_weight(shape=(), initializer="ones", trainable=False, name="count")

        def call(self, x: Any) -> Any:
            self.count.assign(self.count + 1.0)
            return tf.sin(x) * (self.count if self.reads else 1.0)

    class Reader(Counter):
        reads = True

    features = keras.Input((4,))
    assert all(row.exact for row in dl.convert(keras.Model(features, Counter(name="own")(features))).table())
    with pytest.raises(UnsupportedLayerError, match="own: reads variables that it changes while it runs"):
        dl.convert(keras.Model(features, Reader(name="own")(features)))
