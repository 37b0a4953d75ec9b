"""The target of an exported function: an argument of each request, or baked in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import TargetError
from deeplift_tf.graph.graph import Graph
from deeplift_tf.scoring.positions import indices_of
from deeplift_tf.scoring.target_layer import TargetValue
from deeplift_tf.scoring.targets import Selector, as_target


class ServedTarget(NamedTuple):
    """The target of an exported function.

    Attributes
    ----------
    selectors : tuple of callable
        One that makes the weights from the outputs of x, or none.
    weights : callable
        Returns the weights, shape (1 or N, ...), from the indices that a request brings, shape (1 or N,), or None.
    from_request : bool
        Whether requests bring indices.
    """

    selectors: tuple[Selector, ...]
    weights: Callable[[tf.Tensor | None], tf.Tensor]
    from_request: bool


def as_asked(target: Any, shape: tf.TensorShape, dtype: tf.DType) -> ServedTarget:
    """Normalise a target.

    Parameters
    ----------
    target : None, int, tuple of int, array, "predicted" or callable
        None: an index with each request if the output has one axis; the output itself if it has no axis. The others
        as for `Score`, except one index for each row.
    shape : tf.TensorShape
        Of the output, without the axis of rows.
    dtype : tf.DType

    Raises
    ------
    TargetError
        If it does not fit the output.
    """
    if target is None and shape.rank == 1 and shape[0] is not None:
        return ServedTarget((), lambda index: one_hot(index, shape[0], dtype), True)
    if target is None and shape.rank:
        raise TargetError(
            f"target: expected one to be baked in, as the output has shape {shape}; an index with each request picks "
            "from an output of one axis, of known size"
        )
    target = 0 if target is None else target
    if not callable(target) and not isinstance(target, str) and not shape.is_fully_defined():
        shape, target = _open(target, shape)
    found = as_target(target, tuple(shape), 1)
    if isinstance(found, np.ndarray):
        return ServedTarget((), lambda index: tf.constant(found, dtype), False)
    return ServedTarget((found,), lambda index: tf.zeros([1, *(size or 1 for size in shape)], dtype), False)


def asked_of_value(target: Any, value: TargetValue, graph: Graph, dtype: tf.DType) -> ServedTarget:
    """Bring a target, which counts positions of an output, into the form for the value that is explained.

    Raises
    ------
    TargetError
        If it does not fit the output, or sizes that the weights need are not known.
    """
    asked, shape = as_asked(target, graph.shape(value.output)[1:], dtype), graph.shape(value.edge)[1:]
    if not value.moves:
        return asked
    if asked.selectors:
        (select,) = asked.selectors
        return ServedTarget(
            (value.selector(select),), lambda index: tf.zeros([1, *(s or 1 for s in shape)], dtype), False
        )
    if not shape.is_fully_defined():
        raise TargetError(f"pre_activation: to be exported, {value.edge.node!r} needs a known shape; it is {shape}")
    return asked._replace(weights=lambda index: value.weights(asked.weights(index), shape))


def one_hot(index: Any, size: int, dtype: tf.DType) -> tf.Tensor:
    """Return the weights of indices, shape (1 or N,), which fail when one is out of range."""
    fits = tf.reduce_all((index >= -size) & (index < size))
    message = [f"target: expected an index, {indices_of(size)}; received", index]
    with tf.control_dependencies([tf.debugging.Assert(fits, message)]):
        return tf.one_hot(tf.where(index < 0, index + size, index), size, dtype=dtype)


def _open(target: Any, shape: tf.TensorShape) -> tuple[tf.TensorShape, Any]:
    """Return a target over an output of unknown size: weights tell the size, a position is looked up when it runs."""
    array = np.asarray(target)
    if array.dtype.kind == "f" and shape.is_compatible_with(array.shape):
        return tf.TensorShape(array.shape), array
    position = [int(index) for index in np.atleast_1d(array)] if array.dtype.kind in "iu" else []
    if array.ndim > 1 or len(position) != shape.rank:
        raise TargetError(
            f"target: expected {shape.rank} integers, or floats, of the output's shape {shape}; received {target!r}"
        )

    def at_position(outputs: tf.Tensor) -> tf.Tensor:
        sizes = tf.shape(outputs)[1:]
        inside = tf.reduce_all((position >= -sizes) & (position < sizes))
        with tf.control_dependencies([tf.debugging.Assert(inside, [f"target: {position} is not in", sizes])]):
            index = tf.where(tf.constant(position) < 0, position + sizes, position)
        weights = tf.scatter_nd(index[None], tf.ones([1], outputs.dtype), sizes)
        return weights + tf.zeros_like(outputs)

    return shape, at_position
