"""Layouts: how the axes of a graph's value correspond to those of an edge, whose first axis is always rows.

A graph may put time before rows, or merge rows with positions, while it multiplies by a matrix. The edge stays as it
is meanwhile: a view says for each axis of the graph's tensor which axes of the edge are merged in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod

import tensorflow as tf

from deeplift_tf.rules.tensors import shape_of

View = tuple[tuple[int, ...], ...]
Shape = Sequence[int | None]


def plain_view(rank: int) -> View:
    """Return the view of a tensor that looks as the edge does."""
    return tuple((axis,) for axis in range(rank))


def is_plain(view: View) -> bool:
    """Whether the tensor looks as the edge does."""
    return view == plain_view(len(view))


def is_merged(view: View) -> bool:
    """Whether some axis of the tensor is made of several."""
    return any(len(axes) != 1 for axes in view)


def order_of(view: View) -> list[int]:
    """Return the edge's axes in the order in which the tensor goes through them."""
    return [axis for axes in view for axis in axes]


def rows_at(place: int, rank: int) -> View:
    """Return the view of a tensor whose axis `place` is that of rows, the others as in the edge."""
    others = iter(range(1, rank))
    return tuple((0,) if axis == place else (next(others),) for axis in range(rank))


def seen(tensor: tf.Tensor, view: View) -> tf.Tensor:
    """Return the tensor of the graph."""
    if is_plain(view):
        return tensor
    order = order_of(view)
    moved = tensor if order == sorted(order) else tf.transpose(tensor, order)
    if not is_merged(view):
        return moved
    sizes = [moved.shape[at] if moved.shape[at] is not None else tf.shape(moved)[at] for at in range(len(order))]
    merged, start = [], 0
    for axes in view:
        merged.append(prod_of(sizes[start : start + len(axes)]))
        start += len(axes)
    return tf.reshape(moved, merged)


def prod_of(sizes: Sequence[int | tf.Tensor]) -> int | tf.Tensor:
    """Return the product of sizes, known or not."""
    known = prod(size for size in sizes if isinstance(size, int))
    for size in sizes:
        known = known if isinstance(size, int) else known * size
    return known


def edge_of(tensor: tf.Tensor, rows: int) -> tf.Tensor:
    """Return a tensor of the graph with its axis of rows in front."""
    if rows == 0:
        return tensor
    return tf.transpose(tensor, [rows, *(axis for axis in range(tensor.shape.rank) if axis != rows)])


def parted(tensor: tf.Tensor, place: int, like: tf.Tensor, rows_first: bool) -> tf.Tensor:
    """Return a tensor of the graph as an edge, whose rows and what they are merged with are those of another edge."""
    sizes, pair = shape_of(tensor), shape_of(like)[:2]
    apart = tf.reshape(tensor, [*sizes[:place], *(pair if rows_first else pair[::-1]), *sizes[place + 1 :]])
    front = (place, place + 1) if rows_first else (place + 1, place)
    return tf.transpose(apart, [*front, *(axis for axis in range(len(sizes) + 1) if axis not in front)])


def row_axis(shape: Shape) -> int | None:
    """Return the axis of rows of a tensor: the first if it is open, else the only open one; None if there is none."""
    open_axes = [axis for axis, size in enumerate(shape) if size is None]
    if open_axes[:1] == [0] or len(open_axes) == 1:
        return open_axes[0]
    return None


def regrouped(sizes: Shape, order: Sequence[int], wanted: Shape) -> View | None:
    """Return a view of other sizes on an edge, its axes taken in this order; None where they do not fit.

    Parameters
    ----------
    sizes : sequence of int or None
        Of the edge.
    order : sequence of int
        Its axes as the tensor goes through them.
    wanted : sequence of int or None
        Sizes of the view.
    """

    @cache
    def rest(start: int, place: int) -> View | None:
        if place == len(wanted):
            return None if start < len(order) else ()
        for stop in range(len(order), start, -1):  # axes of one unit belong to what stands before them
            if product(sizes, order[start:stop]) == wanted[place]:
                view = rest(stop, place + 1)
                if view is not None:
                    return (tuple(order[start:stop]), *view)
        return None

    return rest(0, 0)


def product(sizes: Shape, axes: Sequence[int]) -> int | None:
    """Return the number of elements along some axes; None where it is open."""
    found = [sizes[axis] for axis in axes]
    closed = [size for size in found if size is not None]
    return prod(closed) if len(closed) == len(found) else None
