from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf import genomics
from deeplift_tf.errors import TargetError
from deeplift_tf.genomics.heads import head_of
from deeplift_tf.genomics.strands import reverse_complement
from deeplift_tf.runs.targets import task
from tests.genomics.conftest import LENGTH
from tests.support.command_line import run


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
        ({"counts": (None, 2), "quality": (None, 1), "profile": (None, 100)}, "counts", "profile"),  # names first
        ({"quality": (None, 1), "profile": (None, 100, 2), "log_count": (None, 2)}, "log_count", "profile"),
        ({"counts": (None, 2), "counts_of_bias": (None, 1), "profile": (None, 9)}, "counts", "profile"),
        (
            {"count_profile": (None, 9), "total_counts": (None, 2), "profile_logits": (None, 9)},
            "total_counts",
            "profile_logits",
        ),
    ],
)
def test_which_head_is_meant(
    shapes: dict[str, tuple[int | None, ...]], counts: str | None, profile: str | None
) -> None:
    assert head_of("counts", shapes) == counts
    assert head_of("profile", shapes) == profile


@pytest.mark.parametrize(
    ("target", "shapes", "said"),
    [
        ("counts", {"out": (None, 1)}, "no output is named so; scored is the one value of 'out', shape (None, 1)"),
        ("counts", {"logcounts": (None, 2)}, ""),
        ("counts", {"out": (None, 3)}, "the sum of all 3 values of 'out', shape (None, 3)"),
        ("counts", {"out": (None, None, 2)}, "the sum of all its values of 'out'"),
        ("counts", {"a": (None, 100), "quality": (None, 1)}, "the one value of 'quality'"),
        ("profile", {"out": (None, 3)}, "all 3 values of 'out', shape (None, 3), taken as one distribution"),
        ("profile", {"profile": (None, 100)}, ""),
    ],
)
def test_what_a_name_means_is_said(
    target: str, shapes: dict[str, tuple[int | None, ...]], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = task(target, None, shapes)
    assert found.output == head_of(target, shapes)
    assert (said in caplog.text) if said else not caplog.text


@pytest.mark.parametrize("output", [None, "b"])
def test_a_profile_of_one_position_is_refused(output: str | None) -> None:
    shapes: dict[str, tuple[int | None, ...]] = {"b": (None, 1)}
    if output:
        shapes["a"] = (None, 9)
    with pytest.raises(TargetError, match="expected an output of several positions; 'b' has the shape"):
        task("profile", output, shapes)


def test_counts_of_a_model_of_one_output_on_the_command_line(data: Path, tmp_path: Path) -> None:
    command = (
        "score",
        "-m",
        data / "tasks.keras",
        "-i",
        data / "sequences.fa",
        "-o",
        tmp_path / "out",
        "--formats",
        "",
    )
    result = run(*command, "--target", "counts")
    assert result.exit_code == 0, result.stderr
    assert "scored is the sum of all 3 values of 'tasks'" in result.stderr


def test_an_unclear_head_is_refused() -> None:
    with pytest.raises(TargetError, match="name one with `output`: a, b"):
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
