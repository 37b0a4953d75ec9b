"""Operations that move, repeat, sum or mask units: all Routing, without negative weights."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.tf_graph.families.scalars import edge_in
from deeplift_tf.conversion.tf_graph.op_context import OpContext, converts
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.functional import RoutingFunction
from deeplift_tf.layers.merging import Concatenate
from deeplift_tf.layers.reshaping import Crop, Pad, Reshape

MOVED = """
    AvgPool3D BroadcastTo Cumsum DepthToSpace ExtractImagePatches ExtractVolumePatches Gather GatherNd
    MatrixBandPart MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MirrorPad
    ResizeBilinear ResizeNearestNeighbor Reverse ReverseSequence ReverseV2 Roll ScatterNd SegmentMean
    SegmentSum SpaceToDepth TensorScatterUpdate UnsortedSegmentSum
"""


@converts(*MOVED.split(), any_rows=True)
def rearranged(op: OpContext) -> Edge:
    """By TensorFlow's own operation."""
    subgraph, edges, sides = op.subgraph()
    return op.add(RoutingFunction(subgraph, sides, None, shifted=op.has_constants()), *edges)


@converts("Split", "SplitV", any_rows=True)
def split(op: OpContext) -> Edge:
    """One part along an axis."""
    plain = op.operation.type == "Split"
    index = 1 if plain else 0
    value, axis = op.edge(index), op.array(0 if plain else 2)
    whole = op.shape_of(index)
    if value is None or axis is None or op.first_axes_differ() or int(axis) % len(whole) == 0:
        return rearranged(op)
    along = int(axis) % len(whole)
    count = len(op.operation.specs)
    sizes = [op.shape[along]] * count if plain else op.constant(1).tolist()
    if None in sizes or min(sizes) < 0:
        return rearranged(op)
    before, after = sum(sizes[: op.output]), sum(sizes[op.output + 1 :])
    kept = [(before, after) if axis == along else (0, 0) for axis in range(len(whole))]
    return op.add(Crop(tuple(kept)), value)


@converts("StridedSlice", any_rows=True)
def strided(op: OpContext) -> Edge:
    """Places along axes, all rows among them."""
    ends = [op.array(index) for index in (1, 2, 3)]
    names = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    masks = {name: int(op.setting(name) or 0) for name in names}
    value = op.edge()
    if value is None or any(end is None for end in ends) or op.first_axes_differ():
        return rearranged(op)
    return op.add(RoutingFunction(lambda x: tf.strided_slice(x, *ends, **masks)), value)


@converts("Slice", any_rows=True)
def sliced(op: OpContext) -> Edge:
    """A block of units, of all rows."""
    begin, size, value = op.array(1), op.array(2), op.edge()
    if value is None or begin is None or size is None or op.first_axes_differ() or size[0] != -1:
        return rearranged(op)
    return op.add(RoutingFunction(lambda x: tf.slice(x, begin, size)), value)


@converts("Pack", any_rows=True)
def stacked(op: OpContext) -> Edge:
    """Values along a new axis."""
    edges = [op.edge(index) for index in range(len(op.inputs))]
    axis = int(op.setting("axis")) % len(op.shape)
    if any(edge is None for edge in edges) or op.first_axes_differ() or len(set(op.inputs)) < len(edges):
        return rearranged(op)
    return op.add(RoutingFunction(lambda *x: tf.stack(x, axis)), *(edge for edge in edges if edge is not None))


@converts("Tile", any_rows=True)
def tiled(op: OpContext) -> Edge:
    """Copies along axes."""
    times, value = op.array(1), op.edge()
    if value is None or times is None or op.first_axes_differ() or times[0] != 1:
        return rearranged(op)
    return op.add(RoutingFunction(lambda x: tf.tile(x, times)), value)


@converts("GatherV2", any_rows=True)
def gathered(op: OpContext) -> Edge:
    """Units at constant places."""
    places, axis, value = op.array(1), op.array(2), op.edge()
    if value is None or places is None or axis is None or op.setting("batch_dims") or op.first_axes_differ():
        return rearranged(op)
    along = int(axis) % len(op.shape_of(0))
    if along == 0:
        return rearranged(op)
    return op.add(RoutingFunction(lambda x: tf.gather(x, places, axis=along)), value)


@converts("SpaceToBatch", "SpaceToBatchND", "BatchToSpace", "BatchToSpaceND")
def into_rows(op: OpContext) -> Edge:
    """Positions moved into rows, where they are no part of a dilated convolution.

    Raises
    ------
    UnsupportedLayerError
    """
    raise UnsupportedLayerError("mixes rows: moves positions into them")


@converts("Squeeze", "ExpandDims")
def resized(op: OpContext) -> Edge:
    """Axes of size one left out or put in."""
    if None in op.shape[1:] or op.shape[0] is not None:
        return rearranged(op)
    return op.add(Reshape(tuple(size or 1 for size in op.shape[1:])), edge_in(op))


@converts("Pad", "PadV2")
def padded(op: OpContext) -> Edge:
    """Zeros, or another number, around the units."""
    amounts = op.array(1)
    if amounts is None or (len(op.inputs) > 2 and np.any(op.constant(2))):
        return rearranged(op)
    if np.any(amounts[0]):
        raise UnsupportedLayerError("mixes rows: it adds rows of its own")
    return op.add(Pad(tuple((int(before), int(after)) for before, after in amounts)), edge_in(op))


@converts("ConcatV2", "Concat")
def concatenated(op: OpContext) -> Edge:
    """Values side by side."""
    last = op.operation.type == "ConcatV2"
    axis = int(op.constant(len(op.inputs) - 1 if last else 0))
    parts = range(len(op.inputs) - 1) if last else range(1, len(op.inputs))
    edges = [op.edge(index) for index in parts]
    if any(edge is None for edge in edges) or axis % len(op.shape) == 0:
        return rearranged(op)
    return op.add(Concatenate(axis % len(op.shape)), *(edge for edge in edges if edge is not None))


def reshaped(op: OpContext) -> Edge:
    """Units of each row in another shape."""
    open_axes = op.shape[1:].count(None)
    if open_axes <= 1:
        return op.add(Reshape(tuple(-1 if size is None else size for size in op.shape[1:])), edge_in(op))
    return rearranged(op)
