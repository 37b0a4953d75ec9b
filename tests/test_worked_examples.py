"""The examples of the literature, with the numbers that it prints, through `dl.convert`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import deeplift_tf as dl


def assert_equal(found: Any, expected: Any, rtol: float = 1e-6) -> None:
    """Up to the rounding of float32: sums of a few small integers, some of them thirds on the way."""
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)


def _with_weights(model: keras.Model, weights: dict[str, Any]) -> keras.Model:
    for name, kernel in weights.items():
        model.get_layer(name).set_weights([np.asarray(kernel, "float32")])
    return model


def two_layers() -> keras.Model:
    """x -> a -> ReLU -> b -> sum; columns are units."""
    x = keras.Input((2,), name="x")
    h = layers.Activation("relu", name="h")(layers.Dense(2, use_bias=False, name="a")(x))
    b = layers.Dense(2, use_bias=False, name="b")(h)
    model = keras.Model(x, layers.Dense(1, use_bias=False, name="sum")(b))
    return _with_weights(model, {"a": [[1, 1], [1, -2]], "b": [[3, 2], [1, 1]], "sum": [[1], [1]]})


def test_contributions_through_two_layers_under_rescale() -> None:
    network = dl.convert(two_layers())
    inputs = network.compile()([[1.0, 1.0]], [0.0, 0.0])
    assert_equal(inputs.contributions, [[5, 5]])
    assert_equal([inputs.outputs, inputs.reference_outputs, inputs.delta], [[10], [0], [0]])
    hidden = network.compile(["a", "h", "b"])([[1.0, 1.0]]).contributions
    assert_equal(hidden["a"], [[10, 0]])
    assert_equal(hidden["h"], [[10, 0]])
    assert_equal(hidden["b"], [[6, 4]])


def test_contributions_through_two_layers_under_reveal_cancel() -> None:
    # Unit 2 of a is +1 − 2 and worth 2 in the sum. Its +1 lifts the ReLU by ½ on average over both orders, its −2
    # lowers it by ½: the inputs get 5 + 2·½ and 5 − 2·½. What the two parts are worth cancels within the unit.
    network = dl.convert(two_layers(), rule="reveal_cancel")
    assert_equal(network.compile()([[1.0, 1.0]]).contributions, [[6, 4]])
    hidden = network.compile(["a", "h", "b"])([[1.0, 1.0]]).contributions
    assert_equal(hidden["a"], [[10, 0]])
    assert_equal(hidden["h"], [[10, 0]])
    assert_equal(hidden["b"], [[6, 4]])


def minimum() -> keras.Model:
    """min(i₁, i₂) = i₁ − relu(i₁ − i₂)."""
    i = keras.Input((2,), name="i")
    first = layers.Dense(1, use_bias=False, name="first")(i)
    excess = layers.Dense(1, use_bias=False, activation="relu", name="excess")(i)
    model = keras.Model(i, layers.Subtract(name="minimum")([first, excess]))
    return _with_weights(model, {"first": [[1], [0]], "excess": [[1], [-1]]})


@pytest.mark.parametrize(("rule", "expected"), [("rescale", [0, 1]), ("reveal_cancel", [0.5, 0.5])])
def test_minimum_of_two_numbers(rule: str, expected: list[float]) -> None:
    scores = dl.convert(minimum(), rule=rule).compile()([[3.0, 1.0]], 0.0)
    assert_equal(scores.contributions, [expected])


@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel"])
def test_saturation(rule: str) -> None:
    """y = 1 − relu(1 − i₁ − i₂): both inputs are one, the gradient is zero, and yet each made half of the output."""
    i = keras.Input((2,), name="i")
    model = keras.Model(i, layers.Rescaling(-1.0, 1.0)(layers.Dense(1, activation="relu", name="rest")(i)))
    model.get_layer("rest").set_weights([np.array([[-1.0], [-1.0]]), np.array([1.0])])
    network = dl.convert(model, rule=rule)
    assert_equal(network.compile()([[1.0, 1.0]], 0.0).contributions, [[0.5, 0.5]])
    gradient = network.with_rule("gradient").compile()([[1.0, 1.0]], 0.0)
    assert_equal(gradient.multipliers, [[0.0, 0.0]])


@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel"])
def test_threshold(rule: str) -> None:
    """y = relu(i − 10) just above its kink: the gradient jumps from 0 to 1, DeepLIFT gives the small difference."""
    i = keras.Input((1,), name="i")
    model = keras.Model(i, layers.Dense(1, activation="relu", name="y")(i))
    model.get_layer("y").set_weights([np.array([[1.0]]), np.array([-10.0])])
    scores = dl.convert(model, rule=rule, dtype="float64").compile()([[10.5]], 0.0)
    assert_equal(scores.contributions, [[0.5]], rtol=1e-15)
    assert_equal(scores.multipliers, [[0.5 / 10.5]], rtol=1e-15)


def test_gradient_times_input_misses_what_the_bias_does() -> None:
    """The figure of the paper: at i = 10.5 gradient × input gives 10.5 to the input, though y is 0.5."""
    i = keras.Input((1,), name="i")
    model = keras.Model(i, layers.Dense(1, activation="relu", name="y")(i))
    model.get_layer("y").set_weights([np.array([[1.0]]), np.array([-10.0])])
    scores = dl.convert(model, rule="gradient").compile()([[10.5]], 0.0)
    assert_equal(scores.contributions, [[10.5]])
    assert scores.delta is None and scores.reference_outputs is None


def test_rescale_is_integrated_gradients_where_one_layer_bends() -> None:
    """The theorem of docs/mathematics.md: one nonlinear layer, between linear ones."""
    keras.utils.set_random_seed(3)
    stack = [layers.Dense(5), layers.Dense(6, activation="tanh"), layers.Dense(4), layers.Dense(1)]
    network = dl.convert(keras.Sequential([keras.Input((3,)), *stack]), dtype="float64")
    x, references = np.random.default_rng(3).normal(size=(2, 4, 3))
    found = dl.methods.deeplift(network, x, references, rule="rescale").contributions
    expected = dl.methods.integrated_gradients(network, x, references, steps=60).contributions
    assert_equal(found, expected, rtol=1e-9)  # Gauss-Legendre with 60 places is exact to rounding for tanh


def test_rescale_and_integrated_gradients_differ_where_two_layers_bend() -> None:
    """y = relu(relu(a - 1) + b - 1) at (2, 1): one half each, against two thirds and one third."""
    a, b = keras.Input((1,), name="a"), keras.Input((1,), name="b")
    inner = layers.Dense(1, activation="relu", name="inner")(a)
    outer = layers.Dense(1, activation="relu", name="outer")(layers.Add()([inner, b]))
    model = keras.Model([a, b], outer)
    for name in ("inner", "outer"):
        model.get_layer(name).set_weights([np.ones((1, 1)), -np.ones(1)])
    network, x = dl.convert(model, dtype="float64"), [np.array([[2.0]]), np.array([[1.0]])]
    assert_equal(np.ravel(dl.methods.deeplift(network, x, 0.0).contributions), [0.5, 0.5])
    path = dl.methods.integrated_gradients(network, x, 0.0, steps=3000, quadrature="midpoint").contributions
    assert_equal(np.ravel(path), [2 / 3, 1 / 3], rtol=1e-3)  # the jump of the gradient lies within one of 3000 pieces
