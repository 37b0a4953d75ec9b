"""That zeros stand for references that are not given is said by every method that reads references, and by no other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from tests.support.keras_models import randomise

SAID = "no references given: zeros are used"
X = np.eye(4)[np.random.default_rng(0).integers(0, 4, (2, 9))]

READ = {
    "deeplift": {},
    "rescale": {},
    "reveal_cancel": {},
    "integrated_gradients": {},
    "expected_gradients": {},
    "occlusion": {},
    "rsi_grad_cam": {"layer": "conv"},
}
DO_NOT_READ = {
    "gradient": {},
    "gradient_times_input": {},
    "guided_backprop": {},
    "deconvnet": {},
    "smoothgrad": {},
    "in_silico_mutagenesis": {},
    "grad_cam": {"layer": "conv"},
    "grad_cam_plus_plus": {"layer": "conv"},
    "guided_grad_cam": {"layer": "conv"},
}


@pytest.fixture
def network() -> dl.Network:
    x = keras.Input((9, 4))
    conv = keras.layers.Conv1D(3, 3, activation="relu", name="conv")(x)
    model = keras.Model(x, keras.layers.Dense(1)(keras.layers.Flatten()(conv)))
    return dl.convert(randomise(model, 1), dtype="float64")


@pytest.mark.parametrize(("name", "options"), READ.items(), ids=READ)
def test_it_is_said_once_for_a_network_and_a_method(
    network: dl.Network, name: str, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    method: Callable[..., dl.Scores] = dl.methods.METHODS[name]
    with caplog.at_level(logging.WARNING, "deeplift_tf"):
        found = [method(network, X, **options).contributions for _ in range(2)]
        assert caplog.messages == [SAID]
        method(network.with_rule("gradient" if name == "integrated_gradients" else "rescale"), X, **options)
        assert caplog.messages == [SAID] * 2  # another network
        np.testing.assert_array_equal(found[0], method(network, X, 0.0, **options).contributions)
    assert caplog.messages == [SAID] * 2


@pytest.mark.parametrize(("name", "options"), DO_NOT_READ.items(), ids=DO_NOT_READ)
def test_methods_without_references_say_nothing(
    network: dl.Network, name: str, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "deeplift_tf"):
        dl.methods.METHODS[name](network, X, **options)
    assert SAID not in caplog.text


def test_every_method_is_in_one_of_the_tables() -> None:
    assert {*READ, *DO_NOT_READ, "deep_shap"} == {*dl.methods.METHODS}  # Deep SHAP takes a background, and no default
