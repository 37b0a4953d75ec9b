"""Values and spreads forward, multipliers back, against the formulas of the kinds in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Node
from deeplift_tf.rules.multipliers import Difference, Multipliers, Pairing
from deeplift_tf.rules.rules import DECONVNET, REVEAL_CANCEL, Rule

RNG = np.random.default_rng(11)
X, X0 = RNG.normal(0, 2, (2, 5, 4))
V, W = RNG.normal(size=(4, 6)), RNG.normal(size=(6, 3))
SCALE = np.array([2.0, -1.0, -0.5, 1.5, -3.0, 1.0])
ROWS = Pairing()


def node(name: str, layer: Any, *inputs: str, rule: Rule = REVEAL_CANCEL, guarded: bool = False) -> Node:
    shape = (tf.TensorShape([None, None]),)
    return Node(name, layer, tuple(map(Edge, inputs)), shape, name, "", rule, guarded=guarded)


def chain(rule: Rule = REVEAL_CANCEL) -> list[Node]:
    """Two rectifiers with negative factors between them, of which the second sends m⁺ ≠ m⁻ through them."""
    return [
        node("v", dl.layers.Dense(tf.constant(V)), "x"),
        node("f", dl.layers.Elementwise(dl.secants.relu()), "v", rule=rule),
        node("scale", dl.layers.Scale(tf.constant(SCALE), tf.zeros(6, tf.float64)), "f"),
        node("g", dl.layers.Elementwise(dl.secants.relu()), "scale", rule=rule),
        node("w", dl.layers.Dense(tf.constant(W)), "g"),
    ]


def multipliers_at_x(nodes: list[Node], target: int = 0) -> np.ndarray:
    x, reference = (propagation.forward(nodes, {Edge("x"): tf.constant(rows)}) for rows in (X, X0))
    views = propagation.differences(nodes, x, reference, ROWS)
    start = {Edge("w"): Multipliers(tf.constant(np.tile(np.eye(3)[target], (len(X), 1))))}
    found = propagation.backward(nodes, views, start, ROWS)[Edge("x")]
    assert found.half_difference is None
    return found.mean.numpy()


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def chord(start: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The slope of a ReLU; without a step the one just to the right."""
    whole = np.where(step == 0, 1.0, step)
    return np.where(step == 0, start >= 0, (relu(start + step) - relu(start)) / whole)


def reveal_cancel(x0: np.ndarray, up: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (chord(x0, up) + chord(x0 + down, up)) / 2, (chord(x0, down) + chord(x0 + up, down)) / 2


def plain_multipliers(target: int) -> np.ndarray:
    """Shrikumar et al. 2017, written for positive and negative parts: each layer by itself, nothing merged."""
    u, u0 = X @ V, X0 @ V
    spread = np.abs(X - X0) @ np.abs(V)
    up, down = (spread + u - u0) / 2, -(spread - u + u0) / 2
    plus, minus = reveal_cancel(u0, up, down)
    up_f, down_f = plus * up, minus * down  # the slopes of a ReLU are not negative
    up_s = np.where(SCALE > 0, SCALE * up_f, SCALE * down_f)  # a negative factor swaps the parts
    down_s = np.where(SCALE > 0, SCALE * down_f, SCALE * up_f)
    plus_g, minus_g = reveal_cancel(SCALE * relu(u0), up_s, down_s)
    m_up, m_down = plus_g * W[:, target], minus_g * W[:, target]  # of the parts that reach the second rectifier
    m_up, m_down = np.where(SCALE > 0, m_up, m_down) * SCALE, np.where(SCALE > 0, m_down, m_up) * SCALE
    m_up, m_down = m_up * plus, m_down * minus
    same = np.sign(X - X0)[:, :, None] * np.sign(V)  # whether a step of x is a positive part of u
    return np.where(same > 0, m_up[:, None] * V, m_down[:, None] * V).sum(-1)


def test_multipliers_of_two_rectifiers_with_negative_factors_between() -> None:
    for target in range(3):
        np.testing.assert_allclose(multipliers_at_x(chain(), target), plain_multipliers(target), rtol=1e-9, atol=1e-12)


def test_spreads_are_those_of_absolute_weights() -> None:
    nodes = chain()[:3]
    x, reference = (propagation.forward(nodes, {Edge("x"): tf.constant(rows)}) for rows in (X, X0))
    views = propagation.differences(nodes, x, reference, ROWS)
    np.testing.assert_allclose(views[Edge("v")].size, np.abs(X - X0) @ np.abs(V), rtol=1e-12)
    found = propagation.with_spreads(nodes, views, ROWS, [Edge("scale")])[Edge("scale")]
    u0, spread = X0 @ V, np.abs(X - X0) @ np.abs(V)
    up, down = (spread + (X - X0) @ V) / 2, -(spread - (X - X0) @ V) / 2
    plus, minus = reveal_cancel(u0, up, down)
    np.testing.assert_allclose(found.size, np.abs(SCALE) * (plus * up - minus * down), rtol=1e-9, atol=1e-12)
    assert (found.size.numpy() >= 0).all()


def test_deconvnet_passes_only_what_is_positive() -> None:
    """relu(m) at every rectifier, whatever its input is (Zeiler and Fergus 2014)."""
    for target in range(3):
        back = relu(np.tile(W[:, target], (len(X), 1))) * SCALE
        np.testing.assert_allclose(multipliers_at_x(chain(DECONVNET), target), relu(back) @ V.T, rtol=1e-12)


def test_a_value_that_is_read_twice_gets_the_sum() -> None:
    nodes = [node("a", dl.layers.Add(), "x", "x"), node("w", dl.layers.Add(), "a", "x")]
    views = {Edge(name): Difference(tf.constant(X), tf.constant(X0)) for name in ("x", "a", "w")}
    found = propagation.backward(nodes, views, {Edge("w"): Multipliers(tf.constant(X))}, ROWS)
    np.testing.assert_allclose(found[Edge("x")].mean, 3 * X)


def test_values_that_are_given_stay() -> None:
    nodes = chain()
    given = {Edge("x"): tf.constant(X), Edge("f"): tf.zeros((5, 6), tf.float64)}
    values = propagation.forward(nodes, given)
    np.testing.assert_array_equal(values[Edge("w")], np.zeros((5, 3)))


def test_what_nothing_reaches_has_no_multipliers() -> None:
    nodes = [*chain(), node("aside", dl.layers.Add(), "x", "x")]
    x, reference = (propagation.forward(nodes, {Edge("x"): tf.constant(rows)}) for rows in (X, X0))
    views = propagation.differences(nodes, x, reference, ROWS)
    found = propagation.backward(nodes, views, {Edge("f"): Multipliers(tf.ones((5, 6), tf.float64))}, ROWS)
    assert set(found) == {Edge("f"), Edge("v"), Edge("x")}


def test_a_guarded_node_passes_no_infinity() -> None:
    for guarded in (False, True):
        nodes = [node("scale", dl.layers.Scale(tf.constant([np.inf, 1.0]), tf.zeros(2)), "x", guarded=guarded)]
        x = tf.constant([[1.0, 1.0]])
        views = {Edge(name): Difference(x, tf.zeros_like(x)) for name in ("x", "scale")}
        found = propagation.backward(nodes, views, {Edge("scale"): Multipliers(tf.ones((1, 2)))}, ROWS)
        np.testing.assert_array_equal(found[Edge("x")].mean, [[0 if guarded else np.inf, 1]])
