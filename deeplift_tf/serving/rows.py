"""Rows of a request: how many there are, also if there are none, and whether its parts agree on that."""

from __future__ import annotations

import tensorflow as tf

from deeplift_tf.rules.tensors import shape_of


def at_least_one(named: dict[str, tf.Tensor], first: str) -> dict[str, tf.Tensor]:
    """Return a request that has a row of zeros where it had none: not every operation computes without any.

    Parameters
    ----------
    named : dict of str to tf.Tensor, shape (rows, ...)
    first : str
        The input that says whether there are rows.
    """
    empty = tf.equal(tf.shape(named[first])[0], 0)

    def filled(value: tf.Tensor) -> tf.Tensor:
        missing = tf.cast(empty & tf.equal(tf.shape(value)[0], 0), tf.int32)
        row = tf.zeros([missing, *shape_of(value)[1:]], value.dtype)
        return tf.ensure_shape(tf.concat([value, row], 0), value.shape)

    return {name: filled(value) for name, value in named.items()}


def cut_to(results: dict[str, tf.Tensor], rows: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return the first rows of results: none of them for a request that had none."""
    return {name: value[:rows] for name, value in results.items()}


def rows_like(tensor: tf.Tensor, x: tf.Tensor, name: str) -> tf.Tensor:
    """Return a tensor, which fails when it has neither one row nor those of x."""
    rows, expected = tf.shape(tensor)[0], tf.shape(x)[0]
    message = [f"{name}: expected 1 row, or as many as the input has,", expected, "; received", rows]
    with tf.control_dependencies([tf.debugging.Assert((rows == 1) | (rows == expected), message)]):
        return tf.identity(tensor)


def narrowed(index: tf.Tensor) -> tf.Tensor:
    """Return indices of 64 bits in 32; what is out of range stays out of range."""
    return tf.cast(tf.clip_by_value(index, tf.int32.min, tf.int32.max), tf.int32)
