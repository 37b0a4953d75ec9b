"""Arithmetic of values with each other and with constants."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.tf_graph.families.moving import rearranged
from deeplift_tf.conversion.tf_graph.families.scalars import apply, edge_in
from deeplift_tf.conversion.tf_graph.op_context import OpContext, converts
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.functional import BinaryFunction, Product, RoutingFunction
from deeplift_tf.layers.merging import Add, Largest, Multiply, Smallest, Subtract
from deeplift_tf.layers.normalization import Scale
from deeplift_tf.layers.quotients import Quotient
from deeplift_tf.rules import secants

POWERS = {2.0: secants.square, 0.5: secants.sqrt, -0.5: secants.rsqrt, -1.0: secants.reciprocal}


def operands(op: OpContext) -> list[Edge | np.ndarray]:
    """Return both operands: an edge for a value that varies, an array for one that does not.

    Raises
    ------
    UnsupportedLayerError
        If rows of one would meet another axis of the other.
    """
    found: list[Edge | np.ndarray] = []
    for index in (0, 1):
        edge = op.edge(index)
        found.append(op.constant(index) if edge is None else edge)
    check_ranks(op, *found)
    return found


def check_ranks(op: OpContext, *operands: Edge | np.ndarray) -> None:
    """Refuse operands of which the rows of one would meet another axis of the other.

    Raises
    ------
    UnsupportedLayerError
    """
    ranks = {len(op.shape_of(index)) for index, each in enumerate(operands) if isinstance(each, Edge)}
    if len(ranks) > 1:
        raise UnsupportedLayerError(f"expected operands with as many axes; found {op.shape_of(0)}, {op.shape_of(1)}")


def affine(op: OpContext, edge: Edge, scale: Any, shift: Any, word: str = "", of: int | None = None) -> Edge:
    """Add a·x + b; where constants are larger than the value, the operation's input `of`, it is repeated."""
    index = of if of is not None else int(op.edge(0) is None)
    if op.shape_of(index) != op.shape:
        before = op.shape_of(index)
        tail = [size or 1 if old == 1 else 1 for old, size in zip(before[1:], op.shape[1:], strict=False)]
        if len(before) != len(op.shape):
            raise UnsupportedLayerError(f"expected a constant that fits {before}; made {op.shape}")
        edge = op.add(RoutingFunction(lambda x: x + np.zeros(tail, x.dtype.as_numpy_dtype)), edge, word="repeated")
    return op.add(Scale(op.weight(scale), op.weight(shift)), edge, word=word)


def weighed(op: OpContext) -> Edge:
    """Add an operation that is affine in its one value; the sizes of the input say by which weights, of any sign."""
    subgraph, edges, sides = op.subgraph()
    return op.add(Product(subgraph, sides), *edges)


@converts("Add", "AddV2", along_last=True)
def add(op: OpContext) -> Edge:
    """U + v, or u + c."""
    if op.reads_sizes():
        return rearranged(op)
    u, v = operands(op)
    if isinstance(u, Edge) and isinstance(v, Edge):
        return op.add(Add(), u, v)
    return affine(op, u, 1.0, v) if isinstance(u, Edge) else affine(op, v, 1.0, u)  # type: ignore[arg-type]


@converts("BiasAdd", along_last=True)
def bias_add(op: OpContext) -> Edge:
    """A bias for each channel, the last axis or the one after rows."""
    bias = op.constant(1)
    if op.setting("data_format") == "NCHW":
        bias = bias.reshape([-1] + [1] * (len(op.shape) - 2))
    return op.add(Scale(op.weight(1.0), op.weight(bias)), edge_in(op))


@converts("AddN", along_last=True)
def add_n(op: OpContext) -> Edge:
    """The sum of values."""
    edges = [op.edge(index) for index in range(len(op.inputs))]
    total = op.add(Add(), *(edge for edge in edges if edge is not None))
    constants = [op.constant(index) for index, edge in enumerate(edges) if edge is None]
    return op.add(Scale(op.weight(1.0), op.weight(sum(constants))), total) if constants else total


@converts("Sub", along_last=True)
def subtract(op: OpContext) -> Edge:
    """U − v, u − c, or c − v."""
    if op.reads_sizes():
        return rearranged(op) if op.edge(0) is not None else weighed(op)
    u, v = operands(op)
    if isinstance(u, Edge):
        return op.add(Subtract(), u, v) if isinstance(v, Edge) else affine(op, u, 1.0, -v)
    return affine(op, v, -1.0, u)  # type: ignore[arg-type]


@converts("Neg", along_last=True)
def negative(op: OpContext) -> Edge:
    """−x."""
    return affine(op, edge_in(op), -1.0, 0.0)


@converts("Mul", along_last=True)
def multiply(op: OpContext) -> Edge:
    """u·v, or u·c."""
    if op.inputs[0] == op.inputs[1]:
        return apply(op, secants.square(), edge_in(op))
    if op.reads_sizes():
        return weighed(op)
    u, v = operands(op)
    if isinstance(u, Edge) and isinstance(v, Edge):
        return op.add(Multiply(), u, v)
    return affine(op, u, v, 0.0) if isinstance(u, Edge) else affine(op, v, u, 0.0)  # type: ignore[arg-type]


