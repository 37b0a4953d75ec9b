"""The largest of each group of units by several keys: the first decides, the next where units tie in it."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from deeplift_tf.rules.tensors import merge_leading, shape_of, vjp

HIGH = 1 << 32
ROUNDING = {tf.float32: 2.0**-16, tf.float64: 2.0**-36}  # of the size of units: a long sum's, and not much more
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


def shared(
    groups: Groups, keys: Sequence[Sequence[tf.Tensor]], moved: GroupMoves, credit: tf.Tensor, targets: Any
) -> list[tf.Tensor]:
    """Return the credit of each group at the unit with the largest keys.

    Parameters
    ----------
    groups : Groups
    keys : sequence of sequence of tf.Tensor, shape (rows, ...)
        For each tensor of units, pairs of what is compared, the most significant first.
    moved : GroupMoves
    credit : tf.Tensor, shape (targets · rows, ...)
        Of each group.
    targets : int, tf.Tensor or None
    """
    gathered = [groups.gather(*key) for key in zip(*keys, strict=True)]
    best: tf.Tensor | None = None
    for first, second in zip(gathered[::2], gathered[1::2], strict=True):
        high, low = masked(first, best), masked(second, best)
        top, below = (tf.reduce_max(key, groups.axes, keepdims=True) for key in (high, low))
        slack = rounding(top, below)
        if best is None:
            slack = moved.allowed(top, slack)
        best = high >= top - slack
        low = masked(second, best)
        best &= low >= tf.reduce_max(low, groups.axes, keepdims=True) - slack
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


def masked(key: tf.Tensor, best: tf.Tensor | None) -> tf.Tensor:
    """Return a key with the smallest number in place of units that are out."""
    return key if best is None else tf.where(best, key, key.dtype.min)


def rounding(top: tf.Tensor, below: tf.Tensor) -> tf.Tensor:
    """Return by how much units may differ and still count as equal, from the largest max(x, x⁰) and min(x, x⁰).

    Units that are equal to the definition, as all of a window are for a constant reference, differ in their last
    bits, and in other ones with another batch or another order of operations. The size is that of the largest units
    at both ends: others, such as masked ones, may be much larger.
    """
    slack = ROUNDING[top.dtype] * (tf.abs(top) + tf.abs(below))
    return tf.where(tf.math.is_finite(slack), slack, tf.zeros_like(slack))


class GroupMoves(NamedTuple):
    """How groups move, which says whether units that count as equal may stand for one another.

    Attributes
    ----------
    delta : tf.Tensor, shape (rows, ...)
        Δy, by how much the maximum of each group moves.
    value : callable
        Returns the units' values from what they are compared by.
    """

    delta: tf.Tensor
    value: Callable[[tf.Tensor], tf.Tensor] = tf.identity

    def allowed(self, top: tf.Tensor, slack: tf.Tensor) -> tf.Tensor:
        """Return no slack where a unit that counts as equal could move by less than 3/4 of Δy, or the other way."""
        apart = tf.abs(self.value(top) - self.value(top - slack))
        return tf.where(8 * apart <= tf.abs(tf.reshape(self.delta, shape_of(top))), slack, tf.zeros_like(slack))


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
    windows: Windows,
    keys: Sequence[tf.Tensor],
    moved: GroupMoves,
    credit: tf.Tensor,
    repeat: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """Return the credit of each window at the unit with the largest keys, at the first of several.

    The kernel of pooling finds the first.

    Parameters
    ----------
    windows : Windows
    keys : sequence of tf.Tensor, shape (rows, ...)
        Pairs of what is compared, the most significant first.
    moved : GroupMoves
    credit : tf.Tensor, shape (targets · rows, ...)
        Of each window.
    repeat : callable
        Returns rows once for each target.
    """
    padded = [windows.padded(key) for key in keys]
    best: tf.Tensor | None = None
    for first, second in zip(padded[::2], padded[1::2], strict=True):
        high = masked(first, best)
        top, below = windows.pool(high), windows.pool(masked(second, best))
        slack = rounding(top, below)
        if best is None:
            slack = moved.allowed(top, slack)
        best = at_least(windows, high, top - slack)
        low = masked(second, best)
        best = at_least(windows, low, windows.pool(low) - slack)
    assert best is not None
    (at_units,) = vjp(windows.pool, [repeat(tf.cast(best, credit.dtype))], credit)
    like = tf.zeros([shape_of(at_units)[0], *shape_of(keys[0])[1:]], credit.dtype)
    return vjp(windows.padded, [like], at_units)[0]


def sent_to_places(
    windows: Windows,
    keys: Sequence[tf.Tensor],
    moved: GroupMoves,
    credit: tf.Tensor,
    repeat: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """Return the same as `sent_back`, from a tensor for each place in a window: XLA makes one pass of all of it.

    Operation by operation it would be slower: TensorFlow copies what it cuts out.
    """
    cut = [windows.cut(windows.padded(key)) for key in keys]
    places = list(itertools.product(*(range(cut[0].shape[axis]) for axis in windows.axes)))
    at = [[each[index_of(place, windows.axes)] for each in cut] for place in places]
    best: list[tf.Tensor] | list[None] = [None] * len(places)
    for first in range(0, len(keys), 2):
        high, low = ([masked(units[i], b) for units, b in zip(at, best, strict=True)] for i in (first, first + 1))
        top, below = largest(high), largest(low)
        slack = rounding(top, below)
        if first == 0:
            slack = moved.allowed(top, slack)
        best = [each >= top - slack for each in high]
        low = [masked(units[first + 1], b) for units, b in zip(at, best, strict=True)]
        bottom = largest(low) - slack
        best = [each >= bottom for each in low]
    earlier = itertools.accumulate(best, tf.logical_or)
    alone = [best[0], *(each & ~before for each, before in zip(best[1:], earlier, strict=False))]
    sent = [repeat(tf.cast(each, credit.dtype)) * credit for each in alone]
    at_units = tf.reshape(side_by_side(sent, windows.axes, cut[0].shape), [-1, *shape_of(windows.padded(keys[0]))[1:]])
    like = tf.zeros([shape_of(at_units)[0], *shape_of(keys[0])[1:]], credit.dtype)
    return vjp(windows.padded, [like], at_units)[0]


def index_of(place: Sequence[int], axes: Sequence[int]) -> tuple[Any, ...]:
    """Return the index of a place along some axes."""
    index: list[Any] = [slice(None)] * (axes[-1] + 1)
    for axis, position in zip(axes, place, strict=True):
        index[axis] = position
    return tuple(index)


def largest(units: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return the largest of some tensors, unit by unit."""
    return functools.reduce(tf.maximum, units)


def side_by_side(parts: Sequence[tf.Tensor], axes: Sequence[int], sizes: Sequence[int]) -> tf.Tensor:
    """Return the tensors of all places as one, with the axes of the places."""
    for absent, axis in reversed(list(enumerate(axes))):  # those before it are not there yet
        size = sizes[axis]
        parts = [tf.stack(parts[i : i + size], axis - absent) for i in range(0, len(parts), size)]
    return parts[0]


def at_least(windows: Windows, key: tf.Tensor, least: tf.Tensor) -> tf.Tensor:
    """Return which of padded units reach what their window asks for."""
    units = windows.cut(key)
    sizes = shape_of(units)
    for axis in windows.axes:  # repeated: in three dimensions there are more axes than TensorFlow broadcasts over
        least = tf.repeat(tf.expand_dims(least, axis), sizes[axis], axis)
    return tf.reshape(units >= least, shape_of(key))


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
