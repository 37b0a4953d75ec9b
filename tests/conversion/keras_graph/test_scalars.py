"""Layers that return a flag or a number beside values of rows, and shapes that Keras alone knows."""

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
from deeplift_tf.errors import UnsupportedLayerError
from tests.support.checks import assert_close_to_largest, assert_complete
from tests.support.saved_models import randomised


class Reversed(layers.Layer):
    """A sequence and whether it was reversed, as layers that augment DNA return it."""

    def call(self, x: Any, training: bool = False) -> Any:
        reverse = tf.random.uniform([]) > 0.5 if training else tf.constant(True)
        return tf.cond(reverse, lambda: x[:, ::-1, ::-1], lambda: x), reverse


class TurnedBack(layers.Layer):
    def call(self, values: Any) -> Any:
        x, reverse = values
        return tf.where(reverse, x[:, ::-1], x)


class WithNumber(layers.Layer):
    def build(self, shape: Any) -> None:
        self.weight = self.add_weight(name="weight", shape=(3,), initializer="ones")
        super().build(shape)

    def call(self, x: Any) -> Any:
        return ops.tanh(x), ops.sum(self.weight)


class WithMeanOfRows(layers.Layer):
    """A value of each row, and the mean over rows, whose first axis is another."""

    def call(self, x: Any) -> Any:
        return 2.0 * x, tf.reduce_mean(x, 0)


class MeanOfBatch(layers.Layer):
    def call(self, x: Any) -> Any:
        return x, ops.mean(x)


def head(x: Any) -> Any:
    return layers.Dense(2)(layers.Flatten()(x))


CASES: dict[str, Callable[[Any], Any]] = {
    "flag not used": lambda x: head(Reversed()(x)[0]),
    "flag used": lambda x: head(TurnedBack()(Reversed()(x))),
    "number in an operation": lambda x: head((lambda y, n: y * n + 1.0)(*WithNumber()(x))),
}
CLASSES = {each.__name__: each for each in (Reversed, TurnedBack, WithNumber)}


def around(build: Callable[[Any], Any], shape: tuple[int, ...] = (6, 4)) -> keras.Model:
    value = keras.Input(shape)
    return randomised(keras.Model(value, build(value)))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.slow_but_for("number in an operation")
def test_a_layer_that_returns_a_flag_or_a_number_too(name: str, tmp_path: Path) -> None:
    model = around(CASES[name])
    x = np.random.default_rng(0).normal(size=(5, 6, 4)).astype("float32")
    model.save(tmp_path / "model.keras")
    for network in (dl.convert(model), dl.convert(tmp_path / "model.keras", custom_objects=CLASSES)):
        assert_close_to_largest(network.predict(x, 2), np.asarray(model(x, training=False)), rtol=1e-5)
        assert_complete(network.compile()(x, x[None, :2], target=0, batch_size=4), rtol=1e-4)


def test_a_number_made_of_the_whole_batch_is_refused() -> None:
    with pytest.raises(UnsupportedLayerError, match=r"mean_of_batch.*one value for all rows that depends on the rows"):
        dl.convert(around(lambda x: head((lambda y, n: y * n)(*MeanOfBatch(name="mean_of_batch")(x)))))


@pytest.mark.parametrize("rows", [None, 4])
@pytest.mark.parametrize("layer", [WithMeanOfRows, MeanOfBatch])
def test_what_nobody_reads_may_depend_on_the_whole_batch(layer: Any, rows: int | None) -> None:
    value = keras.Input(batch_shape=(rows, 6, 4))
    model = randomised(keras.Model(value, head(layer()(value)[0])))
    x = np.random.default_rng(0).normal(size=(4, 6, 4)).astype("float32")
    assert_close_to_largest(dl.convert(model).predict(x, 4), np.asarray(model(x)), rtol=1e-5)


def test_a_mean_over_rows_is_refused_by_name() -> None:
    with pytest.raises(
        UnsupportedLayerError, match="with_mean: what it makes of one row depends on the rows beside it"
    ):
        dl.convert(around(lambda x: head((lambda y, mean: y + mean)(*WithMeanOfRows(name="with_mean")(x)))))


class Reversing(layers.Layer):
    """Rows in another order, by operations that are followed along a path alone."""

    def call(self, x: Any) -> Any:
        return tf.linalg.inv(tf.eye(4) + tf.matmul(x[::-1], x[::-1], transpose_a=True))


class Centred(layers.Layer):
    def call(self, x: Any) -> Any:
        x = x - tf.reduce_mean(x, 0, keepdims=True)
        return tf.linalg.inv(tf.eye(4) + tf.matmul(x, x, transpose_a=True))


class Inverse(layers.Layer):
    def call(self, x: Any) -> Any:
        return tf.linalg.inv(tf.eye(4) + tf.matmul(x, x, transpose_a=True))


@pytest.mark.parametrize("rows", [None, 4])
@pytest.mark.parametrize("layer", [Reversing, Centred])
def test_layers_on_a_path_that_mix_rows_are_refused(
    layer: Any, rows: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "deeplift_tf.conversion.keras_graph.context.ConversionContext.walked", lambda context: None
    )  # as where it cannot be walked
    value = keras.Input(batch_shape=(rows, 6, 4))
    with pytest.raises(UnsupportedLayerError, match="mixing: what it makes of one row depends on the rows beside it"):
        dl.convert(keras.Model(value, head(layer(name="mixing")(value))))
    model = keras.Model(value, head(Inverse(name="apart")(value)))
    assert dl.convert(model).approximate_layers == ("apart",)


def test_a_flag_among_the_outputs_of_a_model_is_refused() -> None:
    value = keras.Input((6, 4))
    x, flag = Reversed(name="reversed")(value)
    with pytest.raises(UnsupportedLayerError, match=r"'reversed' is one value for all rows"):
        dl.convert(keras.Model(value, [head(x), flag]))


IMAGES: dict[str, Callable[[Any], Any]] = {
    "Conv2D": lambda x: layers.Conv2D(3, 3)(x),
    "DepthwiseConv2D": lambda x: layers.DepthwiseConv2D(3)(x),
    "SeparableConv2D": lambda x: layers.SeparableConv2D(3, 3, strides=2, padding="same")(x),
    "Conv2DTranspose": lambda x: layers.Conv2DTranspose(3, 3, strides=2)(x),
    "GroupNormalization": lambda x: layers.GroupNormalization(5)(x),
    "grouped": lambda x: layers.Conv2D(5, 3, groups=5)(x),
}


@pytest.mark.parametrize("name", IMAGES)
def test_sizes_that_a_reshape_leaves_to_keras(name: str) -> None:
    model = around(lambda x: head(IMAGES[name](layers.Reshape((8, 8, -1), name="image")(x))), (64, 5))
    x = np.random.default_rng(0).normal(size=(3, 64, 5)).astype("float32")
    network = dl.convert(model)
    assert tuple(network.layers["image"].shapes[0]) == (None, 8, 8, 5)
    assert_close_to_largest(network.predict(x), np.asarray(model(x)), rtol=1e-5)
    assert_complete(network.compile()(x, 0, target=0), rtol=1e-4)
