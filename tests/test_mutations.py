"""Small mistakes in the engine, each of which makes more than one of the default tests fail."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import tensorflow as tf

from deeplift_tf.graph import rule_assignment
from deeplift_tf.layers import kinds
from deeplift_tf.layers.kinds import Affine
from deeplift_tf.rules import multipliers, rules
from tests.graph import test_propagation, test_rule_assignment
from tests.methods import test_gradients
from tests.rules import test_multipliers

Check = Callable[[], None]


def any_for_all(patch: pytest.MonkeyPatch) -> None:
    """RevealCancel already if one of several layers before a nonlinearity is fully connected."""
    patch.setattr(rule_assignment, "all", any, raising=False)


def no_sign(patch: pytest.MonkeyPatch) -> None:
    """m̄ + d in place of m̄ + sign(Δ)·d."""

    def collapse(given: multipliers.Multipliers, delta: Any, rows: multipliers.Pairing) -> Any:
        return given.mean if given.half_difference is None else given.mean + given.half_difference

    for module in (multipliers, kinds, test_multipliers):
        patch.setattr(module, "collapse", collapse)


def signed_weights(patch: pytest.MonkeyPatch) -> None:
    """A in place of |A|, in every layer that has weights."""
    classes: list[Any] = [Affine]
    for each in classes:  # which grows
        classes += each.__subclasses__()
        if "magnitude" in vars(each):
            patch.setattr(each, "magnitude", lambda self: self)


def no_gate(patch: pytest.MonkeyPatch) -> None:
    """DeconvNet without the rectifier on the way back."""
    wrong = dataclasses.replace(rules.DECONVNET, gate=tf.identity)
    patch.setitem(rules.RULES, "deconvnet", wrong)
    patch.setattr(test_propagation, "DECONVNET", wrong)


MUTATIONS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Sequence[Check]]] = {
    "any for all": (
        any_for_all,
        [
            test_rule_assignment.test_genomics_default_is_rescale_unless_all_that_feeds_a_nonlinearity_is_fully_connected,
            test_rule_assignment.test_genomics_default_scores_as_the_rules_that_it_stands_for,
        ],
    ),
    "no sign in collapse": (
        no_sign,
        [
            test_multipliers.test_the_sign_of_the_difference_chooses_between_both_multipliers,
            test_multipliers.test_a_collapse_of_several_targets_and_references,
            test_propagation.test_multipliers_of_two_rectifiers_with_negative_factors_between,
        ],
    ),
    "A for |A|": (
        signed_weights,
        [
            test_propagation.test_multipliers_of_two_rectifiers_with_negative_factors_between,
            test_propagation.test_spreads_are_those_of_absolute_weights,
        ],
    ),
    "no gate in DeconvNet": (
        no_gate,
        [
            test_propagation.test_deconvnet_passes_only_what_is_positive,
            test_gradients.test_deconvnet_applies_relu_to_the_signal_going_back,
        ],
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_more_than_one_test_fails(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate, checks = MUTATIONS[name]
    mutate(monkeypatch)
    passed = []
    for check in checks:
        try:
            check()
        except AssertionError:
            continue
        passed.append(check.__name__)
    assert len(checks) > 1 and not passed
