from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf import genomics
from deeplift_tf.errors import TargetError
from deeplift_tf.genomics.strands import reverse_complement
from deeplift_tf.genomics.targets import head_of
from tests.genomics.conftest import LENGTH


def test_the_profile_is_weighted_by_its_softmax() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 5, 2))
    weights = genomics.profile(tf.constant(logits)).numpy()
    for row, given in zip(logits, weights, strict=True):
        z = row.ravel()
        p = np.exp(z) / np.exp(z).sum()
        assert np.sum(given.ravel() * z) == pytest.approx(np.sum(p * (z - z.mean())), rel=1e-12)
        # held weights: the derivative of Σ p·(z − mean z) with p fixed
        np.testing.assert_allclose(given.ravel(), p - 1 / 10, rtol=1e-12)


def test_counts_are_summed() -> None:
    np.testing.assert_array_equal(genomics.counts(tf.zeros((2, 3))), np.ones((2, 3)))


@pytest.mark.parametrize(
    ("shapes", "counts", "profile"),
    [
        ({"out": (None, 3)}, None, None),
        ({"a": (None, 100), "b": (None, 1)}, "b", "a"),
        ({"profile_x": (None, 100, 2), "logcounts": (None, 2)}, "logcounts", "profile_x"),
    ],
)
def test_which_head_is_meant(
    shapes: dict[str, tuple[int | None, ...]], counts: str | None, profile: str | None
) -> None:
    assert head_of("counts", shapes) == counts
    assert head_of("profile", shapes) == profile


def test_an_unclear_head_is_refused() -> None:
    with pytest.raises(TargetError, match="name one with --output: a, b"):
        head_of("counts", {"a": (None, 5), "b": (None, 7)})


def test_profile_scores_sum_to_the_difference(data: Path) -> None:
    x = np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(0, 4, (5, LENGTH))]
    score = dl.convert(data / "model.keras", dtype="float64").compile()
    scores = score(x, references=0.25, target=genomics.profile, output="logits_profile")
    logits = dl.convert(data / "model.keras", dtype="float64").predict(x)["logits_profile"]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(scores.outputs, (p * (logits - logits.mean(1, keepdims=True))).sum(1), rtol=1e-9)
    difference = scores.outputs - scores.reference_outputs
    np.testing.assert_allclose(scores.contributions.sum((1, 2)), difference, rtol=1e-9, atol=1e-12)


def test_the_mean_over_strands_does_not_depend_on_the_strand(data: Path) -> None:
    x = np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(0, 4, (5, LENGTH))]
    references = np.random.default_rng(1).dirichlet(np.ones(4), LENGTH).astype(np.float32)
    score = dl.convert(data / "tasks.keras").compile()
    both = genomics.both_strands(score)
    one = both(x, references=references, target=1, hypothetical=True)
    other = both(reverse_complement(x), references=reverse_complement(references), target=1, hypothetical=True)
    for name in ("contributions", "multipliers", "hypothetical"):
        np.testing.assert_allclose(getattr(one, name), reverse_complement(getattr(other, name)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(one.outputs, other.outputs, rtol=1e-6)
    alone = score(x, references=references, target=1).contributions
    assert np.abs(one.contributions - alone).max() > 0.1 * np.abs(alone).max()  # the strands differ
    difference = one.outputs - one.reference_outputs
    np.testing.assert_allclose(one.contributions.sum((1, 2)), difference, rtol=1e-4, atol=1e-5)
