"""What a recurrent layer repeats, and how its sequences lie."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from deeplift_tf.graph.graph import Edge, Graph, Node


@dataclasses.dataclass(frozen=True, eq=False)
class Recurrence:
    """A cell and how it is repeated.

    Attributes
    ----------
    cell : Graph
        Inputs: a step of the sequence, then the states; outputs: the step's output, then the new states.
    initial : bool
        Whether initial states are among the layer's inputs, after the sequence; otherwise they are zero.
    masked : bool
        Whether the last input is a mask, shape (rows, time): if it is false, states and output do not change.
    zero_masked : bool
        Whether the output is zero there instead.
    backwards : bool
        Whether time runs from the end; outputs are in the order in which they are computed.
    sequences : bool
        Whether every step's output is returned, rather than the last.
    """

    cell: Graph
    initial: bool = False
    masked: bool = False
    zero_masked: bool = False
    backwards: bool = False
    sequences: bool = False

    @property
    def states(self) -> int:
        """Number of states."""
        return len(self.cell.inputs) - 1

    @property
    def ends(self) -> list[Edge]:
        """The cell's output and new states."""
        return list(self.cell.outputs.values())

    def sizes(self, edge: Edge) -> list[int]:
        """Return the shape of a value of the cell, without rows."""
        return list(self.cell.shape(edge)[1:])

    def parts(self) -> tuple[list[Node], list[Node], list[Edge]]:
        """Return the nodes that see the input alone, the others, and the values of the first that the others read."""
        known, input_nodes, loop_nodes = {self.cell.inputs[0].edge}, list[Node](), list[Node]()
        for node in self.cell.nodes:
            alone = bool(node.inputs) and known.issuperset(node.inputs)
            (input_nodes if alone else loop_nodes).append(node)
            known.update(node.outputs if alone else ())
        read = [edge for node in loop_nodes for edge in node.inputs] + self.ends
        return input_nodes, loop_nodes, [edge for edge in dict.fromkeys(read) if edge in known]

    def zeros(self, edge: Edge, rows: Any, dtype: tf.DType) -> tf.Tensor:
        """Return zeros shaped like rows of a value of the cell."""
        return tf.zeros([rows, *self.sizes(edge)], dtype)

    def in_order(self, sequence: tf.Tensor) -> tf.Tensor:
        """Return (rows, time, ...) as (time, rows, ...), in the order in which the cell sees it."""
        steps = swapped(sequence)
        return tf.reverse(steps, [0]) if self.backwards else steps


def swapped(sequence: tf.Tensor) -> tf.Tensor:
    """Return (rows, time, ...) as (time, rows, ...), or the other way round."""
    return tf.transpose(sequence, [1, 0, *range(2, sequence.shape.rank)])


def stacked(array: tf.TensorArray, sizes: Sequence[int]) -> tf.Tensor:
    """Return the steps of an array as (rows, time, ...)."""
    return swapped(tf.ensure_shape(array.stack(), [None, None, *sizes]))


def along(mask: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Return a mask of rows in a shape that broadcasts against values of these rows."""
    return tf.reshape(mask, [-1, *[1] * (values.shape.rank - 1)])


def axis_first(view: tf.Tensor, axis: int) -> tf.Tensor:
    """Return a view with one of its axes first."""
    others = [each for each in range(view.shape.rank) if each != axis]
    return tf.transpose(view, [axis, *others])
