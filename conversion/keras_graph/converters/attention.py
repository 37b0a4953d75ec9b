"""Attention: products, a softmax between them, and masks.

The attention layers with heads unfold into operations and Linear layers. Called with one tensor thrice, as in
self-attention, what is sent back adds up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.keras_graph.context import ConversionContext
from deeplift_tf.conversion.keras_graph.registry import converts
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.functional import RoutingFunction
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.merging import Add, Contraction
from deeplift_tf.layers.normalization import Scale
from deeplift_tf.layers.reshaping import ExpandAxis
from deeplift_tf.layers.softmax import Softmax
from deeplift_tf.rules import secants

MASKED = -1e9  # far below any score: its exponential is zero


def causal(scores: tf.Tensor) -> tf.Tensor:
    """Leave out the positions after each query."""
    sizes = tf.shape(scores)
    kept = tf.range(sizes[-2])[:, None] >= tf.range(sizes[-1])[None, :]
    return tf.where(kept, scores, tf.constant(MASKED, scores.dtype))


@converts("AdditiveAttention", "Attention")
def attention(layer: Any, context: ConversionContext) -> Edge | tuple[Edge, ...]:
    """Scores of queries and keys, by products or by a tanh of their sum, a softmax, and the values weighted by it."""
    given = context.named_arguments
    edges = dict(zip(map(id, context.use.symbols), context.inputs, strict=True))
    query, value, *keys = (edges[id(each)] for each in given["inputs"])
    q_mask, v_mask = (None if each is None else edges[id(each)] for each in (given["mask"] or [None, None])[:2])
    key = keys[0] if keys else value
    if len(context.shape) != 3:
        return context.path()
    scores = (
        sums(layer, context, query, key) if additive(layer) else context.add(Contraction("btc,bsc->bts"), query, key)
    )
    if not additive(layer) and layer.scale is not None:
        scores = context.add(Scale(context.weight(layer.scale), context.weight(0.0)), scores)
    if v_mask is not None:
        scores = context.add(RoutingFunction(keys_left_out, (1,), shifted=True), scores, v_mask)
    if given["use_causal_mask"]:
        scores = context.add(RoutingFunction(causal, shifted=True), scores)
    weights = context.add(Softmax(-1), scores)
    output = context.add(Contraction("bts,bsc->btc"), weights, value)
    if q_mask is not None:
        output = context.add(RoutingFunction(queries_left_out, (1,)), output, q_mask)
    return (output, weights) if given["return_attention_scores"] else output


def additive(layer: Any) -> bool:
    """Whether scores are a tanh of sums rather than products."""
    return type(layer).__name__ == "AdditiveAttention" or layer.score_mode == "concat"


def sums(layer: Any, context: ConversionContext, query: Edge, key: Edge) -> Edge:
    """Add w·Σtanh(scale·(q + k)), or Σw·tanh(q + k) with a weight for each channel."""
    pairs = context.add(Add(), context.add(ExpandAxis(2), query), context.add(ExpandAxis(1), key))
    plain = type(layer).__name__ == "AdditiveAttention"
    scale = 1.0 if layer.scale is None or plain else layer.scale
    units = context.add(
        Elementwise(secants.tanh()), context.add(Scale(context.weight(scale), context.weight(0.0)), pairs)
    )
    weight = np.asarray((1.0 if layer.scale is None else layer.scale) if plain else layer.concat_score_weight)
    weighted = context.add(Scale(context.weight(weight), context.weight(0.0)), units)
    return context.add(RoutingFunction(lambda x: tf.reduce_sum(x, -1)), weighted)


def keys_left_out(scores: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Leave out the positions that a mask, shape (rows, keys), or one for each query, leaves out."""
    kept = mask[:, None, :] if mask.shape.rank == 2 else mask
    return tf.where(kept, scores, tf.constant(MASKED, scores.dtype))


def queries_left_out(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Return zeros at the queries that a mask leaves out."""
    return tf.where(mask[:, :, None], values, tf.zeros_like(values))
