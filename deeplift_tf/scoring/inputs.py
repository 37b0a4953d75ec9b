"""What a user may hand in as x, and what comes back in the same structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import InputError
from deeplift_tf.graph.graph import Input


class InputArrays(NamedTuple):
    """The inputs of a network in its own order.

    Attributes
    ----------
    arrays : tuple of np.ndarray, shape (N, ...)
    names : tuple of str
    structure : type
        `dict` or `list` as the user gave it; `np.ndarray` for a bare array.
    """

    arrays: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    structure: type

    def __len__(self) -> int:
        return len(self.arrays[0])

    @property
    def row_shapes(self) -> list[tuple[int, ...]]:
        """Shape of one row of each input."""
        return [array.shape[1:] for array in self.arrays]

    def restore(self, values: Sequence[Any]) -> Any:
        """Return values, one for each input, in the structure that the user gave."""
        if self.structure is dict:
            return dict(zip(self.names, values, strict=True))
        return list(values) if self.structure is list else values[0]


def arrange(x: Any, inputs: Sequence[Input], what: str = "x") -> tuple[list[Any], type]:
    """Put the parts of a structure into the order of the inputs.

    Parameters
    ----------
    x : array, or sequence or mapping of arrays
        A mapping is keyed by the inputs' names; a bare array is for a single input.
    inputs : sequence of Input
    what : str
        The word for it in messages.

    Raises
    ------
    InputError
        When a part is missing or one too many.
    """
    names = [value.name for value in inputs]
    if isinstance(x, Mapping):
        if set(x) != set(names):
            raise InputError(f"{what}: expected a dict with the keys {names}; received {sorted(map(str, x))}")
        return [x[name] for name in names], dict
    if isinstance(x, (list, tuple)) and (len(inputs) > 1 or (len(x) == 1 and _rank(x[0]) == len(inputs[0].shape))):
        if len(x) != len(names):
            raise InputError(f"{what}: expected {len(names)} parts, for {names}; received {len(x)}")
        return list(x), list
    if len(inputs) > 1:
        raise InputError(f"{what}: the model has {len(inputs)} inputs, {names}; expected a list or dict of arrays")
    return [x], np.ndarray


def _rank(part: Any) -> int | None:
    """Return the rank of an array; None for lists of unequal length, which have none."""
    try:
        return np.ndim(part)
    except ValueError:
        return None


def outside_of_traces(what: str) -> None:
    """Refuse to go on where TensorFlow traces a function: rows are scored batch by batch, by functions of their own.

    Raises
    ------
    InputError
        Inside of tf.function, or of the function of tf.data.Dataset.map.
    """
    if tf.inside_function():
        raise InputError(
            f"{what}: expected arrays; received tensors inside of tf.function or tf.data.Dataset.map, where they have "
            "no values. Export the scoring function, score.export(folder), and call the signature of what "
            "tf.saved_model.load(folder) returns there"
        )


def as_input_arrays(x: Any, inputs: Sequence[Input]) -> InputArrays:
    """Check x against the inputs of a network.

    Raises
    ------
    InputError
        When a shape does not fit, parts differ in their number of rows or have none, a value is NaN or infinite, or
        TensorFlow traces a function.
    """
    outside_of_traces("x")
    parts, structure = arrange(x, inputs)
    arrays = tuple(_checked(part, value) for part, value in zip(parts, inputs, strict=True))
    rows = {len(array) for array in arrays}
    if len(rows) > 1:
        raise InputError(f"x: expected the same number of rows in every input; received {[len(a) for a in arrays]}")
    if rows == {0}:
        raise InputError("x: expected at least one row; received none")
    return InputArrays(arrays, tuple(value.name for value in inputs), structure)


def _checked(part: Any, value: Input) -> np.ndarray:
    try:
        array = np.asarray(part)
        if value.dtype.is_floating and array.dtype.kind not in "fiub":
            raise InputError(f"x for input {value.name!r}: expected numbers; received dtype {array.dtype}")
    except ValueError as error:
        raise InputError(f"x for input {value.name!r}: expected an array of shape {value.shape}; {error}") from error
    array = as_ranked(array, value.shape)
    if not value.shape.is_compatible_with(array.shape):
        received = np.shape(part)
        hint = " (a single example needs a leading axis: x[None])" if len(received) == len(value.shape) - 1 else ""
        raise InputError(f"x for input {value.name!r}: expected shape {value.shape}; received {received}{hint}")
    require_finite(array, f"x for input {value.name!r}", value.dtype)
    require_tokens(array, f"x for input {value.name!r}", value.size)
    return array


def as_ranked(array: np.ndarray, shape: tf.TensorShape) -> np.ndarray:
    """Return an array with a last axis of one unit added where an input has one and the array has none, as in Keras."""
    left_out = array.ndim and array.ndim == len(shape) - 1 and shape[-1] == 1
    return array[..., None] if left_out else array


def require_tokens(array: np.ndarray, what: str, size: int | None) -> None:
    """Raise InputError when an array holds a token that no table has a row for, naming the first.

    Parameters
    ----------
    array : np.ndarray, shape (rows, ...)
    what : str
    size : int or None
        How many rows the table has.
    """
    if size is None or array.dtype.kind not in "fiu" or not array.size:
        return
    bad = ((array <= -1) | (array >= size)).reshape(len(array), -1)
    if bad.any():
        row = int(bad.any(axis=1).argmax())
        token = array.reshape(len(array), -1)[row, int(bad[row].argmax())]
        raise InputError(f"{what}: expected tokens from 0 to {size - 1}; row {row} holds {token}")


def require_finite(array: np.ndarray, what: str, dtype: tf.DType) -> None:
    """Raise InputError when an array holds what is no finite number of a dtype, naming the first row that does."""
    if array.dtype.kind != "f" or not array.size or not dtype.is_floating:
        return
    largest = min(np.finfo(array.dtype).max, np.finfo(dtype.as_numpy_dtype).max)
    bad = ~(np.abs(array) <= largest).reshape(len(array), -1).all(axis=1)
    if bad.any():
        row = int(bad.argmax())
        raise InputError(
            f"{what}: expected finite numbers; row {row} holds NaN, infinity or more than {dtype.name} can"
        )
