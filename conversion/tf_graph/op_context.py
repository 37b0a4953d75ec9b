"""The operation context: handlers add layers through it; and the table of handlers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.tf_graph.fusion import UNIT_BY_UNIT
from deeplift_tf.conversion.tf_graph.import_op import value_places
from deeplift_tf.conversion.tf_graph.layouts import View, is_merged, plain_view, row_axis
from deeplift_tf.conversion.tf_graph.op_subgraph import Change, OpSubgraph, leaves_of, varying_inputs
from deeplift_tf.conversion.tf_graph.operation import Depends, Operation, Value
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.gates import Jump
from deeplift_tf.layers.non_differentiable import NonDifferentiable

if TYPE_CHECKING:
    from deeplift_tf.conversion.tf_graph.lowering import Lowering


class LayoutEdge(NamedTuple):
    """A value of the graph as an edge of the network: how it looks there, and the sizes of the edge."""

    edge: Edge
    view: View
    sizes: tuple[int | None, ...]


Converter = Callable[["OpContext"], Edge]


class OpConverter(NamedTuple):
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


TABLE: dict[str, OpConverter] = {}
"""What each operation becomes: filled by `families`."""

GATES: set[str] = set()
"""Operations of the table that take truth values and integers as floats: comparisons, logic, choices."""

MOVING: set[str] = set()
"""Operations of the table that move values to where discrete ones say."""

LOOKUPS = frozenset({"LookupTableFind", "LookupTableFindV2"})
"""Operations that look each unit up."""

LINEAR_OPERATIONS = """
    Add AddV2 Cast Complex ConcatV2 Conj ExpandDims FFT FFT2D FFT3D GatherV2 IFFT IFFT2D IFFT3D IRFFT IRFFT2D Identity
    Imag Neg Pack Pad RFFT RFFT2D Real Reshape ReverseV2 Roll Slice Split SplitV Squeeze StridedSlice Sub Sum Transpose
"""
LINEAR = frozenset(LINEAR_OPERATIONS.split())
"""Operations that are linear, of complex numbers too, in those inputs that are no settings."""

SORTING = frozenset({"TopK", "TopKV2"})
"""Operations along the last axis."""


def converts(*kinds: str, along_last: bool = False, any_rows: bool = False) -> Callable[[Converter], Converter]:
    """Register how some operations are converted.

    Raises
    ------
    ValueError
        If one of them has a converter already.
    """

    def enter(converter: Converter) -> Converter:
        for kind in kinds:
            if kind in TABLE:
                raise ValueError(f"a converter of {kind!r} is registered already")
            TABLE[kind] = OpConverter(converter, along_last, any_rows)
        return converter

    return enter


class OpContext:
    """One operation, and the edges that it reads.

    Parameters
    ----------
    walk : Lowering
    operation : Operation
    output : int
        Which of its outputs is made.
    seen : dict of Value to LayoutEdge
        Its inputs that vary, and the values whose sizes it reads.
    rows_first : bool, optional
        Of rows that are merged with another axis: whether they stand first there. None where they are by themselves.
    """

    def __init__(
        self,
        walk: Lowering,
        operation: Operation,
        output: int,
        seen: dict[Value, LayoutEdge],
        rows_first: bool | None = None,
    ) -> None:
        self.rows_first = rows_first
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
            If it varies.
        """
        found = self.array(index)
        if found is None:
            raise UnsupportedLayerError(f"expected input {index} to be a constant; it depends on the model's inputs")
        return found

    def operand(self, index: int) -> Edge | np.ndarray:
        """Return an input as an edge, or as an array where it is the same for all rows.

        What depends on the sizes of the inputs alone is an edge that has no difference.
        """
        edge, array, value = self.edge(index), self.array(index), self.inputs[index]
        if edge is not None:
            return edge
        if array is not None:
            return array
        leaves, rows = leaves_of([value], set()), row_axis(value.spec.shape)
        if rows is None:
            raise UnsupportedLayerError(f"mixes rows: expected an axis of rows in its input {index}")
        views = [(each, self.seen[each].view) for each in leaves]
        subgraph = OpSubgraph(self.walk.scratch, [value], views, self.walk.arrays_of(self.operation), rows)
        return self.add(NonDifferentiable(subgraph), *(self.seen[each].edge for each in leaves), word=f"sized_{index}")

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
        return self.walk.varying(self.operation)

    def subgraph(self, change: Change | None = None) -> tuple[OpSubgraph, list[Edge], tuple[int, ...]]:
        """Return the operation as a function, the edges that it takes, and which of them are sides.

        Raises
        ------
        UnsupportedLayerError
            If the axis of rows is lost.
        """
        values = self.varying()
        place = row_axis(self.shape)
        if place is None:
            raise UnsupportedLayerError(f"mixes rows: expected an axis of rows in its output, {self.shape}")
        views = [(value, self.seen[value].view) for value in values]
        if self.rows_first is None and any(is_merged(view) for value, view in views if value in self.inputs):
            raise UnsupportedLayerError("mixes rows: they are merged with another axis in its input")
        target = Value(self.operation, self.output)
        discrete = {value for value in (*values, target) if self.walk.discrete(value)}
        arrays = self.walk.arrays_of(self.operation)
        subgraph = OpSubgraph(self.walk.scratch, [target], views, arrays, place, change, discrete, self.rows_first)
        direct = {value for value in varying_inputs(self.operation) if value.is_float or value in discrete}
        sides = tuple(index for index, value in enumerate(values) if value not in direct)
        return subgraph, [self.seen[value].edge for value in values], sides

    def first_axes_differ(self) -> bool:
        """Whether rows do not come first in an input, or in the output."""
        return row_axis(self.shape) != 0 or any(seen.view[:1] != ((0,),) for seen in self.seen.values())

    def has_constants(self) -> bool:
        """Whether constants of floats are among the inputs."""
        return any(value.is_float and value.depends != Depends.INPUTS for value in self.inputs)


