"""Targets of profile models: callables, as a scoring function takes them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import tensorflow as tf

from deeplift_tf.errors import TargetError


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


def head_of(target: str, shapes: Mapping[str, tuple[int | None, ...]]) -> str | None:
    """Return the output that "counts" or "profile" is about.

    Parameters
    ----------
    target : str
    shapes : mapping of str to tuple
        The outputs of a model, with their axis of rows.

    Returns
    -------
    str or None
        None where there is only one.

    Raises
    ------
    TargetError
        When it is not clear which.
    """
    if len(shapes) == 1:
        return None
    single = {
        name: None not in shape[1:] and math.prod(size or 0 for size in shape[1:]) == 1
        for name, shape in shapes.items()
    }
    fitting = [name for name, one in single.items() if one == (target == "counts")]
    named = [name for name in shapes if target.removesuffix("s") in name.lower()]
    for found in (fitting, named):
        if len(found) == 1:
            return found[0]
    raise TargetError(f"target {target!r}: unclear which output is meant; name one with --output: {', '.join(shapes)}")
