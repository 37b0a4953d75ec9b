"""Integrated and expected gradients and SmoothGrad, against quadratures and means in plain numpy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf import methods
from deeplift_tf.errors import InputError
from deeplift_tf.scoring.inputs import as_input_arrays
from tests.support.keras_models import randomise
from tests.support.method_models import image_model, smooth_model

RNG = np.random.default_rng(1)
X, REFERENCES = RNG.normal(size=(4, 6)), RNG.normal(size=(4, 3, 6))


def numpy_gradient(model: keras.Model, x: np.ndarray, target: int) -> np.ndarray:
    """The gradient of `smooth_model` by the chain rule."""
    (w1, b1), (w2, b2), (w3, _) = ([w.numpy().astype(np.float64) for w in layer.weights] for layer in model.layers)
    hidden = np.tanh(x @ w1 + b1)
    slope = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    return ((slope * w3[:, target]) @ w2.T * (1 - hidden**2)) @ w1.T


def numpy_integral(gradient: Callable[[np.ndarray], np.ndarray], x: np.ndarray, x0: np.ndarray) -> np.ndarray:
    """Simpson's rule with 400 pieces: an error near 1e-12 on these networks."""
    places = np.linspace(0, 1, 401).reshape(-1, 1, 1)
    weights = np.where(np.arange(401) % 2, 4.0, 2.0)
    weights[[0, -1]] = 1
    gradients = gradient((x0 + places * (x - x0)).reshape(-1, x.shape[1])).reshape(401, *x.shape)
    return (x - x0) * np.tensordot(weights / 1200, gradients, 1)


@pytest.fixture(scope="module")
def smooth() -> tuple[keras.Model, dl.Network]:
    model = smooth_model()
    return model, dl.convert(model, dtype="float64")


def test_integrated_gradients_are_the_integral(smooth: tuple[keras.Model, dl.Network]) -> None:
    model, network = smooth
    expected = np.mean(
        [numpy_integral(lambda x: numpy_gradient(model, x, 1), X, REFERENCES[:, r]) for r in range(3)], axis=0
    )
    scores = methods.integrated_gradients(network, X, REFERENCES, target=1, batch_size=8)
    np.testing.assert_allclose(scores.contributions, expected, rtol=1e-9, atol=1e-12)
    assert scores.delta is not None and np.abs(scores.delta).max() < 1e-10
    without = methods.integrated_gradients(network, X, REFERENCES[:, 0], target=1, multiply_by_inputs=False)
    multiplied = methods.integrated_gradients(network, X, REFERENCES[:, 0], target=1)
    np.testing.assert_allclose(without.contributions * (X - REFERENCES[:, 0]), multiplied.contributions, rtol=1e-9)


@pytest.mark.parametrize(
    ("quadrature", "order"), [("right_riemann", 1), ("midpoint", 2), ("trapezoid", 2), ("gauss_legendre", 6)]
)
def test_convergence_delta_shrinks_as_the_rule_predicts(
    smooth: tuple[keras.Model, dl.Network], quadrature: str, order: int
) -> None:
    """The trapezoid counts its places, one more than its pieces; Gauss–Legendre beats any power."""
    _, network = smooth
    few, many = (16, 32) if order < 6 else (3, 6)
    more = quadrature == "trapezoid"
    deltas = []
    for steps in (few, many):
        scores = methods.integrated_gradients(network, X, 0.0, steps=steps + more, quadrature=quadrature)
        assert scores.delta is not None
        deltas.append(np.abs(scores.delta).max())
    found = np.log2(deltas[0] / deltas[1])
    if order < 6:
        assert abs(found - order) < 0.1  # the next order of the error, at 16 steps
    else:
        assert found > order
    assert deltas[1] > 1e-15  # there was something to shrink


def test_pieces_and_batches_do_not_show(smooth: tuple[keras.Model, dl.Network]) -> None:
    _, network = smooth
    arguments: dict[str, Any] = {"references": REFERENCES, "targets": [0, 1], "mean_normalised": True}
    whole = methods.integrated_gradients(network, X, batch_size=10_000, **arguments)
    for batch_size in (1, 7, 64):
        scores = methods.integrated_gradients(network, X, batch_size=batch_size, **arguments)
        np.testing.assert_allclose(scores.contributions, whole.contributions, rtol=1e-9, atol=1e-13)
    assert whole.contributions.shape == (2, 4, 6)
    np.testing.assert_allclose(
        whole.contributions[0], -whole.contributions[1], rtol=1e-9
    )  # two mean-normalised classes