def is_linear(operation: Operation) -> bool:
    """Whether an operation is linear in the floats that the complex numbers in its inputs are made of."""
    left, done = [operation], set[Operation]()
    while left:
        one = left.pop()
        varying = [value for value in one.inputs if value.depends == Depends.INPUTS]
        numbers = all(value.spec.dtype.is_complex or value.is_float for value in varying)
        alone = len([value for value in one.inputs if value.depends != Depends.NOTHING]) == 1
        divided = one.type == "RealDiv" and varying == [one.inputs[0]]
        scaled = alone and (divided or one.type in ("BatchMatMulV2", "MatMul", "Mul"))
        if not numbers or not (one.type in LINEAR or scaled):
            return False
        done.add(one)
        further = [value.operation for value in varying if value.spec.dtype.is_complex]
        left.extend(each for each in further if each not in done)
    return True


def jump(op: OpContext) -> Edge:
    """Add an operation that leaps where a discrete value does, as a function of which that alone is known.

    Values that are moved by the discrete ones enter linearly.
    """
    subgraph, edges, sides = op.subgraph()
    values = op.varying()
    moved = [op.inputs[place] for place in value_places(op.operation.node)] if op.operation.type in MOVING else []
    linear = tuple(index for index, value in enumerate(values) if value in moved and value.is_float)
    leaping = [value for index, value in enumerate(values) if index not in linear and index not in sides]
    if not leaping:
        raise UnsupportedLayerError("expected a value that can differ from the reference among its inputs")
    by_unit = op.operation.type in UNIT_BY_UNIT | LOOKUPS and not op.first_axes_differ()
    return op.add(Jump(subgraph, sides, linear, shared_axes(op, leaping), by_unit and fits(op, values)), *edges)


def fits(op: OpContext, values: Sequence[Value]) -> bool:
    """Whether values have as many axes as the output, so that they broadcast with rows in front."""
    return all(value.spec.shape.rank == len(op.shape) for value in values)


def shared_axes(op: OpContext, values: Sequence[Value]) -> int:
    """Return how many leading axes of the output are those of some values, place by place."""
    if op.first_axes_differ():
        return 1
    kind, shape, ranks = op.operation.type, op.shape, {value.spec.shape.rank for value in values}
    if kind in ("ArgMax", "ArgMin"):
        return max(1, int(op.constant(1)) % len(op.shape_of(0)))
    if kind in SORTING:
        return max(1, len(shape) - 1)
    if kind == "OneHot" and int(op.setting("axis")) in (-1, len(shape) - 1):
        return len(shape) - 1
    if kind == "GatherV2" and values == [op.inputs[1]]:
        axis, rows = op.array(2), int(op.setting("batch_dims") or 0)
        along = None if axis is None else int(axis) % len(op.shape_of(0))
        return (ranks.pop() or 1) if along == rows else max(1, rows)
    return 1


def plain_seen(edge: Edge, shape: Sequence[int | None]) -> LayoutEdge:
    """Return an edge that looks as the graph's tensor does."""
    return LayoutEdge(edge, plain_view(len(shape)), tuple(shape))
