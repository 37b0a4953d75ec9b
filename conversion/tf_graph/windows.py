"""Operations on rows that are merged with something else of theirs, such as the windows of an image.

Attention within windows sees (rows, windows, units, channels) as (rows·windows, units, channels). Where an operation
keeps what stands along that axis apart, as a product of matrices does, its edges keep rows in front: (rows, windows,
...), and the operation itself is run on the two merged. Whether it does is tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.tf_graph.families.moving import rearranged
from deeplift_tf.conversion.tf_graph.families.products import product
from deeplift_tf.conversion.tf_graph.families.reducing import chosen, least
from deeplift_tf.conversion.tf_graph.fusion import FusedRegion
from deeplift_tf.conversion.tf_graph.layouts import order_of, row_axis
from deeplift_tf.conversion.tf_graph.layouts import product as size_of
from deeplift_tf.conversion.tf_graph.layouts import seen as tensor_seen
from deeplift_tf.conversion.tf_graph.op_context import MOVING, Converter, LayoutEdge, OpContext
from deeplift_tf.conversion.tf_graph.op_subgraph import varying_inputs
from deeplift_tf.conversion.tf_graph.operation import Depends, Operation, Value
from deeplift_tf.conversion.tf_graph.rows import differs
from deeplift_tf.errors import DeepLiftError, UnsupportedLayerError
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.functional import RoutingFunction
from deeplift_tf.layers.normalization import Scale
from deeplift_tf.layers.norms import Norm
from deeplift_tf.layers.softmax import LogSoftmax, Softmax

if TYPE_CHECKING:
    from deeplift_tf.conversion.tf_graph.lowering import Lowering

FROM_THE_END = (Norm, Scale, Softmax, LogSoftmax)
"""Layers whose axes are counted from the end, and whose constants stand there."""

SUM_TYPES = "Add AddN AddV2 AvgPool BiasAdd ExpandDims Mean Pad PadV2 Squeeze Sum"
SUMS = frozenset(SUM_TYPES.split())
PRODUCT_TYPES = """
    BatchMatMul BatchMatMulV2 BatchMatMulV3 Conv2D Conv3D DepthwiseConv2dNative Einsum MatMul Mul Neg Sub
"""
PRODUCTS = frozenset(PRODUCT_TYPES.split())
LARGEST = frozenset(["Max", "MaxPool", "MaxPool3D", "MaxPoolV2"])
OPEN_SIZE = 5  # at which other open axes are tried


def place_of_rows(seen: LayoutEdge) -> int:
    """Return the axis of the graph's tensor that holds rows, alone or merged with others."""
    return next(place for place, axes in enumerate(seen.view) if 0 in axes)


def is_with_rows(seen: LayoutEdge) -> bool:
    """Whether rows are merged with another axis."""
    return bool(seen.view) and len(seen.view[place_of_rows(seen)]) > 1


def in_two(walk: Lowering, operation: Operation, value: Value) -> LayoutEdge:
    """Return a value whose edge has rows in front, then all that they are merged with, then the graph's other axes.

    Raises
    ------
    UnsupportedLayerError
        If rows stand amid what they are merged with.
    """
    seen = walk.known[value]
    place = place_of_rows(seen)
    group = seen.view[place]
    if len(group) < 2 or 0 not in (group[0], group[-1]):
        raise UnsupportedLayerError("mixes rows: they are merged with other axes in its input, on both sides of them")
    beside = tuple(axis for axis in group if axis)
    parts = ((0,), beside, *(axes for at, axes in enumerate(seen.view) if at != place))
    others = iter(range(2, len(seen.view) + 1))
    pair = (0, 1) if group[0] == 0 else (1, 0)
    view = tuple(pair if at == place else (next(others),) for at in range(len(seen.view)))
    sizes = tuple(size_of(seen.sizes, part) for part in parts)
    if parts == tuple((axis,) for axis in range(len(seen.sizes))):
        return LayoutEdge(seen.edge, view, sizes)
    return LayoutEdge(
        walk.add(operation, RoutingFunction(lambda x: tensor_seen(x, parts)), [seen.edge], "rows"), view, sizes
    )


