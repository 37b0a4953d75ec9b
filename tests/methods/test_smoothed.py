"""Methods averaged over noisy copies of x, against a linear network and against SmoothGrad."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf import methods
from deeplift_tf.errors import InputError
from tests.support.keras_models import randomise
from tests.support.method_models import dense_model, smooth_model

X = np.random.default_rng(3).normal(size=(3, 6))


def test_smoothgrad_is_its_case() -> None:
    network = dl.convert(smooth_model(), dtype="float64")
    found = methods.smoothed("gradient", samples=6, scale=0.2, seed=4)(network, X, target=1)
    expected = methods.smoothgrad(network, X, target=1, samples=6, noise=0.2, seed=4)
    np.testing.assert_allclose(found.contributions, expected.contributions, rtol=1e-9)
    np.testing.assert_allclose(found.outputs, expected.outputs, rtol=1e-12)
    assert found.delta is None and found.label == "mean of 6 noisy contributions"


def test_squares_and_variance_of_a_linear_network() -> None:
    """Gradient x input is w·(x + e): mean w·x, variance w²s², mean square their sum."""
    model = dense_model([6, 1], bias=False)
    weights = model.get_weights()[0][:, 0].astype(np.float64)
    network = dl.convert(model, dtype="float64")
    mean, square, variance = (
        methods.smoothed("gradient_times_input", samples=60, scale=0.1, kind=kind)(network, X).contributions
        for kind in ("mean", "square", "variance")
    )
    np.testing.assert_allclose(variance, square - mean**2, rtol=1e-9)
    deviation = np.abs(weights) * 0.1 * np.ptp(X, axis=1)[:, None]
    assert (np.abs(mean - weights * X) < 5 * deviation / np.sqrt(60)).all()  # five standard errors
    assert np.mean(variance / deviation**2) == pytest.approx(1, abs=0.25)  # of 18 estimates with 60 samples each


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="'mean', 'square', 'variance'"):
        methods.smoothed("gradient", kind="median")
    with pytest.raises(InputError, match="samples: expected at least 1; received 0"):
        methods.smoothed("gradient", samples=0)


def test_the_predicted_class_is_that_of_x() -> None:
    """Noise changes the prediction of some copies; the class stays that of the row itself."""
    network = dl.convert(smooth_model(), dtype="float64")
    classes = network.predict(X).argmax(1)
    smooth = methods.smoothed("gradient", samples=4, scale=2.0)
    found = smooth(network, X, target="predicted")
    np.testing.assert_allclose(found.contributions, smooth(network, X, target=classes).contributions, rtol=1e-12)
    both = smooth(network, X, targets=[lambda outputs: np.eye(2)[outputs.numpy().argmax(1)], 0])
    np.testing.assert_allclose(both.contributions[0], found.contributions, rtol=1e-12)


def test_several_inputs_and_hidden_layers() -> None:
    """Noise goes into every input of floats; the gradient of a hidden layer is multiplied by its own output."""
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    hidden = keras.layers.Dense(4, activation="tanh", name="hidden")(keras.layers.Concatenate()([a, b]))
    network = dl.convert(randomise(keras.Model([a, b], keras.layers.Dense(2)(hidden)), 2), dtype="float64")
    x = {"a": X[:, :3], "b": X[:, 3:5]}
    found = methods.smoothgrad(network, x, target=1, samples=3, multiply_by_inputs=True)
    for name, part in found.contributions.items():
        np.testing.assert_allclose(part, found.multipliers[name] * x[name], rtol=1e-12)
    inner = methods.smoothgrad(network, x, target=1, samples=3, multiply_by_inputs=True, layers="hidden")
    plain = methods.gradient(network, x, target=1, layers="hidden")  # the output is linear in it
    np.testing.assert_allclose(inner.multipliers, plain.contributions, rtol=1e-12)
    outputs = plain.outputs - inner.contributions.sum(1)
    np.testing.assert_allclose(outputs, outputs[0], rtol=1e-9)  # what is left is the bias
