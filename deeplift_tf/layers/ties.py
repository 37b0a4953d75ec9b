"""The largest of each group of units by several keys: the first decides, the next where units tie in it."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from deeplift_tf.rules.tensors import merge_leading, shape_of, vjp

HIGH = 1 << 32
NORMAL = 1 << 52  # below it the bits of a float64 are a number that processors may take for zero


class Groups(NamedTuple):
    """How the units of groups come to stand side by side.

    Attributes
    ----------
    gather : callable
        Takes the tensors of units, shape (rows, ...); returns one of shape (rows, ...). Places without a unit hold the
        smallest number.
    axes : tuple of int
        Those along which the units of one group stand.
    first : bool
        Whether of units that tie in all keys the first gets the credit, as in TensorFlow's pooling; else they share.
    """

    gather: Callable[..., tf.Tensor]
    axes: tuple[int, ...]
    first: bool = False


def shared(groups: Groups, keys: Sequence[Sequence[tf.Tensor]], credit: tf.Tensor, targets: Any) -> list[tf.Tensor]:
    """Return the credit of each group at the unit with the largest keys.

    Parameters
    ----------
    groups : Groups
    keys : sequence of sequence of tf.Tensor, shape (rows, ...)
        For each tensor of units, the most significant first.
    credit : tf.Tensor, shape (targets · rows, ...)
        Of each group.
    targets : int, tf.Tensor or None
    """
    best: tf.Tensor | None = None
    for key in zip(*keys, strict=True):
        gathered = groups.gather(*key)
        if best is not None:
            gathered = tf.where(best, gathered, gathered.dtype.min)
        largest = gathered == tf.reduce_max(gathered, groups.axes, keepdims=True)
        best = largest if best is None else best & largest
    assert best is not None
    if groups.first:
        best &= is_first(best, groups.axes)
    count = tf.reduce_sum(tf.cast(best, credit.dtype), groups.axes, keepdims=True)
    lead = [] if targets is None else [targets]
    credit = tf.reshape(credit, [*lead, *shape_of(count)]) / count
    parts = tf.where(best, credit, tf.zeros([], credit.dtype))
    parts = merge_leading(parts, 1 + len(lead))
    inputs = [tf.zeros([shape_of(parts)[0], *shape_of(each[0])[1:]], credit.dtype) for each in keys]
    return vjp(groups.gather, inputs, parts)


class Windows(NamedTuple):
    """How units stand in windows that do not overlap.

    Attributes
    ----------
    padded : callable
        Returns units, shape (rows, ...), as far as windows reach, with the smallest number where there is none.
    cut : callable
        Returns padded units with axes of their own for the places in a window.
    axes : tuple of int
        Those axes.
    pool : callable
        Returns the largest of each window of padded units.
    """

    padded: Callable[[tf.Tensor], tf.Tensor]
    cut: Callable[[tf.Tensor], tf.Tensor]
    axes: tuple[int, ...]
    pool: Callable[[tf.Tensor], tf.Tensor]


def sent_back(
    windows: Windows, keys: Sequence[tf.Tensor], credit: tf.Tensor, repeat: Callable[[tf.Tensor], tf.Tensor]
) -> tf.Tensor:
    """Return the credit of each window at the unit with the largest keys, at the first of several.

    One pass over the units for each key but the last, which the kernel of pooling compares.

    Parameters
    ----------
    windows : Windows
    keys : sequence of tf.Tensor, shape (rows, ...)
        The most significant first.
    credit : tf.Tensor, shape (targets · rows, ...)
        Of each window.
    repeat : callable
        Returns rows once for each target.
    """
    key = windows.padded(keys[0])
    for following in keys[1:]:
        largest, units = windows.pool(key), windows.cut(key)
        sizes = shape_of(units)
        for axis in windows.axes:  # repeated: in three dimensions there are more axes than TensorFlow broadcasts over
            largest = tf.repeat(tf.expand_dims(largest, axis), sizes[axis], axis)
        best = units == largest
        cut = tf.where(best, windows.cut(windows.padded(following)), key.dtype.min)
        key = tf.reshape(cut, shape_of(key))
    (at_units,) = vjp(windows.pool, [repeat(key)], credit)
    like = tf.zeros([shape_of(at_units)[0], *shape_of(keys[0])[1:]], credit.dtype)
    return vjp(windows.padded, [like], at_units)[0]


def is_first(best: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
    """Return whether a unit is the first along the axes that is one of the best."""
    sizes = shape_of(best)
    places = tf.range(functools.reduce(operator.mul, (sizes[axis] for axis in axes)), 0, -1)
    places = tf.reshape(places, [size if axis in axes else 1 for axis, size in enumerate(sizes)])
    places = tf.cast(places, tf.float32) * tf.cast(best, tf.float32)
    return places == tf.reduce_max(places, axes, keepdims=True)


def in_order(keys: Sequence[Sequence[tf.Tensor]], lead: int, any_dtype: bool) -> list[tf.Tensor]:
    """Return a number for each unit: of two units, the one with the larger keys has the larger.

    Parameters
    ----------
    keys : sequence of sequence of tf.Tensor, shape (*lead, ...)
        For each of several tensors of units the keys, the most significant first. Units of all tensors are compared.
    lead : int
        How many axes of rows stand in front.
    any_dtype : bool
        Whether the numbers may be of another dtype than the keys.

    Returns
    -------
    list of tf.Tensor
        Shapes of the keys. Two keys of float32 are packed into one float64; other keys are sorted, row by row.
    """
    paired = [
        [packed(*key[i : i + 2]) for i in range(0, len(key), 2)] if key[0].dtype == tf.float32 else list(key)
        for key in keys
    ]
    if any_dtype and len(paired[0]) == 1:
        return [key for (key,) in paired]
    return ranks(paired, lead, keys[0][0].dtype)


def sortable(x: tf.Tensor) -> tf.Tensor:
    """Return integers in the order of float32 numbers; minus zero counts as zero."""
    bits = tf.cast(tf.bitcast(x, tf.int32), tf.int64)
    return tf.where(bits < 0, -bits - (HIGH >> 1), bits)


def packed(high: tf.Tensor, low: tf.Tensor) -> tf.Tensor:
    """Return float64 numbers in the order of pairs of float32 numbers."""
    pair = sortable(high) * HIGH + sortable(low)
    size = tf.bitcast(tf.abs(pair) + NORMAL, tf.float64)
    return tf.where(pair < 0, -size, size)


def ranks(keys: Sequence[Sequence[tf.Tensor]], lead: int, dtype: tf.DType) -> list[tf.Tensor]:
    """Return the rank of each unit in its row, equal ones for equal keys."""
    shapes = [shape_of(key[0]) for key in keys]
    counts = [functools.reduce(operator.mul, shape[lead:], 1) for shape in shapes]
    flat = [[tf.reshape(part, [-1, count]) for part in key] for key, count in zip(keys, counts, strict=True)]
    joined = [tf.concat(parts, 1) for parts in zip(*flat, strict=True)]
    order = tf.argsort(joined[-1], stable=True)
    for key in joined[-2::-1]:
        order = tf.gather(order, tf.argsort(tf.gather(key, order, batch_dims=1), stable=True), batch_dims=1)
    ordered = [tf.gather(key, order, batch_dims=1) for key in joined]
    differ = functools.reduce(tf.logical_or, [key[:, 1:] != key[:, :-1] for key in ordered])
    rank = tf.cumsum(tf.pad(tf.cast(differ, tf.int32), [(0, 0), (1, 0)]), 1)
    own = tf.cast(tf.gather(rank, tf.argsort(order), batch_dims=1), dtype)
    return [tf.reshape(part, shape) for part, shape in zip(tf.split(own, counts, 1), shapes, strict=True)]
