"""The letters axis: the axis of an input with the letters of one-hot sequences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deeplift_tf.errors import DeepLiftError, InputError

CLOSE = 1e-3  # how far the sum over the letters of a position may lie from one


def is_one_hot(x: np.ndarray, axis: int) -> bool:
    """Whether every position holds one letter, frequencies that sum to one, or nothing, along an axis.

    Parameters
    ----------
    x : np.ndarray, shape (N, ...)
    axis : int
        The axis of letters; that of rows, 0, is none.
    """
    if not -x.ndim < axis < x.ndim or axis in (0, -x.ndim) or x.dtype.kind not in "fiub" or x.shape[axis] < 2:
        return False
    sums = x.sum(axis, dtype=np.float64)
    near = (np.abs(sums - 1) <= CLOSE) | (sums == 0)
    return bool((np.asarray(x) >= 0).all() and near.all())


def letter_axes(x: np.ndarray) -> list[int]:
    """Return the axes of an array, shape (N, ...), that look one-hot."""
    return [axis for axis in range(1, x.ndim) if is_one_hot(x, axis)]


def require_letters(parts: Sequence[np.ndarray], axis: int, what: str, error: type[DeepLiftError] = InputError) -> None:
    """Refuse inputs of which none holds one-hot letters on an axis, or one seems to hold them on another axis.

    Parameters
    ----------
    parts : sequence of np.ndarray, shape (N, ...)
    axis : int
    what : str
        For messages: what needs letters.
    error : type of DeepLiftError

    Raises
    ------
    DeepLiftError
        Of the class given as `error`; names the axis that looks one-hot.
    """
    for part in parts:
        refuse_other_axis(part, axis, what, error)
    if not any(is_one_hot(part, axis) for part in parts):
        raise error(
            f"{what}: expected one-hot letters on axis {axis} (letters_axis): zeros and a one at each position, or "
            f"frequencies that sum to one; received shapes {[part.shape for part in parts]} that are one-hot on no axis"
        )


def refuse_other_axis(x: np.ndarray, axis: int, what: str, error: type[DeepLiftError] = InputError) -> None:
    """Refuse an input that looks one-hot, but not on the axis that is said to hold its letters."""
    others = letter_axes(x) if x.ndim > 2 and not is_one_hot(x, axis) else []
    if others:
        raise error(
            f"{what}: expected one-hot letters on axis {axis} of shape {x.shape}; axis {others[0]} looks one-hot: give "
            f"`letters_axis={others[0]}`"
        )


def from_the_end(axis: int, rank: int) -> int:
    """Return an axis counted from the end; the last one if there are fewer."""
    return axis - rank if 0 <= axis < rank else axis if -rank <= axis < 0 else -1


def letters_last(values: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """Return rows, or an array of them, as (..., positions, letters): other axes of size one are left out.

    Parameters
    ----------
    values : np.ndarray, shape (..., *row)
    axis : int
        The axis of letters, counted as in an array of rows.
    rank : int
        Of an array of rows; a row has one axis less.
    """
    moved = np.moveaxis(values, from_the_end(axis, rank), -1)
    single = [axis for axis in range(1 - rank, -1) if moved.shape[axis] == 1]
    return moved.squeeze(tuple(single[: max(0, rank - 3)]))


def as_model_rows(values: np.ndarray, axis: int, shape: Sequence[int | None]) -> np.ndarray:
    """Return sequences as the rows of a model, the opposite of `letters_last`.

    Parameters
    ----------
    values : np.ndarray, shape (..., positions, letters)
    axis : int
        The axis of letters, counted as in an array of rows.
    shape : sequence of int or None
        Of the model's input, the axis of rows first.
    """
    rank = len(shape)
    letters, positions = from_the_end(axis, rank), positions_axis(shape, axis)
    moved = values if positions < letters else np.swapaxes(values, -1, -2)
    sizes = {letters: values.shape[-1], positions: values.shape[-2]}
    return moved.reshape(*values.shape[:-2], *(sizes.get(each, 1) for each in range(1 - rank, 0)))


def positions_axis(shape: Sequence[int | None], axis: int) -> int:
    """Return the axis of positions of a model's input, counted from the end; 0 if it is not clear which."""
    rank = len(shape)
    others = [each for each in range(1 - rank, 0) if each != from_the_end(axis, rank)]
    long = [each for each in others if shape[each] != 1] or others[:1]
    return long[0] if len(long) == 1 else 0
