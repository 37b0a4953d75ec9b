"""What travels back: sums over consumers, the parts of a difference, and views by examples, references and targets."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deeplift_tf.rules.multipliers import Difference, Multipliers, Pairing, collapse

RNG = np.random.default_rng(3)
A, B, D, E = (RNG.normal(size=(4, 3)) for _ in range(4))


def multipliers(mean: np.ndarray, half: np.ndarray | None = None) -> Multipliers:
    return Multipliers(tf.constant(mean), None if half is None else tf.constant(half))


@pytest.mark.parametrize(("first", "second"), [(D, E), (D, None), (None, E), (None, None)])
def test_consumers_add_up(first: np.ndarray | None, second: np.ndarray | None) -> None:
    found = multipliers(A, first).plus(multipliers(B, second))
    np.testing.assert_allclose(found.mean, A + B)
    expected = [half for half in (first, second) if half is not None]
    assert (found.half_difference is None) == (not expected)
    if found.half_difference is not None:
        np.testing.assert_allclose(found.half_difference, sum(expected))


def test_a_single_consumer_is_itself() -> None:
    alone = multipliers(A, D)
    assert alone.plus(None) is alone


def test_what_is_not_finite_becomes_zero() -> None:
    found = multipliers(np.array([np.inf, -np.inf, np.nan, 2.0]), np.array([np.nan, 1.0, np.inf, 3.0])).finite()
    np.testing.assert_array_equal(found.mean, [0, 0, 0, 2])
    np.testing.assert_array_equal(found.half_difference, [0, 1, 0, 3])
    assert multipliers(A).finite().half_difference is None


def test_the_sign_of_the_difference_chooses_between_both_multipliers() -> None:
    """m⁺ = m̄ + d where the difference is positive, m⁻ = m̄ − d where it is negative, m̄ where there is none."""
    delta = np.array([[2.0, -0.5, 0.0]])
    found = collapse(multipliers(A[:1], D[:1]), tf.constant(delta), Pairing())
    np.testing.assert_allclose(found, [[A[0, 0] + D[0, 0], A[0, 1] - D[0, 1], A[0, 2]]])


def test_a_collapse_of_several_targets_and_references() -> None:
    """K = 2 targets, N = 2 examples, R = 1 reference: targets are outermost."""
    delta = np.array([[[1.0, -1.0, 1.0]], [[-1.0, -1.0, 1.0]]])  # (N, R, ...)
    found = collapse(multipliers(A, D), tf.constant(delta), Pairing(references=1, targets=2))
    np.testing.assert_allclose(found, A + np.tile(delta[:, 0], (2, 1)) * D)


def test_parts_of_a_difference_sum_to_it_and_to_its_spread() -> None:
    x, reference, spread = np.array([3.0, 1.0, 0.0]), np.array([1.0, 2.0, 0.0]), np.array([6.0, 1.0, 4.0])
    value = Difference(tf.constant(x), tf.constant(reference), tf.constant(spread))
    up, down = value.parts
    np.testing.assert_allclose(up - down, x - reference)
    np.testing.assert_allclose(up + down, spread)
    np.testing.assert_allclose(value.size, spread)
    alone = value._replace(spread=None)
    np.testing.assert_allclose(alone.size, np.abs(x - reference))
    np.testing.assert_allclose(alone.parts, [[2, 0, 0], [0, 1, 0]])


def test_views_of_rows_undo_one_another() -> None:
    rows = Pairing(references=3, targets=2)
    pairs, targets = tf.reshape(tf.range(24), (6, 4)), tf.reshape(tf.range(48), (12, 4))
    assert rows.pair(pairs).shape == (2, 3, 4) and rows.target(targets).shape == (2, 2, 3, 4)
    np.testing.assert_array_equal(rows.merge_pairs(rows.pair(pairs)), pairs)
    np.testing.assert_array_equal(rows.merge_targets(rows.target(targets)), targets)
    np.testing.assert_array_equal(rows.repeat(rows.pair(pairs)), np.tile(pairs, (2, 1)))
    assert rows.example(tf.zeros((2, 4))).shape == (2, 1, 4)


def test_a_local_difference_is_none() -> None:
    value = Difference(tf.constant([[[1.0]], [[2.0]]]), tf.zeros((2, 3, 1))).local(Pairing(references=3))
    assert value.x is value.reference and value.x.shape == (2, 3, 1)
    np.testing.assert_array_equal(value.delta, np.zeros((2, 3, 1)))
