"""Input arrays: the accepted forms of x, and results in the same structure."""

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
        If a part is missing or one too many.
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
        If a shape does not fit, parts differ in their number of rows or have none, a value is NaN or infinite, or
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
    require_values(array, f"x for input {value.name!r}", value)
    return array


def as_ranked(array: np.ndarray, shape: tf.TensorShape) -> np.ndarray:
    """Return an array with a last axis of one unit added where an input has one and the array has none, as in Keras."""
    left_out = array.ndim and array.ndim == len(shape) - 1 and shape[-1] == 1
    return array[..., None] if left_out else array


def require_values(array: np.ndarray, what: str, value: Input) -> None:
    """Raise InputError when an array holds what an input cannot take, naming the first row that does.

    Parameters
    ----------
    array : np.ndarray, shape (rows, ...)
    what : str
        The word for it in messages.
    value : Input
    """
    if value.dtype.is_floating:
        require_finite(array, what, value.dtype)
    elif value.dtype.is_integer or value.dtype.is_bool:
        require_whole(array, what, value)
    elif array.dtype.kind not in "OSU":
        raise InputError(f"{what}: expected texts; received dtype {array.dtype}")


def require_whole(array: np.ndarray, what: str, value: Input) -> None:
    """Raise InputError when an array for an input of integers or truth values holds anything else, or one too large."""
    if value.dtype.is_bool:
        low, high = 0, 1
    else:
        low, high = (0, value.size - 1) if value.size else (value.dtype.min, value.dtype.max)
    kind = "truth values" if value.dtype.is_bool else "tokens" if value.size else f"integers ({value.dtype.name})"
    if array.dtype.kind in "fiub":
        bad = ~((array >= low) & (array <= high) & (array == np.floor(array))).ravel()
    else:
        bad = np.array([not is_whole(item, low, high) for item in array.ravel().tolist()], bool)
    if bad.any():
        place = int(bad.argmax())
        row, found = place * len(array) // array.size, array.ravel()[place]
        raise InputError(f"{what}: expected {kind} from {low} to {high}; row {row} holds {found!s:.40}")


def is_whole(item: Any, low: int, high: int) -> bool:
    """Whether an object is an integer, or a float that is one, between two numbers."""
    return isinstance(item, int | float | np.number) and bool(low <= item <= high) and bool(item == int(item))


def whole_default(array: np.ndarray, value: Input) -> np.ndarray:
    """Return references; one number for all inputs loses its fraction where an input has integers."""
    if array.ndim or value.dtype.is_floating or array.dtype.kind != "f" or not np.isfinite(array):
        return array
    return np.trunc(array)


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
