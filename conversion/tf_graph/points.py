"""Test points: numbers at which a scalar function is compared with known functions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

import numpy as np

DECADES = range(-37, 39)  # of float32
IN_EACH = 4
COMBINED = 12  # so many constants of a region are combined with one another: a limit may be one over another
HALVINGS = 2000  # at most, from the largest number down to the smallest
SIDES = 1e-5  # of a value: steps smaller than that, beside a limit, are rounding and slope


def points_of(constants: Iterable[float], dtype: type) -> np.ndarray:
    """Return numbers of a dtype: near zero, in every decade, and around all limits that constants may make.

    Parameters
    ----------
    constants : iterable of float
        Those that a function is computed with.
    dtype : type
        float32 or float64.
    """
    rng = np.random.default_rng(0)
    powers = np.repeat(10.0 ** np.array(DECADES), IN_EACH) * rng.uniform(1, 10, len(DECADES) * IN_EACH)
    plain = np.concatenate([[0.0, -0.0], np.linspace(-10, 10, 401), rng.normal(0, 3, 100)])
    limits = around(limits_of(constants), dtype)
    found = np.concatenate([[-1.0], plain, powers, -powers, limits])
    with np.errstate(over="ignore"):
        found = found.astype(dtype)
    return found[np.isfinite(found)]


def is_continuous(function: Callable[[np.ndarray], np.ndarray], limits: Iterable[float], dtype: type) -> bool:
    """Whether a scalar function has one value at some numbers and on both sides, up to rounding and its slope.

    Parameters
    ----------
    function : callable
        Takes and returns an array, shape (n,).
    limits : iterable of float
    dtype : type
        float32 or float64.
    """
    at: np.ndarray = np.array(sorted({float(limit) for limit in limits}), dtype)
    tiny = np.finfo(dtype).tiny  # what is smaller may count as zero
    below, above = (np.nextafter(at, dtype(end)) for end in (-np.inf, np.inf))
    below, above = np.where(at == 0, -tiny, below), np.where(at == 0, tiny, above)
    return same_at(function, (below, at, above), at)


def same_at(function: Callable[[np.ndarray], np.ndarray], places: Sequence[np.ndarray], at: np.ndarray) -> bool:
    """Whether a function has the same values at places beside one another, up to rounding and its slope."""
    values = np.stack(np.split(function(np.concatenate(places)), len(places)))
    with np.errstate(invalid="ignore"):
        sizes = np.maximum(np.abs(values).max(0), np.abs(at))
        close = np.ptp(values, axis=0) <= SIDES * sizes + 4 * np.finfo(values.dtype).tiny
        close &= np.isfinite(sizes)  # any number is within a share of infinity
        return bool(np.all(close | (values == values[0]).all(0)))


def turns_of(
    function: Callable[[np.ndarray], np.ndarray], constants: Iterable[float], dtype: type
) -> tuple[np.ndarray, np.ndarray]:
    """Return the neighbouring numbers between which a function of few values turns from one to another.

    Parameters
    ----------
    function : callable
        Takes and returns an array, shape (n,).
    constants : iterable of float
        Those that it is computed with.
    dtype : type
        float32 or float64.
    """
    points = np.unique(points_of(constants, dtype))
    values = function(points)
    turns = np.flatnonzero(values[1:] != values[:-1])
    low, high, value = points[turns], points[turns + 1], values[turns]
    for _ in range(HALVINGS):
        middle = low / 2 + high / 2
        between = (middle > low) & (middle < high)
        if not between.any():
            break
        left = function(middle) == value
        low, high = np.where(between & left, middle, low), np.where(between & ~left, middle, high)
    return low, high


def limits_of(constants: Iterable[float]) -> np.ndarray:
    """Return constants, and sums, products and quotients of two of them, of both signs."""
    known = sorted({abs(float(c)) for c in constants if np.isfinite(c) and c != 0})
    found = set(known)
    with np.errstate(all="ignore"):
        for c in known:
            found |= {float(v) for v in (np.sqrt(c), np.square(c), 1 / np.float64(c), np.log(c), np.exp(c))}
        for a, b in itertools.permutations(known, 2) if len(known) <= COMBINED else ():
            found |= {a + b, abs(a - b), a * b, a / b}
    sizes = np.array(sorted({abs(v) for v in found if np.isfinite(v)}))
    return np.concatenate([-sizes[::-1], sizes])


def around(limits: np.ndarray, dtype: type) -> np.ndarray:
    """Return limits, their neighbours on both sides, near and farther, and what lies between two and beyond them."""
    with np.errstate(over="ignore"):
        exact: np.ndarray = limits.astype(dtype)
    neighbours = [np.nextafter(exact, dtype(end)) for end in (-np.inf, np.inf)]
    farther = [limits * factor for factor in (0.5, 0.9, 0.999, 1.001, 1.1, 2.0)]
    between = (limits[1:] + limits[:-1]) / 2
    return np.concatenate([exact, *neighbours, *farther, between])
