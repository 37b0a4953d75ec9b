"""Comparisons, logic and choices of values computed from floats; booleans are 0 and 1 here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.tf_graph.families.arithmetic import affine, check_ranks
from deeplift_tf.conversion.tf_graph.families.moving import MOVED, rearranged
from deeplift_tf.conversion.tf_graph.families.reducing import axes_of
from deeplift_tf.conversion.tf_graph.families.scalars import edge_in
from deeplift_tf.conversion.tf_graph.op_context import GATES, MOVING, OpContext, converts, jump
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.functional import MinFunction, Product, RoutingFunction
from deeplift_tf.layers.gates import Jump, Steps, Where
from deeplift_tf.layers.merging import Multiply
from deeplift_tf.layers.pooling import Max
from deeplift_tf.rules import secants

COMPARISONS: dict[str, Callable[[Any, Any], tf.Tensor]] = {
    "Equal": tf.equal,
    "Greater": tf.greater,
    "GreaterEqual": tf.greater_equal,
    "Less": tf.less,
    "LessEqual": tf.less_equal,
    "NotEqual": tf.not_equal,
}
CHECKS: dict[str, Callable[[Any], tf.Tensor]] = {
    "IsFinite": tf.math.is_finite,
    "IsInf": tf.math.is_inf,
    "IsNan": tf.math.is_nan,
}

GATES |= {*COMPARISONS, *CHECKS, "LogicalAnd", "LogicalOr", "LogicalNot", "Any", "All", "Select", "SelectV2"}
MOVING |= {*MOVED.split(), "ConcatV2", "GatherV2", "Pack", "Slice", "Split", "SplitV", "StridedSlice", "Tile"}


def steps(function: Callable[[tf.Tensor], tf.Tensor], name: str) -> Steps:
    """Return the layer of a truth value of each unit."""
    return Steps(secants.piecewise_constant(lambda x: tf.cast(function(x), x.dtype), name))


@converts(*COMPARISONS)
def compared(op: OpContext) -> Edge:
    """A step, of two values or of one at a constant."""
    compare, kind = COMPARISONS[op.operation.type], op.operation.type.lower()
    u, v = op.operand(0), op.operand(1)
    check_ranks(op, u, v)
    if isinstance(u, Edge) and isinstance(v, Edge):
        return op.add(Jump(lambda a, b: tf.cast(compare(a, b), a.dtype), by_unit=True), u, v)
    if isinstance(u, Edge):
        limit = op.weight(v)
        return op.add(steps(lambda x: compare(x, limit), kind), as_large(op, u, 0))
    assert isinstance(v, Edge)
    limit = op.weight(u)
    return op.add(steps(lambda x: compare(limit, x), kind), as_large(op, v, 1))


def as_large(op: OpContext, edge: Edge, index: int) -> Edge:
    """Return an input as large as the output: constants may be larger than the value that they are compared with."""
    if op.shape_of(index) == op.shape:
        return edge
    return affine(op, edge, 1.0, np.zeros([size or 1 for size in op.shape]), word="repeated", of=index)


@converts(*CHECKS)
def checked(op: OpContext) -> Edge:
    """Whether each unit is a number."""
    return op.add(steps(CHECKS[op.operation.type], op.operation.type.lower()), edge_in(op))


@converts("LogicalAnd")
def both(op: OpContext) -> Edge:
    """u·v, or u where a constant is true."""
    u, v = op.operand(0), op.operand(1)
    check_ranks(op, u, v)
    if isinstance(u, Edge) and isinstance(v, Edge):
        return op.add(Multiply(), u, v)
    return affine(op, u, v, 0.0) if isinstance(u, Edge) else affine(op, v, u, 0.0, of=1)  # type: ignore[arg-type]


@converts("LogicalOr")
def either(op: OpContext) -> Edge:
    """U + v − u·v, or u where a constant is false."""
    u, v = op.operand(0), op.operand(1)
    check_ranks(op, u, v)
    if isinstance(u, Edge) and isinstance(v, Edge):
        return op.add(Product(lambda a, b: a + b - a * b), u, v)
    edge, fixed = (u, v) if isinstance(u, Edge) else (v, u)
    known = np.asarray(fixed, float)
    return affine(op, edge, 1.0 - known, known, of=int(edge is v))  # type: ignore[arg-type]


@converts("LogicalNot")
def negated(op: OpContext) -> Edge:
    """1 − u."""
    return affine(op, edge_in(op), -1.0, 1.0)


@converts("Any")
def some(op: OpContext) -> Edge:
    """The largest of truth values."""
    axes = axes_of(op)
    return jump(op) if 0 in axes else op.add(Max(axes, bool(op.setting("keep_dims"))), edge_in(op))


@converts("All")
def every(op: OpContext) -> Edge:
    """The smallest of truth values."""
    axes, keep = axes_of(op), bool(op.setting("keep_dims"))
    if 0 in axes:
        return jump(op)
    return op.add(MinFunction(lambda x: tf.reduce_min(x, axes, keepdims=keep)), edge_in(op))


@converts("Select", "SelectV2", any_rows=True)
def where(op: OpContext) -> Edge:
    """One of two values: by a gate that is made of floats, or by a mask that is given."""
    if not op.walk.discrete(op.inputs[0]):
        return rearranged(op)
    gate, rank, own = edge_in(op), len(op.shape), len(op.shape_of(0))
    ranks = {len(op.shape_of(index)) for index in (1, 2) if op.array(index) is None}
    by_row = op.operation.type == "Select" and own == 1 < rank
    if op.first_axes_differ() or ranks > {rank} or (own != rank and not by_row):
        return jump(op)
    if by_row:
        gate = op.add(RoutingFunction(lambda x: tf.reshape(x, [-1, *[1] * (rank - 1)])), gate, word="gate")
    branches = [op.operand(1), op.operand(2)]
    fixed = [None if isinstance(each, Edge) else op.weight(each) for each in branches]
    return op.add(Where(*fixed), gate, *(each for each in branches if isinstance(each, Edge)))


@converts("Bitcast", "Bucketize")
def counted(op: OpContext) -> Edge:
    """An integer for each unit: the interval in which it lies, or its bits."""
    if op.shape != op.shape_of(0):
        return jump(op)
    subgraph, (edge,), _ = op.subgraph()
    return op.add(Steps(secants.piecewise_constant(subgraph, op.operation.type.lower())), edge)


@converts("FloorDiv", "FloorMod", "Mod", along_last=True)
def floored(op: OpContext) -> Edge:
    """⌊u/v⌋ and u − v·⌊u/v⌋: they jump, so their slope is the quotient of what lies between the ends."""
    subgraph, edges, _ = op.subgraph()
    if len(edges) > 1 or op.shape not in (op.shape_of(0), op.shape_of(1)):
        return jump(op)
    whole = op.operation.type == "FloorDiv"
    function = secants.piecewise_constant(subgraph, "floor") if whole else secants.quotient(subgraph)
    return op.add(Steps(function), edges[0])


@converts("TopK", "TopKV2")
def sorted_units(op: OpContext) -> Edge:
    """The largest units in order: those at the places of the largest, which are places of x and of the reference."""
    if op.output == 1:
        return jump(op)
    places = OpContext(op.walk, op.operation, 1, op.seen)
    subgraph, edges, sides = places.subgraph()
    rank = len(op.shape_of(0))
    found = op.add(Jump(float_valued(subgraph, op.dtype), sides, shared=rank - 1), *edges, word="places")

    def at(values: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
        return tf.gather(values, tf.cast(indices, tf.int32), batch_dims=rank - 1)

    return op.add(Jump(at, linear=(0,), shared=rank - 1), edges[0], found)


def float_valued(function: Callable[..., Any], dtype: tf.DType) -> Callable[..., tf.Tensor]:
    """Return a function of integers as one of floats."""
    return lambda *x: tf.cast(function(*x), dtype)
