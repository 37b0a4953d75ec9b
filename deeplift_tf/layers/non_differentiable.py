"""Values without a difference: masks, indices, tokens, and what is computed from them alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from deeplift_tf.layers.base import Layer, Step
from deeplift_tf.rules.multipliers import Difference, Multipliers, Pairing


def all_pairs(value: Difference, rows: Pairing) -> tf.Tensor:
    """Return x as a view of pairs, shape (N, R, ...), whether it was viewed once for each example or for each pair."""
    if rows.references is None:
        return value.x
    sizes = tf.shape(value.x)
    return tf.broadcast_to(value.x, tf.concat([sizes[:1], [rows.references], sizes[2:]], 0))


def side_rows(value: Difference, rows: Pairing) -> tf.Tensor:
    """Return x once for each row of the multipliers: how a mask or an index enters a backward pass."""
    return rows.repeat(all_pairs(value, rows))


@dataclasses.dataclass(frozen=True, eq=False)
class NonDifferentiable(Layer):
    """A function of tokens, masks or indices. Nothing is sent back through it.

    Integers and booleans are taken from x and held for the reference too. Floats that are made from tokens alone, such
    as an embedding, differ from those of the reference where the tokens do.

    Attributes
    ----------
    function : callable
        Takes tensors of shape (rows, ...).
    """

    kind = "NonDifferentiable"
    function: Callable[..., Any]

    def forward(self, *inputs: tf.Tensor) -> Any:
        """Return the values."""
        return self.function(*inputs)

    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Any]:
        """Return nothing for any input."""
        return [None] * len(step.inputs)


@dataclasses.dataclass(frozen=True, eq=False)
class Embedding(NonDifferentiable):
    """A row of a table for each token: where the scores of a model of tokens live, since integers have no difference.

    Attributes
    ----------
    function : callable
        tokens -> rows of the table.
    size : int or None
        How many rows the table has, if there is one: tokens are from 0 to size - 1.
    """

    kind = "Embedding"
    size: int | None = None
