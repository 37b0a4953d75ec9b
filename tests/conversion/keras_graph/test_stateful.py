"""Layers that keep something from one call to the next: states of RNNs, counts, moving statistics, seeds."""

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
from deeplift_tf.conversion.check import check
from deeplift_tf.errors import DeepLiftWarning, UnsupportedLayerError
from tests.support.checks import assert_close_to_largest, assert_complete
from tests.support.saved_models import randomised

Array = np.ndarray[Any, Any]
SHAPE = (1, 6, 3)


def around(layer: Callable[[Any], Any], shape: tuple[int | None, ...] = SHAPE) -> keras.Model:
    value = keras.Input(batch_shape=shape)
    return randomised(keras.Model(value, layer(value)))


def rows_for(model: keras.Model, rows: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(rows, *model.inputs[0].shape[1:])).astype("float32")


def from_zero_states(model: keras.Model, x: Array) -> Array:
    """Predict one batch of the model's own size after the other, each from zero states; leave the states at zero."""
    size, made = model.inputs[0].shape[0] or len(x), []
    for start in range(0, len(x), size):
        reset(model)
        made.append(np.asarray(model(np.resize(x[start : start + size], (size, *x.shape[1:])), training=False)))
    reset(model)
    return np.concatenate(made)[: len(x)]


def reset(model: keras.Model) -> None:
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.RNN) and layer.stateful:
            layer.reset_state()


def values_of(model: keras.Model) -> list[Array]:
    return [np.array(variable) for variable in model.variables]


def first_of(model: keras.Model) -> tuple[int, ...]:
    return (0,) * (len(model.outputs[0].shape) - 1)


@keras.saving.register_keras_serializable("tests")
class OwnCell(layers.Layer):
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = self.state_size = units
        self.inward, self.onward = layers.Dense(units), layers.Dense(units)

    def build(self, shape: Any) -> None:
        self.inward.build(shape)
        self.onward.build((None, self.units))
        super().build(shape)

    def call(self, x: Any, states: Any) -> Any:
        after = ops.tanh(self.inward(x) + self.onward(states[0]))
        return after, [after]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def nested(value: Any) -> Any:
    inner = keras.Sequential([keras.Input(batch_shape=SHAPE), layers.LSTM(5, stateful=True)])
    return layers.Dense(2)(inner(value))


STATEFUL: dict[str, Callable[[], keras.Model]] = {
    "LSTM": lambda: around(layers.LSTM(5, stateful=True)),
    "GRU": lambda: around(layers.GRU(5, stateful=True, return_sequences=True)),
    "SimpleRNN": lambda: around(layers.SimpleRNN(5, stateful=True, go_backwards=True)),
    "Bidirectional": lambda: around(layers.Bidirectional(layers.LSTM(4, stateful=True))),
    "ConvLSTM2D": lambda: around(layers.ConvLSTM2D(3, 3, stateful=True), (1, 3, 5, 5, 2)),
    "RNN": lambda: around(layers.RNN(OwnCell(4), stateful=True)),
    "with states": lambda: around(lambda x: layers.Concatenate()(layers.LSTM(5, stateful=True, return_state=True)(x))),
    "nested": lambda: around(nested),
    "four rows": lambda: around(layers.LSTM(5, stateful=True), (4, 6, 3)),
    "open length": lambda: around(layers.GRU(5, stateful=True), (2, None, 3)),
}
QUICK = ("LSTM",)


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in STATEFUL])
def test_scores_start_from_zero_states(name: str, tmp_path: Path) -> None:
    model = STATEFUL[name]()
    x = np.random.default_rng(0).normal(size=(9, *(size or 7 for size in model.inputs[0].shape[1:]))).astype("float32")
    expected = from_zero_states(model, x)
    before, network = values_of(model), dl.convert(model)
    assert {row.exact for row in network.table()} == {True}
    for _ in range(2):
        assert_close_to_largest(network.predict(x, batch_size=4), expected, rtol=1e-5)
    score = network.compile()
    first = score(x, 0, target=first_of(model), batch_size=4)
    assert_complete(first, rtol=1e-4)
    assert_close_to_largest(score(x, 0, target=first_of(model)).contributions, first.contributions, rtol=1e-5)
    for found, value in zip(values_of(model), before, strict=True):
        np.testing.assert_array_equal(found, value)
    model.save(tmp_path / "model.keras")
    assert_close_to_largest(dl.convert(tmp_path / "model.keras").predict(x), expected, rtol=1e-5)
    score.export(tmp_path / "served", references=0, target=first_of(model))
    served = tf.saved_model.load(str(tmp_path / "served")).signatures["predict"]
    (found,) = served(**{network.input_names[0]: tf.constant(x)}).values()
    assert_close_to_largest(found.numpy(), expected, rtol=1e-5)


