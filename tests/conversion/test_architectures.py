"""Whole architectures: predictions as Keras makes them, and contributions that sum to the difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import deeplift_tf as dl
from tests.support.installed import since_keras

Build = Callable[[], tuple[keras.Model, list[tuple[int, ...]]]]


def transformer_encoder() -> tuple[keras.Model, list[tuple[int, ...]]]:
    """Two blocks of self-attention with norms before them, over a sequence of vectors."""
    x = keras.Input((7, 8))
    y = x + np.random.default_rng(0).normal(size=(1, 7, 8)).astype("float32")
    for _ in range(2):
        z = layers.LayerNormalization(epsilon=1e-6)(y)
        y = layers.Add()([y, layers.MultiHeadAttention(2, 4, dropout=0.1)(z, z)])
        z = layers.Dense(16, activation="gelu")(layers.LayerNormalization()(y))
        y = layers.Add()([y, layers.Dropout(0.1)(layers.Dense(8)(z))])
    return keras.Model(x, layers.Dense(3)(layers.GlobalAveragePooling1D()(y))), [(7, 8)]


def u_net() -> tuple[keras.Model, list[tuple[int, ...]]]:
    """Down by max pooling, up by transposed convolution, with shortcuts."""
    x = keras.Input((8, 8, 2))
    first = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    second = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.MaxPooling2D()(first))
    y = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(second))
    for shortcut, filters in ((second, 6), (first, 4)):
        y = layers.Conv2DTranspose(filters, 2, strides=2)(y)
        y = layers.Concatenate()([y, shortcut])
        y = layers.Conv2D(filters, 3, padding="same", activation="relu")(layers.BatchNormalization()(y))
    return keras.Model(x, layers.Conv2D(1, 1)(y)), [(8, 8, 2)]


def siamese() -> tuple[keras.Model, list[tuple[int, ...]]]:
    """One encoder for two inputs, and the distance of what it makes of them."""
    inner = keras.Input((9, 4))
    code = layers.Dense(5, activation="tanh")(layers.GlobalMaxPooling1D()(layers.Conv1D(6, 3)(inner)))
    encoder = keras.Model(inner, code, name="encoder")
    first, second = keras.Input((9, 4), name="first"), keras.Input((9, 4), name="second")
    distance = ops.abs(encoder(first) - encoder(second))
    return keras.Model([first, second], layers.Dense(1)(distance)), [(9, 4), (9, 4)]


def chrombpnet() -> tuple[keras.Model, list[tuple[int, ...]]]:
    """A bias model inside, dilated valid convolutions, cropping, and heads for profile and counts."""

    def tower(x: Any, filters: int, depth: int, name: str) -> tuple[Any, Any]:
        y = layers.Conv1D(filters, 5, activation="relu", name=f"{name}_first")(x)
        for i in range(1, depth + 1):
            z = layers.Conv1D(filters, 3, dilation_rate=2**i, activation="relu", name=f"{name}_dilated_{i}")(y)
            y = layers.Add(name=f"{name}_add_{i}")([layers.Cropping1D(2**i, name=f"{name}_crop_{i}")(y), z])
        profile = layers.Flatten(name=f"{name}_profile")(layers.Cropping1D(4)(layers.Conv1D(1, 5)(y)))
        return profile, layers.Dense(1, name=f"{name}_counts")(layers.GlobalAveragePooling1D()(y))

    inner = keras.Input((40, 4))
    bias = keras.Model(inner, tower(inner, 3, 2, "bias"), name="bias_model")
    x = keras.Input((40, 4), name="sequence")
    profile, counts = tower(x, 5, 2, "main")
    bias_profile, bias_counts = bias(x)
    both = layers.Concatenate(axis=-1, name="both")([counts, bias_counts])
    total = layers.Lambda(lambda z: ops.logsumexp(z, axis=-1, keepdims=True), name="counts")(both)
    return keras.Model(x, [layers.Add(name="profile")([profile, bias_profile]), total]), [(40, 4)]


def spliceai() -> tuple[keras.Model, list[tuple[int, ...]]]:
    """Residual blocks of dilated convolutions over a sequence of any length."""
    x = keras.Input((None, 4))
    y = skip = layers.Conv1D(6, 1)(x)
    for rate in (1, 4):
        z = y
        for _ in range(2):
            z = layers.Activation("relu")(layers.BatchNormalization()(z))
            z = layers.Conv1D(6, 3, dilation_rate=rate, padding="same")(z)
        y = layers.Add()([y, z])
        skip = layers.Add()([skip, layers.Conv1D(6, 1)(y)])
    return keras.Model(x, layers.Conv1D(3, 1, activation="softmax")(layers.Cropping1D(5)(skip))), [(30, 4)]


MODELS: list[Build] = [transformer_encoder, u_net, siamese, chrombpnet, spliceai]


def randomised(model: keras.Model) -> keras.Model:
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if weight.name in ("bias", "beta", "moving_mean"):
            weight.assign(0.2 * rng.normal(size=weight.shape))
    return model


def check(model: keras.Model, shapes: list[tuple[int, ...]], dtype: str, rules: tuple[str, ...]) -> None:
    rng = np.random.default_rng(2)
    parts = [[rng.normal(size=(rows, *shape)).astype("float32") for shape in shapes] for rows in (2, 1)]
    x, references = parts if len(shapes) > 1 else (part[0] for part in parts)
    network = dl.convert(model, dtype=dtype)
    assert all(row.exact for row in network.table())
    expected, found = keras.tree.flatten(model(x, training=False)), network.predict(x)
    for y, z in zip(expected, found.values() if isinstance(found, dict) else [found], strict=True):
        assert np.abs(np.asarray(y) - z).max() <= 1e-5 * np.abs(np.asarray(y)).max()
    for rule in rules:
        for output, y in zip(network.output_names, expected, strict=True):
            target = rng.normal(size=y.shape[1:])
            scores = network.with_rule(rule).compile()(x, references, target=target, output=output)
            assert scores.delta is not None
            difference = np.abs(scores.outputs - scores.reference_outputs).max()
            assert np.abs(scores.delta).max() <= (1e-9 if dtype == "float64" else 1e-4) * difference


sums_in_chrombpnet = since_keras(3, 11, "keras.ops.logsumexp of symbols over one axis")


@pytest.mark.parametrize("build", [transformer_encoder, pytest.param(chrombpnet, marks=sums_in_chrombpnet)])
@pytest.mark.slow_for("transformer_encoder")
def test_architecture(build: Build) -> None:
    model, shapes = build()
    check(randomised(model), shapes, "float64", ("genomics_default",))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_rules_and_dtypes(build: Build, dtype: str) -> None:
    model, shapes = build()
    check(randomised(model), shapes, dtype, ("rescale", "reveal_cancel"))


APPLICATIONS = (
    "MobileNet",
    "MobileNetV3Small",
    "EfficientNetB0",
    "ResNet50",
)  # coverage_table measures all of them


@pytest.mark.slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_application(name: str) -> None:
    model = getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3), include_top=False, pooling="avg")
    check(model, [(32, 32, 3)], "float64", ("rescale",))
