"""The padding pass: moves zero padding into the convolution that reads it."""

from __future__ import annotations

from deeplift_tf.graph.graph import Node
from deeplift_tf.graph.passes.pairs import in_place_of
from deeplift_tf.layers.convolution import Convolution
from deeplift_tf.layers.reshaping import Pad


def fold_padding(first: Node, second: Node) -> tuple[Node, ...] | None:
    """Fold zeros around the positions into the convolution after them, as far as its operation knows such amounts."""
    if not isinstance(first.layer, Pad) or not isinstance(second.layer, Convolution):
        return None
    layer = second.layer.padded(first.layer.amounts)
    return None if layer is None else in_place_of(first, second, layer)
