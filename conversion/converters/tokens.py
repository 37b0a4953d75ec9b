"""Layers of tokens: integers have no difference, so their scores live where they become floats."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from deeplift_tf.conversion.registry import converts
from deeplift_tf.conversion.scope import Scope
from deeplift_tf.graph import Edge
from deeplift_tf.layers.side import Embedding


@converts("Embedding")
def embedding(layer: Any, scope: Scope) -> Edge:
    """A row of the table for each token."""
    table = scope.weight(layer.embeddings)
    return scope.add(Embedding(lambda tokens: tf.gather(table, tf.cast(tokens, tf.int32)), int(table.shape[0])))
