"""Occlusion and in-silico mutagenesis, against loops over the model's own predictions."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf import methods
from deeplift_tf.errors import InputError
from tests.support.keras_models import randomise
from tests.support.method_models import dense_model, image_model

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("window", "stride", "starts"),
    [
        ((3, 4), None, ([0, 3, 6, 7], [0, 4])),  # the last window ends at the border
        (4, 3, ([0, 3, 6], [0, 3, 4])),
        ((4, 4, 3), (6, 4, 1), ([0, 6], [0, 4])),
    ],
)
def test_occlusion_is_a_loop_over_windows(window: Any, stride: Any, starts: tuple[list[int], list[int]]) -> None:
    network = dl.convert(image_model(), dtype="float64")
    x, fill = RNG.normal(size=(2, 10, 8, 3)), RNG.normal(size=(10, 8, 3))
    high, wide = (window, window) if isinstance(window, int) else window[:2]
    total, covered = np.zeros_like(x), np.zeros((10, 8, 1))
    before = network.predict(x)[:, 2]
    for top, left in itertools.product(*starts):
        place = (slice(None), slice(top, top + high), slice(left, left + wide))
        changed = x.copy()
        changed[place] = fill[place[1:]]
        total[place] += (before - network.predict(changed)[:, 2])[:, None, None, None]
        covered[place[1:]] += 1
    expected = np.divide(total, covered, out=np.zeros_like(total), where=covered > 0)
    scores = methods.occlusion(
        network,
        x,
        fill,
        target=2,
        window=window,
        stride=stride,
        batch_size=9,
    )
    np.testing.assert_allclose(scores.contributions, expected, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(scores.multipliers * (x - fill), expected, rtol=1e-8, atol=1e-12)
    assert scores.delta is None and scores.reference_outputs is not None


def test_occlusion_of_features_sequences_and_several_references() -> None:
    network = dl.convert(dense_model([5, 6, 2]), dtype="float64")
    x, references = RNG.normal(size=(3, 5)), RNG.normal(size=(3, 4, 5))
    scores = methods.occlusion(network, x, references, target=1)
    expected = np.zeros_like(x)
    for feature, r in itertools.product(range(5), range(4)):
        changed = x.copy()
        changed[:, feature] = references[:, r, feature]
        expected[:, feature] += (network.predict(x) - network.predict(changed))[:, 1] / 4
    np.testing.assert_allclose(scores.contributions, expected, rtol=1e-8, atol=1e-12)


def test_several_inputs_are_covered_one_after_the_other() -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((4, 2), name="b")
    joined = keras.layers.Concatenate()([a, keras.layers.Flatten()(b)])
    model = randomise(keras.Model([a, b], keras.layers.Dense(1)(keras.layers.Dense(6, "tanh")(joined))), 1)
    network = dl.convert(model, dtype="float64")
    x = {"a": RNG.normal(size=(2, 3)), "b": RNG.normal(size=(2, 4, 2))}
    scores = methods.occlusion(network, x)
    changed = {"a": x["a"], "b": np.where(np.arange(4)[:, None] == 2, 0, x["b"])}
    fall = (network.predict(x) - network.predict(changed))[:, 0]
    np.testing.assert_allclose(scores.contributions["b"][:, 2], np.stack([fall, fall], 1), rtol=1e-8)
    assert scores.contributions["a"].shape == (2, 3)


def test_windows_that_do_not_fit_are_refused() -> None:
    network = dl.convert(dense_model([5, 2]), dtype="float64")
    for window in ((1, 2), 0):
        with pytest.raises(InputError, match=r"window: expected sizes of at least 1 for the axes \(5,\)"):
            methods.occlusion(network, np.zeros((1, 5)), window=window)
    with pytest.raises(InputError, match="hypothetical"):
        methods.occlusion(network, np.zeros((1, 5)), hypothetical=True)


def test_mutagenesis_is_a_loop_over_letters() -> None:
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((12, 4)), layers.Conv1D(6, 3, activation="relu"), layers.Flatten(), layers.Dense(2)]
    )
    network = dl.convert(randomise(model, 2), dtype="float64")
    x = np.eye(4)[RNG.integers(0, 4, (3, 12))]
    x[0, 3] = 0  # N
    before, expected = network.predict(x)[:, 1], np.zeros_like(x)
    for position, letter in itertools.product(range(12), range(4)):
        changed = x.copy()
        changed[:, position] = np.where(x[:, position].any(-1, keepdims=True), np.eye(4)[letter], 0)
        expected[:, position, letter] = network.predict(changed)[:, 1] - before
    scores = methods.in_silico_mutagenesis(network, x, target=1, batch_size=5)
    np.testing.assert_allclose(scores.multipliers, expected, rtol=1e-8, atol=1e-12)
    centred = expected - expected.mean(-1, keepdims=True)
    np.testing.assert_allclose(scores.hypothetical, centred, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(scores.contributions, centred * x, rtol=1e-8, atol=1e-12)
    several = methods.in_silico_mutagenesis(network, x, targets=[0, 1])
    np.testing.assert_allclose(several.multipliers[1], expected, rtol=1e-8, atol=1e-12)
    with pytest.raises(InputError, match="one input of one-hot sequences"):
        methods.in_silico_mutagenesis(dl.convert(dense_model([5, 2])), np.zeros((1, 5)))
