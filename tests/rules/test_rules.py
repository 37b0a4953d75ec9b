"""The slopes of each rule, from its formula in plain numbers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf.errors import RuleError
from deeplift_tf.rules.multipliers import Difference
from deeplift_tf.rules.rules import RULES, Slopes, rule_named

X, X0 = np.array([2.0, -1.0, 1.0, 3.0]), np.array([-1.0, 2.0, 4.0, 0.0])


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def slopes(rule: str, spread: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """S⁺ and S⁻ of a ReLU."""
    value = Difference(tf.constant(X), tf.constant(X0), None if spread is None else tf.constant(spread))
    mean, half = RULES[rule].slopes(dl.secants.relu(), value)
    half = tf.zeros_like(mean) if half is None else half
    return (mean + half).numpy(), (mean - half).numpy()


def test_rescale_is_the_slope_of_the_chord() -> None:
    for found in slopes("rescale"):
        np.testing.assert_allclose(found, (relu(X) - relu(X0)) / (X - X0))


def test_reveal_cancel_averages_over_both_orders() -> None:
    spread = np.abs(X - X0) + 2  # Δ⁺ and −Δ⁻ are one larger than what the difference alone would say
    up, down = (spread + (X - X0)) / 2, -(spread - (X - X0)) / 2
    positive = (relu(X0 + up) - relu(X0) + relu(X0 + down + up) - relu(X0 + down)) / (2 * up)
    negative = (relu(X0 + down) - relu(X0) + relu(X0 + up + down) - relu(X0 + up)) / (2 * down)
    found = slopes("reveal_cancel", spread)
    np.testing.assert_allclose(found[0], positive)
    np.testing.assert_allclose(found[1], negative)
    assert (np.abs(positive - negative) > 0.1).any()


@pytest.mark.parametrize("rule", ["gradient", "guided_backprop"])
def test_gradients_are_those_at_x(rule: str) -> None:
    for found in slopes(rule):
        np.testing.assert_array_equal(found, X > 0)


def test_deconvnet_ignores_the_forward_pass_of_rectifiers_only() -> None:
    np.testing.assert_array_equal(slopes("deconvnet")[0], np.ones(4))
    value = Difference(tf.constant(X), tf.constant(X0))
    (mean, half) = RULES["deconvnet"].slopes(dl.secants.tanh(), value)
    np.testing.assert_allclose(mean, 1 - np.tanh(X) ** 2)
    assert half is None


def test_sizes_are_those_of_both_slopes() -> None:
    found = Slopes(tf.constant([1.0, -1.0]), tf.constant([3.0, 0.5])).sizes()  # S⁺ = 4, −0.5; S⁻ = −2, −1.5
    np.testing.assert_allclose(found.mean + found.half_difference, [4, 0.5])
    np.testing.assert_allclose(found.mean - found.half_difference, [2, 1.5])


def test_rules_are_found_by_name() -> None:
    assert rule_named("rescale") is RULES["rescale"]
    assert rule_named(RULES["gradient"]) is RULES["gradient"]
    with pytest.raises(RuleError, match=r"unknown rule 'lrp'; expected one of rescale, .*, genomics_default"):
        rule_named("lrp")
