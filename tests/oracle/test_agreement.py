"""The engine against the oracle, which keeps positive and negative parts apart as the paper does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import pytest
from keras import layers

import deeplift_tf as dl
from tests.oracle import Explanation, explain_rows
from tests.support.checks import assert_close_to_largest
from tests.support.keras_models import randomise
from tests.support.oracle_nodes import oracle_nodes

RULES = ["rescale", "reveal_cancel"]
WEIGHTS = np.array([1.0, -0.5])  # of the two outputs

# Both compute in float64. The engine's slopes are free of cancellation; the oracle divides differences of values near
# 1 by displacements down to 1e-5, which leaves 1e-11, and sums some hundred terms in another order.
TOLERANCE = 1e-10


def _stack(shape: tuple[int, ...], *middle: layers.Layer) -> keras.Model:
    """The layers one after another, and a linear output of two units."""
    y = x = keras.Input(shape, name="x")
    for layer in middle:
        y = layer(y)
    return keras.Model(x, layers.Dense(2, name="output")(y))


def _dense() -> keras.Model:
    return _stack((6,), layers.Dense(6, activation="relu", name="a"), layers.Dense(5, activation="relu", name="b"))


def _of_function(name: str) -> keras.Model:
    return _stack((6,), *(layers.Dense(5, activation=name, name=each) for each in ("a", "b")))


def _conv1d() -> keras.Model:
    return _stack(
        (9, 3),
        layers.Conv1D(4, 3, activation="relu", padding="same", name="a"),
        layers.Conv1D(3, 3, activation="relu", strides=2, name="b"),
        layers.Conv1D(3, 2, activation="relu", dilation_rate=2, name="c"),
        layers.Flatten(name="flat"),
        layers.Dense(4, activation="relu", name="d"),
    )


def _conv2d() -> keras.Model:
    return _stack(
        (6, 5, 2),
        layers.Conv2D(3, 3, activation="relu", padding="same", strides=2, name="a"),
        layers.AveragePooling2D(2, strides=1, name="mean"),
        layers.Conv2D(3, 2, activation="relu", padding="same", name="b"),
        layers.Flatten(name="flat"),
    )


def _batchnorm() -> keras.Model:
    """Negative gammas before a nonlinearity, where parts are swapped, and right behind one."""
    return _stack(
        (7, 3),
        layers.Conv1D(4, 3, name="a"),
        layers.BatchNormalization(name="norm_a"),
        layers.Activation("relu", name="relu_a"),
        layers.BatchNormalization(name="norm_b"),
        layers.Activation("relu", name="relu_b"),
        layers.Conv1D(3, 2, activation="relu", name="c"),
        layers.BatchNormalization(name="norm_c"),
        layers.Flatten(name="flat"),
        layers.Dense(4, activation="relu", name="d"),
    )


def _prelu() -> keras.Model:
    """Alphas of both signs: the function falls below zero in some units."""
    return _stack(
        (6,),
        layers.Dense(6, name="a"),
        layers.PReLU(name="prelu_a"),
        layers.Activation("tanh", name="tanh_a"),
        layers.PReLU(name="prelu_b"),
        layers.Dense(5, name="c"),
        layers.PReLU(name="prelu_c"),
    )


def _concat() -> keras.Model:
    x, z = keras.Input((4,), name="x"), keras.Input((3,), name="z")
    a = layers.Dense(5, activation="relu", name="a")(x)
    b = layers.Dense(4, activation="sigmoid", name="b")(z)
    joined = layers.Activation("elu", name="elu")(layers.Concatenate(name="join")([a, x, b]))
    y = layers.Dense(5, activation="relu", name="c")(joined)
    return keras.Model([x, z], layers.Dense(2, name="output")(y))


def _skip_connections() -> keras.Model:
    x = keras.Input((5,), name="x")
    a = layers.Dense(5, activation="relu", name="a")(x)
    b = layers.Dense(5, activation="relu", name="b")(layers.Add(name="first")([x, a]))
    c = layers.Activation("relu", name="c")(layers.Subtract(name="second")([a, b]))
    d = layers.Average(name="third")([layers.Dense(5, activation="tanh", name="d")(c), b])
    return keras.Model(x, layers.Dense(2, name="output")(layers.Activation("relu", name="e")(d)))


def _max_pooling() -> keras.Model:
    """Overlapping windows, padded ones, maxima of layers, and a maximum over everything; the last has no ties."""
    x = keras.Input((8, 3), name="x")
    top = a = layers.Conv1D(4, 3, activation="relu", padding="same", name="a")(x)
    a = layers.Activation("elu", name="elu")(layers.MaxPooling1D(3, strides=1, padding="same", name="kept")(a))
    b = layers.MaxPooling1D(3, strides=2, padding="same", name="pool")(a)
    c = layers.Maximum(name="max")([layers.Activation("tanh", name="tanh")(b), layers.Conv1D(4, 1, name="c")(b)])
    d = layers.GlobalMaxPooling1D(name="top")(layers.Activation("silu", name="silu")(top))
    y = layers.Dense(4, activation="relu", name="e")(layers.Concatenate(name="join")([d, layers.Flatten()(c)]))
    return keras.Model(x, layers.Dense(2, name="output")(y))


def _max_pooling_2d() -> keras.Model:
    return _stack(
        (6, 5, 2),
        layers.MaxPooling2D(3, strides=1, name="inputs"),
        layers.Conv2D(3, 2, activation="relu", name="a"),
        layers.MaxPooling2D(2, strides=1, padding="same", name="pool"),
        layers.Activation("tanh", name="tanh"),  # reads the spread that pooling carries
        layers.Flatten(name="flat"),
    )


def _products() -> keras.Model:
    """A gate, a square, a value added to itself, and a nonlinearity behind each."""
    x = keras.Input((5,), name="x")
    a = layers.Dense(4, activation="relu", name="a")(x)
    gate = layers.Dense(4, activation="sigmoid", name="gate")(x)
    gated = layers.Activation("relu", name="gated")(
        layers.BatchNormalization(name="norm")(layers.Multiply(name="product")([a, gate]))
    )
    square = layers.Activation("silu", name="silu")(layers.Multiply(name="square")([a, a]))
    square = layers.Activation("tanh", name="tanh")(layers.Add(name="twice")([square, square]))
    y = layers.Add(name="sum")([gated, square])
    return keras.Model(x, layers.Dense(2, name="output")(y))


MODELS: dict[str, Callable[[], keras.Model]] = {
    "dense": _dense,
    **{name: partial(_of_function, name) for name in ("sigmoid", "tanh", "silu", "elu")},
    "conv1d": _conv1d,
    "conv2d": _conv2d,
    "batchnorm": _batchnorm,
    "prelu": _prelu,
    "concat": _concat,
    "skip_connections": _skip_connections,
    "max_pooling": _max_pooling,
    "max_pooling_2d": _max_pooling_2d,
    "products": _products,
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.slow_for("conv1d", "batchnorm", "skip_connections", "products", "max_pooling_2d", "max_pooling")
def test_contributions_and_multipliers_of_every_layer_are_those_of_the_oracle(name: str) -> None:
    model = randomise(MODELS[name](), seed=4)
    assert all(np.abs(w).min() > 0 for w in model.get_weights())  # biases among them
    rng = np.random.default_rng(5)
    x, x0 = ({t.name: rng.normal(0, 1.5, (3, *t.shape[1:])) for t in model.inputs} for _ in range(2))
    nodes, network = oracle_nodes(model), dl.convert(model, dtype="float64")
    names = [*x, *(node.name for node in nodes)]
    assert set(names) == {*network.input_names, *network.layers}

    inputs: dict[str, np.ndarray] = {}
    for rule in RULES:
        found = network.with_rule(rule).compile(names)(x, x0, target=WEIGHTS)
        rows = explain_rows(nodes, x, x0, WEIGHTS, rule)
        for layer in names:
            expected = np.stack([row[layer].contributions for row in rows])
            assert_close_to_largest(found.contributions[layer], expected, TOLERANCE, f"{rule}, {layer}")
            multipliers = [row[layer].multipliers if layer in x else _mean(row[layer]) for row in rows]
            assert_close_to_largest(found.multipliers[layer], np.stack(multipliers), TOLERANCE, f"{rule}, {layer}")
        inputs[rule] = np.concatenate([found.contributions[layer].ravel() for layer in x])
    gap = np.abs(inputs["rescale"] - inputs["reveal_cancel"]).max()
    assert gap > 1e-3 * np.abs(inputs["rescale"]).max(), "the rules have to differ, or one of them is not tested"


def _mean(explanation: Explanation) -> np.ndarray:
    """m̄, which a hidden layer's multipliers are."""
    return (explanation.m_plus + explanation.m_minus) / 2


