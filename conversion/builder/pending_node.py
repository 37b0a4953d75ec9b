"""Pending nodes: what a converter declares about a layer, before shape inference."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplift_tf.graph.graph import Edge, LayerUse
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.non_differentiable import NonDifferentiable


class DiscreteEdge(Edge):
    """A boolean or integer of the model that is a float in the network, because it is computed from floats."""


@dataclasses.dataclass
class PendingNode:
    """A node whose shapes are not known yet; of an approximate one, what stands in the way of exact ones."""

    name: str
    layer: Layer
    inputs: tuple[Edge, ...]
    owner: str
    keras_class: str
    outputs: int = 1
    uses: tuple[LayerUse, ...] = ()
    reason: str = ""

    @property
    def described(self) -> str:
        """Its name and class, and the reason if it has one."""
        return f"{self.name} ({self.keras_class})" + (f": {self.reason}" if self.reason else "")


def declared(edge: Edge, dtype: tf.DType, pending: list[PendingNode]) -> Edge:
    """Return a value in the model's dtype: a counted one is not a float there."""
    if not isinstance(edge, DiscreteEdge):
        return edge
    name = f"{edge.node}/{dtype.name}"
    if name not in {pending_node.name for pending_node in pending}:
        pending.append(
            PendingNode(name, NonDifferentiable(lambda x: tf.cast(x, dtype)), (Edge(*edge),), edge.node, "Cast")
        )
    return Edge(name)
