"""Where a layer's data format meets TensorFlow, whose CPU kernels want the channels last."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def with_channels_last(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor, channels_first: bool) -> tf.Tensor:
    """Apply a function of (rows, ..., channels) to x, which may be (rows, channels, ...)."""
    if not channels_first:
        return function(x)
    rank = x.shape.rank
    y = function(tf.transpose(x, [0, *range(2, rank), 1]))
    return tf.transpose(y, [0, rank - 1, *range(1, rank - 1)])
