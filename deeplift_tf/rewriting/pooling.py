"""Max pooling before activations that never fall."""

from __future__ import annotations

import dataclasses

from deeplift_tf.graph import Edge, Graph, Node
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.pooling import Max, MaxPooling
from deeplift_tf.rewriting.pairs import Merge
from deeplift_tf.rules import RESCALE
from deeplift_tf.walk import spreads_read


def pool_before_activation(graph: Graph) -> Merge:
    """Return the rewrite that puts max pooling before an activation that never falls, which then sees fewer units.

    The unit that holds the maximum is the same, and its slope Δy/Δx is the product of the same two. Under
    RevealCancel, or where a spread is carried through, the two orders differ.
    """
    read = spreads_read(graph.nodes)

    def merge(first: Node, second: Node) -> tuple[Node, ...] | None:
        pools = isinstance(second.layer, (MaxPooling, Max))
        if not pools or not isinstance(first.layer, Elementwise) or not first.layer.function.rising:
            return None
        if first.rule is not RESCALE or second.rule is not RESCALE or read & {Edge(second.name), *first.inputs}:
            return None
        pool = dataclasses.replace(second, name=first.name, inputs=first.inputs)
        activation = dataclasses.replace(
            second, layer=first.layer, inputs=(Edge(first.name),), owner=first.owner, keras_class=first.keras_class
        )
        return pool, activation

    return merge
