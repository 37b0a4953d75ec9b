"""Data formats: TensorFlow's CPU kernels need the channels last."""

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


def each_channel(values: tf.Tensor, axis: int) -> tf.Tensor | None:
    """Return constants that broadcast against the last axes as one for each channel, or one for all.

    Parameters
    ----------
    values : tf.Tensor
    axis : int
        Of the channels, counted from the last.

    Returns
    -------
    tf.Tensor, shape (channels or 1,), or None
        None if they differ along another axis.
    """
    channels = values.shape[axis] if values.shape.rank >= -axis else 1
    return tf.reshape(values, [-1]) if values.shape.num_elements() == channels else None
