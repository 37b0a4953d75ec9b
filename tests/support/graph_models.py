"""Small Keras models whose exports hold no layers, each with random weights, statistics and negative gammas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

L = keras.layers
Array = np.ndarray[Any, Any]


def convolutions() -> keras.Model:
    image = keras.Input((12, 12, 3), name="image")
    x = L.Conv2D(6, 3, padding="same", activation="relu")(image)
    x = L.MaxPooling2D()(L.BatchNormalization()(x))
    x = L.Conv2D(5, 3, strides=2, padding="same")(x)
    x = L.ReLU()(L.BatchNormalization()(x))
    x = L.Flatten()(L.AveragePooling2D(2, padding="same")(x))
    x = L.Dense(7, activation="relu")(L.Dropout(0.3)(x))
    return keras.Model(image, L.Dense(4, activation="softmax")(x))


def separable() -> keras.Model:
    image = keras.Input((10, 10, 3), name="image")
    x = L.LeakyReLU(0.2)(L.SeparableConv2D(6, 3, padding="same")(image))
    x = L.Activation("elu")(L.DepthwiseConv2D(3, dilation_rate=2)(x))
    x = L.UpSampling2D(2)(L.ZeroPadding2D(1)(x))
    return keras.Model(image, L.Dense(2)(L.GlobalAveragePooling2D()(x)))


def dilated() -> keras.Model:
    sequence = keras.Input((30, 4), name="sequence")
    x = L.Conv1D(6, 5, activation="relu")(sequence)
    for rate in (2, 4):
        x = L.Add()([x, L.Conv1D(6, 3, dilation_rate=rate, padding="same", activation="relu")(x)])
    gated = L.Conv1D(6, 3, dilation_rate=2, padding="causal", activation="swish")(x)
    x = L.Cropping1D(2)(L.Concatenate()([x, gated]))
    x = L.GlobalMaxPooling1D()(L.PReLU(shared_axes=[1])(x))
    return keras.Model(sequence, L.Dense(1, activation="sigmoid")(x))


def transformer() -> keras.Model:
    words = keras.Input((7, 8), name="words")
    x = L.LayerNormalization()(words)
    x = L.Add()([L.MultiHeadAttention(2, 4)(x, x), words])
    y = L.Dense(8)(L.Dense(12, activation="gelu")(L.LayerNormalization()(x)))
    x = L.GlobalAveragePooling1D()(L.Add()([x, y]))
    return keras.Model(words, L.Dense(3, activation="softmax")(x))


def two_inputs() -> keras.Model:
    left, right = keras.Input((5,), name="left"), keras.Input((6,), name="right")
    x, y = L.Dense(8, activation="tanh")(left), L.Dense(8, activation="softplus")(right)
    z = L.Multiply()([x, y])
    first = L.Dense(2)(L.Subtract()([z, L.Maximum()([x, y])]))
    return keras.Model([left, right], [first, L.Dense(1, activation="sigmoid")(L.Concatenate()([x, z]))])


def recurrent() -> keras.Model:
    sequence = keras.Input((3, 4), name="sequence")
    x = L.Bidirectional(L.GRU(3))(L.LSTM(4, return_sequences=True)(sequence))
    return keras.Model(sequence, L.Dense(2)(x))


def norms() -> keras.Model:
    sequence = keras.Input((9, 6), name="sequence")
    x = L.RMSNormalization()(L.Dense(5, activation="selu")(sequence))
    x = L.Dense(4, activation="mish")(L.Permute((2, 1))(x))
    x = L.UnitNormalization()(L.GroupNormalization(5, axis=1)(x))
    return keras.Model(sequence, L.Dense(6, activation="log_softmax")(L.Reshape((20,))(x)))


def open_length() -> keras.Model:
    sequence = keras.Input((None, 4), name="sequence")
    x = L.Dense(5, activation="relu")(L.Conv1D(6, 5, padding="same", activation="relu")(sequence))
    x = L.Conv1D(6, 3, dilation_rate=2, padding="same")(L.LayerNormalization()(x))
    return keras.Model(sequence, L.Conv1D(3, 1, activation="softmax")(L.Cropping1D(3)(x)))


MODELS: dict[str, Callable[[], keras.Model]] = {
    make.__name__: make
    for make in (convolutions, separable, dilated, transformer, two_inputs, recurrent, norms, open_length)
}


def with_random_weights(model: keras.Model, seed: int = 0) -> keras.Model:
    """Normal weights, variances above zero."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        values = rng.normal(0, 0.4, variable.shape)
        variable.assign(np.abs(values) + 0.3 if "variance" in variable.path else values)
    return model


def random_rows(model: keras.Model, count: int, seed: int) -> list[Array]:
    """Normal numbers for each input; open axes of 20."""
    rng = np.random.default_rng(seed)
    shapes = [[size or 20 for size in tensor.shape[1:]] for tensor in model.inputs]
    return [rng.normal(size=(count, *shape)).astype("float32") for shape in shapes]


class Classifier(tf.Module):
    """A model that no Keras layer is part of, with an output of integers beside its logits."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        self.kernel = tf.Variable(rng.normal(size=(3, 3, 2, 5)), dtype=tf.float32)
        self.weights = tf.Variable(rng.normal(size=(4, 3)), dtype=tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 2], tf.float32)])
    def __call__(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        y = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, self.kernel, 1, "SAME")), 2, 2, "VALID")
        y = tf.nn.leaky_relu(tf.reduce_mean(y, [1, 2])[:, :4] - 0.5)
        logits = tf.where(y > 0.1, y, y * y) @ self.weights
        return {"logits": logits, "class": tf.argmax(logits, -1)}

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
    def head(self, features: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(features @ self.weights)
