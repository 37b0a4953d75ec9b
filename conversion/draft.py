"""A node on its way: what a converter says of it."""

from __future__ import annotations

import dataclasses

from deeplift_tf.graph import Edge, LayerUse
from deeplift_tf.layers.base import Layer


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
