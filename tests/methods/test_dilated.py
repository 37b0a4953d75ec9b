"""Methods that differentiate through the network do so through dilated convolutions too, on any processor."""

from __future__ import annotations

import keras
import numpy as np

import deeplift_tf as dl
from tests.support.keras_models import randomise


def test_integrated_gradients_of_a_dilated_convolution() -> None:
    layers = keras.layers
    x = keras.Input((20, 4))
    y = layers.Conv1D(5, 3, dilation_rate=4, activation="tanh")(x)
    model = randomise(keras.Model(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(y))), seed=0)
    network = dl.convert(model, dtype="float64")
    rng = np.random.default_rng(0)
    data, references = rng.normal(size=(2, 20, 4)), rng.normal(size=(2, 20, 4))
    scores = dl.methods.integrated_gradients(network, data, references, steps=32)
    assert scores.reference_outputs is not None
    difference = scores.outputs - scores.reference_outputs
    # Gauss-Legendre on a smooth function
    np.testing.assert_allclose(scores.contributions.sum((1, 2)), difference, rtol=1e-6)
