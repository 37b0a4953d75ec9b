"""The shape pass: merges chains of layers that move units. All are one-to-one, so rules and spreads carry over."""

from __future__ import annotations

import tensorflow as tf

from deeplift_tf.graph.graph import Node
from deeplift_tf.graph.passes.pairs import in_place_of
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.reshaping import Crop, ExpandAxis, Pad, Permute, Reshape

RESHAPES = (Reshape, ExpandAxis)


def fuse_shapes(first: Node, second: Node) -> tuple[Node, ...] | None:
    """Make one layer of two that reshape, permute, pad or crop."""
    layer = fused(first.layer, second.layer, second.shapes[0])
    return None if layer is None else in_place_of(first, second, layer)


def fused(first: Layer, second: Layer, shape: tf.TensorShape) -> Layer | None:
    """Return one layer for two, whose result has the given shape; None if there is none."""
    if isinstance(first, RESHAPES) and isinstance(second, RESHAPES):
        sizes = [-1 if size is None else size for size in shape[1:]]
        return Reshape(tuple(sizes)) if sizes.count(-1) < 2 else None
    if isinstance(first, Permute) and isinstance(second, Permute):
        return Permute(tuple(first.axes[axis] for axis in second.axes))
    if isinstance(first, Pad) and isinstance(second, Pad):
        return Pad(together(first.amounts, second.amounts))
    if isinstance(first, Crop) and isinstance(second, Crop):
        return Crop(together(first.amounts, second.amounts))
    if isinstance(first, Pad) and isinstance(second, Crop):
        return of_padded(first.amounts, second.amounts)
    return None


Amounts = tuple[tuple[int, int], ...]


def together(first: Amounts, second: Amounts) -> Amounts:
    """Add amounts before and after each axis."""
    return tuple((a + c, b + d) for (a, b), (c, d) in zip(first, second, strict=True))


def of_padded(pads: Amounts, crops: Amounts) -> Layer | None:
    """Return what cropping leaves of padding, or takes off beyond it; None where it does both at different edges."""
    left = together(pads, tuple((-before, -after) for before, after in crops))
    if all(min(pair) >= 0 for pair in left):
        return Pad(left)
    if all(max(pair) <= 0 for pair in left):
        return Crop(tuple((-before, -after) for before, after in left))
    return None
