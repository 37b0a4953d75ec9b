"""The scale pass: folds scales and shifts of units into each other and into neighbouring Linear layers.

One-to-one maps alone may be folded under every rule: a product of two layers that mix their inputs would have another
|L|. Of a scale a it is |L·a| = |L|·|a| and |a·L| = |a|·|L|, so that spreads and multipliers stay as they are too.
"""

from __future__ import annotations

from deeplift_tf.graph.graph import Graph, Node
from deeplift_tf.graph.passes.pairs import Merge, in_place_of
from deeplift_tf.layers.kinds import Linear
from deeplift_tf.layers.normalization import Scale


def fuse_scales(first: Node, second: Node) -> tuple[Node, ...] | None:
    """Make one Scale of two: c·(a·x + b) + d."""
    if not isinstance(first.layer, Scale) or not isinstance(second.layer, Scale):
        return None
    scale, shift = second.layer.scale, second.layer.shift
    return in_place_of(first, second, Scale(first.layer.scale * scale, first.layer.shift * scale + shift))


def fold_scale_after(graph: Graph) -> Merge:
    """Return the rewrite that folds a Scale into the Linear layer before it: batch normalisation into weights."""

    def merge(first: Node, second: Node) -> tuple[Node, ...] | None:
        if not isinstance(first.layer, Linear) or not keeps_shape(second, graph):
            return None
        assert isinstance(second.layer, Scale)
        layer = first.layer.scaled(second.layer.scale, second.layer.shift)
        return None if layer is None else in_place_of(first, second, layer)

    return merge


def fold_scale_before(graph: Graph) -> Merge:
    """Return the rewrite that folds a Scale into the Linear layer after it, such as that of bytes to [0, 1]."""

    def merge(first: Node, second: Node) -> tuple[Node, ...] | None:
        if not isinstance(second.layer, Linear) or not keeps_shape(first, graph):
            return None
        assert isinstance(first.layer, Scale)
        layer = second.layer.of_scaled(first.layer.scale, first.layer.shift)
        return None if layer is None else in_place_of(first, second, layer)

    return merge


def keeps_shape(node: Node, graph: Graph) -> bool:
    """Whether a node is a Scale that repeats no unit."""
    return isinstance(node.layer, Scale) and list(graph.shape(node.inputs[0])) == list(node.shapes[0])
