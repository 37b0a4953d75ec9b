"""Methods and references side by side."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import keras
import matplotlib
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf import methods
from deeplift_tf.errors import DeepLiftError, InputError
from tests.support.keras_models import randomise

matplotlib.use("Agg")
RNG = np.random.default_rng(6)
X = RNG.normal(size=(3, 8, 6, 3))


@pytest.fixture(scope="module")
def network() -> dl.Network:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 6, 3)),
            layers.Conv2D(5, 3, activation="relu", name="conv", use_bias=False),
            layers.Flatten(),
            layers.Dense(3, use_bias=False),
        ]
    )
    return dl.convert(randomise(model, 1), dtype="float64")


def test_scores_and_agreement(network: dl.Network) -> None:
    spearmanr = pytest.importorskip("scipy.stats").spearmanr
    chosen: list[Any] = ["rescale", "gradient_times_input", partial(methods.grad_cam, layer="conv")]
    found = dl.compare(network, X, chosen, target=2, batch_size=64)
    assert list(found.scores) == ["rescale", "gradient_times_input", "grad_cam"]
    np.testing.assert_array_equal(
        found.scores["rescale"].contributions, methods.deeplift(network, X, 0.0, 2, rule="rescale").contributions
    )
    np.testing.assert_allclose(np.diag(found.agreement), 1)
    np.testing.assert_allclose(found.agreement, found.agreement.T)
    maps = [found.scores[name].contributions.sum(-1) for name in ("rescale", "grad_cam")]
    expected = np.mean([spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(*maps, strict=True)])
    np.testing.assert_allclose(found.agreement[0, 2], expected, rtol=1e-9)
    # a ReLU network without biases against zeros: Rescale is gradient × input
    np.testing.assert_allclose(found.agreement[0, 1], 1, rtol=1e-6)
    assert "rank agreement" in str(found) and found.notes == ()


def test_references_are_a_second_axis(network: dl.Network, caplog: pytest.LogCaptureFixture) -> None:
    against = {"zeros": None, "other": 5.0 * RNG.normal(size=(8, 6, 3)), "blur": dl.references.blurred(1.0)}
    with caplog.at_level(logging.WARNING, "deeplift_tf"):
        found = dl.compare(network, X, ["rescale", "gradient"], against)
    assert list(found.scores) == ["rescale, zeros", "rescale, other", "rescale, blur", "gradient"]
    assert any("references other: their own output has a mean magnitude" in note for note in found.notes)
    assert not any("references zeros" in note for note in found.notes)
    assert found.notes[0] in caplog.text


def test_references_far_from_uniform_are_named(caplog: pytest.LogCaptureFixture) -> None:
    model = randomise(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")]), 0)
    model.layers[0].set_weights([3 * np.eye(4, 3), np.zeros(3)])
    network, x = dl.convert(model), RNG.normal(size=(2, 4))
    found = dl.compare(network, x, ["rescale"], {"zeros": 0.0, "first": np.array([1.0, 0, 0, 0])}, pre_activation=True)
    (note,) = found.notes
    # softmax of (3, 0, 0)
    assert note.startswith("references first: their own output is up to 0.58 away from uniform (0.33)")
    last = [keras.layers.Reshape((1, 3)), keras.layers.Activation("linear")]
    behind = keras.Sequential([keras.Input((4,)), *model.layers, *last])
    references = {"zeros": 0.0, "first": np.array([1.0, 0, 0, 0])}
    notes = dl.compare(dl.convert(behind), x, ["rescale"], references, target=(0, 1), pre_activation=True).notes
    assert notes == found.notes
    three = dl.convert(randomise(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "sigmoid")]), 3))
    assert "uniform (0.5)" in dl.compare(three, x, ["rescale"], [20.0]).notes[0]  # each unit is a class of its own
    half = dl.convert(randomise(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")]), 3))
    assert "uniform (0.5)" in dl.compare(half, x, ["rescale"], [20.0]).notes[0]


def test_pictures(network: dl.Network) -> None:
    from matplotlib import pyplot

    found = dl.compare(network, X, ["gradient", partial(methods.grad_cam, layer="conv")])
    fig, axes = found.plot(rows=(0, 2))
    assert axes.shape == (2, 3) and [panel.get_title() for panel in axes[1]] == ["row 2", "gradient", "grad_cam"]
    assert len(axes[0, 0].images) == 1  # the image first
    pyplot.close(fig)
    dense = dl.convert(keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)]))
    fig, axes = dl.compare(dense, RNG.normal(size=(2, 5)), ["gradient", "rescale"]).plot()
    assert len(axes[0, 0].patches) == 5
    pyplot.close(fig)


def test_mistakes_are_named(network: dl.Network) -> None:
    with pytest.raises(InputError, match=r"methods: expected one of deeplift, .*; received 'lime'"):
        dl.compare(network, X, ["lime"])
    with pytest.raises(InputError, match="expected different ones"):
        dl.compare(network, X, ["gradient", "gradient"])
    with pytest.raises(InputError, match="one target"):
        dl.compare(network, X, targets=[0, 1])


def counted(calls: list[int], contributions: Any = None) -> Any:
    """A method that notes how many rows it was called for, and that has given contributions."""

    def method(network: Any, x: Any, references: Any = None, target: Any = 0, **options: Any) -> Any:
        calls.append(len(x))
        scores = methods.gradient_times_input(network, x, references, target, **options)
        return scores if contributions is None else scores.replace(contributions=contributions[: len(x)])

    return method


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"methods": ["slow", "lime"]}, "received 'lime'"),
    ({"methods": ["slow", partial(methods.grad_cam, layer="no_such")]}, "no_such"),
    ({"methods": ["slow", "occlusion"], "hypothetical": True}, "has no hypothetical contributions"),
    ({"methods": ["slow", partial(methods.occlusion, window=(1, 2, 3, 4, 5))]}, "window"),
    ({"target": 7}, "position"),
    ({"target": np.array([0, 1])}, "target"),
    ({"references": [None, np.zeros((8, 6))]}, "references"),
    ({"references": {"a": 0.0, "b": np.zeros((2, 8, 6, 3))}}, "expected 1 or 3 rows"),
    ({"output": "no_such"}, "no_such"),
    ({"stepps": 3}, "received .'stepps'."),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_arguments_are_checked_before_anything_is_scored(
    network: dl.Network, arguments: dict[str, Any], message: str
) -> None:
    calls: list[int] = []
    chosen = arguments.get("methods", ["slow", "gradient"])
    chosen = {str(index): counted(calls) if each == "slow" else each for index, each in enumerate(chosen)}
    with pytest.raises(DeepLiftError, match=message):
        dl.compare(network, X, **{**arguments, "methods": chosen})
    assert set(calls) <= {1}  # one row, to try it


def test_each_method_is_tried_on_one_row_and_run_on_all(network: dl.Network) -> None:
    calls: list[int] = []
    targets = np.array([2, 0, 1])
    references = RNG.normal(size=X.shape)
    found = dl.compare(network, X, {"a": counted(calls), "b": "rescale"}, [references], targets)
    assert calls == [1, 3]
    expected = methods.deeplift(network, X, references, targets, rule="rescale").contributions
    np.testing.assert_array_equal(found.scores["b"].contributions, expected)


def test_many_rows_with_references_of_their_own(network: dl.Network) -> None:
    x = RNG.normal(size=(40, 8, 6, 3))
    weights = RNG.normal(size=(40, 3))
    found = dl.compare(network, x, ["rescale", "gradient"], [0.1 * x, np.zeros((1, 2, 8, 6, 3))], weights)
    assert len(found.scores) == 3


def test_constant_maps_are_left_out_of_the_agreement(network: dl.Network) -> None:
    spearmanr = pytest.importorskip("scipy.stats").spearmanr
    maps = RNG.normal(size=X.shape)
    maps[1] = 0.5
    found = dl.compare(
        network, X, {"gi": "gradient_times_input", "holes": counted([], maps), "flat": counted([], 0 * X)}
    )
    gi = found.scores["gi"].contributions
    expected = np.mean([spearmanr(gi[row].ravel(), maps[row].ravel()).statistic for row in (0, 2)])
    np.testing.assert_allclose(found.agreement[0, 1], expected, rtol=1e-9)
    np.testing.assert_allclose(found.agreement[[0, 1], [0, 1]], 1)
    assert np.isnan(found.agreement[2]).all()  # none of its rows has an order
    assert "holes: 1 of 3 rows are constant" in found.notes[0]
    assert "flat: 3 of 3 rows are constant" in found.notes[1]
    assert "nan" in str(found)
