"""Rank agreement of scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deeplift_tf.optional import require


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Spearman's rank correlation of the scores of each row.

    Parameters
    ----------
    first, second : np.ndarray, shape (N, ...)

    Returns
    -------
    np.ndarray, shape (N,)
        NaN where all scores of a row are alike, so that they have no order.
    """
    ranks = require("scipy.stats", "evaluate").rankdata
    return np.array(
        [_correlation(ranks(a, axis=None), ranks(b, axis=None)) for a, b in zip(first, second, strict=True)]
    )


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size else float("nan")


def mean_over_ordered(correlations: np.ndarray) -> np.ndarray:
    """Return the mean over the last axis of correlations, of rows that have an order: NaN, without a warning, of none.

    Parameters
    ----------
    correlations : np.ndarray, shape (..., N)
        NaN where a row has no order.
    """
    ordered = np.isfinite(correlations)
    count = ordered.sum(-1)
    total = np.where(ordered, correlations, 0.0).sum(-1)
    return np.where(count, total / np.maximum(count, 1), np.nan)


def flat_rows(contributions: Any) -> np.ndarray:
    """Return the contributions of all inputs side by side, shape (N, ...): one input's as it is, several in a row."""
    if isinstance(contributions, Mapping):
        contributions = list(contributions.values())
    if not isinstance(contributions, list):
        return np.asarray(contributions)
    parts = [part for part in contributions if part is not None]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], 1)


def per_position(contributions: np.ndarray) -> np.ndarray:
    """Return contributions, shape (N, ..., channels), summed over channels; of features, shape (N, F), as they are."""
    return contributions.sum(-1) if contributions.ndim > 2 else contributions
