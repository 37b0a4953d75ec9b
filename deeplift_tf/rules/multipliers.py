"""Differences, multipliers, and the pairing of their rows: what travels forward and back through a network."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from deeplift_tf.rules.tensors import merge_leading, shape_of, split_leading


class Multipliers(NamedTuple):
    """The multipliers of positive and negative differences, m± = m̄ ± d.

    Attributes
    ----------
    mean : tf.Tensor, shape (rows, ...)
        m̄.
    half_difference : tf.Tensor or None, shape (rows, ...)
        d; None means zero, and then nothing is computed for it.
    """

    mean: tf.Tensor
    half_difference: tf.Tensor | None = None

    def plus(self, other: Multipliers | None) -> Multipliers:
        """Add the multipliers that another consumer of the same value sends."""
        if other is None:
            return self
        halves = [d for d in (self.half_difference, other.half_difference) if d is not None]
        return Multipliers(self.mean + other.mean, tf.add_n(halves) if halves else None)

    def finite(self) -> Multipliers:
        """Return zeros in place of infinity and NaN, such as 0·∞ behind a branch that is not chosen."""
        mean, half = (None if m is None else tf.where(tf.math.is_finite(m), m, tf.zeros_like(m)) for m in self)
        assert mean is not None
        return Multipliers(mean, half)


class Pairing(NamedTuple):
    """How rows pair up: N examples, each against R references, for K targets.

    Tensors travel with one leading axis, so that every layer sees ordinary batches: x has N rows, the references R
    (shared by all examples) or N·R, differences and spreads N·R, multipliers K·N·R, targets outermost. The views
    below split that axis so that all of them broadcast against one another without being tiled.

    Attributes
    ----------
    references : int, tf.Tensor or None
        R; None if every example has one reference; then no axis is split off for it.
    targets : int, tf.Tensor or None
        K; None for a single target.
    """

    references: Any = None
    targets: Any = None

    def example(self, x: tf.Tensor) -> tf.Tensor:
        """View rows of x, shape (N, ...), as (N, 1, ...)."""
        return x if self.references is None else tf.expand_dims(x, 1)

    def pair(self, tensor: tf.Tensor) -> tf.Tensor:
        """View rows of references or differences, shape (N·R, ...) or (R, ...), as (N or 1, R, ...)."""
        return tensor if self.references is None else split_leading(tensor, [-1, self.references])

    def target(self, multipliers: tf.Tensor) -> tf.Tensor:
        """View rows of multipliers, shape (K·N·R, ...), as (K, N, R, ...); absent axes stay absent."""
        if self.targets is None:
            return self.pair(multipliers)
        tail = [-1] if self.references is None else [-1, self.references]
        return split_leading(multipliers, [self.targets, *tail])

    def merge_pairs(self, view: tf.Tensor) -> tf.Tensor:
        """Undo `pair`."""
        return merge_leading(view, 1 if self.references is None else 2)

    def merge_targets(self, view: tf.Tensor) -> tf.Tensor:
        """Undo `target`."""
        return merge_leading(view, 1 + (self.references is not None) + (self.targets is not None))

    def repeat(self, view: tf.Tensor) -> tf.Tensor:
        """Turn a view of pairs, shape (N, R, ...), into one row for each row of the multipliers."""
        if self.targets is None:
            return self.merge_pairs(view)
        return self.merge_targets(tf.broadcast_to(view, [self.targets, *shape_of(view)]))

    def template(self, view: tf.Tensor, multipliers: tf.Tensor) -> tf.Tensor:
        """Return a tensor with the rows of the multipliers and the further axes of a view; its values do not count."""
        if self.references is None and self.targets is None:
            return view
        tail = shape_of(view)[1 + (self.references is not None) :]
        return tf.zeros([shape_of(multipliers)[0], *tail], view.dtype)


class Difference(NamedTuple):
    """A value and its reference, as views that broadcast against each other.

    Attributes
    ----------
    x, reference : tf.Tensor, shape (N, ...) or (N, 1, ...); (N or 1, ...) or (N or 1, R, ...)
    spread : tf.Tensor or None, shape (N, ...) or (N, R, ...)
        s = Δx⁺ − Δx⁻; None means |Δx|.
    """

    x: tf.Tensor
    reference: tf.Tensor
    spread: tf.Tensor | None = None

    @property
    def delta(self) -> tf.Tensor:
        """Δx = x − x⁰."""
        return self.x - self.reference

    @property
    def size(self) -> tf.Tensor:
        """The spread s; |Δx| if none was carried."""
        return tf.abs(self.delta) if self.spread is None else self.spread

    @property
    def parts(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Δx⁺ and −Δx⁻, neither of them negative after rounding."""
        delta = self.delta
        if self.spread is None:
            return tf.nn.relu(delta), tf.nn.relu(-delta)
        return tf.nn.relu(self.spread + delta) / 2, tf.nn.relu(self.spread - delta) / 2

    def local(self, rows: Pairing) -> Difference:
        """Return the same value with x⁰ := x, as a rule without a reference sees it."""
        if self.x is self.reference:
            return Difference(self.x, self.x)  # as it is inside of a layer that sees it so itself
        x = self.x if rows.references is None else tf.repeat(self.x, rows.references, axis=1)
        return Difference(x, x)


def collapse(multipliers: Multipliers, delta: tf.Tensor, rows: Pairing) -> tf.Tensor:
    """Return m̂ = m̄ + sign(Δ)·d, the one multiplier of a value that carries no spread.

    Parameters
    ----------
    multipliers : Multipliers, shape (K·N·R, ...)
    delta : tf.Tensor, shape (N, R, ...), a view of pairs
    rows : Pairing

    Returns
    -------
    tf.Tensor, shape (K·N·R, ...)
    """
    if multipliers.half_difference is None:
        return multipliers.mean
    view = rows.target(multipliers.mean) + tf.sign(delta) * rows.target(multipliers.half_difference)
    return rows.merge_targets(view)
