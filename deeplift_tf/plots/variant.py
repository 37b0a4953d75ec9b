"""Variant plots: the scores of both alleles, and their difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.plots.logo import logo

AROUND = 30  # positions on either side of the site that are drawn


def variant(
    reference: np.ndarray,
    alternative: np.ndarray,
    contributions: np.ndarray,
    alleles: Sequence[np.ndarray] | None = None,
    *,
    site: int | None = None,
    around: int = AROUND,
    alphabet: str = "ACGT",
    title: str | None = None,
    ax: Any = None,
) -> tuple[Any, np.ndarray]:
    """Draw the logos of both alleles and their difference under one another, on one scale.

    Parameters
    ----------
    reference, alternative : np.ndarray, shape (length, 4)
        One-hot windows.
    contributions : np.ndarray, shape (length, 4)
        Of the alternative allele against the reference allele.
    alleles : pair of np.ndarray, shape (length, 4), optional
        Contributions of the reference and of the alternative allele, each against the same references. Their difference
        is drawn then; without them `contributions` alone, each letter on its own, under the letters of both alleles.
    site : int, optional
        Position of the first letter of the reference allele; by default length // 2.
    around : int
        Positions on either side that are drawn.
    alphabet : str
        The letters, in the order of their axis.
    title : str, optional
    ax : sequence of matplotlib axes, optional
        Three.

    Returns
    -------
    fig : matplotlib.figure.Figure
    axes : np.ndarray, shape (3,)

    Raises
    ------
    InputError
        If the shapes differ.
    """
    given = {"reference": reference, "alternative": alternative, "contributions": contributions}
    given |= dict(zip(("alleles[0]", "alleles[1]"), alleles or (), strict=False))
    shapes = {name: np.shape(array) for name, array in given.items()}
    if len(set(shapes.values())) != 1:
        raise InputError(f"variant: expected arrays of one shape (length, 4); received {shapes}")
    site = len(reference) // 2 if site is None else site
    found = tracks(reference, alternative, contributions, alleles)
    start, end = max(0, site - around), min(len(reference), site + around + 1)
    fig, axes = logo(
        found,
        start=start,
        end=end,
        highlight=[(site, site + 1)],
        share_scale=alleles is not None,
        alphabet=alphabet,
        title=title,
        ax=ax,
    )
    return fig, axes


def tracks(
    reference: np.ndarray, alternative: np.ndarray, contributions: np.ndarray, alleles: Sequence[np.ndarray] | None
) -> dict[str, np.ndarray]:
    """Return the heights of letters in the three tracks."""
    if alleles is None:
        return {
            "reference allele": np.asarray(reference, float),
            "alternative allele": np.asarray(alternative, float),
            "difference": np.asarray(contributions),
        }
    one, two = (np.sum(each, -1, keepdims=True) for each in alleles)
    return {
        "reference allele": one * reference,
        "alternative allele": two * alternative,
        "difference": (two - one) * alternative,
    }
