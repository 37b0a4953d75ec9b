"""Layers that move units, all of them Routing."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from deeplift_tf.layers.base import Step
from deeplift_tf.layers.kinds import Routing
from deeplift_tf.rules.multipliers import Multipliers
from deeplift_tf.rules.tensors import once, shape_of


class Identity(Routing):
    """y = x: dropout, noise and whatever else does nothing at inference."""

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return x."""
        return tf.identity(inputs[0])


@dataclasses.dataclass(frozen=True, eq=False)
class Reshape(Routing):
    """Units in another shape, row by row.

    Attributes
    ----------
    shape : tuple of int
        Without the axis of rows; one size may be -1.
    """

    shape: tuple[int, ...]

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return x reshaped."""
        return tf.reshape(inputs[0], [shape_of(inputs[0])[0], *self.shape])


@dataclasses.dataclass(frozen=True, eq=False)
class Permute(Routing):
    """Axes in another order.

    Attributes
    ----------
    axes : tuple of int
        For each axis of the output the axis of the input, that of rows included.
    """

    axes: tuple[int, ...]

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return x transposed."""
        return tf.transpose(inputs[0], self.axes)


@dataclasses.dataclass(frozen=True, eq=False)
class Pad(Routing):
    """Zeros around the units.

    Attributes
    ----------
    amounts : tuple of (int, int)
        Before and after, for each axis, that of rows included.
    """

    amounts: tuple[tuple[int, int], ...]

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return x padded."""
        return tf.pad(inputs[0], self.amounts)


@dataclasses.dataclass(frozen=True, eq=False)
class Crop(Routing):
    """Units at the edges left out.

    Attributes
    ----------
    amounts : tuple of (int, int)
        Before and after, for each axis, that of rows included.
    """

    amounts: tuple[tuple[int, int], ...]

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return x cropped."""
        (x,) = inputs
        return x[tuple(slice(before, -after or None) for before, after in self.amounts)]

    def transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        """Return the multipliers with zeros at the edges: far cheaper than the derivative of slicing."""
        return [tf.pad(multipliers, self.amounts)]


@dataclasses.dataclass(frozen=True, eq=False)
class Split(Routing):
    """The parts of a value along one axis; an output for each.

    Attributes
    ----------
    axis : int
        That of rows counted.
    sizes : tuple of int
        Of the parts.
    """

    axis: int
    sizes: tuple[int, ...]

    def linear(self, *inputs: tf.Tensor) -> Any:
        """Return the parts."""
        return tuple(tf.split(inputs[0], self.sizes, self.axis))

    def spread(self, step: Step) -> tuple[tf.Tensor, ...]:
        """Return the parts of the spread."""
        return self.linear(step.rows.merge_pairs(step.inputs[0].size))

    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Multipliers]:
        """Return the multipliers of the parts side by side; zeros where none arrive."""
        arrived = next(m for m in multipliers if m is not None)
        sizes, kind = shape_of(arrived.mean), arrived.mean.dtype
        shapes = [[*sizes[: self.axis], size, *sizes[self.axis + 1 :]] for size in self.sizes]

        def joined(parts: Sequence[tf.Tensor | None]) -> tf.Tensor:
            known = zip(shapes, parts, strict=True)
            return tf.concat([tf.zeros(shape, kind) if m is None else m for shape, m in known], self.axis)

        halves = [None if m is None else m.half_difference for m in multipliers]
        mean = joined([None if m is None else m.mean for m in multipliers])
        return [Multipliers(mean, None if all(half is None for half in halves) else joined(halves))]


@dataclasses.dataclass(frozen=True, eq=False)
class Repeat(Routing):
    """Every unit several times along some axes: RepeatVector and nearest-neighbour upsampling.

    Attributes
    ----------
    repeats : tuple of int
        For each axis, that of rows included.
    """

    repeats: tuple[int, ...]

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return x repeated."""
        (x,) = inputs
        for axis, times in enumerate(self.repeats):
            x = x if times == 1 else tf.repeat(x, times, axis)
        return x


@dataclasses.dataclass(frozen=True, eq=False)
class ExpandAxis(Routing):
    """A new axis of size one.

    Attributes
    ----------
    axis : int
        Its place in the output.
    """

    axis: int

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return x with the axis."""
        return tf.expand_dims(inputs[0], self.axis)


@dataclasses.dataclass(frozen=True, eq=False)
class AxisMaps(Routing):
    """One matrix for each of some axes: interpolated upsampling, resizing, adaptive average pooling.

    Attributes
    ----------
    axes : tuple of int
    matrices : tuple of tf.Tensor, shape (output size, input size)
    """

    axes: tuple[int, ...]
    matrices: tuple[tf.Tensor, ...]

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return x with each axis multiplied by its matrix."""
        (x,) = inputs
        for axis, matrix in zip(self.axes, self.matrices, strict=True):
            last = x.shape.rank - 1
            order = list(range(x.shape.rank))
            order[axis], order[last] = last, axis
            columns = once(tf.transpose, matrix)
            x = tf.transpose(tf.tensordot(tf.transpose(x, order), columns, [[last], [0]]), order)
        return x

    def magnitude(self) -> AxisMaps:
        """Return the map by the absolute matrices: |A ⊗ B| = |A| ⊗ |B|."""
        return dataclasses.replace(self, matrices=tuple(once(tf.abs, matrix) for matrix in self.matrices))
