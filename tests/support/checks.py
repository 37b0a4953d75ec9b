"""The checks that the suites share. `test_checks_can_fail` shows that each of them catches a small mistake."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from deeplift_tf.scoring.scores import Scores

Array = np.ndarray[Any, Any]


def flat_rows(values: Any, rows: int) -> Array:
    """Scores of all inputs side by side, shape (rows, ...): of one target, in any structure."""
    return np.concatenate([np.reshape(part, (rows, -1)) for part in keras.tree.flatten(values)], axis=1)


def assert_complete(scores: Scores, rtol: float, moved: float = 1e-3) -> None:
    """Contributions sum to the difference of the target, by our own sum as well as by the reported delta.

    Relative to the largest difference among the rows, which must exceed `moved`: where nothing moves, there is nothing
    to miss.
    """
    assert scores.delta is not None and scores.reference_outputs is not None
    difference = scores.outputs - scores.reference_outputs
    largest = np.abs(difference).max()
    assert largest > moved, f"the target moves by {largest:g} only: this checks nothing"
    assert np.isfinite(scores.delta).all()
    reported = np.abs(scores.delta).max() / largest
    assert reported <= rtol, f"delta is {reported:.2e} of the largest difference; expected at most {rtol:g}"
    if scores.outputs.ndim == 1:
        sums = flat_rows(scores.contributions, len(scores.outputs)).sum(1, dtype="float64")
        missed = np.abs(sums - difference).max() / largest
        assert missed <= rtol, f"contributions miss the difference by {missed:.2e} of it; expected at most {rtol:g}"


def assert_close_to_largest(found: Any, expected: Any, rtol: float, what: str = "") -> None:
    """Equal up to a fraction of the largest expected value, in every part of a structure."""
    pairs = list(zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True))
    largest = max(np.abs(e).max() for _, e in pairs)
    assert largest > 0, f"{what}: all expected values are zero: this checks nothing"
    for f, e in pairs:
        assert np.shape(f) == np.shape(e), f"{what}: shapes {np.shape(f)} and {np.shape(e)}"
        gap = np.abs(np.asarray(f) - np.asarray(e)).max() / largest
        assert gap <= rtol, f"{what}: the largest gap is {gap:.2e} of the largest value; expected at most {rtol:g}"
