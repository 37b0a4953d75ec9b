"""Normalised targets: every accepted form becomes weights over the positions of the output."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import DeepLiftError, TargetError
from deeplift_tf.scoring.positions import checked_position

Selector = Callable[[tf.Tensor], tf.Tensor]
Target = np.ndarray | Selector


def as_target(target: Any, shape: tuple[int, ...], rows: int) -> Target:
    """Bring a target into one of two forms.

    Parameters
    ----------
    target : int, tuple of int, array, "predicted" or callable
        An int or tuple is one position of the output. An integer array, shape (N,), is one index for each row. A float
        array shaped like one output, or like N of them, is the weights of a sum. "predicted" is the class with the
        largest output for x. A callable maps the outputs of x, a tf.Tensor of shape (rows, ...), to such weights, by
        any code, in every call; they are held for the reference.
    shape : tuple of int
        Of the output, the axis of rows left out.
    rows : int
        N.

    Returns
    -------
    np.ndarray, shape (1 or N, ...), or callable

    Raises
    ------
    TargetError
        If it names no position of the output, has another shape, or holds NaN or infinity.
    """
    if isinstance(target, str):
        return _named(target, shape)
    if callable(target):
        return target
    array = np.asarray(target)
    if array.dtype.kind in "iu" and (array.ndim == 0 or isinstance(target, tuple)):
        return _one_hot(tuple(int(i) for i in np.atleast_1d(array)), shape)[None]
    if array.dtype.kind in "iu" and array.shape == (rows,):
        return np.stack([_one_hot((int(i),), shape) for i in array])
    if array.dtype.kind == "f" and array.shape in (shape, (rows, *shape)):
        if not np.isfinite(array).all():
            raise TargetError("target: expected finite weights; received NaN or infinity")
        return array if array.shape == (rows, *shape) else array[None]
    raise TargetError(
        f"target: expected an int, a tuple of {len(shape)}, {rows} integers (one for each row), or floats of shape "
        f"{shape} or {(rows, *shape)}; received {array.dtype} of shape {array.shape}"
    )


def _one_hot(position: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    weights = np.zeros(shape, np.float32)
    weights[checked_position(position, shape)] = 1
    return weights


def _named(name: str, shape: tuple[int, ...]) -> Selector:
    if name != "predicted":
        raise TargetError(f'target: the only one that has a name is "predicted"; received {name!r}')
    if len(shape) != 1:
        raise TargetError(f'target: "predicted" needs an output of one axis, of classes; this one has shape {shape}')
    return predicted


def predicted(outputs: tf.Tensor) -> tf.Tensor:
    """Return weights that pick the largest output of each row."""
    return tf.one_hot(tf.argmax(outputs, -1), tf.shape(outputs)[-1], dtype=outputs.dtype)


def classes_of(targets: Sequence[Any], shape: tuple[int, ...], rows: int) -> np.ndarray | None:
    """Return the class of each row that integers name, one for each row, shape (K, N); -1 where a target names none.

    Parameters
    ----------
    targets : sequence
        As for `as_target`, which has accepted them.
    shape : tuple of int
        Of the output, the axis of rows left out.
    rows : int
        N.

    Returns
    -------
    np.ndarray, shape (K, N), int32, or None
        None if no target has a class for each row; "predicted" counts as one, and its classes are still -1.
    """
    found, known = np.full((len(targets), rows), -1, np.int32), False
    for index, target in enumerate(targets):
        if callable(target):
            continue
        if isinstance(target, str):
            known = True
        elif not isinstance(target, tuple) and np.ndim(target) == 1 and np.asarray(target).dtype.kind in "iu":
            found[index], known = np.asarray(target) % (shape or (1,))[0], True
    return found if known else None


def predicted_classes(selectors: Sequence[Selector | None], weights: tf.Tensor) -> tf.Tensor:
    """Return the class that each selector has picked, shape (K, N), int32; -1 for targets that are known weights.

    Parameters
    ----------
    selectors : sequence of callable or None
        Those that the name "predicted" stands for.
    weights : tf.Tensor, shape (K, N, ...)
    """
    rows = tf.shape(weights)[1]
    return tf.stack(
        [
            tf.fill([rows], -1)
            if select is None
            else tf.argmax(getattr(select, "as_output", tf.identity)(weights[index]), -1, tf.int32)
            for index, select in enumerate(selectors)
        ]
    )


def stacked(targets: Sequence[Target], shape: tuple[int, ...]) -> np.ndarray:
    """Return the weights of several targets, shape (K, 1 or N, ...); zeros stand in for selectors."""
    empty = np.zeros((1, *shape), np.float32)
    parts = [target if isinstance(target, np.ndarray) else empty for target in targets]
    sizes = np.broadcast_shapes(*(part.shape for part in parts))
    return np.stack([np.broadcast_to(part, sizes) for part in parts])


def repeated(targets: Sequence[Target]) -> tuple[int, int] | None:
    """Return the places of two targets that are one and the same for all rows; None where all differ."""
    seen: dict[Any, int] = {}
    for index, target in enumerate(targets):
        key = target.tobytes() if isinstance(target, np.ndarray) and len(target) == 1 else id(target)
        if key in seen:
            return seen[key], index
        seen[key] = index
    return None


def selected(selectors: Sequence[Selector | None], weights: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Return the weights of several targets, shape (K, 1 or N, ...), those of selectors made from the outputs of x.

    Here selectors become part of the function that is traced.

    Raises
    ------
    TargetError
        If a selector returns something of another shape, or is not made of TensorFlow operations.
    """
    if not any(selectors):
        return weights
    parts = [weights[index] if select is None else _select(select, outputs) for index, select in enumerate(selectors)]
    like = functools.reduce(tf.add, [tf.zeros_like(part) for part in parts])
    return tf.stack([part + like for part in parts])


def _select(select: Selector, outputs: tf.Tensor) -> tf.Tensor:
    try:
        weights = tf.stop_gradient(tf.cast(tf.convert_to_tensor(select(outputs)), outputs.dtype))
    except Exception as error:  # numpy in it, a Python condition on a tensor, or any mistake of a user's own
        raise TargetError(
            f"target: to be exported, the callable must be made of TensorFlow operations; {error}"
        ) from error
    if not weights.shape.is_compatible_with(outputs.shape):
        raise TargetError(f"target: the callable must return shape {outputs.shape}; received {weights.shape}")
    return weights


def chosen(function: Selector, outputs: tf.Tensor) -> np.ndarray:
    """Return the weights that a user's function makes from the outputs of x, shape (rows, ...).

    Raises
    ------
    TargetError
        If it fails, or returns something of another shape, or NaN or infinity.
    """
    try:
        weights = np.asarray(function(outputs))
    except DeepLiftError:
        raise
    except Exception as error:  # any mistake in a user's own code
        raise TargetError(
            f"target: the callable failed on outputs of shape {tuple(outputs.shape)}: {type(error).__name__}: {error}"
        ) from error
    if weights.shape != tuple(outputs.shape) or weights.dtype.kind not in "fiub":
        raise TargetError(
            f"target: the callable must return numbers of shape {tuple(outputs.shape)}, as the outputs have; received "
            f"{weights.dtype} of shape {weights.shape}"
        )
    if not np.isfinite(weights).all():
        raise TargetError("target: expected finite weights from the callable; received NaN or infinity")
    return weights.astype(outputs.dtype.as_numpy_dtype)
