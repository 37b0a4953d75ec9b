"""Small models over sequences, and what is asked of each: Keras's predictions, and the sum to delta."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

import deeplift_tf as dl

STEPS, TOKENS = 5, 11


def head(y: Any) -> Any:
    y = layers.Flatten()(y) if len(y.shape) > 2 else y
    return layers.Dense(2)(layers.Dense(6, activation="relu")(y))


def randomised(model: keras.Model) -> keras.Model:
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if "float" in str(weight.dtype):
            weight.assign(0.6 * rng.normal(size=weight.shape))
    return model


def model_of(make: Callable[[Any], Any], steps: int | None = STEPS) -> keras.Model:
    """A layer over a sequence of four channels, between Dense layers."""
    x = keras.Input((steps, 4))
    return randomised(keras.Model(x, head(make(layers.Dense(4)(x)))))


def token_model_of(make: Callable[[Any], Any], mask_zero: bool = True) -> keras.Model:
    """A layer over embedded tokens; token 0 is masked."""
    x = keras.Input((STEPS,), dtype="int32")
    return randomised(keras.Model(x, head(make(layers.Embedding(TOKENS, 4, mask_zero=mask_zero, name="embedding")(x)))))


def sample(model: keras.Model, steps: int = STEPS) -> tuple[np.ndarray, np.ndarray]:
    """Three rows, and two references for all of them."""
    rng = np.random.default_rng(0)
    if model.inputs[0].dtype == "int32":
        x = rng.integers(1, TOKENS, size=(3, steps))
        x[0, 3:] = 0
        return x, rng.integers(1, TOKENS, size=(1, 2, steps))
    return 2 * rng.normal(size=(3, steps, 4)).astype("float32"), rng.normal(size=(1, 2, steps, 4)).astype("float32")


def check(model: keras.Model, rule: str = "reveal_cancel", dtype: str = "float64", steps: int = STEPS) -> Any:
    """Two targets and two references at once; the largest error of the sum may be 1e-9 (1e-4 in float32)."""
    x, references = sample(model, steps)
    network = dl.convert(model, rule=rule, dtype=dtype, exact_only=True)
    expected = np.asarray(model(x))
    assert np.abs(network.predict(x) - expected).max() <= 1e-5 * np.abs(expected).max()
    scores = network.compile()(x, references, targets=[0, 1])
    assert scores.delta is not None
    difference = np.abs(scores.outputs - scores.reference_outputs).max()
    assert difference > 1e-3
    assert np.abs(scores.delta).max() <= {"float64": 1e-9, "float32": 1e-4}[dtype] * difference
    return scores
