"""Random changes I of a row, for infidelity: the row becomes x − I."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Perturbation = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
"""(row of x, its reference, random numbers) -> I, of the shape of the row."""

NOISE = 0.1  # standard deviation of "gaussian", as a fraction of the largest minus the smallest value of the row


def whole(x: np.ndarray, reference: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the whole difference: the row becomes its reference, and infidelity is delta²."""
    return x - reference


def subset(x: np.ndarray, reference: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the difference at positions drawn with probability ½: these take the reference, all channels together."""
    return np.where(random.random(positions_of(x)) < 0.5, x - reference, 0)


def window(x: np.ndarray, reference: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the difference inside of a random box: a square of an image, a stretch of a sequence."""
    inside = np.ones(positions_of(x), bool)
    for axis, size in enumerate(x.shape[:-1] or x.shape):
        first, last = np.sort(random.integers(0, size, 2))
        steps = np.arange(size).reshape([-1 if each == axis else 1 for each in range(x.ndim)])
        inside = inside & (steps >= first) & (steps <= last)
    return np.where(inside, x - reference, 0)


def gaussian(x: np.ndarray, reference: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return Gaussian noise; the reference is not read."""
    return NOISE * (x.max() - x.min()) * random.standard_normal(x.shape)


def positions_of(x: np.ndarray) -> tuple[int, ...]:
    """Return the shape of a row with one entry for each position, or of features, which are positions themselves."""
    return (*x.shape[:-1], 1) if x.ndim > 1 else x.shape


PERTURBATIONS: dict[str, Perturbation] = {"subset": subset, "window": window, "gaussian": gaussian, "whole": whole}
