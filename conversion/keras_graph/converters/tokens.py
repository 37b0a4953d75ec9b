"""Converters of token layers: integers have no difference, so scores belong to the first floats computed from them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from deeplift_tf.conversion.keras_graph.context import ConversionContext
from deeplift_tf.conversion.keras_graph.registry import converts
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.non_differentiable import Embedding


@converts("Embedding")
def embedding(layer: Any, context: ConversionContext) -> Edge:
    """A row of the table for each token."""
    table = context.weight(layer.embeddings)
    return context.add(Embedding(lambda tokens: tf.gather(table, tf.cast(tokens, tf.int32)), int(table.shape[0])))
