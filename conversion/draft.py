"""A node on its way: what a converter says of it."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplift_tf.graph import Edge, LayerUse
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.side import Side


class Counted(Edge):
    """A truth value or integer of the model that is a float in the network, since it is made of floats."""


@dataclasses.dataclass
class Draft:
    """A node whose shapes are not known yet."""

    name: str
    layer: Layer
    inputs: tuple[Edge, ...]
    owner: str
    keras_class: str
    outputs: int = 1
    uses: tuple[LayerUse, ...] = ()


def declared(edge: Edge, dtype: tf.DType, drafts: list[Draft]) -> Edge:
    """Return a value in the dtype in which the model has it: one that counts is no float there."""
    if not isinstance(edge, Counted):
        return edge
    name = f"{edge.node}/{dtype.name}"
    if name not in {draft.name for draft in drafts}:
        drafts.append(Draft(name, Side(lambda x: tf.cast(x, dtype)), (Edge(*edge),), edge.node, "Cast"))
    return Edge(name)
