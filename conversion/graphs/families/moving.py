"""Units moved, repeated, summed, or chosen by a mask: all Diagonal, and no weight is negative."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.graphs.families.scalars import edge_in
from deeplift_tf.conversion.graphs.site import Site, converts
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.graph import Edge
from deeplift_tf.layers.given import Rearrangement
from deeplift_tf.layers.merging import Concatenate
from deeplift_tf.layers.reshaping import Pad, Reshape

MOVED = """
    AvgPool3D BroadcastTo Cumsum DepthToSpace ExtractImagePatches ExtractVolumePatches Gather GatherNd
    MatrixBandPart MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MirrorPad
    ResizeArea ResizeBilinear ResizeNearestNeighbor Reverse ReverseSequence ReverseV2 Roll ScatterNd SegmentMean
    SegmentSum SpaceToDepth TensorScatterUpdate UnsortedSegmentSum
"""


@converts(*MOVED.split(), any_rows=True)
def rearranged(site: Site) -> Edge:
    """By TensorFlow's own operation."""
    piece, edges, sides = site.piece()
    return site.add(Rearrangement(piece, sides, None, shifted=site.has_constants()), *edges)


@converts("Split", "SplitV", any_rows=True)
def split(site: Site) -> Edge:
    """One part along an axis."""
    plain = site.operation.type == "Split"
    index = 1 if plain else 0
    value, axis = site.edge(index), site.array(0 if plain else 2)
    whole = site.shape_of(index)
    if value is None or axis is None or site.first_axes_differ() or int(axis) % len(whole) == 0:
        return rearranged(site)
    along = int(axis) % len(whole)
    count = len(site.operation.specs)
    sizes = [site.shape[along]] * count if plain else site.constant(1).tolist()
    if None in sizes or min(sizes) < 0:
        return rearranged(site)
    start, stop = sum(sizes[: site.output]), sum(sizes[: site.output + 1])
    place = (*[slice(None)] * along, slice(start, stop))
    return site.add(Rearrangement(lambda x: x[place]), value)


@converts("StridedSlice", any_rows=True)
def strided(site: Site) -> Edge:
    """Places along axes, all rows among them."""
    ends = [site.array(index) for index in (1, 2, 3)]
    names = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    masks = {name: int(site.setting(name) or 0) for name in names}
    value = site.edge()
    if value is None or any(end is None for end in ends) or site.first_axes_differ():
        return rearranged(site)
    return site.add(Rearrangement(lambda x: tf.strided_slice(x, *ends, **masks)), value)


@converts("Slice", any_rows=True)
def sliced(site: Site) -> Edge:
    """A block of units, of all rows."""
    begin, size, value = site.array(1), site.array(2), site.edge()
    if value is None or begin is None or size is None or site.first_axes_differ() or size[0] != -1:
        return rearranged(site)
    return site.add(Rearrangement(lambda x: tf.slice(x, begin, size)), value)


@converts("Pack", any_rows=True)
def stacked(site: Site) -> Edge:
    """Values along a new axis."""
    edges = [site.edge(index) for index in range(len(site.inputs))]
    axis = int(site.setting("axis")) % len(site.shape)
    if any(edge is None for edge in edges) or site.first_axes_differ() or len(set(site.inputs)) < len(edges):
        return rearranged(site)
    return site.add(Rearrangement(lambda *x: tf.stack(x, axis)), *(edge for edge in edges if edge is not None))


@converts("Tile", any_rows=True)
def tiled(site: Site) -> Edge:
    """Copies along axes."""
    times, value = site.array(1), site.edge()
    if value is None or times is None or site.first_axes_differ() or times[0] != 1:
        return rearranged(site)
    return site.add(Rearrangement(lambda x: tf.tile(x, times)), value)


@converts("GatherV2", any_rows=True)
def gathered(site: Site) -> Edge:
    """Units at constant places."""
    places, axis, value = site.array(1), site.array(2), site.edge()
    if value is None or places is None or axis is None or site.setting("batch_dims") or site.first_axes_differ():
        return rearranged(site)
    along = int(axis) % len(site.shape_of(0))
    if along == 0:
        return rearranged(site)
    return site.add(Rearrangement(lambda x: tf.gather(x, places, axis=along)), value)


@converts("SpaceToBatch", "SpaceToBatchND", "BatchToSpace", "BatchToSpaceND")
def into_rows(site: Site) -> Edge:
    """Positions moved into rows, where they are no part of a dilated convolution.

    Raises
    ------
    UnsupportedLayerError
    """
    raise UnsupportedLayerError("mixes rows: moves positions into them")


@converts("Squeeze", "ExpandDims")
def resized(site: Site) -> Edge:
    """Axes of size one left out or put in."""
    if None in site.shape[1:] or site.shape[0] is not None:
        return rearranged(site)
    return site.add(Reshape(tuple(size or 1 for size in site.shape[1:])), edge_in(site))


@converts("Pad", "PadV2")
def padded(site: Site) -> Edge:
    """Zeros, or another number, around the units."""
    amounts = site.array(1)
    if amounts is None or (len(site.inputs) > 2 and np.any(site.constant(2))):
        return rearranged(site)
    if np.any(amounts[0]):
        raise UnsupportedLayerError("mixes rows: it adds rows of its own")
    return site.add(Pad(tuple((int(before), int(after)) for before, after in amounts)), edge_in(site))


@converts("ConcatV2", "Concat")
def concatenated(site: Site) -> Edge:
    """Values side by side."""
    last = site.operation.type == "ConcatV2"
    axis = int(site.constant(len(site.inputs) - 1 if last else 0))
    parts = range(len(site.inputs) - 1) if last else range(1, len(site.inputs))
    edges = [site.edge(index) for index in parts]
    if any(edge is None for edge in edges) or axis % len(site.shape) == 0:
        return rearranged(site)
    return site.add(Concatenate(axis % len(site.shape)), *(edge for edge in edges if edge is not None))


def reshaped(site: Site) -> Edge:
    """Units of each row in another shape."""
    open_axes = site.shape[1:].count(None)
    if open_axes <= 1:
        return site.add(Reshape(tuple(-1 if size is None else size for size in site.shape[1:])), edge_in(site))
    return rearranged(site)
