"""The figures of the literature: paths, side by side, before and after, summaries, time series."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf import evaluate, plots
from deeplift_tf.errors import InputError
from tests.support.method_models import set_weights, smooth_model

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

RNG = np.random.default_rng(7)


@pytest.fixture(autouse=True)
def _no_figures_left() -> None:
    import matplotlib.pyplot as plt

    plt.close("all")


def test_the_path_of_a_function_that_saturates() -> None:
    """y = 1 − relu(1 − x) from 0 to 2: it rises to 1 half of the way, and then its gradient is zero."""
    layers = [keras.layers.Dense(1, activation="relu"), keras.layers.Dense(1)]
    model = set_weights(keras.Sequential([keras.Input((1,)), *layers]), [[-1.0]], [1.0], [[-1.0]], [1.0])
    found = evaluate.along_path(dl.convert(model, dtype="float64"), np.array([[2.0]]), steps=8)
    np.testing.assert_allclose(found.fractions, np.arange(9) / 8)
    np.testing.assert_allclose(found.outputs[0], np.minimum(2 * found.fractions, 1), atol=1e-12)
    np.testing.assert_allclose(found.slopes[0, [0, 1, 2, 3]], 2)
    np.testing.assert_allclose(found.slopes[0, 5:], 0)
    _, (above, below) = found.plot()
    np.testing.assert_allclose(above.lines[0].get_ydata(), found.outputs[0])
    np.testing.assert_allclose(above.lines[1].get_ydata(), [0, 1])
    np.testing.assert_allclose(below.lines[0].get_ydata(), found.slopes[0])


def test_the_area_below_the_gradient_is_the_difference() -> None:
    network = dl.convert(smooth_model(), dtype="float64")
    x, references = RNG.normal(size=(3, 6)), RNG.normal(size=(3, 6))
    found = evaluate.along_path(network, x, references, "predicted", steps=200)
    classes = network.predict(x).argmax(1)
    ends = (network.predict(rows)[np.arange(3), classes] for rows in (references, x))
    for place, expected in zip((0, -1), ends, strict=True):
        np.testing.assert_allclose(found.outputs[:, place], expected, rtol=1e-9)
    area = ((found.slopes[:, 1:] + found.slopes[:, :-1]) / 2).mean(1)  # the trapezoid's error falls as 1/steps²
    np.testing.assert_allclose(area, found.outputs[:, -1] - found.outputs[:, 0], rtol=1e-3)
    with pytest.raises(InputError, match="one for each row, to which there is one way; received 2"):
        evaluate.along_path(network, x, np.zeros((1, 2, 6)))
    with pytest.raises(InputError, match="three arrays of one length"):
        plots.path(np.zeros(3), np.zeros(4), np.zeros(3))


def test_reference_input_and_attribution_side_by_side() -> None:
    image, reference = RNG.random((12, 20, 3)), np.zeros((12, 20, 3))
    scores = RNG.normal(size=(12, 20, 3))
    fig, axes = plots.side_by_side(scores, image, reference, percentile=100)
    np.testing.assert_array_equal(axes[0].images[0].get_array(), reference)
    np.testing.assert_array_equal(axes[1].images[0].get_array(), image)
    np.testing.assert_allclose(axes[2].images[0].get_array(), scores.sum(-1))
    assert [ax.get_title() for ax in axes] == ["reference", "input", "contributions"]
    assert plots.side_by_side(scores, image, reference, ax=axes)[0] is fig


def test_a_reference_before_and_after_it_was_made_uniform() -> None:
    images, outputs = RNG.random((2, 8, 8)), np.array([[0.9, 0.1], [0.5, 0.5]])
    _, axes = plots.before_after(images, outputs, ["cat", "dog"])
    assert axes.shape == (2, 2)
    for column in (0, 1):
        np.testing.assert_array_equal(axes[0, column].images[0].get_array(), images[column])
        np.testing.assert_allclose([bar.get_height() for bar in axes[1, column].patches], outputs[column])
        assert list(axes[1, column].lines[0].get_ydata()) == [0.5, 0.5]
    assert [label.get_text() for label in axes[1, 0].get_xticklabels()] == ["cat", "dog"]
    with pytest.raises(InputError, match="names: expected 2, one for each class; received 1"):
        plots.before_after(images, outputs, ["cat"])
    with pytest.raises(InputError, match="two images and two outputs"):
        plots.before_after(images, outputs[:1])


def test_a_summary_of_features() -> None:
    scores = np.array([[1.0, -4.0, 0.0], [3.0, 2.0, 0.5]])
    _, ax = plots.summary(scores, ["age", "dose", "rest"], most=2)
    widths = np.array([bar.get_width() for bar in ax.patches]).reshape(2, 2)  # above, below
    np.testing.assert_allclose(widths, [[1.0, 2.0], [2.0, 0.0]])
    np.testing.assert_allclose(widths.sum(0), np.sort(np.abs(scores).mean(0))[:0:-1])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["dose", "age"]
    assert plots.summary(RNG.normal(size=(4, 3, 2)), most=5)[1].get_yticklabels()[0].get_text().startswith("(")
    with pytest.raises(InputError, match="names: expected 3, one for each feature; received 1"):
        plots.summary(scores, ["age"])
    with pytest.raises(InputError, match=r"those of some rows, shape \(N, features\); received \(3,\)"):
        plots.summary(scores[0])


def test_a_time_series_lies_on_its_scores() -> None:
    scores, x, times = RNG.normal(size=(30, 2)), RNG.normal(size=(30, 2)), np.linspace(5, 20, 30)
    _, axes = plots.series(scores, x, ["heart", "breath"], times=times)
    for channel, ax in enumerate(axes):
        np.testing.assert_array_equal(ax.images[0].get_array(), scores[None, :, channel])
        np.testing.assert_array_equal(ax.lines[0].get_xydata(), np.stack([times, x[:, channel]], 1))
        assert ax.images[0].get_clim() == axes[0].images[0].get_clim()
    left, right = axes[0].images[0].get_extent()[:2]
    np.testing.assert_allclose((right - left) / 30, times[1] - times[0])  # a stripe for each step
    assert plots.series(scores[:, 0], x[:, 0])[1].shape == (1,)
    for arguments, message in (
        ({"scores": scores, "x": x[:5]}, "scores and x of one shape"),
        ({"scores": scores, "x": x, "times": times[:5]}, r"times: expected shape \(30,\)"),
        ({"scores": scores, "x": x, "names": ["heart"]}, "names: expected 2, one for each channel"),
    ):
        with pytest.raises(InputError, match=message):
            plots.series(**arguments)
