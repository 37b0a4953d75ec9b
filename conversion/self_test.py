"""The self-test of an installation: a small model is built, converted, compiled and scored."""

from __future__ import annotations

import time
from typing import NamedTuple

import keras
import numpy as np

from deeplift_tf.conversion.check import GAP
from deeplift_tf.conversion.convert import convert
from deeplift_tf.errors import DeepLiftError

ROWS = 6


class SelfTest(NamedTuple):
    """What a self-test found.

    Attributes
    ----------
    prediction_error : float
        Largest difference to the model's own predictions, over the largest prediction.
    relative_delta : float
        Largest sum-to-delta error, over the largest difference of the target from its reference.
    seconds : float
    """

    prediction_error: float
    relative_delta: float
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether both errors are what single precision leaves."""
        return max(self.prediction_error, self.relative_delta) < GAP


def self_test() -> SelfTest:
    """Compare a small network with its model, and its contributions with their sum.

    Raises
    ------
    DeepLiftError
        If Keras computes with something else than TensorFlow.
    """
    if keras.config.backend() != "tensorflow":
        raise DeepLiftError(f"Keras computes with {keras.config.backend()!r}; set KERAS_BACKEND=tensorflow")
    start, rng = time.monotonic(), np.random.default_rng(0)
    model = small_model()
    x, references = rng.normal(size=(2, ROWS, 12, 4)).astype("float32")
    network = convert(model, rule="genomics_default")
    prediction_error = network.check(x, references).prediction_error
    scores = network.compile()(x, references, target=1, batch_size=ROWS)
    difference = float(np.abs(scores.outputs - scores.reference_outputs).max())
    relative_delta = float(np.abs(np.asarray(scores.delta)).max()) / difference
    return SelfTest(prediction_error, relative_delta, time.monotonic() - start)


def small_model() -> keras.Model:
    """Return a convolutional network with random weights and biases, the same each time."""
    initial = {
        name: keras.initializers.RandomNormal(stddev=0.3, seed=seed)
        for seed, name in enumerate(("kernel_initializer", "bias_initializer"))
    }
    layers = keras.layers
    x = keras.Input((12, 4))
    y = layers.MaxPooling1D(2)(layers.Conv1D(8, 5, activation="relu", **initial)(x))
    y = layers.Dense(6, activation="tanh", **initial)(layers.Flatten()(y))
    return keras.Model(x, layers.Dense(2, **initial)(y))
