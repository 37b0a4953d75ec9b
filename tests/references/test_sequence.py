"""Shuffles keep what they promise, are drawn fairly, and do not depend on the batch."""

from __future__ import annotations

import itertools
import logging
import pickle
from collections import Counter

import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.errors import ReferencesError
from deeplift_tf.references.euler import log_orders, transitions
from deeplift_tf.references.sequence import letter_codes

ONE_HOT = np.concatenate([np.eye(4), np.zeros((1, 4))]).astype(np.float32)  # the fifth row is N


def random_codes(rows: int, length: int, seed: int, letters: int = 5) -> np.ndarray:
    """Sequences, the first half with runs and repeats as genomes have them, so that some pairs are rare."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, letters, (rows, length))
    repeats = rng.integers(0, letters, (rows // 2, 3))[:, np.arange(length) % 3]
    codes[: rows // 2] = np.where(rng.random((rows // 2, length)) < 0.1, codes[: rows // 2], repeats)
    return codes


def pair_counts(codes: np.ndarray) -> np.ndarray:
    """Counts of pairs, shape (N, 25), in the plainest way."""
    flat = codes[..., :-1].astype(int) * 5 + codes[..., 1:]
    return np.stack([np.bincount(row, minlength=25) for row in flat])


@pytest.mark.parametrize("length", [3, 17, 60])
def test_pairs_are_kept_exactly(length: int) -> None:
    codes = random_codes(10_000 if length == 60 else 500, length, seed=length)
    x = ONE_HOT[codes]
    made = dl.references.dinucleotide_shuffle(count=1, seed=1)(x)
    assert made.shape == (len(x), 1, length, 4) and made.dtype == x.dtype
    shuffled = letter_codes(made[:, 0])
    np.testing.assert_array_equal(pair_counts(shuffled), pair_counts(codes))
    np.testing.assert_array_equal(shuffled[:, [0, -1]], codes[:, [0, -1]])
    if length == 60:
        # the random half differs from x at 3 positions in 4 or more; the repeats at fewer
        assert (shuffled[5000:] != codes[5000:]).mean() > 0.7


def eulerian_orders(codes: np.ndarray) -> set[bytes]:
    """All sequences with the same pairs and the same first letter, by trying every order."""
    middle = set(itertools.permutations(codes[1:-1].tolist()))
    candidates = (np.array([codes[0], *each, codes[-1]]) for each in middle)
    wanted = pair_counts(codes[None])[0]
    return {bytes(each.astype(np.uint8)) for each in candidates if (pair_counts(each[None])[0] == wanted).all()}


def test_all_orders_are_equally_likely() -> None:
    codes = np.array([0, 1, 0, 2, 1, 4, 0, 0, 1, 2, 1])
    orders, draws = eulerian_orders(codes), 20_000
    (made,) = dl.references.dinucleotide_shuffle(count=draws, seed=2)(ONE_HOT[codes][None])
    found = Counter(bytes(row) for row in letter_codes(made))
    assert set(found) == orders and len(orders) > 20
    expected = draws / len(orders)
    chi_squared = sum((count - expected) ** 2 / expected for count in found.values())
    # mean and spread of chi-squared with n − 1 degrees of freedom; 5 standard deviations
    assert chi_squared < len(orders) - 1 + 5 * np.sqrt(2 * (len(orders) - 1))
    counted = np.exp(log_orders(transitions(codes[None], 5), codes[None, -1]))
    np.testing.assert_allclose(counted, len(orders), rtol=1e-9)


@pytest.mark.parametrize("make", [dl.references.shuffle, dl.references.dinucleotide_shuffle])
def test_rows_do_not_depend_on_their_batch(make: object) -> None:
    x = ONE_HOT[random_codes(9, 30, seed=4)]
    sampler = make(count=3, seed=7)  # type: ignore[operator]
    whole = sampler(x)
    np.testing.assert_array_equal(np.concatenate([sampler(x[:4]), sampler(x[4:])]), whole)
    np.testing.assert_array_equal(sampler(x[::-1]), whole[::-1])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(sampler))(x.astype(np.float64)), whole)
    assert (make(count=3, seed=8)(x) != whole).any()  # type: ignore[operator]
    np.testing.assert_array_equal(np.sort(whole, 2), np.sort(np.repeat(x[:, None], 3, 1), 2))
    assert (whole[:, 0] != whole[:, 1]).any()


def test_large_inputs_are_cut_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    x = ONE_HOT[random_codes(6, 30, seed=5)]
    whole = dl.references.dinucleotide_shuffle(2)(x)
    monkeypatch.setattr("deeplift_tf.references.sequence.TOGETHER", 100)
    np.testing.assert_array_equal(dl.references.dinucleotide_shuffle(2)(x), whole)


def test_the_only_order_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    x = ONE_HOT[np.array([[0, 1, 3, 2] * 6 + [0], [0, 1, 3, 2, 0, 3, 2, 1] * 3 + [0]])]
    sampler = dl.references.dinucleotide_shuffle(count=4)
    with caplog.at_level(logging.WARNING, "deeplift_tf"):
        sampler(x[:1])
        made = sampler(x)
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
        "dinucleotide_shuffle: the sequence ACTGACTGACTGACTGACTGACTG..."
    ]
    np.testing.assert_array_equal(made[0], np.repeat(x[:1], 4, 0))
    assert (made[1] != x[1]).any()


def test_what_is_no_sequence_is_refused() -> None:
    x = ONE_HOT[random_codes(2, 10, seed=0)]
    x[1, 3] = [0.5, 0.5, 0, 0]
    with pytest.raises(ReferencesError, match=r"a one at one letter.*position 3 of row 1"):
        dl.references.dinucleotide_shuffle()(x)
    with pytest.raises(ReferencesError, match=r"shape \(N, length, letters\); received \(2, 10\)"):
        dl.references.shuffle()(x[..., 0])
    with pytest.raises(ReferencesError, match="count of dinucleotide_shuffle: expected at least 1; received 0"):
        dl.references.dinucleotide_shuffle(0)


def test_positions_without_a_letter_may_hold_all_alike() -> None:
    codes = random_codes(2, 40, seed=6)
    zeros, quarters = ONE_HOT[codes], np.where(codes[..., None] == 4, np.float32(0.25), ONE_HOT[codes])
    from_zeros, from_quarters = (dl.references.dinucleotide_shuffle(3)(x) for x in (zeros, quarters))
    np.testing.assert_array_equal(
        letter_codes(from_zeros.reshape(6, 40, 4)), letter_codes(from_quarters.reshape(6, 40, 4))
    )
    assert (from_quarters.sum(-1) == 1).all()


def test_proteins_are_shuffled_too() -> None:
    codes = np.random.default_rng(0).integers(0, 20, (3, 300))
    made = dl.references.dinucleotide_shuffle(2)(np.eye(20, dtype=np.float32)[codes])
    shuffled = made.argmax(-1)
    for row in range(3):
        for each in shuffled[row]:
            np.testing.assert_array_equal(transitions(each[None], 20), transitions(codes[row][None], 20))
            assert (each != codes[row]).any()


def test_base_frequencies() -> None:
    x = ONE_HOT[np.array([[1, 1, 2, 0], [3, 4, 0, 0]])]
    assert (dl.references.uniform_frequencies()(x) == 0.25).all()
    np.testing.assert_allclose(dl.references.gc_content(0.4)(x)[1, 2], [0.3, 0.2, 0.2, 0.3], rtol=1e-6)
    np.testing.assert_allclose(dl.references.gc_content()(x)[:, 0], [[1 / 8, 3 / 8, 3 / 8, 1 / 8], [0.5, 0, 0, 0.5]])
    with pytest.raises(ReferencesError, match="4 letters"):
        dl.references.gc_content()(x[..., :3])
    with pytest.raises(ReferencesError, match="from 0 to 1"):
        dl.references.gc_content(1.5)


@pytest.mark.parametrize("letters", [4, 20])
@pytest.mark.parametrize("name", ["shuffle", "dinucleotide_shuffle"])
@pytest.mark.parametrize("seed", [0, 2**63 + 5])
def test_what_is_exported_makes_the_same_sequences(name: str, letters: int, seed: int) -> None:
    """In NumPy and in TensorFlow operations; N, runs and repeats included."""
    codes = random_codes(12, 50, seed=9, letters=letters + 1)
    x = np.concatenate([np.eye(letters), np.zeros((1, letters))]).astype(np.float32)[codes]
    found = getattr(dl.references, name)(7, seed=seed)(x)
    np.testing.assert_array_equal(getattr(dl.serving, name)(x, 7, seed), found)
