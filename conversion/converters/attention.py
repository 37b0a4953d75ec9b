"""Attention: products, a softmax between them, and masks.

The attention layers of Keras unfold into this operation and Linear layers. Called with one tensor thrice, as in
self-attention, what is sent back adds up.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.arguments import is_symbol
from deeplift_tf.conversion.converters.activation import masked
from deeplift_tf.conversion.converters.operations import constants_of
from deeplift_tf.conversion.registry import converts
from deeplift_tf.conversion.scope import Scope
from deeplift_tf.graph import Edge
from deeplift_tf.layers.given import Rearrangement
from deeplift_tf.layers.merging import Add, Contraction
from deeplift_tf.layers.normalization import Scale
from deeplift_tf.layers.reshaping import Repeat
from deeplift_tf.layers.softmax import Softmax

MASKED = -1e9  # far below any score: its exponential is zero


@converts("ops.DotProductAttention")
def dot_product_attention(operation: Any, scope: Scope) -> Edge | tuple[Edge, ...]:
    """softmax(scale·QKᵀ)V, head by head; queries, keys and values are (rows, positions, heads, channels)."""
    given = constants_of(scope)
    parts = dict(zip(map(id, scope.use.symbols), zip(scope.inputs, scope.shapes, strict=True), strict=True))
    if operation.attn_logits_soft_cap or any(id(given[name]) not in parts for name in ("query", "key", "value")):
        return scope.path()
    (query, q_shape), (key, k_shape), (value, _) = (parts[id(given[name])] for name in ("query", "key", "value"))
    times = (q_shape[2] or 1) // (k_shape[2] or 1)
    if times > 1:
        key, value = (scope.add(Repeat((1, 1, times, 1)), each) for each in (key, value))
    scale = 1 / math.sqrt(k_shape[-1] or 1) if given["scale"] is None else float(given["scale"])
    scores = scope.add(Contraction("btnh,bsnh->bnts"), query, key)
    scores = scope.add(Scale(scope.weight(scale), scope.weight(0.0)), scores)
    if given["bias"] is not None:
        scores = biased(scope, scores, given["bias"], parts)
    scores = masked_scores(scope, scores, given["mask"], parts)
    if operation.is_causal:
        scores = scope.add(Rearrangement(causal, shifted=True), scores)
    return scope.add(Contraction("bnts,bsnh->btnh"), scope.add(Softmax(-1), scores), value)


def biased(scope: Scope, scores: Edge, bias: Any, parts: dict[int, Any]) -> Edge:
    """Add a bias to the scores: another tensor, or a constant."""
    if is_symbol(bias):
        return scope.add(Add(), scores, parts[id(bias)][0])
    return scope.add(Scale(scope.weight(1.0), scope.weight(bias)), scores)


def masked_scores(scope: Scope, scores: Edge, mask: Any, parts: dict[int, Any]) -> Edge:
    """Leave out the positions of a mask: another tensor, or a constant."""
    if mask is None:
        return scores
    if is_symbol(mask):
        return masked(scope, scores, parts[id(mask)][0], otherwise=MASKED)
    kept = tf.constant(np.asarray(mask), tf.bool)
    return scope.add(Rearrangement(lambda x: tf.where(kept, x, tf.constant(MASKED, x.dtype)), shifted=True), scores)


def causal(scores: tf.Tensor) -> tf.Tensor:
    """Leave out the positions after each query."""
    sizes = tf.shape(scores)
    kept = tf.range(sizes[-2])[:, None] >= tf.range(sizes[-1])[None, :]
    return tf.where(kept, scores, tf.constant(MASKED, scores.dtype))
