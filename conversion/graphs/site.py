"""The place at which an operation becomes layers, and the table of what each becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.graphs.operation import Depends, Operation, Value
from deeplift_tf.conversion.graphs.piece import Change, Piece, leaves_of, varying_inputs
from deeplift_tf.conversion.graphs.views import View, is_merged, plain_view, row_axis
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.graph import Edge
from deeplift_tf.layers.base import Layer

if TYPE_CHECKING:
    from deeplift_tf.conversion.graphs.walk import Walk


class Seen(NamedTuple):
    """A value of the graph as an edge of the network: how it looks there, and the sizes of the edge."""

    edge: Edge
    view: View
    sizes: tuple[int | None, ...]


Converter = Callable[["Site"], Edge]


class Entry(NamedTuple):
    """How an operation is converted.

    Attributes
    ----------
    converter : callable
    along_last : bool
        Whether it looks along the last axis alone, or unit by unit: then it does not matter how the others look.
    any_rows : bool
        Whether it may be given values whose rows do not come first.
    """

    converter: Converter
    along_last: bool
    any_rows: bool


TABLE: dict[str, Entry] = {}
"""What each operation becomes: filled by `families`."""


def converts(*kinds: str, along_last: bool = False, any_rows: bool = False) -> Callable[[Converter], Converter]:
    """Register how some operations are converted.

    Raises
    ------
    ValueError
        When one of them has a converter already.
    """

    def enter(converter: Converter) -> Converter:
        for kind in kinds:
            if kind in TABLE:
                raise ValueError(f"a converter of {kind!r} is registered already")
            TABLE[kind] = Entry(converter, along_last, any_rows)
        return converter

    return enter


class Site:
    """One operation, and the edges that it reads.

    Parameters
    ----------
    walk : Walk
    operation : Operation
    output : int
        Which of its outputs is made.
    seen : dict of Value to Seen
        Its inputs that vary, and the values whose sizes it reads.
    """

    def __init__(self, walk: Walk, operation: Operation, output: int, seen: dict[Value, Seen]) -> None:
        self.walk, self.operation, self.output, self.seen = walk, operation, output, seen
        self.dtype = walk.dtype
        self.inputs = operation.inputs

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape of the output in the graph."""
        return tuple(self.operation.specs[self.output].shape)

    def shape_of(self, index: int) -> tuple[int | None, ...]:
        """Shape of an input in the graph."""
        return tuple(self.inputs[index].spec.shape)

    def setting(self, name: str) -> Any:
        """Return an attribute of the operation."""
        return self.operation.setting(name)

    def edge(self, index: int = 0) -> Edge | None:
        """Return an input as an edge; None where it does not vary with the inputs of the model."""
        value = self.inputs[index]
        return self.seen[value].edge if value in self.seen and value.depends == Depends.INPUTS else None

    def array(self, index: int) -> np.ndarray | None:
        """Return an input that is the same for all rows; None where it varies."""
        return self.walk.array(self.inputs[index], self.operation)

    def constant(self, index: int) -> np.ndarray:
        """Return an input that has to be a constant.

        Raises
        ------
        UnsupportedLayerError
            Where it varies.
        """
        found = self.array(index)
        if found is None:
            raise UnsupportedLayerError(f"expected input {index} to be a constant; it depends on the model's inputs")
        return found

    def add(self, layer: Layer, *inputs: Edge, word: str = "") -> Edge:
        """Add a layer; a word tells it from the operation's result."""
        return self.walk.add(self.operation, layer, inputs, word)

    def weight(self, value: Any) -> tf.Tensor:
        """Return a constant in the dtype of the network."""
        return tf.constant(np.asarray(value), self.dtype)

    def sized(self) -> list[Value]:
        """Return the inputs that depend on sizes and are not the same for all."""
        known = self.walk.arrays_of(self.operation)
        return [value for value in self.inputs if value.depends == Depends.SIZES and value not in known]

    def reads_sizes(self) -> bool:
        """Whether one operand varies with the model's inputs, and another with their sizes alone."""
        return bool(self.sized()) and any(value.depends == Depends.INPUTS for value in self.inputs)

    def varying(self) -> list[Value]:
        """Return the inputs that vary, then the values whose sizes are read, each once."""
        direct = varying_inputs(self.operation)
        return list(dict.fromkeys([*direct, *leaves_of(self.sized(), set(direct))]))

    def piece(self, change: Change | None = None) -> tuple[Piece, list[Edge], tuple[int, ...]]:
        """Return the operation as a function, the edges that it takes, and which of them are sides.

        Raises
        ------
        UnsupportedLayerError
            Where the axis of rows is lost.
        """
        values = self.varying()
        place = row_axis(self.shape)
        if place is None:
            raise UnsupportedLayerError(f"mixes rows: expected an axis of rows in its output, {self.shape}")
        views = [(value, self.seen[value].view) for value in values]
        if any(is_merged(view) for value, view in views if value in self.inputs):
            raise UnsupportedLayerError("mixes rows: they are merged with another axis in its input")
        target = Value(self.operation, self.output)
        piece = Piece(self.walk.scratch, [target], views, self.walk.arrays_of(self.operation), place, change)
        direct = {value for value in varying_inputs(self.operation) if value.is_float}
        sides = tuple(index for index, value in enumerate(values) if value not in direct)
        return piece, [self.seen[value].edge for value in values], sides

    def first_axes_differ(self) -> bool:
        """Whether rows do not come first in an input, or in the output."""
        return row_axis(self.shape) != 0 or any(seen.view[:1] != ((0,),) for seen in self.seen.values())

    def has_constants(self) -> bool:
        """Whether constants of floats are among the inputs."""
        return any(value.is_float and value.depends != Depends.INPUTS for value in self.inputs)


def plain_seen(edge: Edge, shape: Sequence[int | None]) -> Seen:
    """Return an edge that looks as the graph's tensor does."""
    return Seen(edge, plain_view(len(shape)), tuple(shape))
