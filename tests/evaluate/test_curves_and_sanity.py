"""Deletion and insertion curves against loops, and sanity checks that tell methods apart."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf import evaluate, methods
from deeplift_tf.errors import InputError
from tests.support.keras_models import randomise

RNG = np.random.default_rng(5)


def convolutional() -> keras.Model:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 6, 3)),
            layers.Conv2D(8, 3, activation="relu", name="low"),
            layers.Conv2D(6, 3, activation="relu", name="high"),
            layers.Flatten(),
            layers.Dense(10, activation="relu", name="hidden"),
            layers.Dense(3, name="out"),
        ]
    )
    return randomise(model, 1)


@pytest.fixture(scope="module")
def network() -> dl.Network:
    return dl.convert(convolutional(), dtype="float64")


X = RNG.normal(size=(3, 8, 6, 3))


@pytest.mark.parametrize("insert", [False, True])
def test_curves_are_loops_over_positions(network: dl.Network, insert: bool) -> None:
    scores = methods.gradient_times_input(network, X, target=1)
    references = RNG.normal(size=(1, 2, 8, 6, 3))
    curve = (evaluate.insertion if insert else evaluate.deletion)(
        network, X, references, target=1, scores=scores, steps=6, batch_size=5
    )
    order = np.argsort(-scores.contributions.sum(-1).reshape(3, -1), 1)
    for step, fraction in enumerate(np.linspace(0, 1, 7)):
        first = np.zeros((3, 48), bool)
        for row in range(3):
            first[row, order[row, : round(fraction * 48)]] = True
        mask = first.reshape(3, 8, 6, 1) != insert
        values = [network.predict(np.where(mask, reference, X))[:, 1] for reference in references[0]]
        np.testing.assert_allclose(curve.outputs[:, step], np.mean(values, 0), rtol=1e-9)
    np.testing.assert_allclose(curve.areas, curve.outputs @ [1 / 12, *[1 / 6] * 5, 1 / 12], rtol=1e-9)


def test_good_scores_make_good_curves(network: dl.Network) -> None:
    """The scores of DeepLIFT against themselves with the sign turned round."""
    scores = network.compile()(X, 0.0, target=1).contributions
    for method, sign in ((evaluate.deletion, 1), (evaluate.insertion, -1)):
        good, bad = (method(network, X, target=1, scores=each) for each in (scores, -scores))
        assert (sign * good.areas < sign * bad.areas).all()


def test_curves_take_maps_and_features(network: dl.Network) -> None:
    heat = methods.grad_cam(network, X, layer="high")
    assert evaluate.deletion(network, X, scores=heat, steps=4).outputs.shape == (3, 5)
    dense = dl.convert(keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)]), dtype="float64")
    features = RNG.normal(size=(2, 5))
    curve = evaluate.deletion(dense, features, scores=methods.gradient_times_input(dense, features), steps=5)
    assert (np.diff(curve.outputs[:, :2]) < 0).all()  # linear: the largest contribution goes first
    with pytest.raises(InputError, match=r"scores: expected shape \(3, 8, 6, 3\) or \(3, 8, 6, 1\)"):
        evaluate.deletion(network, X, scores=X[..., :2])
    with pytest.raises(InputError, match="one target"):
        evaluate.deletion(network, X, scores=X, targets=[0, 1])


def ranks(values: np.ndarray) -> np.ndarray:
    """How many values are smaller, and half of those that are the same."""
    flat = values.ravel()
    return (flat[:, None] > flat).sum(1) + 0.5 * (flat[:, None] == flat).sum(1)


def test_rank_correlation_is_the_correlation_of_mean_ranks() -> None:
    a, b = RNG.integers(0, 6, (3, 4, 5)).astype(float), RNG.normal(size=(3, 4, 5))
    expected = [np.corrcoef(ranks(p), ranks(q))[0, 1] for p, q in zip(a, b, strict=True)]
    np.testing.assert_allclose(evaluate.rank_correlation(a, b), expected, rtol=1e-12)
    assert np.isnan(evaluate.rank_correlation(np.ones((1, 3)), b[:1, 0, :3])).all()


def test_sanity_check_tells_who_looks_at_the_weights(network: dl.Network) -> None:
    check = evaluate.sanity_check(network, X, "rescale", 0.0, target=1, batch_size=64)
    assert check.layers == ("out", "hidden", "high", "low") and check.kept == ()
    assert np.abs(check.correlations[-1]).mean() < 0.25  # 144 positions: chance gives 0.08

    def edges(network: dl.Network, x: np.ndarray, references: object, target: object) -> dl.Scores:
        """No method at all: x itself, whatever the network."""
        return methods.gradient(network, x).replace(contributions=x)

    blind = evaluate.sanity_check(network, X, edges)
    np.testing.assert_allclose(blind.correlations, 1)
    assert "out" in str(check) and "magnitudes" in str(check)


def test_layers_alone_and_what_is_left(network: dl.Network) -> None:
    other = evaluate.randomised(network, ["high"], seed=3)
    before, after = network.layers, other.layers
    assert (before["high/linear"].layer.kernel != after["high/linear"].layer.kernel).numpy().all()  # type: ignore[attr-defined]
    assert before["low/linear"].layer is after["low/linear"].layer
    size = [float(np.std(each["high/linear"].layer.kernel)) for each in (before, after)]  # type: ignore[attr-defined]
    np.testing.assert_allclose(size[0], size[1], rtol=0.1)  # 432 draws
    alone = evaluate.sanity_check(network, X, "gradient", cascading=False)
    cascade = evaluate.sanity_check(network, X, "gradient")
    np.testing.assert_allclose(alone.correlations[0], cascade.correlations[0])
    assert (alone.correlations[-1] != cascade.correlations[-1]).any()
    empty = dl.convert(keras.Sequential([keras.Input((4,)), keras.layers.ReLU()]))
    with pytest.raises(InputError, match="no layer has any"):
        evaluate.sanity_check(empty, np.ones((1, 4)))


def test_weights_that_are_shared_stay_so() -> None:
    """One layer used twice, and a copy of it that holds the same numbers: after drawing they are the same again."""
    x = keras.Input((4,))
    shared, tied = (keras.layers.Dense(4, activation="relu", name=name) for name in ("shared", "tied"))
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="deep")], name="inner")
    y = tied(shared(inner(shared(inner(x)))))
    model = keras.Model(x, keras.layers.Dense(2, name="out")(y))
    tied.set_weights(shared.get_weights())
    network = dl.convert(model, dtype="float64")
    other = evaluate.randomised(network, ["shared", "tied", "inner"], seed=2)
    drawn = {node.name: node.layer.kernel.numpy() for node in other.graph.nodes if hasattr(node.layer, "kernel")}
    kernels = [drawn[name] for name in ("shared/linear", "shared/1/linear", "tied/linear")]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    np.testing.assert_array_equal(kernels[0], kernels[2])
    twice = [kernel for name, kernel in drawn.items() if name.startswith("inner")]
    assert len(twice) == 2
    np.testing.assert_array_equal(*twice)
    assert (twice[0] != kernels[0]).all() and (kernels[0] != np.asarray(shared.kernel)).all()
    np.testing.assert_array_equal(drawn["out"], np.asarray(model.layers[-1].kernel))
    assert evaluate.sanity_check(network, np.ones((1, 4)), "gradient").layers == ("out", "tied", "shared", "inner/deep")
    one = evaluate.randomised(network, ["shared/1"])
    assert one.layers["shared/linear"].layer is network.layers["shared/linear"].layer
