"""Small Keras models for the tests of methods, and their plain gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tests.support.keras_models import randomise


def image_model(seed: int = 0) -> keras.Model:
    """Two convolutions, named 'first' and 'second', between images of (10, 8, 3) and a softmax over 4 classes."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((10, 8, 3)),
            layers.Conv2D(6, 3, activation="relu", name="first"),
            layers.Conv2D(5, 3, activation="relu", name="second"),
            layers.Flatten(),
            layers.Dense(7, activation="tanh"),
            layers.Dense(4, activation="softmax", name="classes"),
        ]
    )
    return randomise(model, seed)


def smooth_model(seed: int = 0) -> keras.Model:
    """A network of softplus and tanh, so that quadratures converge as theory has it."""
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, activation="tanh"), layers.Dense(5, activation="softplus"), layers.Dense(2)]
    )
    return randomise(model, seed)


def dense_model(sizes: Sequence[int], seed: int = 0, activation: str = "relu", bias: bool = True) -> keras.Model:
    """Fully connected layers, the last one linear."""
    model = keras.Sequential([keras.Input((sizes[0],))])
    for size in sizes[1:-1]:
        model.add(keras.layers.Dense(size, activation=activation, use_bias=bias))
    model.add(keras.layers.Dense(sizes[-1], use_bias=bias))
    return randomise(model, seed)


def set_weights(model: keras.Model, *weights: Sequence[object]) -> keras.Model:
    """Give a model weights by hand; returns it."""
    model.set_weights([np.array(each, np.float32) for each in weights])
    return model


def plain_gradient(function: Callable[[tf.Tensor], tf.Tensor], x: np.ndarray) -> np.ndarray:
    """The gradient of the sum of a function over rows, in the dtype of x."""
    at = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(at)
        y = function(at)
    return tape.gradient(y, at).numpy()
