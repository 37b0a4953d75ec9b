"""Both strands of DNA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from deeplift_tf.scoring import Scores


def reverse_complement(x: np.ndarray) -> np.ndarray:
    """Return the other strand, shape (..., length, 4), for letters in the order A, C, G, T."""
    return x[..., ::-1, ::-1]


def both_strands(score: Callable[..., Scores]) -> Callable[..., Scores]:
    """Return a scoring function whose scores are the means over the two strands, at the positions of the one given.

    References are made for each strand; arrays are turned round as the sequences are. delta is the larger of the two.

    Parameters
    ----------
    score : callable
        A scoring function of one input of shape (N, length, 4).
    """

    def averaged(x: np.ndarray, references: Any = None, **arguments: Any) -> Scores:
        turned = reverse_complement(references) if np.ndim(references) > 1 else references
        forward = score(x, references=references, **arguments)
        reverse = score(reverse_complement(x), references=turned, **arguments)
        return mean_of(forward, reverse)

    return averaged


def mean_of(forward: Scores, reverse: Scores) -> Scores:
    """Return the means of the scores of a strand and of those of its reverse complement."""
    values: dict[str, Any] = {}
    for name in Scores._fields:
        one, other = getattr(forward, name), getattr(reverse, name)
        if one is None:
            values[name] = None
        elif name == "delta":
            values[name] = np.where(np.abs(one) >= np.abs(other), one, other)
        elif name in ("outputs", "reference_outputs"):
            values[name] = (one + other) / 2
        else:
            values[name] = (one + reverse_complement(other)) / 2
    return Scores(**values)
