"""Targets of profile models: callables, as a scoring function takes them."""

from __future__ import annotations

import tensorflow as tf


def counts(outputs: tf.Tensor) -> tf.Tensor:
    """Return the weights of the sum of an output: all ones.

    Parameters
    ----------
    outputs : tf.Tensor, shape (N, ...)
        Of a counts head.
    """
    return tf.ones_like(outputs)


def profile(outputs: tf.Tensor) -> tf.Tensor:
    """Return the weights of a profile: Σ p·(z − mean z), with the softmax p of the logits z held.

    Positions and strands count as one distribution.

    Parameters
    ----------
    outputs : tf.Tensor, shape (N, positions) or (N, positions, strands)
        Logits.
    """
    flat = tf.reshape(outputs, (tf.shape(outputs)[0], -1))
    weights = tf.nn.softmax(flat) - 1 / tf.cast(tf.shape(flat)[1], flat.dtype)
    return tf.reshape(weights, tf.shape(outputs))
