"""Both strands of DNA."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from deeplift_tf.scoring import Scores


def reverse_complement(x: np.ndarray) -> np.ndarray:
    """Return the other strand, shape (..., length, 4), for letters in the order A, C, G, T."""
    return x[..., ::-1, ::-1]


def both_strands(score: Callable[..., Scores]) -> Callable[..., Scores]:
    """Return a scoring function whose scores are the means over the two strands, at the positions of the one given.

    References are made for each strand; arrays are turned round as the sequences are. delta is the larger of the two.
    Tracks that go beside the sequences are turned round too: both their positions and their order, that of the strands.

    Parameters
    ----------
    score : callable
        A scoring function of an input of shape (N, length, 4), that returns the scores of this one alone.
    """

    def averaged(x: Any, references: Any = None, **arguments: Any) -> Scores:
        forward = score(x, references=references, **arguments)
        reverse = score(turned(x, x), references=turned(references, x), **arguments)
        return mean_of(forward, reverse)

    return averaged


def turned(values: Any, x: Any) -> Any:
    """Return arrays of the other strand: all axes of a row are reversed; a number, or what makes them, stays."""
    if isinstance(x, Mapping):
        return {name: turned(values[name] if isinstance(values, Mapping) else values, x[name]) for name in x}
    axes = np.ndim(x) - 1
    return values if np.ndim(values) < axes else np.flip(values, tuple(range(-axes, 0)))


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
