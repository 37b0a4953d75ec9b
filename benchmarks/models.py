"""The Keras models that are measured, with random weights: biases, moving statistics and negative gammas too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from benchmarks import architectures
from benchmarks.cases import TARGET, Case, data_of
from tests.support.keras_models import randomise

Shape = tuple[int, ...]


def basset(shape: Shape) -> keras.Model:
    """Three convolutions, each normalised and pooled, and three dense layers (Kelley et al. 2016)."""
    x = inputs = keras.Input(shape)
    for index, (filters, width, pool) in enumerate(((300, 19, 3), (200, 11, 4), (200, 7, 4)), 1):
        x = layers.Conv1D(filters, width, padding="same", name=f"conv_{index}")(x)
        x = layers.BatchNormalization(name=f"norm_{index}")(x)
        x = layers.ReLU(name=f"relu_{index}")(x)
        x = layers.MaxPooling1D(pool, name=f"pool_{index}")(x)
    x = layers.Flatten(name="flat")(x)
    for index in (1, 2):
        x = layers.Dense(1000, activation="relu", name=f"dense_{index}")(x)
    return keras.Model(inputs, layers.Dense(164, name="output")(x))


def bpnet(shape: Shape) -> keras.Model:
    """Nine dilated convolutions without padding, each added to its cropped input; heads for profile and counts."""
    inputs = keras.Input(shape)
    x = layers.Conv1D(64, 21, activation="relu", name="conv_0")(inputs)
    for index in range(1, 10):
        y = layers.Conv1D(64, 3, dilation_rate=2 ** (index - 1), activation="relu", name=f"conv_{index}")(x)
        x = layers.Add(name=f"add_{index}")([y, layers.Cropping1D(2 ** (index - 1), name=f"crop_{index}")(x)])
    profile = layers.Conv1D(1, 73, name="profile_conv")(x)
    counts = layers.GlobalAveragePooling1D(name="mean")(x)
    outputs = {
        "profile": layers.Flatten(name="profile")(profile),
        "counts": layers.Dense(1, name="counts")(counts),
    }
    return keras.Model(inputs, outputs)


def vgg(shape: Shape) -> keras.Model:
    """Three pairs of convolutions, each pooled, and two dense layers (after Simonyan and Zisserman 2014)."""
    x = inputs = keras.Input(shape)
    for block, filters in enumerate((64, 128, 256), 1):
        for index in (1, 2):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv_{block}_{index}")(x)
        x = layers.MaxPooling2D(2, name=f"pool_{block}")(x)
    x = layers.Dense(512, activation="relu", name="dense")(layers.Flatten(name="flat")(x))
    return keras.Model(inputs, layers.Dense(10, name="output")(x))


def resnet50(shape: Shape) -> keras.Model:
    """ResNet50 of keras.applications, without its softmax."""
    return keras.applications.ResNet50(weights=None, input_shape=shape, classifier_activation=None)


def transformer(shape: Shape) -> keras.Model:
    """Four encoder blocks of width 128 on tokens of five letters, normalised before attention."""
    inputs = keras.Input(shape)
    x = layers.Conv1D(128, 10, strides=5, padding="valid", name="tokens")(inputs)
    for index in range(1, 5):
        y = layers.LayerNormalization(epsilon=1e-5, name=f"norm_{index}a")(x)
        y = layers.MultiHeadAttention(4, 32, name=f"attention_{index}")(y, y)
        x = layers.Add(name=f"add_{index}a")([x, y])
        y = layers.LayerNormalization(epsilon=1e-5, name=f"norm_{index}b")(x)
        y = layers.Dense(512, activation="gelu", name=f"wide_{index}")(y)
        y = layers.Dense(128, name=f"narrow_{index}")(y)
        x = layers.Add(name=f"add_{index}b")([x, y])
    x = layers.GlobalAveragePooling1D(name="mean")(layers.LayerNormalization(epsilon=1e-5, name="norm")(x))
    return keras.Model(inputs, layers.Dense(10, name="output")(x))


def tiny(shape: Shape) -> keras.Model:
    """One convolution, for tests of the benchmark."""
    inputs = keras.Input(shape)
    x = layers.Conv1D(8, 5, activation="relu", name="conv")(inputs)
    x = layers.MaxPooling1D(4, name="pool")(x)
    return keras.Model(inputs, layers.Dense(10, name="output")(layers.Flatten(name="flat")(x)))


BUILDERS: dict[str, Callable[[Shape], keras.Model]] = {
    model.__name__: model for model in (basset, bpnet, vgg, resnet50, transformer, tiny)
} | architectures.BUILDERS


def build(case: Case) -> keras.Model:
    """Return the model of a case; the same weights in every process."""
    model = randomise(BUILDERS[case.name](case.shape), seed=1)
    return model if case.peers else architectures.calibrated(model, data_of(case).x)


def gradient_times_input(model: keras.Model, head: str | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function of gradient x input of the scored position, compiled by TensorFlow."""

    @tf.function
    def gradient(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = model(x, training=False)
            target = (outputs[head] if head else outputs)[:, TARGET]
        return tape.gradient(target, x) * x

    return lambda x: gradient(tf.constant(x)).numpy()


def with_one_output(model: keras.Model, case: Case) -> keras.Model:
    """Return the model with the scored position, the first, alone: what SHAP needs not to explain all of them."""
    last: Any = model.get_layer(case.head or model.layers[-1].name)
    one = layers.Dense(1, name="one")
    alone = keras.Model(model.input, one(last.input))
    kernel, bias = last.get_weights()
    one.set_weights([kernel[:, TARGET : TARGET + 1], bias[TARGET : TARGET + 1]])
    return alone
