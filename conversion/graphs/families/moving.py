"""Units moved, repeated, summed, or chosen by a mask: all Diagonal, and no weight is negative."""

from __future__ import annotations

import numpy as np

from deeplift_tf.conversion.graphs.families.scalars import edge_in
from deeplift_tf.conversion.graphs.site import Site, converts
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.graph import Edge
from deeplift_tf.layers.given import Rearrangement
from deeplift_tf.layers.merging import Concatenate
from deeplift_tf.layers.reshaping import Pad, Reshape

MOVED = """
    AvgPool3D BroadcastTo Cumsum DepthToSpace ExtractImagePatches ExtractVolumePatches Gather GatherNd GatherV2
    MatrixBandPart MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MirrorPad Pack
    ResizeArea ResizeBilinear ResizeNearestNeighbor Reverse ReverseSequence ReverseV2 Roll ScatterNd SegmentMean
    SegmentSum Select SelectV2 Slice SpaceToDepth Split SplitV StridedSlice Sum TensorScatterUpdate Tile Unpack
    UnsortedSegmentSum
"""


@converts(*MOVED.split())
def rearranged(site: Site) -> Edge:
    """By TensorFlow's own operation."""
    piece, edges, sides = site.piece()
    return site.add(Rearrangement(piece, sides, None, shifted=site.has_constants()), *edges)


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
