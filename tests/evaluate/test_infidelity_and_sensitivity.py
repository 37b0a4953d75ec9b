"""Infidelity and sensitivity against loops in numpy, and in cases whose value is known."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf import evaluate, methods
from deeplift_tf.errors import InputError
from deeplift_tf.evaluate.perturbations import PERTURBATIONS
from deeplift_tf.scoring.reference_sampler import generator
from tests.support.keras_models import randomise
from tests.support.method_models import dense_model, image_model, set_weights, smooth_model

X = np.random.default_rng(4).normal(size=(3, 6))
IMAGES = np.random.default_rng(5).normal(size=(2, 10, 8, 3))


@pytest.fixture(scope="module")
def network() -> dl.Network:
    return dl.convert(smooth_model(), dtype="float64")


@pytest.fixture(scope="module")
def images() -> dl.Network:
    return dl.convert(image_model(), dtype="float64")


def test_infidelity_is_a_loop_over_changes(network: dl.Network) -> None:
    references = np.random.default_rng(6).normal(size=(1, 2, 6))
    scores = network.compile()(X, references, target=1)
    found = evaluate.infidelity(network, X, references, target=1, scores=scores, samples=5, seed=3, batch_size=2)
    expected = np.zeros((3, 5))
    for row in range(3):
        random = generator(3, X[row])
        for sample in range(5):
            change = np.where(random.random(6) < 0.5, X[row] - references[0, sample % 2], 0)
            rise = network.predict(X[row : row + 1])[0, 1] - network.predict((X[row] - change)[None])[0, 1]
            expected[row, sample] = (change @ scores.multipliers[row] - rise) ** 2
    np.testing.assert_allclose(found.values, expected.mean(1), rtol=1e-9)
    assert found.predicted.shape == (3, 5)


def test_infidelity_is_zero_where_the_network_is_linear() -> None:
    model = dense_model([6, 2])
    network = dl.convert(model, dtype="float64")
    scores = methods.gradient(network, X, target="predicted")
    for kind in ("subset", "window", "gaussian", "whole"):
        found = evaluate.infidelity(network, X, 0.3, "predicted", scores=scores, perturbation=kind, samples=7)
        assert found.values.max() < 1e-25 * np.abs(found.actual).max() ** 2 + 1e-28
        assert (np.abs(found.actual).max(1) > 0).all()
    wrong = evaluate.infidelity(network, X, scores=3 * scores.multipliers, target="predicted", samples=7)
    np.testing.assert_allclose(wrong.values, np.mean(4 * wrong.actual**2, 1), rtol=1e-9)
    assert wrong.scaled.max() < 1e-25  # the best scale is one third


def test_infidelity_of_the_whole_difference_is_the_square_of_delta(network: dl.Network) -> None:
    scores = methods.integrated_gradients(network, X, steps=3, quadrature="midpoint")
    found = evaluate.infidelity(network, X, scores=scores, perturbation="whole", samples=1)
    assert scores.delta is not None
    np.testing.assert_allclose(found.values, scores.delta**2, rtol=1e-6)


def test_changes_of_images_take_positions_whole(images: dl.Network) -> None:
    seen: list[np.ndarray] = []
    for name in ("subset", "window"):
        change = PERTURBATIONS[name](IMAGES[0], np.zeros((10, 8, 3)), np.random.default_rng(0))
        taken = change != 0
        np.testing.assert_array_equal(taken.all(-1), taken.any(-1))
        np.testing.assert_array_equal(change[taken], IMAGES[0][taken])
        seen.append(taken[..., 0])
    assert 0.3 < seen[0].mean() < 0.7
    rows, columns = np.nonzero(seen[1])
    assert seen[1].sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)  # a box without holes
    custom = evaluate.infidelity(
        images,
        IMAGES,
        scores=methods.gradient(images, IMAGES),
        perturbation=lambda x, reference, random: 0 * x,
        samples=2,
    )
    np.testing.assert_array_equal(custom.values, 0)


def test_sensitivity_is_a_loop_over_neighbours(network: dl.Network) -> None:
    found = evaluate.sensitivity(network, X, "gradient_times_input", target="predicted", radius=0.1, samples=4, seed=2)
    classes = network.predict(X).argmax(1)
    before = methods.gradient_times_input(network, X, target=classes).contributions
    for row in range(3):
        random, far = generator(2, X[row]), []
        for _ in range(4):
            near = X[row] + 0.1 * np.ptp(X[row]) * random.uniform(-1, 1, 6)
            after = methods.gradient_times_input(network, near[None], target=int(classes[row])).contributions[0]
            far.append(np.sqrt(((after - before[row]) ** 2).sum()))
        np.testing.assert_allclose(found.changes[row], far, rtol=1e-9)
        np.testing.assert_allclose(found.values[row], max(far), rtol=1e-9)
        np.testing.assert_allclose(found.relative[row], max(far) / np.linalg.norm(before[row]), rtol=1e-9)


def test_who_is_sensitive() -> None:
    """Of y = relu(x − 1) at 1 the gradient jumps between 0 and 1; the contribution of Rescale moves as y does."""
    dense = keras.layers.Dense(1, activation="relu")
    model = set_weights(keras.Sequential([keras.Input((2,)), dense]), [[1.0], [0.0]], [-1.0])
    network, x = dl.convert(model, dtype="float64"), np.array([[1.0, 0.0]])
    jumps = evaluate.sensitivity(network, x, "gradient", radius=1e-3)
    moves = evaluate.sensitivity(network, x, "rescale", 0.0, radius=1e-3)
    assert jumps.values[0] == 1.0 and 0 < moves.values[0] <= 1e-3


def test_what_does_not_fit_is_refused(network: dl.Network, images: dl.Network) -> None:
    with pytest.raises(InputError, match="expected multipliers or gradients; these have none"):
        evaluate.infidelity(images, IMAGES, scores=methods.grad_cam(images, IMAGES).replace(multipliers=None))
    with pytest.raises(InputError, match=r"scores: expected shape \(3, 6\), that of x; received \(3, 5\)"):
        evaluate.infidelity(network, X, scores=X[:, :5])
    with pytest.raises(InputError, match="expected one of subset, window, gaussian, whole, or a function"):
        evaluate.infidelity(network, X, scores=X, perturbation="swirl")
    tokens = keras.Input((4,), dtype="int32")
    y = keras.layers.Dense(1)(keras.layers.Flatten()(keras.layers.Embedding(5, 2)(tokens)))
    words = dl.convert(randomise(keras.Model(tokens, y), 1))
    with pytest.raises(InputError, match="expected a network of one input, of floats"):
        evaluate.sensitivity(words, np.ones((1, 4), int))


def test_every_result_is_drawn(network: dl.Network) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    scores = methods.integrated_gradients(network, X)
    curve = evaluate.deletion(network, X, scores=scores, steps=4)
    _, ax = curve.plot(label="integrated gradients")
    np.testing.assert_allclose(ax.lines[0].get_ydata(), curve.outputs.mean(0))
    assert len(ax.lines) == 4 and "area" in ax.get_legend().get_texts()[0].get_text()
    check = evaluate.sanity_check(network, X, "gradient")
    _, ax = check.plot()
    np.testing.assert_allclose(ax.lines[0].get_ydata()[1:], check.correlations.mean(1))
    assert [each.get_text() for each in ax.get_xticklabels()] == ["none", *check.layers]
    found = evaluate.infidelity(network, X, scores=scores, samples=4)
    _, ax = found.plot()
    np.testing.assert_allclose(ax.collections[1].get_offsets()[:, 0], found.predicted[1])
    moved = evaluate.sensitivity(network, X, "gradient", samples=4)
    fig, ax = moved.plot()
    assert ax.get_ylim()[1] >= moved.relative.max() and "Sensitivity" in repr(moved)
    assert evaluate.deletion(network, X, scores=scores, steps=2).plot(ax)[0] is fig
    pyplot.close("all")
