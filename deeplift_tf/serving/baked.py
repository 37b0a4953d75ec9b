"""Baked-in references, which an exported function makes from numbers, arrays, or x by TensorFlow operations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import InputError, ReferencesError
from deeplift_tf.graph.graph import Input
from deeplift_tf.rules.tensors import shape_of
from deeplift_tf.scoring.inputs import arrange, require_values, whole_default
from deeplift_tf.scoring.reference_sampler import ReferenceSampler
from deeplift_tf.serving.in_graph import IN_GRAPH, filled

Make = Callable[[tf.Tensor], tf.Tensor]


def baked_in(references: Any, inputs: Sequence[Input]) -> Any:
    """Return a traced function from x to references.

    Parameters
    ----------
    references : scalar, array, maker, callable, or list or dict of scalars and arrays
        An array is one reference, the shape of an input without the axis of rows, or a background for all rows, shape
        (R, ...) or (1, R, ...). A maker of `dl.references` is one of `IN_GRAPH`. Another callable takes what
        `references` takes in Python, tensors in place of arrays, is made of TensorFlow operations, and returns one
        reference for each row, shape (N or 1, ...), or several, (N or 1, R, ...).
    inputs : sequence of Input

    Returns
    -------
    tf.types.experimental.ConcreteFunction
        Takes x, a tensor for each input; returns a tuple of references, shape (1 or N, R, ...) with the same R.

    Raises
    ------
    ReferencesError
        If a shape does not fit, a value is NaN or infinite, or a callable is not made of TensorFlow operations.
    """
    make = _function(references, inputs)

    def run(*x: tf.Tensor) -> tuple[tf.Tensor, ...]:
        parts = [_as_pairs(part, value) for part, value in zip(make(x), inputs, strict=True)]
        return _alike(parts, inputs)

    signature = [tf.TensorSpec(value.shape, value.dtype) for value in inputs]
    try:
        return tf.function(run, input_signature=signature, autograph=False).get_concrete_function()
    except ReferencesError:
        raise
    except Exception as error:  # numpy in it, or any mistake of a user's own
        raise ReferencesError(
            f"references: to be exported, a callable must be made of TensorFlow operations; {error}"
        ) from error


def _function(references: Any, inputs: Sequence[Input]) -> Callable[[Sequence[tf.Tensor]], Sequence[Any]]:
    """Return the function from x to references of any of the forms that are allowed."""
    if isinstance(references, ReferenceSampler):
        make = _in_graph(references)
        only = len(inputs) == 1  # of several inputs, those that are no floats are their own references
        every = only or references.any_kind
        return lambda x: [make(part) if every or part.dtype.is_floating else part for part in x]
    if callable(references):
        names = [value.name for value in inputs]
        return lambda x: _arranged(references(x[0] if len(x) == 1 else dict(zip(names, x, strict=True))), inputs)
    scalar = not isinstance(references, (Mapping, Sequence)) and np.ndim(references) == 0
    parts = [references] * len(inputs) if scalar else _arranged(references, inputs)
    makes = [_constant(part, value) for part, value in zip(parts, inputs, strict=True)]
    return lambda x: [make(part) for make, part in zip(makes, x, strict=True)]


def _arranged(references: Any, inputs: Sequence[Input]) -> list[Any]:
    try:
        return arrange(references, inputs, "references")[0]
    except InputError as error:
        raise ReferencesError(str(error)) from error


def _constant(part: Any, value: Input) -> Make:
    """Return what makes the references of one input from a number or an array."""
    where = f"references for input {value.name!r}"
    array, shape = whole_default(np.asarray(0 if part is None else part), value), value.shape[1:]
    if value.dtype == tf.string:
        return _constant_text(array, value, where)
    if array.dtype.kind not in "fiub":
        raise ReferencesError(f"{where}: expected numbers; received dtype {array.dtype}")
    try:
        require_values(array[None], where, value)
    except InputError as error:
        raise ReferencesError(str(error)) from error
    array = array.astype(value.dtype.as_numpy_dtype)
    if array.ndim == 0:
        return functools.partial(filled, number=array)
    lead = array.ndim - len(shape)
    if lead not in (0, 1, 2) or not shape.is_compatible_with(array.shape[lead:]) or (lead == 2 and len(array) != 1):
        raise ReferencesError(
            f"{where}: expected a number, shape {shape} (one for all), or (R, ...) or (1, R, ...) (a background for "
            f"all rows); received {array.shape}. References of each row are an argument of the exported function: "
            "references=None"
        )
    pairs = array.reshape(1, -1, *array.shape[lead:])
    if not pairs.shape[1]:
        raise ReferencesError(f"{where}: expected at least one; received {array.shape}")
    return lambda x: tf.constant(pairs)


def _constant_text(array: np.ndarray, value: Input, where: str) -> Make:
    """Return what makes the references of an input of texts: one for all rows, empty if a number is given."""
    text = np.asarray("") if array.dtype.kind in "fiub" else array
    if text.ndim not in (0, value.shape.rank - 1):
        raise ReferencesError(f"{where}: expected one text, or shape {value.shape[1:]}; received {array.shape}")
    pairs = tf.constant(text, tf.string)[None, None] if text.ndim else None
    return lambda x: filled(x, tf.constant(text, tf.string)) if pairs is None else pairs


def _in_graph(maker: ReferenceSampler) -> Make:
    """Return what makes the same references with TensorFlow operations."""
    name = maker.make.func.__name__.strip("_")
    if name not in IN_GRAPH:
        raise ReferencesError(
            f"references: {maker} cannot be exported; of the makers these can: {', '.join(IN_GRAPH)}. Or give an "
            "array, a callable made of TensorFlow operations, or None, to hand them over with each request"
        )
    arguments = dict(maker.make.keywords)
    axis = arguments.pop("letters_axis", -1)
    make = functools.partial(IN_GRAPH[name], **arguments)
    return make if axis == -1 else functools.partial(_with_letters, make=make, axis=axis)


def _with_letters(x: tf.Tensor, make: Make, axis: int) -> tf.Tensor:
    """Return references, shape (N, R, ...), made of sequences whose letters do not stand on the last axis of x."""
    rank = x.shape.rank
    order = [each for each in range(rank) if each != axis % rank] + [axis % rank]
    moved = tf.transpose(x, order)
    made = make(tf.reshape(moved, [shape_of(x)[0], -1, moved.shape[-1]]))
    made = made[:, None] if made.shape.rank == 3 else made
    whole = tf.reshape(made, [*shape_of(made)[:2], *shape_of(moved)[1:]])
    return tf.transpose(whole, [0, 1, *(order.index(each) + 1 for each in range(1, rank))])


def _as_pairs(part: Any, value: Input) -> tf.Tensor:
    """Return the references of one input as (1 or N, R, ...)."""
    tensor = tf.cast(part, value.dtype) if value.dtype != tf.string else tf.convert_to_tensor(part)
    if tensor.shape.rank == value.shape.rank:
        tensor = tensor[:, None]
    if tensor.shape.rank != value.shape.rank + 1 or not value.shape[1:].is_compatible_with(tensor.shape[2:]):
        raise ReferencesError(
            f"references for input {value.name!r}: expected shape {value.shape} (one for each row) or (None, R, "
            f"{', '.join(map(str, value.shape[1:]))}); received {tensor.shape}"
        )
    return tensor


def _alike(parts: Sequence[tf.Tensor], inputs: Sequence[Input]) -> tuple[tf.Tensor, ...]:
    """Return the references of all inputs with the same rows and the same number for each."""
    counts = {part.shape[1] for part in parts} - {1} or {1}
    if len(counts) > 1:
        found = {value.name: part.shape[1] for value, part in zip(inputs, parts, strict=True)}
        raise ReferencesError(f"references: expected the same number for every input; received {found}")
    if len(parts) == 1:
        return tuple(parts)
    lead = functools.reduce(tf.maximum, [tf.shape(part)[:2] for part in parts])
    (count,) = counts
    return tuple(
        tf.ensure_shape(tf.broadcast_to(part, tf.concat([lead, tf.shape(part)[2:]], 0)), [None, count, *part.shape[2:]])
        for part in parts
    )
