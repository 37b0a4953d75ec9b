"""Models that Keras runs on one number of rows alone: their networks take any number."""

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
from deeplift_tf.errors import UnsupportedLayerError
from tests.conversion.keras_graph.test_stateful import from_zero_states, rows_for
from tests.support.checks import assert_close_to_largest, assert_complete
from tests.support.installed import exported
from tests.support.saved_models import randomised


@keras.saving.register_keras_serializable("tests")
class FourRows(layers.Layer):
    """Code that holds for four rows alone; TensorFlow's, so that Keras's operations do not tell what it does."""

    def call(self, x: Any) -> Any:
        return tf.reshape(tf.math.softplus(x), [4, 18])


@keras.saving.register_keras_serializable("tests")
class TwoValues(layers.Layer):
    def call(self, x: Any) -> Any:
        flat = ops.reshape(ops.tanh(x), (x.shape[0], -1))
        return flat, 2 * flat[:, :2]


def two_values(x: Any) -> Any:
    first, second = TwoValues()(x)
    return layers.Dense(2)(layers.Concatenate()([first, second]))


PARTS: dict[str, Callable[[Any], Any]] = {
    "layers": lambda x: layers.Dense(2)(layers.Flatten()(layers.Conv1D(4, 3, activation="relu")(x))),
    "attention": lambda x: layers.Dense(2)(layers.Flatten()(layers.MultiHeadAttention(2, 3)(x, x))),
    "an operation": lambda x: layers.Dense(2)(ops.reshape(x, (x.shape[0], 18))),
    "two values": two_values,
    "a layer of TensorFlow": lambda x: layers.Dense(2)(FourRows()(x)),
}
CASES = [(name, 4) for name in PARTS] + [(name, 1) for name in PARTS if name != "a layer of TensorFlow"]
QUICK = [("a layer of TensorFlow", 4)]


def fixed(name: str, rows: int) -> keras.Model:
    value = keras.Input(batch_shape=(rows, 6, 3))
    return randomised(keras.Model(value, PARTS[name](value)))


@pytest.mark.parametrize(
    ("name", "rows"), [case if case in QUICK else pytest.param(*case, marks=pytest.mark.slow) for case in CASES]
)
def test_any_number_of_rows(name: str, rows: int, tmp_path: Path) -> None:
    model = fixed(name, rows)
    x = rows_for(model, 10)
    expected = from_zero_states(model, x)
    model.save(tmp_path / "model.keras")
    for network in (dl.convert(model), dl.convert(tmp_path / "model.keras", custom_objects=own_classes())):
        for batch_size in (1, 3, 32):
            assert_close_to_largest(network.predict(x, batch_size), expected, rtol=1e-5)
        score = network.compile()
        scores = score(x, x[None, :3], target=1, batch_size=7)
        assert_complete(scores, rtol=1e-4)
        assert_close_to_largest(score(x[4:5], x[None, :3], target=1).contributions, scores.contributions[4:5], 1e-4)
    score.export(tmp_path / "served", references=0)
    served = tf.saved_model.load(str(tmp_path / "served")).signatures["predict"]
    (found,) = served(**{network.input_names[0]: tf.constant(x)}).values()
    assert_close_to_largest(found.numpy(), expected, rtol=1e-5)
    assert check(model, network).prediction_error < 1e-5


def own_classes() -> dict[str, Any]:
    return {"tests>FourRows": FourRows, "tests>TwoValues": TwoValues}


@pytest.mark.slow
def test_a_graph_of_fixed_rows(tmp_path: Path) -> None:
    model = fixed("layers", 4)
    network, x = dl.convert(exported(model, tmp_path / "graph")), rows_for(model, 10)
    assert_close_to_largest(network.predict(x), from_zero_states(model, x), rtol=1e-5)
    assert_complete(network.compile()(x, x[None, :3], target=0), rtol=1e-4)


class Reshaped(tf.Module):
    """Graphs that name the number of rows; eight of them where they declare none."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.constant(np.random.default_rng(3).normal(size=(24, 2)), tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([2, 6, 4])])
    def declared(self, x: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(tf.reshape(x, [2, 24])) @ self.weights

    @tf.function(input_signature=[tf.TensorSpec([2, 6, 4])])
    def inferred(self, x: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(tf.reshape(x, [2, -1])) @ self.weights

    @tf.function(input_signature=[tf.TensorSpec([2, 6, 4])])
    def merged(self, x: tf.Tensor) -> tf.Tensor:
        steps = tf.nn.relu(tf.reshape(x, [-1, 4]))  # rows and steps
        return tf.reshape(steps, [2, 24]) @ self.weights

    @tf.function(input_signature=[tf.TensorSpec([None, 6, 4])])
    def open(self, x: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(tf.reshape(x, [8, 24])) @ self.weights

    @tf.function(input_signature=[tf.TensorSpec([2, 6, 4])])
    def mixing(self, x: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(tf.reshape(x, [4, 12])) @ self.weights[:12]


@pytest.mark.parametrize("name", ["declared", "inferred", "merged", "open"])
def test_a_reshape_that_names_the_number_of_rows(name: str, tmp_path: Path) -> None:
    module = Reshaped()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=getattr(module, name))
    network = dl.convert(tmp_path / "saved")
    x = np.random.default_rng(4).normal(size=(10, 6, 4)).astype("float32")
    expected = np.maximum(x.reshape(10, 24), 0) @ module.weights.numpy()
    assert_close_to_largest(network.predict(x), expected, rtol=1e-5)
    assert_complete(network.compile()(x, x[None, :3], target=1), rtol=1e-4)
    assert all(row.exact for row in network.table())


def test_a_reshape_that_cuts_rows_is_refused(tmp_path: Path) -> None:
    module = Reshaped()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.mixing)
    with pytest.raises(UnsupportedLayerError, match="mixes rows"):
        dl.convert(tmp_path / "saved")


def test_a_loop_over_rows_says_what_to_write(tmp_path: Path) -> None:
    module = tf.Module()
    module.run = tf.function(
        lambda x: tf.map_fn(lambda row: row * row, x), [tf.TensorSpec([None, 4], tf.float32)], autograph=False
    )
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.run)
    with pytest.raises(UnsupportedLayerError, match=r"tf\.vectorized_map"):
        dl.convert(tmp_path / "saved")
