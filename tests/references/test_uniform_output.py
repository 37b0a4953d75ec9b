"""The perturbed baseline, on a classifier trained on blobs."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.errors import ReferencesError
from tests.support.keras_models import randomise


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
@pytest.mark.slow_for("max_deviation")
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


@pytest.mark.parametrize("loss", ["max_deviation", "cross_entropy"])
@pytest.mark.slow_for("cross_entropy")
def test_a_start_of_which_the_model_is_certain(network: dl.Network, loss: str) -> None:
    """Behind logits far apart the softmax is flat: its own gradient is zero in float32."""
    x = np.zeros((8, 8, 1))
    x[:3, :3] = 30
    found = dl.references.uniform_output(network, x, loss=loss, steps=400, learning_rate=1.0, share=0.9999)
    assert found.deviation_at_start == pytest.approx(2 / 3, abs=1e-6)
    assert found.deviation < found.deviation_at_start / 20


def test_units_of_a_sigmoid_are_two_classes_each() -> None:
    """Three labels, each of them as likely as not; by an output of log probabilities the same as by its softmax."""
    layers = keras.layers
    model = randomise(keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="sigmoid")]), 0)
    found = dl.references.uniform_output(dl.convert(model), np.ones(4), loss="cross_entropy", steps=300, share=0.999)
    np.testing.assert_allclose(model(found.reference[None]), [[0.5] * 3], atol=0.02)
    weights = model.get_weights()
    for activation in ("softmax", "log_softmax", "linear"):
        other = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation=activation)])
        other.set_weights(weights)
        made = dl.references.uniform_output(dl.convert(other), np.ones(4), steps=100)
        if activation == "softmax":
            found = made
        np.testing.assert_allclose(made.reference, found.reference, atol=1e-4)  # float32
        np.testing.assert_allclose(made.deviation, found.deviation, atol=1e-4)


def test_a_number_fills_a_row(network: dl.Network) -> None:
    numbers = (dl.references.uniform_output(network, start, steps=2) for start in (0.25, np.full((8, 8, 1), 0.25)))
    first, second = numbers
    np.testing.assert_array_equal(first.reference, second.reference)
    free = dl.convert(keras.Sequential([keras.Input((None, 4)), keras.layers.GlobalMaxPooling1D()]))
    with pytest.raises(ReferencesError, match="expected a start of known shape"):
        dl.references.uniform_output(free, 0.0)
    one = dl.convert(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]))
    with pytest.raises(ReferencesError, match="or of logits of several classes"):
        dl.references.uniform_output(one)


def test_mistakes_are_named(network: dl.Network) -> None:
    with pytest.raises(ReferencesError, match=r"a loss among max_deviation, .* received 'hinge'"):
        dl.references.uniform_output(network, START, loss="hinge")
    with pytest.raises(ReferencesError, match="3 probabilities that sum to one"):
        dl.references.uniform_output(network, START, distribution=[0.5, 0.4, 0.2])
