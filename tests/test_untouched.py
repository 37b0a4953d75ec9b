"""The model and TensorFlow are as they were: after a conversion, after scores, and after either has raised."""

from __future__ import annotations

import gc
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from tensorflow.python.framework import ops

import deeplift_tf as dl
from deeplift_tf.errors import InputError, TargetError, UnsupportedLayerError
from tests.support.keras_models import randomise

X, X0 = np.random.default_rng(41).normal(0, 1.5, (2, 6, 8, 3)).astype("float32")


@keras.saving.register_keras_serializable("deeplift_tf_tests")
class Swirl(keras.layers.Layer):
    """A layer of TensorFlow's own operations, complex ones among them, with a weight: it is followed along a path."""

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(shape[-1],), name="w")

    def call(self, x: Any) -> Any:
        angle = x * self.w + tf.roll(x, 1, axis=-1)
        return tf.math.imag(tf.exp(tf.complex(tf.zeros_like(angle), angle)))


def _model() -> keras.Model:
    x = keras.Input((8, 3), name="x")
    y = layers.Conv1D(4, 3, activation="relu", name="conv")(x)
    y = layers.BatchNormalization(name="norm")(layers.MaxPooling1D(2, name="pool")(y))
    y = layers.Dropout(0.5, name="dropout")(Swirl(name="swirl")(layers.Flatten(name="flat")(y)))
    return randomise(keras.Model(x, layers.Dense(3, activation="softmax", name="classes")(y)), 9)


def _gradients(model: keras.Model) -> list[np.ndarray]:
    """Of the loss to the inputs and to every weight, as bits."""
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(model(x, training=False)[:, 1])
    return [g.numpy().view("uint32") for g in tape.gradient(loss, [x, *model.trainable_variables])]


def _registry() -> dict[str, Any]:
    """TensorFlow's table of gradients, looked at and left alone."""
    registry = ops.gradient_registry._registry
    return {name: registry[name]["type"] for name in registry}


def _state(model: keras.Model) -> dict[str, Any]:
    return {
        "gradients": _gradients(model),
        "weights": model.get_weights(),
        "predictions": np.asarray(model(X, training=False)),
        "config": model.get_config(),
        "attributes": [sorted(layer.__dict__) for layer in model.layers],
        "calls": [layer.call for layer in model.layers],
    }


def _assert_unchanged(before: dict[str, Any], after: dict[str, Any]) -> None:
    for name in ("gradients", "weights"):
        for a, b in zip(before[name], after[name], strict=True):
            np.testing.assert_array_equal(a, b, err_msg=name)
    np.testing.assert_array_equal(before["predictions"], after["predictions"])
    for name in ("config", "attributes", "calls"):
        assert before[name] == after[name], name


def broken(layer: Any, context: Any) -> Any:
    return 1 // 0


def _fails(model: keras.Model, how: str) -> None:
    """One of the ways in which a call can raise, some before and some after functions have been traced."""
    if how == "conversion":
        with pytest.raises(UnsupportedLayerError):
            dl.convert(model, exact_only=True)
    elif how == "converter":
        with pytest.raises(ZeroDivisionError):
            dl.convert(model, converters={"Dense": broken})
    elif how == "input":
        with pytest.raises(InputError):
            dl.convert(model).compile()(X[:, :4], 0.0)
    elif how == "target":
        with pytest.raises(TargetError):
            dl.convert(model).compile()(X, 0.0, target=lambda y: np.exp(y)[:, :1])
    else:
        with pytest.raises(ZeroDivisionError):
            dl.convert(model, rule="reveal_cancel").compile()(X, lambda x: 1 // 0)


@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel", "guided_backprop"])
@pytest.mark.slow_for("rescale")
def test_model_and_gradient_registry_are_as_before(rule: str) -> None:
    model = _model()
    before, registry = _state(model), _registry()
    assert len(registry) > 100  # it is the table that TensorFlow fills
    network = dl.convert(model, rule=rule)
    network.compile()(X, X0, target=1)
    network.compile("pool")(X, X0, target=1)
    network.predict(X)
    assert _registry() == registry
    _assert_unchanged(before, _state(model))


@pytest.mark.parametrize("how", ["conversion", "converter", "input", "target", "references"])
@pytest.mark.slow_for("target", "input")
def test_model_works_after_a_call_that_raised(how: str) -> None:
    model = _model()
    before, registry = _state(model), _registry()
    _fails(model, how)
    assert _registry() == registry
    _assert_unchanged(before, _state(model))
    model.compile("sgd", "mse")
    model.fit(X, np.eye(3)[[0, 1, 2, 0, 1, 2]], epochs=1, verbose=0)
    assert any((a != b).any() for a, b in zip(before["weights"], model.get_weights(), strict=True))
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.slow
def test_a_network_outlives_changes_of_the_model_and_the_model_itself() -> None:
    model = _model()
    network = dl.convert(model)
    assert network.layers["swirl"].layer.kind == "Path"  # it holds variables of its own
    score = network.compile()
    expected, predictions = score(X, X0, target=1), network.predict(X)
    late = dl.convert(model)  # compiled only when the model has changed

    model.set_weights([w + 1 for w in model.get_weights()])
    assert np.abs(np.asarray(model(X)) - predictions).max() > 1e-3
    del model
    gc.collect()
    for each in (score, network.compile(), late.compile(), late.with_rule("rescale").compile()):
        found = each(X, X0, target=1)
        np.testing.assert_array_equal(found.contributions, expected.contributions)
        np.testing.assert_array_equal(found.outputs, expected.outputs)
    np.testing.assert_array_equal(late.predict(X), predictions)


@pytest.mark.slow
def test_training_goes_on_beside_a_network() -> None:
    model = _model()
    score = dl.convert(model).compile()
    expected = score(X, X0).contributions
    model.compile("sgd", "mse")
    model.fit(X, np.eye(3)[[0, 1, 2, 0, 1, 2]], epochs=2, verbose=0)
    np.testing.assert_array_equal(score(X, X0).contributions, expected)


def test_scoring_inside_a_gradient_tape_leaves_the_tape_alone() -> None:
    model = _model()
    score = dl.convert(model).compile()
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(model(x, training=False)[:, 1])
        score(X, X0)
    np.testing.assert_array_equal(tape.gradient(y, x).numpy().view("uint32"), _gradients(model)[0])