@converts("RealDiv", "Div", along_last=True)
def divide(op: OpContext) -> Edge:
    """U/v, u/c, or c·(1/v)."""
    if op.reads_sizes() and op.edge(0) is not None:
        return weighed(op)
    u, v = operands(op)
    if not isinstance(v, Edge):
        return affine(op, u, 1.0 / v, 0.0)  # type: ignore[arg-type]
    if isinstance(u, Edge):
        return op.add(Quotient(tf.math.divide), u, v)
    return affine(op, apply(op, secants.reciprocal(), v, partial=True, word="reciprocal"), u, 0.0)


@converts("SquaredDifference", along_last=True)
def squared_difference(op: OpContext) -> Edge:
    """(u − v)²."""
    return apply(op, secants.square(), subtract_within(op))


def subtract_within(op: OpContext) -> Edge:
    """Add u − v on the way to something else."""
    u, v = operands(op)
    if isinstance(u, Edge):
        if isinstance(v, Edge):
            return op.add(Subtract(), u, v, word="difference")
        return affine(op, u, 1.0, -v, word="difference")
    return affine(op, v, -1.0, u, word="difference")  # type: ignore[arg-type]


@converts("Pow", along_last=True)
def power(op: OpContext) -> Edge:
    """x^c by its slope; c^x and u^v as exponentials; an array of exponents by quotients, as x may be negative."""
    u, v = operands(op)
    if isinstance(u, Edge) and not isinstance(v, Edge) and v.size > 1:
        return of_one_value(op)
    if not isinstance(u, Edge):
        exponent = affine(op, v, np.log(u), 0.0, word="exponent")  # type: ignore[arg-type]
    elif isinstance(v, Edge):
        logarithm = apply(op, secants.log(), u, partial=True, word="log")
        exponent = op.add(Multiply(), logarithm, v, word="exponent")
    else:
        number = float(v.ravel()[0])
        function = POWERS[number]() if number in POWERS else secants.power(number)
        return apply(op, function, u, partial=number != 2.0)
    return apply(op, secants.exponential(), exponent)


@converts("Maximum", "Minimum", along_last=True)
def extreme(op: OpContext) -> Edge:
    """The larger or smaller of two; for an array max(x, c) = c + relu(x − c), min(x, c) = c − relu(c − x)."""
    u, v = operands(op)
    larger = op.operation.type == "Maximum"
    if isinstance(u, Edge) and isinstance(v, Edge):
        return op.add(Largest() if larger else Smallest(), u, v)
    value, limit = (u, v) if isinstance(u, Edge) else (v, u)
    if limit.size == 1:  # type: ignore[union-attr]
        return apply(op, one_sided(op, float(limit.ravel()[0]), larger), value)  # type: ignore[arg-type, union-attr]
    sign = 1.0 if larger else -1.0
    above = affine(op, value, sign, -sign * limit, word="above")  # type: ignore[arg-type, operator]
    return affine(op, apply(op, secants.relu(), above, word="relu"), sign, limit)


def one_sided(op: OpContext, limit: float, larger: bool) -> secants.Function:
    """Return max(x, limit) or min(x, limit), which a large limit does not round: −1e9 + relu(x + 1e9) would be."""
    if larger and limit == 0:
        return secants.relu()
    lowest, highest = op.dtype.min / 4, op.dtype.max / 4  # of which slopes can take differences
    return secants.clip(max(limit, lowest), np.inf) if larger else secants.clip(-np.inf, min(limit, highest))


@converts("ClipByValue")
def clip(op: OpContext) -> Edge:
    """Between two numbers."""
    low, high = op.constant(1), op.constant(2)
    if low.size > 1 or high.size > 1:
        raise UnsupportedLayerError("expected one number for each limit")
    return apply(op, secants.clip(float(low.ravel()[0]), float(high.ravel()[0])), edge_in(op))


DEFINED_AT_ZERO = frozenset(["DivNoNan", "MulNoNan", "Xdivy", "Xlog1py", "Xlogy", "Atan2"])


@converts(*DEFINED_AT_ZERO, "Igamma", "Zeta")
def of_one_value(op: OpContext) -> Edge:
    """A scalar function where one operand is a constant; of two values by its corners, where zeros have a value."""
    subgraph, edges, sides = op.subgraph()
    same_rank = len(op.shape_of(0)) == len(op.shape_of(1))
    if len(edges) == 2 and not sides and same_rank and op.operation.type in DEFINED_AT_ZERO:
        return op.add((Quotient if op.operation.type == "DivNoNan" else BinaryFunction)(subgraph), *edges)
    if len(edges) > 1 or op.shape not in (op.shape_of(0), op.shape_of(1)):
        return op.walk.path(op)
    return apply(op, secants.quotient(subgraph), edges[0])
