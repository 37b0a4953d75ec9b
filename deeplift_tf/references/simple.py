"""References for any input: one value, a mean, other examples."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from deeplift_tf.arrays.checks import at_least_one
from deeplift_tf.arrays.rows import rows_together, slices
from deeplift_tf.errors import ReferencesError
from deeplift_tf.scoring.reference_sampler import ReferenceSampler, generator

CHUNK = 16 * 2**20  # bytes of an array that are read together


def constant(value: float) -> ReferenceSampler:
    """Return the reference that has one value everywhere.

    Parameters
    ----------
    value : float
    """
    return ReferenceSampler(functools.partial(_constant, value=value))


def _constant(x: np.ndarray, value: float) -> np.ndarray:
    return np.full(x.shape, value, x.dtype if x.dtype.kind == "f" else np.float64)


def zeros() -> ReferenceSampler:
    """Return the reference that is zero everywhere, of texts the empty one."""
    return ReferenceSampler(functools.partial(_zeros), any_kind=True)


def _zeros(x: np.ndarray) -> np.ndarray:
    return np.full(x.shape, "", object) if x.dtype.kind in "OSU" else np.zeros_like(x)


def mean(data: np.ndarray | Iterable[np.ndarray]) -> np.ndarray:
    """Return the mean of a data set, which is read once, batch by batch.

    Parameters
    ----------
    data : array of shape (N, ...), or iterable of such arrays
        HDF5 datasets, and anything else that has a shape and returns slices of rows, are arrays too.

    Returns
    -------
    np.ndarray, shape (...)
        One reference for all rows.

    Raises
    ------
    ReferencesError
        If there is no row.
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
        return (np.asarray(data[rows]) for rows in slices(data.shape[0], rows_together(data, size=CHUNK)))
    return (np.asarray(batch) for batch in data)


def another_example(examples: np.ndarray, count: int = 1, seed: int = 0) -> ReferenceSampler:
    """Return a maker of other examples, drawn without repetition for each row, never the row itself.

    Parameters
    ----------
    examples : array, shape (M, ...)
        As for `mean`; rows are read as they are needed.
    count : int
        R.
    seed : int
    """
    return ReferenceSampler(
        functools.partial(
            _another_example,
            examples=examples,
            count=at_least_one("count of another_example", count, ReferencesError),
            seed=seed,
        )
    )


def _another_example(x: np.ndarray, examples: np.ndarray, count: int, seed: int) -> np.ndarray:
    if tuple(examples.shape[1:]) != x.shape[1:]:
        raise ReferencesError(
            f"another_example: expected examples of shape {x.shape[1:]}; received {examples.shape[1:]}"
        )
    return np.stack([_others(row, examples, count, seed) for row in x])


def _others(row: np.ndarray, examples: np.ndarray, count: int, seed: int) -> np.ndarray:
    order = generator(seed, row.astype(np.float64)).permutation(examples.shape[0])
    drawn = (rows_at(examples, [index]) for index in order)
    others = list(itertools.islice((other for other in drawn if not np.array_equal(other[0], row)), count))
    if len(others) < count:
        raise ReferencesError(
            f"another_example: expected at least {count} examples besides the row; received {len(others)}"
        )
    return np.concatenate(others)


def rows_at(data: Any, indices: Iterable[int]) -> np.ndarray:
    """Return some rows of an array that may be one of a file, which returns slices alone."""
    return np.concatenate([np.asarray(data[index : index + 1]) for index in indices])


def background_sample(data: np.ndarray, count: int = 20, seed: int = 0) -> np.ndarray:
    """Return a background for all rows of x: rows of a data set, drawn without repetition.

    Parameters
    ----------
    data : array, shape (M, ...)
        As for `mean`; only the rows that are drawn are read.
    count : int
        R.
    seed : int

    Returns
    -------
    np.ndarray, shape (1, R, ...)

    Raises
    ------
    ReferencesError
        If the data set has fewer rows.
    """
    rows = data.shape[0]
    if not 1 <= count <= rows:
        raise ReferencesError(f"background_sample: expected a count from 1 to {rows}, the rows; received {count}")
    return rows_at(data, np.sort(np.random.default_rng(seed).choice(rows, count, replace=False)))[None]