def test_a_rule_for_each_layer_is_that_of_the_oracle() -> None:
    model = randomise(_skip_connections(), seed=4)
    x, x0 = np.random.default_rng(5).normal(0, 1.5, (2, 3, 5))
    choice = {"a": "reveal_cancel", "d": "reveal_cancel", "default": "rescale"}
    found = dl.convert(model, rule=choice, dtype="float64").compile()(x, x0, target=WEIGHTS).contributions

    def expected(rule: str | dict[str, str]) -> np.ndarray:
        rows = explain_rows(oracle_nodes(model), {"x": x}, {"x": x0}, WEIGHTS, rule)
        return np.stack([row["x"].contributions for row in rows])

    assert_close_to_largest(found, expected(choice), TOLERANCE)
    for rule in RULES:
        assert np.abs(expected(rule) - found).max() > 1e-3 * np.abs(found).max()


@pytest.mark.parametrize("rule", RULES)
def test_units_that_do_not_move_follow_the_conventions_of_the_oracle(rule: str) -> None:
    """A zero reference, one-hot letters, no biases: many differences are zero, and ReLUs stand on their kink."""
    model = _stack(
        (6, 4),
        layers.Conv1D(4, 2, activation="relu", use_bias=False, name="a"),
        layers.MaxPooling1D(2, name="pool"),
        layers.Flatten(name="flat"),
        layers.Dense(4, activation="relu", use_bias=False, name="b"),
    )
    model = randomise(model, seed=4)
    x = np.eye(4)[np.random.default_rng(5).integers(0, 4, (3, 6))]
    x0 = np.zeros_like(x)
    x0[1] = x[1]
    x0[1, 2] = 0.25  # one letter alone is replaced in the second row
    found = dl.convert(model, rule=rule, dtype="float64").compile()(x, x0, target=WEIGHTS)
    rows = explain_rows(oracle_nodes(model), {"x": x}, {"x": x0}, WEIGHTS, rule)
    assert_close_to_largest(found.contributions, np.stack([row["x"].contributions for row in rows]), TOLERANCE)
    assert_close_to_largest(found.multipliers, np.stack([row["x"].multipliers for row in rows]), TOLERANCE)
