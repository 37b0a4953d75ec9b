"""Activations that are no function of keras.activations alone: gated linear units, and those of old files."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.conversion.readers.keras2.legacy_functions import hard_sigmoid_of_keras_2
from tests.support.keras_models import randomise


@pytest.mark.skipif(not hasattr(keras.activations, "glu"), reason="this Keras has no gated linear unit")
def test_glu_of_a_dense_layer() -> None:
    # Keras takes the layer to be twice as wide as it is, so that nothing can be built behind it
    model = randomise(keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, activation="glu")]), seed=0)
    rng = np.random.default_rng(0)
    x, references = rng.normal(size=(3, 6)), rng.normal(size=(3, 6))
    network = dl.convert(model, dtype="float64")
    expected = np.asarray(model(x, training=False))
    np.testing.assert_allclose(network.predict(x), expected, rtol=1e-5, atol=1e-6)  # Keras computes in float32
    scores = network.compile()(x, references, target=1)
    assert scores.delta is not None
    assert np.abs(scores.delta).max() < 1e-12


def test_hard_sigmoid_of_old_files_is_exact() -> None:
    dense = keras.layers.Dense(8, activation=hard_sigmoid_of_keras_2, name="old")
    model = randomise(keras.Sequential([keras.Input((6,)), dense, keras.layers.Dense(1)]), seed=0)
    rng = np.random.default_rng(0)
    x, references = rng.normal(size=(3, 6)), rng.normal(size=(3, 6))
    network = dl.convert(model, rule="reveal_cancel", dtype="float64", exact_only=True)
    expected = np.asarray(model(x, training=False))
    np.testing.assert_allclose(network.predict(x), expected, rtol=1e-5, atol=1e-6)  # Keras computes in float32
    scores = network.compile()(x, references)
    assert scores.delta is not None
    assert np.abs(scores.delta).max() < 1e-12
