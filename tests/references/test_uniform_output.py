"""The perturbed baseline, on a classifier trained on blobs."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.errors import ReferencesError


@pytest.fixture(scope="module")
def network() -> dl.Network:
    """Three classes of images, each with its own bright corner; zeros are no class at all, and yet one of them wins."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 500)
    images = rng.normal(0, 0.3, (500, 8, 8, 1)).astype(np.float32)
    for image, label in zip(images, labels, strict=True):
        top, left = [(0, 0), (0, 5), (5, 0)][label]
        image[top : top + 3, left : left + 3] += 1
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(6, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, labels, epochs=4, verbose=0)
    assert model.evaluate(images, labels, verbose=0)[1] > 0.95
    return dl.convert(model)


START = np.random.default_rng(1).normal(0.3, 0.5, (2, 8, 8, 1))


@pytest.mark.parametrize("loss", ["max_deviation", "mean_squared_error", "cross_entropy"])
def test_deviation_falls_twentyfold(network: dl.Network, loss: str) -> None:
    told: list[tuple[int, int]] = []
    # the mean squared error is small itself, so that the change must weigh less
    share = 0.9 if loss == "max_deviation" else 0.999
    found = dl.references.uniform_output(
        network, START, loss=loss, share=share, steps=300, progress=lambda *at: told.append(at)
    )
    outputs = network.predict(found.reference)
    np.testing.assert_allclose(np.abs(outputs - 1 / 3).max(1), found.deviation, atol=1e-6)  # float32
    np.testing.assert_allclose(np.abs(network.predict(START) - 1 / 3).max(1), found.deviation_at_start, atol=1e-6)
    assert (found.deviation < found.deviation_at_start / 20).all() and (found.deviation_at_start > 0.2).all()
    np.testing.assert_allclose(found.change, ((found.reference - START) ** 2).mean((1, 2, 3)), rtol=1e-3)
    assert (found.change < 0.1).all()
    assert told[0] == (0, 300) and told[-1] == (300, 300)


def test_one_row_and_any_distribution(network: dl.Network) -> None:
    wanted = [0.2, 0.5, 0.3]
    found = dl.references.uniform_output(network, START[0], distribution=wanted, steps=200)
    assert found.reference.shape == (8, 8, 1)
    np.testing.assert_allclose(network.predict(found.reference[None])[0], wanted, atol=0.02)
    scores = network.compile()(START, found.reference, target=1)  # fits as a reference
    assert scores.reference_outputs is not None
    np.testing.assert_allclose(scores.reference_outputs, 0.5, atol=0.02)


def test_sigmoid_of_one_unit() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    model.set_weights([np.array([[1.0], [2.0], [-1.0]]), np.array([2.0])])
    network = dl.convert(model)
    found = dl.references.uniform_output(network, np.zeros(3), loss="cross_entropy", steps=600)
    np.testing.assert_allclose(network.predict(found.reference[None]), 0.5, atol=0.05)  # the change weighs a tenth
    # the least change for a logit less is along the weights
    length = np.sqrt(np.sum(found.reference**2))
    np.testing.assert_allclose(found.reference / length, np.array([-1, -2, 1]) / np.sqrt(6), atol=0.02)


def test_mistakes_are_named(network: dl.Network) -> None:
    with pytest.raises(ReferencesError, match=r"a loss among max_deviation, .* received 'hinge'"):
        dl.references.uniform_output(network, START, loss="hinge")
    with pytest.raises(ReferencesError, match="3 probabilities that sum to one"):
        dl.references.uniform_output(network, START, distribution=[0.5, 0.4, 0.2])
