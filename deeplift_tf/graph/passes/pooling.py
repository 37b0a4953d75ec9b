"""The pooling pass: moves max pooling before activations that never decrease, with or without padding."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplift_tf.graph.graph import Edge, Graph, Node
from deeplift_tf.graph.passes.pairs import Merge, in_place_of
from deeplift_tf.graph.propagation import spreads_read
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.pooling import Max, MaxPooling
from deeplift_tf.layers.reshaping import Pad
from deeplift_tf.rules.rules import RESCALE


def leave_out_zeros(graph: Graph, keep: frozenset[Edge]) -> Merge:
    """Return the rewrite that leaves zeros out of max pooling where they are no larger than any other value.

    That is behind ReLU: where one of its own zeros holds the maximum in place of the padding, its slope is zero. So it
    is in ResNet, whose pooling may then stand before its activation. A spread would tell the two zeros apart.
    """
    read = spreads_read(graph.nodes)
    rectified = {Edge(node.name): node for node in graph.nodes if node.rule is RESCALE and from_zero(node.layer)}

    def merge(first: Node, second: Node) -> tuple[Node, ...] | None:
        pad, pool, before = first.layer, second.layer, rectified.get(first.inputs[0])
        if not isinstance(pad, Pad) or not isinstance(pool, MaxPooling) or pool.padding != "valid" or before is None:
            return None
        if second.rule is not RESCALE or Edge(before.name) in keep or read & {Edge(second.name), *before.inputs}:
            return None
        spatial = pad.amounts[2:] if pool.channels_first else pad.amounts[1:-1]
        fits = all(max(pair) < size for pair, size in zip(spatial, pool.size, strict=True))
        if len(spatial) > 2 or not fits or sum(map(sum, spatial)) < sum(map(sum, pad.amounts)):
            return None
        return in_place_of(first, second, dataclasses.replace(pool, padding=spatial))

    return merge


def from_zero(layer: Layer) -> bool:
    """Whether a layer is a ReLU whose values begin at zero."""
    if not isinstance(layer, Elementwise) or layer.function.name not in ("relu", "relu6"):
        return False
    return layer.function.rising and float(layer.function.value(tf.constant(-1e6, tf.float64))) == 0


def pool_before_activation(graph: Graph) -> Merge:
    """Return the rewrite that puts max pooling before an activation that never falls, which then sees fewer units.

    The unit that gets the credit is the same (see `ties`), and its slope Δy/Δx is the product of the same two. Behind
    an activation with levels, such as ReLU6, units tie that do not tie before it; there pooling stays where it is.
    Under RevealCancel, or where a spread is carried through, the two orders differ.
    """
    read = spreads_read(graph.nodes)

    def merge(first: Node, second: Node) -> tuple[Node, ...] | None:
        pools = isinstance(second.layer, (MaxPooling, Max))
        if not pools or not isinstance(first.layer, Elementwise):
            return None
        if not first.layer.function.rising or first.layer.function.levels:
            return None
        if first.rule is not RESCALE or second.rule is not RESCALE or read & {Edge(second.name), *first.inputs}:
            return None
        pool = dataclasses.replace(second, name=first.name, inputs=first.inputs)
        activation = dataclasses.replace(
            second, layer=first.layer, inputs=(Edge(first.name),), owner=first.owner, keras_class=first.keras_class
        )
        return pool, activation

    return merge
