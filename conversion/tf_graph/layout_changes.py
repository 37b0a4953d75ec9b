"""Reshaping and transposing: if a graph merges or moves rows, often only the layout of an edge changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING

import tensorflow as tf

from deeplift_tf.conversion.tf_graph.families.gates import steps
from deeplift_tf.conversion.tf_graph.families.moving import reshaped
from deeplift_tf.conversion.tf_graph.layouts import is_merged, is_plain, order_of, product, regrouped, rows_at
from deeplift_tf.conversion.tf_graph.layouts import seen as tensor_seen
from deeplift_tf.conversion.tf_graph.op_context import LayoutEdge, OpContext, plain_seen
from deeplift_tf.conversion.tf_graph.operation import Operation
from deeplift_tf.conversion.tf_graph.windows import is_with_rows, unpacked
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.layers.functional import RoutingFunction
from deeplift_tf.layers.gates import Steps
from deeplift_tf.layers.reshaping import Permute, Reshape
from deeplift_tf.rules import secants
from deeplift_tf.rules.tensors import shape_of

if TYPE_CHECKING:
    from deeplift_tf.conversion.tf_graph.lowering import Lowering

WRITTEN = (
    ". Where that is a number of rows, export the model with an open one (keras.Input without a batch size), or "
    "convert the Keras model itself, live or from its .keras file: it is scored in batches of that size"
)
"""What to do about a number of rows that is written into a graph."""


def reshape(walk: Lowering, operation: Operation, index: int) -> LayoutEdge:
    """Units in other axes: a layer, or another look where rows are merged with positions or taken apart again.

    Raises
    ------
    UnsupportedLayerError
        If neither fits.
    """
    value = operation.inputs[0]
    seen, shape = walk.known[value], tuple(operation.specs[0].shape)
    before, order = seen.sizes, order_of(seen.view)
    sizes = product(before, range(1, len(before))), product(shape, range(1, len(shape)))
    natural = order == list(range(len(before))) and shape[:1] == (None,)
    if natural and sizes[0] is not None and sizes[0] == sizes[1]:
        if tuple(before[1:]) == shape[1:]:
            return plain_seen(seen.edge, shape)
        return plain_seen(reshaped(OpContext(walk, operation, 0, {value: seen})), shape)
    view = regrouped(before, order, shape)
    if view is not None:
        return merged(walk, operation, LayoutEdge(seen.edge, view, before))
    units = behind_rows(seen, tuple(value.spec.shape), shape)
    if units is not None:
        return units_reshaped(walk, operation, seen, units)
    if natural and sizes[0] and sizes[1] and sizes[0] % sizes[1] == 0:
        return cut_anew(walk, operation, seen, sizes[0] // sizes[1], shape[1:])
    if natural and is_plain(seen.view) and None in before[1:] and before.count(None) == shape.count(None):
        return plain_seen(reshaped(walk.op(operation, 0, plain=True)), shape)
    fixed = "" if len(shape) == 0 or shape[0] is None else WRITTEN
    raise UnsupportedLayerError(f"mixes rows: {tuple(value.spec.shape)} becomes {shape}{fixed}")


def behind_rows(
    seen: LayoutEdge, shape: tuple[int | None, ...], wanted: tuple[int | None, ...]
) -> tuple[int, ...] | None:
    """Return the new sizes of the axes behind merged rows, where they alone are reshaped; None where that is not so."""
    tail = tuple(size for size in wanted[1:] if size is not None)
    rows = seen.view[0] if seen.view else ()
    in_order = order_of(seen.view) == list(range(len(seen.sizes))) and 0 in rows
    if not in_order or wanted[:1] != (None,) or len(tail) < len(wanted) - 1:
        return None
    return tail if product(shape, range(1, len(shape))) == prod(tail) else None


def units_reshaped(walk: Lowering, operation: Operation, seen: LayoutEdge, tail: tuple[int, ...]) -> LayoutEdge:
    """Reshape the axes behind merged rows."""
    rows = seen.view[0]
    kept = len(rows)

    def function(x: tf.Tensor) -> tf.Tensor:
        return tf.reshape(x, [*shape_of(x)[:kept], *tail])

    edge = walk.add(operation, RoutingFunction(function), [seen.edge])
    return LayoutEdge(edge, (rows, *((kept + axis,) for axis in range(len(tail)))), (*seen.sizes[:kept], *tail))


def cut_anew(
    walk: Lowering, operation: Operation, seen: LayoutEdge, beside: int, tail: Sequence[int | None]
) -> LayoutEdge:
    """Cut the units of a row, in their order, into pieces of another shape: rows are merged with their number."""
    edge = walk.add(operation, Reshape((beside, *(size or 1 for size in tail))), [seen.edge])
    return LayoutEdge(edge, ((0, 1), *((2 + axis,) for axis in range(len(tail)))), (None, beside, *tail))


def merged(walk: Lowering, operation: Operation, seen: LayoutEdge) -> LayoutEdge:
    """Merge the edge's own axes where a view merges neighbours among them: rows alone have to stay apart."""
    groups = [axes for axes in seen.view if len(axes) > 1 and 0 not in axes]
    if not groups or any(axes != tuple(range(axes[0], axes[0] + len(axes))) for axes in groups):
        return seen
    later = {axis for axes in groups for axis in axes[1:]}
    parts = [next((g for g in groups if g[0] == axis), (axis,)) for axis in range(len(seen.sizes)) if axis not in later]
    place = {axis: index for index, part in enumerate(parts) for axis in part}
    view = tuple(tuple(dict.fromkeys(place[axis] for axis in axes)) for axes in seen.view)
    together = tuple(parts)
    edge = walk.add(operation, RoutingFunction(lambda x: tensor_seen(x, together)), [seen.edge], "merged")
    return LayoutEdge(edge, view, tuple(product(seen.sizes, part) for part in parts))


