"""The forms in which a target may be given, brought into one: weights over the positions of the output."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import TargetError

Selector = Callable[[tf.Tensor], tf.Tensor]
Target = np.ndarray | Selector


def as_target(target: Any, shape: tuple[int | None, ...], rows: int) -> Target:
    """Bring a target into one of two forms.

    Parameters
    ----------
    target : int, tuple of int, array, "predicted" or callable
        An int or tuple is one position of the output. An integer array, shape (N,), is one index for each row. A float
        array shaped like one output, or like N of them, is the weights of a sum. "predicted" is the class with the
        largest output for x. A callable maps the outputs of x, a tf.Tensor of shape (rows, ...), to such weights, with
        TensorFlow operations; they are held for the reference.
    shape : tuple of int or None
        Of the output, the axis of rows left out.
    rows : int
        N.

    Returns
    -------
    np.ndarray, shape (1 or N, ...), or callable

    Raises
    ------
    TargetError
        When it names no position of the output, or has another shape.
    """
    if isinstance(target, str):
        return _named(target, shape)
    if callable(target):
        return target
    array = np.asarray(target)
    if array.dtype.kind in "iu" and (array.ndim == 0 or isinstance(target, tuple)):
        position = tuple(int(i) for i in np.atleast_1d(array))
        return Position(position) if None in shape[: len(position)] else _one_hot(position, shape)[None]
    if array.dtype.kind in "iu" and array.shape == (rows,):
        return np.stack([_one_hot((int(i),), shape) for i in array])
    if array.dtype.kind == "f" and _fits(array.shape, shape):
        return array[None]
    if array.dtype.kind == "f" and array.shape[:1] == (rows,) and _fits(array.shape[1:], shape):
        return array
    raise TargetError(
        f"target: expected an int, a tuple of {len(shape)}, {rows} integers (one for each row), or floats of shape "
        f"{shape} or {(rows, *shape)}; received {array.dtype} of shape {array.shape}"
    )


def _fits(found: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(found) == len(expected) and all(e in (None, f) for f, e in zip(found, expected, strict=True))


def _one_hot(position: tuple[int, ...], shape: tuple[int | None, ...]) -> np.ndarray:
    position = () if not shape and position == (0,) else position
    if len(position) != len(shape):
        raise TargetError(
            f"target: the output has shape {shape}, so a position is {len(shape)} integers; received {position}. "
            "For a sum over positions give an array of weights"
        )
    sizes = [size for size in shape if size is not None]
    if not all(-size <= index < size for index, size in zip(position, sizes, strict=True)):
        ranges = ", ".join(f"0 to {size - 1}" for size in sizes)
        raise TargetError(f"target: expected a position in {ranges} of the output's shape {shape}; received {position}")
    weights = np.zeros(sizes, np.float32)
    weights[position] = 1
    return weights


class Position(NamedTuple):
    """One position of an output whose size is known only when it is there.

    Attributes
    ----------
    index : tuple of int
    """

    index: tuple[int, ...]

    def __call__(self, outputs: tf.Tensor) -> tf.Tensor:
        """Return weights that pick the position in every row."""
        sizes = tf.unstack(tf.shape(outputs))[1:]
        weights = tf.ones_like(outputs)
        for axis, (index, size) in enumerate(zip(self.index, sizes, strict=True), start=1):
            line = tf.one_hot(index % size, size, dtype=outputs.dtype)
            weights *= tf.reshape(line, [-1 if each == axis else 1 for each in range(len(sizes) + 1)])
        return weights


def _named(name: str, shape: tuple[int | None, ...]) -> Selector:
    if name != "predicted":
        raise TargetError(f'target: the only one that has a name is "predicted"; received {name!r}')
    if len(shape) != 1:
        raise TargetError(f'target: "predicted" needs an output of one axis, of classes; this one has shape {shape}')
    return predicted


def predicted(outputs: tf.Tensor) -> tf.Tensor:
    """Return weights that pick the largest output of each row."""
    return tf.one_hot(tf.argmax(outputs, -1), tf.shape(outputs)[-1], dtype=outputs.dtype)


def stacked(targets: Sequence[Target], shape: tuple[int | None, ...], rows: int) -> np.ndarray:
    """Return the weights of several targets, shape (K, 1 or N, ...); zeros stand in for selectors."""
    empty = np.zeros((1, *(size or 1 for size in shape)), np.float32)
    parts = [target if isinstance(target, np.ndarray) else empty for target in targets]
    sizes = np.broadcast_shapes(*(part.shape for part in parts))
    return np.stack([np.broadcast_to(part, sizes) for part in parts])


def selected(selectors: Sequence[Selector | None], weights: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Return the weights of several targets, shape (K, 1 or N, ...), those of selectors made from the outputs of x.

    Raises
    ------
    TargetError
        When a selector returns something of another shape, or is not made of TensorFlow operations.
    """
    if not any(selectors):
        return weights
    parts = [weights[index] if select is None else _select(select, outputs) for index, select in enumerate(selectors)]
    like = functools.reduce(tf.add, [tf.zeros_like(part) for part in parts])
    return tf.stack([part + like for part in parts])


def _select(select: Selector, outputs: tf.Tensor) -> tf.Tensor:
    try:
        weights = tf.stop_gradient(tf.cast(tf.convert_to_tensor(select(outputs)), outputs.dtype))
    except NotImplementedError as error:
        raise TargetError(f"target: the callable must be made of TensorFlow operations; {error}") from error
    if not weights.shape.is_compatible_with(outputs.shape):
        raise TargetError(f"target: the callable must return shape {outputs.shape}; received {weights.shape}")
    return weights
