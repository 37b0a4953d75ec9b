"""Methods averaged over noisy copies of x, against a linear network and against SmoothGrad."""

from __future__ import annotations

import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf import methods
from deeplift_tf.errors import InputError
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
    network = dl.convert(smooth_model())
    with pytest.raises(InputError, match="'mean', 'square', 'variance'"):
        methods.smoothed("gradient", kind="median")
    with pytest.raises(InputError, match="same for all noisy copies"):
        methods.smoothed("gradient")(network, X, target="predicted")
    with pytest.raises(InputError, match="one array of floats"):
        methods.smoothed("gradient")(network, np.ones((1, 6), int))