def transpose(walk: Lowering, operation: Operation, index: int) -> LayoutEdge:
    """Axes in another order; rows stay in front at the edge.

    Raises
    ------
    UnsupportedLayerError
        If the order is no constant.
    """
    seen, order = walk.known[operation.inputs[0]], walk.array(operation.inputs[1], operation)
    if order is None:
        raise UnsupportedLayerError("expected a constant order of axes")
    view = tuple(seen.view[axis] for axis in order.tolist())
    if is_merged(view):
        return seen._replace(view=view)
    axes, edge = [0, *(axis for axis in order_of(view) if axis != 0)], seen.edge
    if axes != sorted(axes):
        edge = walk.add(operation, Permute(tuple(axes)), [edge])
    return LayoutEdge(edge, rows_at(view.index((0,)), len(view)), tuple(seen.sizes[axis] for axis in axes))


def unpack(walk: Lowering, operation: Operation, index: int) -> LayoutEdge:
    """One place along an axis.

    Raises
    ------
    UnsupportedLayerError
        If that is the axis of rows, or one that is merged with them.
    """
    seen = walk.known[operation.inputs[0]]
    if not is_with_rows(seen):
        seen = walk.unmerged(operation.inputs[0], operation)
    return unpacked(walk, operation, index, seen)


def cast(walk: Lowering, operation: Operation, index: int) -> LayoutEdge:
    """Another dtype: the same number, or what is left of it as an integer or a truth value."""
    value, target = operation.inputs[0], operation.specs[index].dtype
    seen = walk.known[value]
    if target.is_bool and not value.spec.dtype.is_bool:
        layer = steps(lambda x: tf.not_equal(x, 0.0), "cast")
    elif target.is_integer and value.is_float:
        layer = Steps(secants.piecewise_constant(lambda x: tf.cast(tf.cast(x, tf.int64), x.dtype), "cast"))
    else:
        return seen
    return seen._replace(edge=walk.add(operation, layer, [seen.edge]))


LOOKS: dict[str, Callable[[Lowering, Operation, int], LayoutEdge]] = {
    "Cast": cast,
    "Reshape": reshape,
    "Transpose": transpose,
    "Unpack": unpack,
}