def test_hidden_layers_move_along_their_own_line() -> None:
    """From a hidden layer on, the path is the straight line between its values; both halves are complete."""
    network = dl.convert(image_model(), dtype="float64")
    x = RNG.normal(size=(2, 10, 8, 3))
    scores = methods.integrated_gradients(network, x, 0.0, target=1, layers="second", steps=200)
    assert scores.contributions.shape == (2, 6, 4, 5)
    assert scores.delta is not None and np.abs(scores.delta).max() < 1e-10  # above the layer all is smooth


def two_inputs() -> keras.Model:
    """A float input gated by an embedded integer one."""
    values, index = keras.Input((4,), name="values"), keras.Input((3,), dtype="int32", name="index")
    embedded = keras.layers.Flatten()(keras.layers.Embedding(5, 4, name="embedding")(index))
    y = keras.layers.Concatenate()([keras.layers.Dense(6, activation="tanh")(values), embedded])
    return randomise(keras.Model([values, index], keras.layers.Dense(2)(keras.layers.Dense(7, "tanh")(y))), 0)


def test_inputs_of_integers_are_scored_at_their_embedding() -> None:
    network = dl.convert(two_inputs(), dtype="float64")
    x = {"values": RNG.normal(size=(5, 4)), "index": RNG.integers(0, 5, (5, 3))}
    scores = methods.integrated_gradients(network, x, 0.0, target=1, batch_size=16)
    assert scores.contributions["index"].shape == (5, 3, 4) and scores.contributions["values"].shape == (5, 4)
    assert np.all(scores.contributions["index"][x["index"] == 0] == 0)  # the token of the reference
    assert scores.delta is not None and np.abs(scores.delta).max() < 1e-9


def test_expected_gradients_approach_the_mean_of_integrated_ones(smooth: tuple[keras.Model, dl.Network]) -> None:
    _, network = smooth
    background = RNG.normal(size=(1, 50, 6))
    exact = methods.integrated_gradients(network, X, background, target=1)
    few, many = (
        methods.expected_gradients(network, X, background, target=1, samples=samples, seed=1, batch_size=512)
        for samples in (1, 64)
    )
    errors = [np.sqrt(np.mean((each.contributions - exact.contributions) ** 2)) for each in (few, many)]
    assert errors[1] < errors[0] / 4  # chance: √64 = 8
    assert few.delta is not None
    np.testing.assert_allclose(few.delta, few.contributions.sum(1) - (few.outputs - few.reference_outputs), atol=1e-12)


def test_random_places_do_not_depend_on_the_batch(smooth: tuple[keras.Model, dl.Network]) -> None:
    _, network = smooth
    for method in (methods.expected_gradients, methods.smoothgrad):
        whole = method(network, X, REFERENCES, batch_size=512)
        parts = [method(network, X[rows], REFERENCES[rows], batch_size=2) for rows in (slice(0, 1), slice(1, 4))]
        np.testing.assert_allclose(np.concatenate([p.contributions for p in parts]), whole.contributions, rtol=1e-9)
        assert (method(network, X, REFERENCES, seed=5).contributions != whole.contributions).all()


def test_smoothgrad_is_the_mean_gradient_of_noisy_inputs(smooth: tuple[keras.Model, dl.Network]) -> None:
    from deeplift_tf.methods.noise import noisy_copies

    model, network = smooth
    copies = noisy_copies(as_input_arrays(X, network.graph.inputs), network.graph.inputs, 0.3, seed=2)
    made = np.stack(list(itertools.islice(copies, 10)), 1)
    spread = (made - X[:, None]).std(axis=(1, 2)) / (X.max(1) - X.min(1))
    np.testing.assert_allclose(spread, 0.3, rtol=0.4)  # 60 draws
    expected = np.mean([numpy_gradient(model, made[:, k], 1) for k in range(10)], axis=0)
    scores = methods.smoothgrad(network, X, target=1, samples=10, noise=0.3, seed=2)
    np.testing.assert_allclose(scores.contributions, expected, rtol=1e-9)
    times = methods.smoothgrad(network, X, target=1, samples=10, noise=0.3, seed=2, multiply_by_inputs=True)
    np.testing.assert_allclose(times.contributions, expected * X, rtol=1e-9)


def test_mistakes_are_named(smooth: tuple[keras.Model, dl.Network]) -> None:
    _, network = smooth
    with pytest.raises(InputError, match="steps: expected at least 1; received 0"):
        methods.integrated_gradients(network, X, 0.0, steps=0)
    with pytest.raises(InputError, match="quadrature: expected one of gauss_legendre"):
        methods.integrated_gradients(network, X, 0.0, quadrature="simpson")
    with pytest.raises(InputError, match="both ends, so at least 2"):
        methods.integrated_gradients(network, X, 0.0, steps=1, quadrature="trapezoid")
    with pytest.raises(TypeError, match=r"unexpected arguments \['step'\]"):
        methods.expected_gradients(network, X, 0.0, step=3)  # type: ignore[call-arg]
