"""Which part of a long sequence is drawn."""

from __future__ import annotations

import numpy as np

LONGEST = 120
"""Positions of a logo whose letters can be read."""


def busiest(scores: np.ndarray, longest: int = LONGEST) -> tuple[int, int]:
    """Return start and end of the stretch with the largest magnitude of scores; all of what is not longer.

    Parameters
    ----------
    scores : np.ndarray, shape (length, letters)
        At each position their sum over the letters counts.
    longest : int
        Positions of the stretch.
    """
    magnitudes = np.abs(np.asarray(scores, np.float64).sum(-1))
    if len(magnitudes) <= longest:
        return 0, len(magnitudes)
    total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(magnitudes))])
    start = int((total[longest:] - total[:-longest]).argmax())
    return start, start + longest


def around(position: int, side: int, length: int) -> tuple[int, int]:
    """Return start and end of a position with so many others on either side, as far as the sequence goes."""
    return max(0, position - side), min(length, position + side + 1)