def test_states_of_earlier_calls_are_said_and_not_used() -> None:
    model = around(layers.LSTM(5, stateful=True, name="memory"))
    x = rows_for(model, 1)
    expected = from_zero_states(model, x)
    later = [np.asarray(model(x)), np.asarray(model(x))][1]
    assert np.abs(later - expected).max() > 0.01
    with pytest.warns(DeepLiftWarning, match="'memory'.*start from zero states"):
        network = dl.convert(model)
    assert_close_to_largest(network.predict(x), expected, rtol=1e-5)


def test_a_check_leaves_the_states_of_a_model_as_they_are() -> None:
    model = around(layers.LSTM(5, stateful=True), (4, 6, 3))
    network = dl.convert(model)
    model(rows_for(model, 4))
    before = values_of(model)
    report = check(model, network)
    assert report.prediction_error < 1e-5 and report.relative_delta is not None and report.relative_delta < 1e-4
    for found, value in zip(values_of(model), before, strict=True):
        np.testing.assert_array_equal(found, value)


class Counts(layers.Layer):
    """A layer that counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = layers.Dense(3, activation="relu")
        self.calls = tf.Variable(0.0)

    def build(self, shape: Any) -> None:
        self.inner.build(shape)
        self.count = self.add_weight(name="count", shape=(), initializer="zeros", trainable=False)
        super().build(shape)

    def call(self, x: Any) -> Any:
        self.count.assign_add(1.0)
        self.calls.assign_add(1.0)
        return self.inner(x)


class TimesCalls(Counts):
    def call(self, x: Any) -> Any:
        return super().call(x) * self.count


class Noise(layers.Layer):
    """A layer that draws in every call."""

    def __init__(self) -> None:
        super().__init__()
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x: Any) -> Any:
        return x + keras.random.normal((6,), seed=self.seeds)


class Centred(layers.Layer):
    """Moving statistics, changed in training alone."""

    def build(self, shape: Any) -> None:
        self.mean = self.add_weight(name="mean", shape=(shape[-1],), initializer="zeros", trainable=False)
        super().build(shape)

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            self.mean.assign(0.9 * self.mean + 0.1 * ops.mean(x, 0))
        return x - self.mean


@pytest.mark.parametrize(
    "layer",
    [
        Counts,
        Centred,
        lambda: lambda x: layers.BatchNormalization()(x, training=True),
        lambda: lambda x: layers.Dropout(0.5)(x, training=True),
        lambda: layers.SpectralNormalization(layers.Dense(4)),
        lambda: layers.GaussianNoise(1.0),
    ],
    ids=["counts", "statistics", "BatchNormalization", "Dropout", "SpectralNormalization", "GaussianNoise"],
)
def test_what_is_counted_beside_the_values_is_left_out(layer: Callable[[], Any]) -> None:
    """Nothing is assigned by conversion, predictions, scores or an export; a call with training=False decides."""
    made = layer()
    model = around(lambda x: layers.Dense(2)(made(x)), (None, 6))
    before = values_of(model)
    network, x = dl.convert(model), rows_for(model, 5)
    found, scores = network.predict(x), network.compile()(x, 0, target=0)
    for value, old in zip(values_of(model), before, strict=True):
        np.testing.assert_array_equal(value, old)
    assert not isinstance(made, Counts) or float(made.calls) == 0.0
    assert_close_to_largest(found, np.asarray(model(x, training=False)), rtol=1e-5)
    assert_complete(scores, rtol=1e-4)


@pytest.mark.parametrize("layer", [TimesCalls, Noise])
def test_what_depends_on_the_calls_before_is_refused(layer: type[layers.Layer]) -> None:
    model = around(lambda x: layers.Dense(2)(layer()(x)), (None, 6))
    before = values_of(model)
    with pytest.raises(UnsupportedLayerError, match=r"variables that it changes while it runs.*Assign"):
        dl.convert(model)
    for value, old in zip(values_of(model), before, strict=True):
        np.testing.assert_array_equal(value, old)
