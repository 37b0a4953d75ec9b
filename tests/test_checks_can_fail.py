"""A mistake of 0.1 % in a rule, a layer or a maximum is caught by the checks that the suites use."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import deeplift_tf as dl
from deeplift_tf.layers import kinds
from deeplift_tf.layers.base import Step
from deeplift_tf.rules import rules
from deeplift_tf.rules.tensors import vjp
from deeplift_tf.scoring.scores import Scores
from tests.oracle import explain_rows
from tests.support.checks import assert_close_to_largest, assert_complete
from tests.support.keras_models import randomise
from tests.support.oracle_nodes import oracle_nodes

X, X0 = np.random.default_rng(51).normal(0, 1.5, (2, 4, 8, 3))
EXACT, SINGLE, ORACLE = 1e-9, 1e-4, 1e-10  # the tolerances of the suites


def _model() -> keras.Model:
    x = keras.Input((8, 3), name="x")
    y = layers.Conv1D(4, 3, activation="relu", name="a")(x)
    y = layers.Flatten(name="flat")(layers.MaxPooling1D(3, strides=1, name="pool")(y))
    return keras.Model(x, layers.Dense(2, name="output")(layers.Dense(4, activation="relu", name="b")(y)))


def scores(rule: str, dtype: str = "float64") -> Scores:
    return dl.convert(randomise(_model(), 6), rule=rule, dtype=dtype).compile()(X, X0, target=0)


def oracle(rule: str) -> np.ndarray:
    rows = explain_rows(oracle_nodes(randomise(_model(), 6)), {"x": X}, {"x": X0}, [1, 0], rule)
    return np.stack([row["x"].contributions for row in rows])


def times(tensor: Any, factor: float) -> Any:
    return None if tensor is None else factor * tensor


def slopes_off(patch: pytest.MonkeyPatch) -> None:
    """S± wrong by 0.1 %."""
    for rule in rules.RULES.values():
        wrong = lambda f, value, right=rule.slopes: rules.Slopes(*(times(s, 1.001) for s in right(f, value)))  # noqa: E731
        patch.setitem(rules.RULES, rule.name, dataclasses.replace(rule, slopes=wrong))
    patch.setattr("deeplift_tf.graph.rule_assignment.RESCALE", rules.RULES["rescale"])


def linear_off(patch: pytest.MonkeyPatch) -> None:
    """Lᵀ wrong by 0.1 %, in every layer that states its own."""
    layers_of_kind: list[Any] = [kinds.Linear]
    for layer in layers_of_kind:  # which grows
        layers_of_kind += layer.__subclasses__()
        if "transpose" in vars(layer):
            wrong = lambda *given, right=layer.transpose: [1.001 * part for part in right(*given)]  # noqa: E731
            patch.setattr(layer, "transpose", wrong)


def gradient_of_max(patch: pytest.MonkeyPatch) -> None:
    """Maxima that pass the gradient at x on, as the original DeepLIFT does."""

    def transpose(self: Any, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        return vjp(self.forward, [step.rows.merge_pairs(value.x) for value in step.inputs], multipliers)

    patch.setattr(kinds.Maximum, "transpose", transpose)


FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "slopes": slopes_off,
    "linear": linear_off,
    "max": gradient_of_max,
}


def caught(check: Callable[..., None], *arguments: Any) -> bool:
    try:
        check(*arguments)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel"])
@pytest.mark.slow_for("rescale")
def test_the_checks_pass_where_nothing_is_wrong(rule: str) -> None:
    assert_complete(scores(rule), EXACT)
    assert_complete(scores(rule, "float32"), SINGLE)
    assert_close_to_largest(scores(rule).contributions, oracle(rule), ORACLE)


@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.slow_but_for("max-rescale", "slopes-reveal_cancel")
def test_a_fault_is_caught(fault: str, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = oracle(rule)
    FAULTS[fault](monkeypatch)
    wrong = scores(rule)
    assert caught(assert_complete, wrong, EXACT)
    assert caught(assert_complete, scores(rule, "float32"), SINGLE)
    assert caught(assert_close_to_largest, wrong.contributions, expected, ORACLE)


def test_a_complete_but_wrong_rule_is_caught_by_the_oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rescale in place of RevealCancel sums to the difference too."""
    expected = oracle("reveal_cancel")
    monkeypatch.setitem(rules.RULES, "reveal_cancel", rules.RESCALE)
    wrong = scores("reveal_cancel")
    assert_complete(wrong, EXACT)
    assert caught(assert_close_to_largest, wrong.contributions, expected, ORACLE)


# --------------------------------------------------------------------------------------------- the checks themselves


def _scores(contributions: Any, outputs: Any, delta: Any) -> Scores:
    zeros = np.zeros(len(outputs))
    return Scores(np.array(contributions), np.array(contributions), np.array(outputs), zeros, np.array(delta))


def test_completeness_refuses_what_checks_nothing() -> None:
    with pytest.raises(AssertionError, match="this checks nothing"):
        assert_complete(_scores([[1e-5]], [1e-5], [0.0]), 1e-9)


def test_completeness_sums_by_itself_and_believes_no_delta() -> None:
    assert_complete(_scores([[1.0, 1.0]], [2.0], [0.0]), 1e-9)
    with pytest.raises(AssertionError, match="contributions miss"):
        assert_complete(_scores([[1.0, 1.001]], [2.0], [0.0]), 1e-9)
    with pytest.raises(AssertionError, match="delta is"):
        assert_complete(_scores([[1.0, 1.0]], [2.0], [0.002]), 1e-9)
    with pytest.raises(AssertionError):
        assert_complete(_scores([[1.0, np.nan]], [2.0], [np.nan]), 1e-9)


def test_closeness_is_relative_to_the_largest_and_sees_nan() -> None:
    assert_close_to_largest([1.0, 100.0], [1.05, 100.0], 1e-3)
    for wrong in ([1.2, 100.0], [np.nan, 100.0]):
        with pytest.raises(AssertionError, match="the largest gap"):
            assert_close_to_largest(np.array(wrong), np.array([1.0, 100.0]), 1e-3)
    with pytest.raises(AssertionError, match="this checks nothing"):
        assert_close_to_largest(np.zeros(2), np.zeros(2), 1e-3)
    with pytest.raises(AssertionError, match="shapes"):
        assert_close_to_largest(np.ones(2), np.ones((2, 1)), 1e-3)
