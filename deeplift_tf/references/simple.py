"""References that look at no neighbourhood: one value, a mean, other examples."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from deeplift_tf.errors import ReferencesError
from deeplift_tf.references.makers import Maker, generator

CHUNK = 1024  # rows of an array that are turned into float64 together


def constant(value: float) -> Maker:
    """Return the reference that has one value everywhere.

    Parameters
    ----------
    value : float
    """
    return Maker(functools.partial(_constant, value=value))


def _constant(x: np.ndarray, value: float) -> np.ndarray:
    return np.full(x.shape, value, x.dtype if x.dtype.kind == "f" else np.float64)


def zeros() -> Maker:
    """Return the reference that is zero everywhere."""
    return Maker(functools.partial(_zeros))


def _zeros(x: np.ndarray) -> np.ndarray:
    return np.zeros_like(x)


def mean(data: np.ndarray | Iterable[np.ndarray]) -> np.ndarray:
    """Return the mean of a data set, which is read once, batch by batch.

    Parameters
    ----------
    data : array of shape (N, ...), or iterable of such arrays
        Memory-mapped files and HDF5 datasets are arrays too.

    Returns
    -------
    np.ndarray, shape (...)
        One reference for all rows.

    Raises
    ------
    ReferencesError
        When there is no row.
    """
    total: Any = 0.0
    rows = 0
    for batch in batches(data):
        total, rows = total + batch.astype(np.float64).sum(0), rows + len(batch)
    if not rows:
        raise ReferencesError("mean: expected at least one row; received none")
    return np.asarray(total / rows)


def channel_mean(
    data: np.ndarray | Iterable[np.ndarray], preprocess: Callable[[np.ndarray], np.ndarray] | None = None
) -> np.ndarray:
    """Return an image that holds, in every channel, the mean of that channel over a data set.

    Parameters
    ----------
    data : array of shape (N, height, width, channels), or iterable of such arrays
        With any number of spatial axes.
    preprocess : callable, optional
        What the model's images go through: takes a batch, which it may change, and returns one.

    Returns
    -------
    np.ndarray, shape (height, width, channels)
    """
    whole = mean(data if preprocess is None else (preprocess(batch.copy()) for batch in batches(data)))
    return np.broadcast_to(whole.mean(tuple(range(whole.ndim - 1))), whole.shape).copy()


def batches(data: Any) -> Iterator[np.ndarray]:
    """Return a data set in batches: an array in slices, anything else as it comes."""
    if hasattr(data, "shape"):
        return (np.asarray(data[start : start + CHUNK]) for start in range(0, len(data), CHUNK))
    return (np.asarray(batch) for batch in data)


def another_example(examples: np.ndarray, count: int = 1, seed: int = 0) -> Maker:
    """Return a maker of other examples, drawn without repetition for each row, never the row itself.

    Parameters
    ----------
    examples : np.ndarray, shape (M, ...)
    count : int
        R.
    seed : int
    """
    return Maker(functools.partial(_another_example, examples=examples, count=count, seed=seed))


def _another_example(x: np.ndarray, examples: np.ndarray, count: int, seed: int) -> np.ndarray:
    if examples.shape[1:] != x.shape[1:]:
        raise ReferencesError(
            f"another_example: expected examples of shape {x.shape[1:]}; received {examples.shape[1:]}"
        )
    return np.stack([_others(row, examples, count, seed) for row in x])


def _others(row: np.ndarray, examples: np.ndarray, count: int, seed: int) -> np.ndarray:
    chosen: list[int] = []
    for index in generator(seed, row.astype(np.float64)).permutation(len(examples)):
        if len(chosen) < count and not np.array_equal(examples[index], row):
            chosen.append(int(index))
    if len(chosen) < count:
        raise ReferencesError(
            f"another_example: expected at least {count} examples besides the row; received {len(chosen)}"
        )
    return examples[chosen]


def background_sample(data: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Return a background for all rows of x: rows of a data set, drawn without repetition.

    Parameters
    ----------
    data : np.ndarray, shape (M, ...)
    count : int
        R.
    seed : int

    Returns
    -------
    np.ndarray, shape (1, R, ...)

    Raises
    ------
    ReferencesError
        When the data set has fewer rows.
    """
    if not 1 <= count <= len(data):
        raise ReferencesError(f"background_sample: expected a count from 1 to {len(data)}, the rows; received {count}")
    chosen = np.sort(np.random.default_rng(seed).choice(len(data), count, replace=False))
    return np.asarray(data[chosen])[None]
