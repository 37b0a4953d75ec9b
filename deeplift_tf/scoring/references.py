"""Normalised references: every accepted form becomes (1 or N, R, ...) for each input."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import InputError, ReferencesError
from deeplift_tf.graph.graph import Edge, Input
from deeplift_tf.scoring.inputs import InputArrays, arrange, require_values, whole_default
from deeplift_tf.scoring.reference_sampler import ReferenceSampler

HELD = 2**25  # bytes of references that are made together

Take = Callable[[int, int], tuple[np.ndarray, ...]]


@dataclasses.dataclass(frozen=True, eq=False)
class References:
    """References of all rows of x, made on demand.

    Attributes
    ----------
    count : int
        R, references for each example.
    take : callable
        (first row, end row) -> for each input an array, shape (1 or rows, R, ...).
    shared : bool
        Whether all rows have the same references.
    """

    count: int
    take: Take
    shared: bool = False


def normalize_references(references: Any, x: InputArrays, inputs: Sequence[Input]) -> References:
    """Bring references into one form; the rank decides what they are.

    Parameters
    ----------
    references : None, scalar, array, callable, or list or dict of them
        None: zeros, or empty texts. A scalar fills the input's shape. An array of rank(x) − 1 is one reference for all
        rows; of rank(x) with one row, the same, with N rows, one for each; of rank(x) + 1, shape (1, R, ...), a
        background for all rows, or (N, R, ...), R for each. A callable takes rows of x, in the structure of x, and
        returns any of these forms with as many rows; it is called batch by batch and has to treat every row on its own.
        In a list or dict each part is any of these, a callable too, which then takes rows of its own input.
    x : InputArrays
    inputs : sequence of Input

    Raises
    ------
    ReferencesError
        If a shape does not fit, or a value is NaN or infinite.
    """
    if isinstance(references, References):
        return references
    references = made_without_arguments(references)
    if callable(references):
        return _called(references, x, inputs)
    parts = [references] * len(inputs) if _is_scalar(references) else _arranged(references, x, inputs)
    each = [_of_input(part, array, value) for part, array, value in zip(parts, x.arrays, inputs, strict=True)]

    def take(start: int, stop: int) -> tuple[np.ndarray, ...]:
        made = [array for one in each for array in one.take(start, stop)]
        rows = max(len(array) for array in made)
        return tuple(np.broadcast_to(array, (rows, *array.shape[1:])) for array in made)

    return References(_common_count([one.count for one in each], inputs), take, all(one.shared for one in each))


def _of_input(part: Any, array: np.ndarray, value: Input) -> References:
    """Return the references of one input."""
    part = made_without_arguments(part)
    if callable(part):
        return _called(part, InputArrays((array,), (value.name,), np.ndarray), [value])
    pairs = as_pairs(part, array.shape, value)
    its_own = len(array) == 1 and np.ndim(part) == array.ndim  # the only row has one, as each of several would
    return References(pairs.shape[1], lambda start, stop: (_rows(pairs, start, stop),), len(pairs) == 1 and not its_own)


def as_pairs(part: Any, shape: tuple[int, ...], value: Input) -> np.ndarray:
    """Return the references of one input as an array, shape (1 or N, R, ...).

    Parameters
    ----------
    part : None, scalar or array
    shape : tuple of int
        Of x, (N, ...).
    value : Input
    """
    where = f"references for input {value.name!r}"
    array = whole_default(_as_array(0 if part is None else part, value, where), value)
    if value.dtype.name == "string" and array.dtype.kind in "fiub":
        array = np.asarray("")  # a number for all inputs
    if array.ndim == 0:
        array = np.broadcast_to(array, shape[1:])
    if array.shape != shape[1:] and array.shape == shape[:-1] and shape[-1] == 1:
        array = array[..., None]  # one for each row, as Keras takes it
    lead = array.ndim - len(shape)
    if lead not in (-1, 0, 1) or array.shape[lead + 1 :] != shape[1:]:
        raise ReferencesError(
            f"{where}: expected shape {shape[1:]} (one for all), {shape} (one for each row), or (1 or {shape[0]}, R, "
            f"{', '.join(map(str, shape[1:]))}) (R for each row); received {array.shape}"
        )
    pairs = array[None, None] if lead == -1 else array[:, None] if lead == 0 else array
    if len(pairs) not in (1, shape[0]) or not pairs.shape[1]:
        expected = "1 row" if shape[0] == 1 else f"1 or {shape[0]} rows"
        raise ReferencesError(f"{where}: expected {expected}, as x has; received {array.shape}")
    try:
        require_values(pairs, where, value)
    except InputError as error:
        raise ReferencesError(str(error)) from error
    return pairs


def defaults_used(references: Any, inputs: Sequence[Input], following: Collection[Edge]) -> str | None:
    """Return a note about references that are missing, or one number for all inputs; None if each is given.

    Parameters
    ----------
    references
        As for `normalize_references`.
    inputs : sequence of Input
    following : collection of Edge
        The inputs that take references; others are fixed at x.
    """
    if callable(references):
        return None
    names = [value.name for value in inputs]
    parts = [references] * len(inputs) if _is_scalar(references) else None
    if parts is None and isinstance(references, Mapping) and set(references) == set(names):
        parts = [references[name] for name in names]
    elif parts is None and isinstance(references, (list, tuple)) and len(inputs) > 1 and len(references) == len(inputs):
        parts = list(references)
    if parts is None:
        return None
    used = [
        f"for input {value.name!r} ({value.dtype.name}) " + ("empty texts" if value.dtype == tf.string else f"{number}")
        for part, value in zip(parts, inputs, strict=True)
        if value.edge in following and not value.dtype.is_floating and not callable(part) and _is_scalar(part)
        for number in [part if isinstance(part, str) else int(part or 0)]
    ]
    missing = any(part is None for part in parts)
    head = "no references given: zeros are used" if missing else "references: one number stands for all"
    return "; ".join([head, *used]) if missing or used else None


def _as_array(part: Any, value: Input, where: str) -> np.ndarray:
    try:
        array = np.asarray(part)
    except ValueError as error:
        raise ReferencesError(f"{where}: expected an array of shape {value.shape}; {error}") from error
    if value.dtype.is_floating and array.dtype.kind not in "fiub":
        raise ReferencesError(f"{where}: expected numbers; received dtype {array.dtype}")
    return array


def _is_scalar(references: Any) -> bool:
    return not isinstance(references, (Mapping, Sequence)) and (references is None or np.ndim(references) == 0)


def _arranged(references: Any, x: InputArrays, inputs: Sequence[Input]) -> list[Any]:
    of_one = isinstance(references, list | tuple) and len(references) == len(inputs) == 1
    if of_one and (x.structure is list or callable(references[0])):  # whatever the form of the one part
        return list(references)
    try:
        return arrange(references, inputs, "references")[0]
    except InputError as error:
        raise ReferencesError(str(error)) from error


def _common_count(each: Sequence[int], inputs: Sequence[Input]) -> int:
    counts = {*each} - {1} or {1}
    if len(counts) > 1:
        found = {value.name: count for value, count in zip(inputs, each, strict=True)}
        raise ReferencesError(f"references: expected the same number for every input; received {found}")
    return counts.pop()


def _rows(array: np.ndarray, start: int, stop: int) -> np.ndarray:
    return array if len(array) == 1 else array[start:stop]


def made_without_arguments(references: Any) -> Any:
    """Call a function of this package that was passed uncalled, such as `blurred` for ``blurred()``.

    Raises
    ------
    ReferencesError
        If it needs arguments.
    """
    if not inspect.isfunction(references) or not references.__module__.startswith("deeplift_tf.references."):
        return references
    parameters = inspect.signature(references).parameters.values()
    needed = [each.name for each in parameters if each.default is each.empty]
    if needed:
        name = references.__name__
        raise ReferencesError(f"references: {name} makes them when it is called: {name}({', '.join(needed)}, ...)")
    return references()


def _called(function: Callable[..., Any], x: InputArrays, inputs: Sequence[Input]) -> References:
    """Call a function of rows of x, batch by batch; its first row shows how many references it makes.

    A `ReferenceSampler` is called for more rows at once, which is faster, and treats every row on its own.
    """

    def made(start: int, stop: int) -> References:
        rows = InputArrays(tuple(array[start:stop] for array in x.arrays), x.names, x.structure)
        references = function(rows.restore(rows.arrays))
        if references is None:
            raise ReferencesError("references: expected the callable to return references; it returned None")
        return normalize_references(references, rows, inputs)

    first = made(0, 1)
    size = sum(array.nbytes for array in first.take(0, 1))
    block = max(1, HELD // max(1, size)) if isinstance(function, ReferenceSampler) else 1
    held = (0, 1, first)

    def take(start: int, stop: int) -> tuple[np.ndarray, ...]:
        nonlocal held
        if not held[0] <= start <= stop <= held[1]:
            end = min(len(x), max(stop, start + block))
            held = (start, end, made(start, end))
        begin, _, references = held
        if references.count != first.count:
            raise ReferencesError(
                f"references: expected {first.count} references for each row, as the callable made for the first; "
                f"received {references.count} from row {begin} on"
            )
        return references.take(start - begin, stop - begin)

    return References(first.count, take)
