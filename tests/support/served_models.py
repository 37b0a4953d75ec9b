"""Small models of the kinds that an exported function has to carry, and rows for each."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

layers = keras.layers


@keras.saving.register_keras_serializable("tests")
class Gated(keras.Layer):
    """A layer without a rule of its own, with a weight: followed along a path."""

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), initializer="random_normal", name="scale")

    def call(self, x: Any) -> Any:
        return x * tf.tanh(self.scale + x)


class Case(NamedTuple):
    model: keras.Model
    x: dict[str, np.ndarray]
    rule: str = "rescale"


def one_hot(rows: int, length: int, seed: int = 0) -> np.ndarray:
    return np.eye(4, dtype=np.float32)[np.random.default_rng(seed).integers(0, 4, (rows, length))]


def conv() -> Case:
    x = keras.Input((12, 4), name="dna")
    y = layers.Flatten()(layers.MaxPooling1D(2)(layers.Conv1D(5, 3, activation="relu", name="conv")(x)))
    y = layers.Dense(4, activation="relu", name="hidden")(y)
    return Case(keras.Model(x, layers.Dense(3, name="head")(y)), {"dna": one_hot(6, 12)}, "genomics_default")


def free_length() -> Case:
    x = keras.Input((None, 4), name="dna")
    y = layers.GlobalAveragePooling1D()(layers.Conv1D(5, 3, activation="gelu")(x))
    return Case(keras.Model(x, layers.Dense(3, activation="softmax")(y)), {"dna": one_hot(6, 15)})


def two_inputs() -> Case:
    rng = np.random.default_rng(1)
    x, dose = keras.Input((5,), name="genes"), keras.Input((2,), name="dose")
    y = layers.Dense(6, activation="tanh")(layers.Concatenate()([x, dose]))
    arrays = {"genes": rng.normal(size=(6, 5)).astype("f4"), "dose": rng.normal(size=(6, 2)).astype("f4")}
    return Case(keras.Model([x, dose], layers.Dense(3, name="head")(y)), arrays)


def path() -> Case:
    x = keras.Input((5,), name="x")
    y = Gated(name="gated")(layers.Dense(6, activation="relu")(x))
    return Case(keras.Model(x, layers.Dense(3)(y)), {"x": np.random.default_rng(2).normal(size=(6, 5)).astype("f4")})


def recurrent() -> Case:
    x = keras.Input((None, 4), name="steps")
    y = layers.LSTM(5)(x)
    rows = np.random.default_rng(3).normal(size=(6, 7, 4)).astype("f4")
    return Case(keras.Model(x, layers.Dense(3)(y)), {"steps": rows})


def tokens() -> Case:
    x = keras.Input((8,), dtype="int32", name="tokens")
    y = layers.Embedding(20, 6, name="embedding")(x)
    y = layers.GlobalAveragePooling1D()(layers.Conv1D(5, 3, activation="relu")(y))
    rows = np.random.default_rng(4).integers(1, 20, (6, 8)).astype("i4")
    return Case(keras.Model(x, layers.Dense(3)(y)), {"tokens": rows})


CASES = {make.__name__: make for make in (conv, free_length, two_inputs, path, recurrent, tokens)}
