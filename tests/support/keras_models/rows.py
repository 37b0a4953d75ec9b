"""Rows of the tables of models, random inputs and weights, and a small network around one layer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

Shape = tuple[int, ...]


class Row(NamedTuple):
    """One model of the table: `build` takes nothing and gives a model with fresh weights."""

    id: str
    layer_class: str
    build: Callable[[], keras.Model]
    input_shapes: tuple[Shape, ...]
    tags: frozenset[str]


def random_inputs(row: Row, seed: int, rows: int = 4, scale: float = 2.0) -> list[np.ndarray]:
    """Normal inputs of a row, one array per input, shape (rows, ...), the same for the same seed."""
    rng = np.random.default_rng(seed)
    return [scale * rng.standard_normal((rows, *shape)).astype("float32") for shape in row.input_shapes]


def outputs_of(model: keras.Model, row: Row, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """What the Keras model of `row` answers at inference, one array per output (in the order of their names)."""
    call = functools.partial(model, training=False)
    call = tf.function(call, jit_compile=True) if "xla" in row.tags else call
    outputs = call(inputs if len(inputs) > 1 else inputs[0])
    return [np.asarray(y) for y in keras.tree.flatten(outputs)]


def randomise(model: keras.Model, seed: int) -> keras.Model:
    """Give every floating weight of `model` a random value, the same for the same seed; returns `model`.

    Biases and moving statistics are not left at their neutral values; of each gamma and each PReLU alpha at least
    one entry is negative.
    """
    for index, variable in enumerate(model.weights):
        if "float" in str(variable.dtype) and variable.name not in ("mean", "variance"):
            variable.assign(_random_weight(variable.name, tuple(variable.shape), np.random.default_rng([seed, index])))
    return model


def _random_weight(name: str, shape: Shape, rng: np.random.Generator) -> np.ndarray:
    if name == "moving_variance":
        return rng.uniform(0.3, 2.0, shape)
    if name == "gamma":
        return _some_negative(rng.uniform(0.5, 1.5, shape), rng)
    if name == "alpha":
        return _some_negative(rng.uniform(0.1, 0.6, shape), rng)
    if name in ("bias", "beta", "moving_mean"):
        return rng.normal(0.0, 0.5, shape)
    fan_in = np.prod(shape[:-2] if name == "depthwise_kernel" else shape[:-1])
    return rng.normal(0.0, 1.2 / np.sqrt(fan_in), shape)


def _some_negative(magnitudes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    signs = rng.choice([-1.0, 1.0], magnitudes.shape)
    signs.flat[0] = -1.0
    return signs * magnitudes


def named_layer(layer_class: str, **options: Any) -> keras.Layer:
    return getattr(keras.layers, layer_class)(name="layer", **options)


def with_head(x: Any) -> Any:
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(12, activation="relu", name="hidden")(x)
    return keras.layers.Dense(2, name="output")(x)


def _around(make: Callable[[], keras.Layer], shapes: tuple[Shape, ...]) -> keras.Model:
    inputs = [keras.Input(shape, name=f"input_{i}") for i, shape in enumerate(shapes)]
    mixed = [keras.layers.Dense(x.shape[-1], name=f"before_{i}")(x) for i, x in enumerate(inputs)]
    y = make()(mixed if len(mixed) > 1 else mixed[0])
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], with_head(y))


def row_of(row_id: str, layer_class: str, shapes: Shape | list[Shape], tags: str = "exact", **options: Any) -> Row:
    """A row for one layer; `shapes` is a list where the layer merges several inputs."""
    many = tuple(shapes) if isinstance(shapes, list) else (shapes,)
    return made_row(row_id, layer_class, lambda: named_layer(layer_class, **options), many, tags)


def made_row(
    row_id: str, layer_class: str, make: Callable[[], keras.Layer], shapes: tuple[Shape, ...], tags: str
) -> Row:
    """A row for a layer that takes more than options to make."""
    words = frozenset(tags.split())
    words = words if words & {"exact", "path"} else words | {"exact"}
    return Row(row_id, layer_class, lambda: _around(make, shapes), shapes, words)


VECTOR, SEQUENCE, IMAGE, VOLUME = (6,), (9, 4), (7, 6, 4), (5, 4, 5, 2)
SHAPE_OF_RANK = {1: SEQUENCE, 2: IMAGE, 3: VOLUME}
FIRST: dict[str, Any] = {"data_format": "channels_first"}
XLA = "exact xla"


def in_this_keras(function: str) -> bool:
    return hasattr(keras.activations, function)
