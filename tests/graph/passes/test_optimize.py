"""The graph that is compiled is smaller than the one that was converted, and scores the same."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.graph.passes import optimize
from deeplift_tf.scoring import programs
from tests.support.keras_models import randomise

RULES = ("rescale", "reveal_cancel", "genomics_default", "gradient")


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Everything that a rewrite looks for: batch normalisation, dropout, and activations before max pooling."""
    layers = keras.layers
    return randomise(
        keras.Sequential(
            [
                keras.Input((40, 4)),
                layers.Conv1D(6, 5, padding="same", name="first"),
                layers.BatchNormalization(name="norm"),
                layers.Dropout(0.1, name="dropout"),
                layers.Activation("relu", name="relu"),
                layers.MaxPooling1D(3, 2, padding="same", name="pool"),
                layers.Conv1D(6, 3, dilation_rate=2, use_bias=False, name="second"),
                layers.BatchNormalization(name="norm_1"),
                layers.ReLU(name="relu_1"),
                layers.GlobalMaxPooling1D(name="pool_1"),
                layers.Dense(5, name="dense"),
                layers.BatchNormalization(name="norm_2"),
                layers.Activation("tanh", name="tanh"),
                layers.Dense(2, name="output"),
            ]
        ),
        seed=0,
    )


def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 40, 4)), rng.normal(size=(3, 40, 4))


def names(network: dl.Network, keep: list[str]) -> list[str]:
    graph = optimize(network.graph, [network.edge(name) for name in keep])
    return [node.name for node in graph.nodes]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.slow_for("genomics_default", "rescale")
def test_scores_stay_the_same(model: keras.Model, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, (x, references) = dl.convert(model, rule=rule, dtype="float64"), rows()
    rewritten = network.compile()(x, references, target=1)
    monkeypatch.setattr(programs, "optimize", lambda graph, keep: graph)
    plain = network.compile()(x, references, target=1)
    largest = np.abs(plain.contributions).max()
    # float64: folding a scale into weights changes the order of a few hundred additions
    np.testing.assert_allclose(rewritten.contributions, plain.contributions, rtol=0, atol=1e-12 * largest)
    np.testing.assert_allclose(
        rewritten.multipliers, plain.multipliers, rtol=0, atol=1e-12 * np.abs(plain.multipliers).max()
    )


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.slow_for("False")
def test_rules_of_layers_without_a_nonlinearity_change_nothing(
    model: keras.Model, folded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not folded:
        monkeypatch.setattr(programs, "optimize", lambda graph, keep: graph)
    linear = dict.fromkeys(["first", "norm", "dropout", "second", "dense", "norm_2", "output"], "gradient")
    network = dl.convert(model, rule="reveal_cancel", dtype="float64")
    expected = network.compile()(*rows(), target=1)
    found = network.with_rule({**linear, "default": "reveal_cancel"}).compile()(*rows(), target=1)
    np.testing.assert_array_equal(found.contributions, expected.contributions)


def test_layers_are_folded(model: keras.Model) -> None:
    network = dl.convert(model)
    left = names(network, [network.input_names[0], "output"])
    assert not {"first", "second", "dense", "dropout"} & set(left)
    assert left.index("pool") > left.index("relu")  # the pooling bears the activation's name and comes first


def test_pooling_stays_behind_the_activation_under_reveal_cancel(model: keras.Model) -> None:
    network = dl.convert(model, rule="reveal_cancel")
    graph = optimize(network.graph, [network.edge("output"), *network.float_inputs])
    kinds = {node.name: type(node.layer).__name__ for node in graph.nodes}
    assert kinds["relu"] == "Elementwise"
    assert kinds["pool"] == "MaxPooling"


@pytest.mark.parametrize("layer", ["first", "norm", "dropout", "relu", "pool", "dense"])
@pytest.mark.slow_but_for("dense")
def test_a_layer_that_is_asked_for_is_still_there(
    model: keras.Model, layer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, (x, references) = dl.convert(model, dtype="float64"), rows()
    score: Any = network.compile(layer)
    found = score(x, references)
    monkeypatch.setattr(programs, "optimize", lambda graph, keep: graph)
    expected = network.compile(layer)(x, references)
    np.testing.assert_allclose(found.contributions, expected.contributions, rtol=0, atol=1e-12)
    assert np.abs(found.delta).max() < 1e-12


def test_values_that_two_layers_read_are_not_folded() -> None:
    x = keras.Input((6,))
    shared = keras.layers.Dense(4, name="shared")(x)
    sum_of_both = keras.layers.Add()([keras.layers.BatchNormalization(name="norm")(shared), shared])
    network = dl.convert(keras.Model(x, keras.layers.Dense(1, name="output")(sum_of_both)))
    assert "shared" in names(network, [network.input_names[0], "output"])


def test_padding_and_scales_about_depthwise_convolutions_in_a_compiled_function() -> None:
    """Fused with a bias and ReLU6, TensorFlow's depthwise convolution ends the process where it is given amounts."""
    layers = keras.layers
    block = [layers.ZeroPadding2D(((0, 1), (0, 1))), layers.DepthwiseConv2D(3, 2, use_bias=False)]
    block += [layers.BatchNormalization(), layers.ReLU(6), layers.Flatten(), layers.Dense(2)]
    model = randomise(keras.Sequential([keras.Input((8, 9, 8)), *block]), seed=0)
    x = np.random.default_rng(0).normal(size=(3, 8, 9, 8)).astype("float32")
    scores = dl.convert(model).compile()(x, target=1)
    np.testing.assert_allclose(scores.outputs, np.asarray(model(x))[:, 1], rtol=1e-5, atol=1e-5)
    assert scores.delta is not None and np.abs(scores.delta).max() < 1e-5 * np.abs(scores.contributions).sum()