def on_merged_rows(walk: Lowering, operation: Operation, index: int) -> LayoutEdge:
    """Add an operation on rows that are merged.

    Raises
    ------
    UnsupportedLayerError
        If it does not keep them apart.
    """
    varying = varying_inputs(operation)
    if any(walk.discrete(value) or not value.is_float for value in varying):
        raise UnsupportedLayerError("mixes rows: they are merged with another axis in its input")
    seen = {value: in_two(walk, operation, value) for value in varying}
    pairs = {(each.sizes[1], each.view[place_of_rows(each)]) for each in seen.values()}
    shape = tuple(operation.specs[index].shape)
    place = row_axis(shape)
    if len(pairs) != 1 or place is None or not keeps_apart(walk, operation, index, seen, place):
        raise UnsupportedLayerError("mixes rows: they are merged with another axis in its input")
    aligned = walk.aligned(operation, seen)
    if aligned is not None:
        return aligned
    ((beside, pair),) = pairs
    edge = converter_of(walk, operation)(OpContext(walk, operation, index, seen, pair[0] == 0))
    others = iter(range(2, len(shape) + 1))
    view = tuple(pair if axis == place else (next(others),) for axis in range(len(shape)))
    return LayoutEdge(edge, view, (None, beside, *(size for axis, size in enumerate(shape) if axis != place)))


def rows_in_front(walk: Lowering, operation: Operation, region: FusedRegion) -> LayoutEdge:
    """Return what a region is made of, in a form in which its layers see the same axes, counted from the end.

    Raises
    ------
    UnsupportedLayerError
        If its layers count in another way.
    """
    seen = in_two(walk, operation, region.root)
    same = region.root.spec.shape.rank == operation.specs[0].shape.rank
    if seen.view[0] == (0, 1) and same and all(isinstance(layer, FROM_THE_END) for layer in region.layers):
        return seen
    raise UnsupportedLayerError("mixes rows: they are merged with another axis in its input")


def converter_of(walk: Lowering, operation: Operation) -> Converter:
    """Return what makes a layer of an operation by running it as TensorFlow does."""
    kind = operation.type
    if kind in LARGEST:
        return chosen
    if kind == "Min":
        return least
    if kind in PRODUCTS:
        return product
    return rearranged if kind in MOVING | SUMS else walk.path


def keeps_apart(walk: Lowering, operation: Operation, index: int, seen: dict[Value, LayoutEdge], place: int) -> bool:
    """Whether an operation makes of two things along the merged axis what it makes of each alone: on random input."""
    known = walk.arrays_of(operation)
    if any(value.depends == Depends.SIZES and value not in known for value in operation.inputs):
        return False
    rng = np.random.default_rng(0)
    sized = {value: known[value] for value in operation.inputs if value.depends == Depends.SIZES}
    places = {value: place_of_rows(each) for value, each in seen.items()}
    both = {
        value: rng.normal(
            size=[2 if axis == at else size or OPEN_SIZE for axis, size in enumerate(value.spec.shape)]
        ).astype(value.spec.dtype.as_numpy_dtype)
        for value, at in places.items()
    }
    target = [Value(operation, index)]
    try:
        (together,) = walk.scratch.evaluate(target, both | sized)
        alone = [
            walk.scratch.evaluate(target, {v: np.take(x, [one], places[v]) for v, x in both.items()} | sized)[0]
            for one in (0, 1)
        ]
    except DeepLiftError:
        raise
    except (tf.errors.OpError, ValueError):
        return False
    return not differs(together, np.concatenate(alone, place))


def unpacked(walk: Lowering, operation: Operation, index: int, seen: LayoutEdge) -> LayoutEdge:
    """Take one place along an axis that is not merged with any.

    Raises
    ------
    UnsupportedLayerError
        If it is an axis of rows.
    """
    along = int(operation.setting("axis") or 0) % len(seen.view)
    axes = seen.view[along]
    if 0 in axes or len(axes) > 1:
        raise UnsupportedLayerError("mixes rows: takes them apart")
    (axis,) = axes
    place = (slice(None),) * axis + (index,)
    edge: Edge = walk.add(operation, RoutingFunction(lambda x: x[place]), [seen.edge])
    later = {old: old - (old > axis) for old in order_of(seen.view)}
    view = tuple(tuple(later[each] for each in group) for at, group in enumerate(seen.view) if at != along)
    return LayoutEdge(edge, view, tuple(size for old, size in enumerate(seen.sizes) if old != axis))
