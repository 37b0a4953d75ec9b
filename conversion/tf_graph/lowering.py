"""Lowering: turns every operation of an inlined graph into layers, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.builder.pending_node import DiscreteEdge, PendingNode
from deeplift_tf.conversion.readers.untrusted.errors import quoted
from deeplift_tf.conversion.tf_graph.codes import codes_in, weighed_in
from deeplift_tf.conversion.tf_graph.dilated import DilatedConvolution, dilated
from deeplift_tf.conversion.tf_graph.factors import Factors, factors_of
from deeplift_tf.conversion.tf_graph.fusion import UNIT_BY_UNIT, FusedRegion, Fusion
from deeplift_tf.conversion.tf_graph.import_op import value_places
from deeplift_tf.conversion.tf_graph.inlining import Inlining
from deeplift_tf.conversion.tf_graph.layout_changes import LOOKS
from deeplift_tf.conversion.tf_graph.layouts import is_merged, is_plain, order_of, row_axis, rows_at
from deeplift_tf.conversion.tf_graph.layouts import seen as tensor_seen
from deeplift_tf.conversion.tf_graph.loose import LOOSE, RESTORING, settled
from deeplift_tf.conversion.tf_graph.naming import Names
from deeplift_tf.conversion.tf_graph.op_context import GATES, TABLE, LayoutEdge, OpContext, is_linear, jump, plain_seen
from deeplift_tf.conversion.tf_graph.op_subgraph import OpSubgraph, check_derivative, leaves_of, varying_inputs
from deeplift_tf.conversion.tf_graph.operation import Depends, Operation, Value, everything
from deeplift_tf.conversion.tf_graph.shape_inference import PROBES
from deeplift_tf.conversion.tf_graph.tables import table_of
from deeplift_tf.conversion.tf_graph.windows import is_with_rows, on_merged_rows, rows_in_front
from deeplift_tf.errors import DeepLiftError, UnsupportedLayerError
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.functional import Product, RoutingFunction
from deeplift_tf.layers.merging import Multiply
from deeplift_tf.layers.non_differentiable import Embedding, NonDifferentiable
from deeplift_tf.layers.path import Path
from deeplift_tf.layers.reshaping import Permute

BROADCASTING = (UNIT_BY_UNIT | {"BatchMatMulV2", "BatchMatMulV3"}) - {"Select"}
"""Operations for which one row may stand for as many equal ones."""


class Lowering:
    """One walk: what is known of each value of the graph.

    Parameters
    ----------
    flat : Inlining
    outputs : sequence of Value
    edges : sequence of Edge
        What enters, for each input.
    names : Names
    """

    def __init__(self, flat: Inlining, outputs: Sequence[Value], edges: Sequence[Edge], names: Names) -> None:
        self.flat, self.outputs, self.scratch, self.dtype = flat, tuple(outputs), flat.scratch, flat.dtype
        self.names = names
        self.pending: list[PendingNode] = []
        self.problems: list[str] = []
        self.arrays: dict[Value, np.ndarray] = {}
        self.rows: dict[Value, np.ndarray] = {}
        self.fusing = Fusion(self.scratch)
        self.fused: dict[Operation, FusedRegion | DilatedConvolution | Factors | None] = {}
        self.reads: Counter[Value] = Counter()
        self.known = {
            value: plain_seen(edge, tuple(value.spec.shape)) for value, edge in zip(flat.inputs, edges, strict=True)
        }
        self.differing = {
            value
            for value, edge in zip(flat.inputs, edges, strict=True)
            if value.is_float or isinstance(edge, DiscreteEdge)
        }
        self.wanted: set[Value] = set()
        self.codes: set[Value] = set()
        self.weighed: set[Value] = set()
        self.deferred: dict[Value, str] = {}
        self.loose: set[Value] = set()
        self.edges: list[Edge] = []

    def run(self) -> None:
        """Convert all that the outputs need."""
        self.look(self.outputs)
        read = leaves_of([value for value in self.outputs if value.depends == Depends.SIZES], set())
        order = list(self.needed([*self.outputs, *read]))
        for operation in order:
            with self.noting(operation):
                self.convert(operation)
        for value in self.outputs:
            edge = Edge(value.operation.name)
            with self.noting(value.operation):
                edge = self.result(value)
            self.edges.append(edge)

    @contextmanager
    def noting(self, operation: Operation) -> Iterator[None]:
        """Note what stands in the way of an operation, so that the message lists all that does."""
        try:
            yield
        except UnsupportedLayerError as error:
            self.problem(operation, str(error))
        except DeepLiftError:
            raise
        except Exception as error:  # of TensorFlow or numpy, at settings that no converter expects
            self.problem(operation, quoted(error))

    def problem(self, operation: Operation, text: str) -> None:
        """Note an operation that cannot be converted; the walk goes on."""
        self.problems.append(f"{operation.name} ({operation.type}): {text}")
        for index, spec in enumerate(operation.specs):
            shape = spec.shape if spec.shape.rank is not None else [None]
            self.known[Value(operation, index)] = plain_seen(Edge(operation.name), tuple(shape))

    def result(self, value: Value) -> Edge:
        """Return an output of the model."""
        if value.depends == Depends.SIZES and row_axis(value.spec.shape) == 0:
            return self.sized(value)
        if value.depends != Depends.INPUTS:
            self.problems.append(f"{value.operation.name}: an output that does not depend on the inputs")
            return Edge(value.operation.name)
        if value in self.deferred:
            self.problems.append(self.deferred[value])
            return Edge(value.operation.name)
        edge = self.plain(value, value.operation).edge
        return DiscreteEdge(*edge) if self.discrete(value) else edge

    def sized(self, value: Value) -> Edge:
        """Add a value that depends on the sizes of the inputs alone, and so has no difference."""
        leaves = leaves_of([value], set())
        views = [(each, self.known[each].view) for each in leaves]
        subgraph = OpSubgraph(self.scratch, [value], views, self.arrays)
        return self.add(value.operation, NonDifferentiable(subgraph), [self.known[each].edge for each in leaves])

    def look(self, outputs: Sequence[Value]) -> None:
        """See every operation once, in order: its regions, its constants, and what depends on sizes."""
        every = list(everything(outputs))
        self.reads = Counter([*outputs, *(value for operation in every for value in operation.inputs)])
        self.codes, self.weighed = codes_in(every, outputs), weighed_in(every)
        for operation in every:
            self.fusing.see(operation)
            self.note(operation)
        read = [value for operation in every for value in operation.inputs if operation.depends == Depends.INPUTS]
        self.scratch.fold(value for value in read if value.depends == Depends.NOTHING)
        self.probe(dict.fromkeys(value for value in read if value.depends == Depends.SIZES))

    def note(self, operation: Operation) -> None:
        """Note which outputs of an operation can differ from the reference: those made of floats, unless given."""
        if operation.depends != Depends.INPUTS or self.is_padding_mask(operation):
            return
        differs = any(value in self.differing for value in operation.inputs)
        self.codes -= set() if not differs else {Value(operation)}
        for index, spec in enumerate(operation.specs):
            if Value(operation, index) in self.codes:
                continue
            made = spec.dtype.is_floating and operation.type != "Cast"  # of integers alone, such as rows of a table
            if made or (differs and (spec.dtype.is_floating or spec.dtype.is_integer or spec.dtype.is_bool)):
                self.differing.add(Value(operation, index))

    def is_padding_mask(self, operation: Operation) -> bool:
        """Whether an operation says which steps hold more than a value that stands for nothing, as Masking does.

        Such a mask is given: taken from x, and held for the reference.
        """
        if operation.type != "Any" or operation.inputs[0].operation.type != "NotEqual":
            return False
        compared, axis = operation.inputs[0].operation.inputs, operation.inputs[1]
        scalars = [each for each in compared if each.depends == Depends.NOTHING and each.spec.shape.rank == 0]
        if not scalars or axis.depends != Depends.NOTHING:
            return False
        last = operation.inputs[0].spec.shape.rank - 1
        return [int(each) % (last + 1) for each in np.atleast_1d(self.scratch.array(axis))] == [last]

    def discrete(self, value: Value) -> bool:
        """Whether a truth value or integer is a float in the network, since it is made of floats."""
        return not value.is_float and value in self.differing

    def probe(self, values: Iterable[Value]) -> None:
        """Find the values that depend on sizes only as far as they have as many equal rows as the inputs."""
        left = list(values)
        for value, few, many in zip(left, *(self.scratch.probed(left) or [[], []]), strict=False):
            if few.shape == many.shape and np.array_equal(few, many):
                self.arrays[value] = few
            elif has_equal_rows(few, many):
                self.rows[value] = few[:1]

    def arrays_of(self, operation: Operation) -> dict[Value, np.ndarray]:
        """Return what an operation may take for values that depend on sizes: one of equal rows where it repeats it."""
        alone = operation.type in BROADCASTING and not any(value in self.deferred for value in operation.inputs)
        return self.arrays | self.rows if alone else self.arrays

    def array(self, value: Value, operation: Operation) -> np.ndarray | None:
        """Return a value that is the same for all rows; None where it varies."""
        if value.depends == Depends.NOTHING:
            return self.scratch.array(value)
        return self.arrays_of(operation).get(value)

    def region(self, operation: Operation) -> FusedRegion | DilatedConvolution | Factors | None:
        """Return the layers of the region that ends in an operation."""
        if operation not in self.fused:
            known = dilated(operation, self.scratch) or self.fusing.found(operation)
            self.fused[operation] = known or factors_of(operation, self.reads, self.region)
        return self.fused[operation]

    def needs(self, operation: Operation) -> list[Value]:
        """Return the values that an operation is converted from."""
        region = self.region(operation)
        if isinstance(region, Factors):
            return list(dict.fromkeys(region.values))
        if region is not None:
            return [region.root]
        return self.varying(operation)

    def varying(self, operation: Operation) -> list[Value]:
        """Return the inputs of an operation that vary, then the values whose sizes are read, each once."""
        table = table_of(operation, self.scratch)
        if table is not None:
            return [table.tokens]
        direct = varying_inputs(operation)
        known = self.arrays_of(operation)
        sized = [value for value in operation.inputs if value.depends == Depends.SIZES and value not in known]
        found = list(dict.fromkeys([*direct, *leaves_of(sized, set(direct))]))
        if not any(value in self.deferred for value in found):
            return found
        return settled(operation.inputs, self.deferred, known)

    def needed(self, outputs: Sequence[Value]) -> Iterable[Operation]:
        """Return the operations to convert, each after what it needs."""
        left = [(value, False) for value in reversed(outputs) if value.depends == Depends.INPUTS]
        done: set[Operation] = set()
        self.wanted.update(outputs)
        while left:
            value, ready = left.pop()
            self.wanted.add(value)
            if value.operation in done or value in self.known:
                continue
            if ready:
                done.add(value.operation)
                yield value.operation
                continue
            left.append((value, True))
            left.extend((each, False) for each in reversed(self.needs(value.operation)))

    def add(self, operation: Operation, layer: Layer, inputs: Sequence[Edge], word: str = "") -> Edge:
        """Add a layer for an operation; the result goes by the operation's name."""
        name, owner = self.names.of(operation.name, word), self.names.owner(operation.name)
        self.pending.append(PendingNode(name, layer, tuple(inputs), owner, operation.type))
        return Edge(name)

    def convert(self, operation: Operation) -> None:
        """Add the layers of one operation."""
        region = self.region(operation)
        if isinstance(region, FusedRegion):
            self.known[Value(operation)] = self.fuse(operation, region)
            return
        if isinstance(region, Factors):
            self.multiply(operation, region)
            return
        if isinstance(region, DilatedConvolution):
            edge = self.plain(region.root, operation).edge
            for index, layer in enumerate(region.layers):
                edge = self.add(operation, layer, [edge], "" if index == len(region.layers) - 1 else "pad")
            self.known[Value(operation)] = plain_seen(edge, tuple(operation.specs[0].shape))
            return
        for index in range(len(operation.specs)):
            value = Value(operation, index)
            if index > 0 and value not in self.wanted:
                continue
            if value in self.codes:
                self.deferred[value] = f"{operation.name} ({operation.type}) makes floats of integers for a while"
                continue
            if self.discrete(value) and row_axis(value.spec.shape) is None:
                self.deferred[value] = f"{operation.name} ({operation.type}) makes one number of all rows"
                continue
            if not self.is_side(operation, index):
                self.known[value] = self.one(operation, index)
                continue
            try:
                self.known[value] = self.side(operation, index)
            except UnsupportedLayerError as error:
                self.deferred[value] = f"{operation.name} ({operation.type}): {error}"

    def fuse(self, operation: Operation, region: FusedRegion) -> LayoutEdge:
        """Add the layers of a region."""
        start = self.known[region.root]
        merged = not region.by_unit and is_with_rows(start)
        if merged:
            start = rows_in_front(self, operation, region)
        elif not region.by_unit:
            start = self.plain(region.root, operation)
        edge = start.edge
        for index, layer in enumerate(region.layers):
            edge = self.add(operation, layer, [edge], "" if index == len(region.layers) - 1 else region.name)
        if region.by_unit or merged:
            return start._replace(edge=edge)
        return plain_seen(edge, tuple(operation.specs[0].shape))

    def multiply(self, operation: Operation, region: Factors) -> None:
        """Add the product of several factors; two at a time where the layouts of their rows differ."""
        factors = [self.known[value] for value in region.values if value in self.known]
        views, sizes = {each.view for each in factors}, {each.sizes for each in factors}
        if len(factors) == len(region.values) and len(views) == 1 and (len(sizes) == 1 or is_plain(factors[0].view)):
            edge = self.add(operation, Multiply(), [each.edge for each in factors])
            shape = tuple(operation.specs[0].shape)
            self.known[Value(operation)] = (
                plain_seen(edge, shape) if is_plain(factors[0].view) else factors[0]._replace(edge=edge)
            )
            return
        for each in (*region.inner, operation):
            self.fused[each] = None
            self.convert(each)

    def one(self, operation: Operation, index: int) -> LayoutEdge:
        """Add the layers of one output of an operation; return how it looks."""
        varying = self.needs(operation)
        if operation.specs[index].dtype.is_complex:
            raise UnsupportedLayerError("expected floats; its result is complex")
        for value in varying_inputs(operation):
            if value in self.deferred and not self.leaps(operation, index):
                raise UnsupportedLayerError(f"reads a value that is not laid out row by row: {self.deferred[value]}")
        if operation.type in LOOKS:
            return LOOKS[operation.type](self, operation, index)
        if self.leaps(operation, index):
            op = self.op(operation, index, plain=True)
            return self.made(jump(op), op.shape)
        through_complex = any(value.spec.dtype.is_complex for value in operation.inputs)
        entry = None if through_complex else TABLE.get(operation.type)
        if entry is not None and entry.along_last:
            aligned = self.aligned(operation, {value: self.known[value] for value in varying})
            if aligned is not None:
                return aligned
        if any(is_with_rows(self.known[value]) for value in varying):
            return on_merged_rows(self, operation, index)
        op = self.op(operation, index, plain=entry is not None and self.first_rows(operation))
        if through_complex and is_linear(operation):
            subgraph, edges, sides = op.subgraph()
            return self.made(op.add(Product(subgraph, sides, degree=1), *edges), op.shape)
        edge = entry.converter(op) if entry is not None else self.path(op)
        return self.made(edge, op.shape)

    def is_side(self, operation: Operation, index: int) -> bool:
        """Whether an operation reads only values that have no difference, or makes one that has none."""
        inputs = [value for value in varying_inputs(operation) if value not in self.codes]
        numbers = any(value.is_float or self.discrete(value) for value in inputs)
        spec = operation.specs[index]
        return not spec.dtype.is_complex and not (
            numbers and (spec.dtype.is_floating or self.discrete(Value(operation, index)))
        )

    def is_loose(self, operation: Operation) -> bool:
        """Whether what an operation makes has a first axis that is not that of rows."""
        inherited = operation.type not in RESTORING and any(value in self.loose for value in operation.inputs)
        return inherited or operation.type in LOOSE

    def leaps(self, operation: Operation, index: int) -> bool:
        """Whether a discrete value chooses what an operation does, or meets values that are held at x."""
        inputs = varying_inputs(operation)
        discrete = [value for value in inputs if self.discrete(value)]
        if not discrete:
            return operation.type not in TABLE and not operation.specs[index].dtype.is_floating
        if operation.type in GATES:
            return any(not value.is_float and value not in self.differing for value in inputs)
        values = [operation.inputs[place] for place in value_places(operation.node)]
        return operation.type not in TABLE or not all(value.is_float or value in values for value in inputs)

    def made(self, edge: Edge, shape: tuple[int | None, ...]) -> LayoutEdge:
        """Return how the edge of a result looks, whose axis of rows is in front."""
        place = row_axis(shape)
        if place is None:
            raise UnsupportedLayerError(f"mixes rows: expected an axis of rows in its output, {shape}")
        sizes = (shape[place], *(size for axis, size in enumerate(shape) if axis != place))
        return LayoutEdge(edge, rows_at(place, len(shape)), sizes)

    def first_rows(self, operation: Operation) -> bool:
        """Whether the axis of rows comes first in all that goes in and out."""
        values = [value for value in self.needs(operation)]
        return all(self.known[value].view[0] == (0,) for value in values if self.known[value].view)

    def op(self, operation: Operation, index: int, plain: bool) -> OpContext:
        """Return the place of an operation, its inputs as the graph sees them where they have to be."""
        seen = {
            value: self.plain(value, operation) if plain else self.unmerged(value, operation)
            for value in self.needs(operation)
        }
        entry = TABLE.get(operation.type)
        if entry is not None and not entry.any_rows and not self.first_rows(operation):
            raise UnsupportedLayerError("expected the axis of rows to come first in its inputs")
        return OpContext(self, operation, index, seen)

    def unmerged(self, value: Value, operation: Operation) -> LayoutEdge:
        """Return a value whose rows are not merged with other axes."""
        seen = self.known[value]
        if is_merged(seen.view) and seen.view[0] == (0,):
            return self.plain(value, operation)
        if is_merged(seen.view) and value in operation.inputs:
            raise UnsupportedLayerError("mixes rows: they are merged with another axis in its input")
        return seen

    def plain(self, value: Value, operation: Operation) -> LayoutEdge:
        """Return a value as an edge that looks as the graph's tensor does."""
        seen = self.known[value]
        if is_plain(seen.view):
            return seen
        if seen.view[0] != (0,):
            raise UnsupportedLayerError("mixes rows: expected the axis of rows to come first, by itself")
        if is_merged(seen.view):
            layer: Layer = RoutingFunction(lambda x: tensor_seen(x, seen.view))
        else:
            layer = Permute(tuple(order_of(seen.view)))
        edge = self.add(operation, layer, [seen.edge], "order")
        self.known[value] = plain_seen(edge, tuple(value.spec.shape))
        return self.known[value]

    def aligned(self, operation: Operation, known: dict[Value, LayoutEdge]) -> LayoutEdge | None:
        """Convert an operation along the last axis in whatever form its inputs are; None where forms differ."""
        entry = TABLE.get(operation.type)
        forms, sizes = {each.view for each in known.values()}, {len(each.sizes) for each in known.values()}
        shapes = {tuple(value.spec.shape) for value in known}
        if entry is None or not entry.along_last:
            return None
        if len(forms) > 1 or len(sizes) > 1 or not forms:
            return None
        (view,) = forms
        if is_plain(view) or view[-1] != (max(order_of(view)),) or len(shapes) > 1:
            return None
        last = len(order_of(view)) - 1
        constants = [self.array(value, operation) for value in operation.inputs if value not in known]
        if "MatMul" in operation.type and not constants:
            return None
        behind = order_of(view) == list(range(last + 1)) and not is_merged(view[1:])  # constants stand there
        in_order = behind and tuple(operation.specs[0].shape) in shapes
        most = 2 if "MatMul" in operation.type else len(view) - 1 if in_order else 1
        if any(c is None or (c.size > 1 and c.ndim > most) for c in constants):
            return None
        seen = next(iter(known.values()))
        edge = entry.converter(OpContext(self, operation, 0, known))
        sizes_after = (*seen.sizes[:last], operation.specs[0].shape[-1])
        return LayoutEdge(edge, view, sizes_after)

    def side(self, operation: Operation, index: int) -> LayoutEdge:
        """Add an operation on values that have no difference, or whose result has none."""
        if self.is_loose(operation):
            self.loose.add(Value(operation, index))
            raise UnsupportedLayerError("what it makes has no axis of rows")
        op = self.op(operation, index, plain=False)
        subgraph, edges, _ = op.subgraph()
        result = Value(operation, index)
        tokens = result.is_float and any(
            result in self.weighed if value.spec.dtype == tf.bool else not value.is_float
            for value in self.needs(operation)
        )
        table = table_of(operation, self.scratch)
        layer = Embedding(subgraph, table and table.rows) if tokens else NonDifferentiable(subgraph)
        return self.made(self.add(operation, layer, edges), op.shape)

    def path(self, op: OpContext) -> Edge:
        """Add an operation that no table knows, along a path.

        Raises
        ------
        UnsupportedLayerError
            If TensorFlow has no derivative of it.
        """
        subgraph, edges, _ = op.subgraph()
        varying = op.varying()
        check_derivative(subgraph, [tf.TensorSpec(self.known[each].sizes, each.spec.dtype) for each in varying])
        edge = op.add(Path(subgraph), *edges)
        self.pending[-1].reason = f"{op.operation.type} has no exact rule"
        return edge


def has_equal_rows(few: np.ndarray, many: np.ndarray) -> bool:
    """Whether two values have as many rows as the inputs at each probe, all of them the same."""
    if not few.ndim or few.shape[1:] != many.shape[1:] or (len(few), len(many)) != (PROBES[0][0], PROBES[1][0]):
        return False
    return all(np.array_equal(row, few[0]) for row in (*few, *many))
