"""Tensor helpers that TensorFlow lacks: partly known shapes, and transposes by automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Function = Callable[..., Any]


def shape_of(tensor: tf.Tensor) -> list[Any]:
    """Return the sizes of a tensor: an int if the graph knows it, otherwise a scalar tensor."""
    dynamic = None
    sizes: list[Any] = list(tensor.shape)
    for axis, size in enumerate(sizes):
        if size is None:
            dynamic = tf.shape(tensor) if dynamic is None else dynamic
            sizes[axis] = dynamic[axis]
    return sizes


STAND_IN = 2.0**60
"""What infinity counts as in a difference: larger than any logit, with a reciprocal that float32 holds as well."""


def without_infinities(x: tf.Tensor) -> tf.Tensor:
    """Return ±2⁶⁰ in place of ±∞, so that a value that is −∞ at both ends has the difference zero."""
    return tf.where(tf.math.is_inf(x), tf.sign(x) * STAND_IN, x)


def merge_leading(tensor: tf.Tensor, axes: int) -> tf.Tensor:
    """Merge the first `axes` axes of a tensor into one."""
    if axes == 1:
        return tensor
    return tf.reshape(tensor, [-1, *shape_of(tensor)[axes:]])


def split_leading(tensor: tf.Tensor, sizes: Sequence[Any]) -> tf.Tensor:
    """Split the first axis of a tensor into axes of the given sizes; one of them may be -1."""
    return tf.reshape(tensor, [*sizes, *shape_of(tensor)[1:]])


def once(function: Function, *weights: tf.Tensor) -> Any:
    """Return a function of constant weights, computed now rather than in every run of the graph being traced."""
    if all(hasattr(weight, "numpy") for weight in weights):  # none of them symbolic
        with tf.init_scope():
            return function(*weights)
    return function(*weights)


def vjp(function: Function, inputs: Sequence[tf.Tensor], multipliers: Any) -> list[tf.Tensor]:
    """Return Jᵀm for each input of a function. Every backward rule is derived from its forward map in this way.

    For a linear map the result does not depend on `inputs`, and the traced graph drops the forward pass made here.

    Parameters
    ----------
    function : callable
        Takes the inputs, returns a tensor or a tuple of tensors.
    inputs : sequence of tf.Tensor, shape (rows, ...)
    multipliers : tf.Tensor or tuple, shape of the function's output
        None in a tuple stands for zeros.

    Returns
    -------
    list of tf.Tensor
        Shapes of the inputs; zeros for an input on which the output does not depend, or which is not a float.
    """
    inputs = [tf.identity(value) for value in inputs]  # one tensor that is given twice would get the sum, twice
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([value for value in inputs if value.dtype.is_floating])
        outputs = function(*inputs)
    if isinstance(multipliers, (tuple, list)):
        kept = [(y, m) for y, m in zip(outputs, multipliers, strict=True) if m is not None]
        outputs, multipliers = [y for y, _ in kept], [m for _, m in kept]
    gradients = tape.gradient(outputs, inputs, multipliers)
    return [tf.zeros_like(x) if g is None else tf.convert_to_tensor(g) for x, g in zip(inputs, gradients, strict=True)]


def jvp_of_transpose(transpose: Function, cotangent: tf.Tensor, direction: tf.Tensor) -> tf.Tensor:
    """Return A v if only m -> Aᵀm is available: the gradient of <Aᵀm, v> with respect to m.

    Parameters
    ----------
    transpose : callable
        The map m -> Aᵀm, linear in m.
    cotangent : tf.Tensor
        Any value in the domain of `transpose`; only its shape counts.
    direction : tf.Tensor
        v, shaped like Aᵀm.
    """
    return vjp(transpose, [cotangent], direction)[0]
