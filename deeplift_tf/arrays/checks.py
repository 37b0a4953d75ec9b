"""Checks of values, each of which raises an error of the class that is given."""

from __future__ import annotations

import math

import numpy as np

from deeplift_tf.errors import DeepLiftError, InputError


def at_least_one(what: str, number: int, error: type[DeepLiftError] = InputError) -> int:
    """Return a count, of steps or samples for example, that is at least one."""
    if number < 1:
        raise error(f"{what}: expected at least 1; received {number}")
    return number


def require_real(dtype: np.dtype, where: str, error: type[DeepLiftError]) -> None:
    """Refuse a dtype of anything but real numbers."""
    if dtype.kind not in "biuf":
        raise error(f"{where}: expected real numbers; received dtype {dtype}")


def not_finite(part: np.ndarray, largest: float = math.inf) -> dict[int, str]:
    """Return the rows with a value that is not finite or too large, and a description of each.

    Parameters
    ----------
    part : np.ndarray, shape (rows, ...)
    largest : float
        The largest magnitude that is not too large.
    """
    if part.dtype.kind != "f" or not part.size:
        return {}
    good = np.isfinite(part)
    if largest < np.finfo(part.dtype).max:
        good &= np.abs(part) <= largest
    rows = np.flatnonzero(~good.all(axis=tuple(range(1, part.ndim))))
    return {int(row): f"holds {_first(part[row], good[row], largest)}" for row in rows}


def _first(row: np.ndarray, good: np.ndarray, largest: float) -> str:
    """Return the first bad value of a row, and its position."""
    position = tuple(int(index) for index in np.argwhere(~good)[0])
    beyond = f", and the model takes no more than {largest:.2g}" if np.isfinite(row[position]) else ""
    return f"{row[position]}{f' at position {position}' if position else ''}{beyond}"
