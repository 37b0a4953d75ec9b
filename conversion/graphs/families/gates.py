"""Comparisons, logic and choices of values that are made of floats: truth values are 0 and 1 there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf import slopes
from deeplift_tf.conversion.graphs.families.arithmetic import affine, check_ranks
from deeplift_tf.conversion.graphs.families.moving import MOVED, rearranged
from deeplift_tf.conversion.graphs.families.reducing import axes_of
from deeplift_tf.conversion.graphs.families.scalars import edge_in
from deeplift_tf.conversion.graphs.site import GATES, MOVING, Site, converts, jump
from deeplift_tf.graph import Edge
from deeplift_tf.layers.gates import Jump, Steps, Where
from deeplift_tf.layers.given import LeastChoice, Product, Rearrangement
from deeplift_tf.layers.merging import Multiply
from deeplift_tf.layers.pooling import Max

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
    return Steps(slopes.piecewise_constant(lambda x: tf.cast(function(x), x.dtype), name))


@converts(*COMPARISONS)
def compared(site: Site) -> Edge:
    """A step, of two values or of one at a constant."""
    compare, kind = COMPARISONS[site.operation.type], site.operation.type.lower()
    u, v = site.operand(0), site.operand(1)
    check_ranks(site, u, v)
    if isinstance(u, Edge) and isinstance(v, Edge):
        return site.add(Jump(lambda a, b: tf.cast(compare(a, b), a.dtype), by_unit=True), u, v)
    if isinstance(u, Edge):
        limit = site.weight(v)
        return site.add(steps(lambda x: compare(x, limit), kind), as_large(site, u, 0))
    assert isinstance(v, Edge)
    limit = site.weight(u)
    return site.add(steps(lambda x: compare(limit, x), kind), as_large(site, v, 1))


def as_large(site: Site, edge: Edge, index: int) -> Edge:
    """Return an input as large as the output: constants may be larger than the value that they are compared with."""
    if site.shape_of(index) == site.shape:
        return edge
    return affine(site, edge, 1.0, np.zeros([size or 1 for size in site.shape]), word="repeated", of=index)


@converts(*CHECKS)
def checked(site: Site) -> Edge:
    """Whether each unit is a number."""
    return site.add(steps(CHECKS[site.operation.type], site.operation.type.lower()), edge_in(site))


@converts("LogicalAnd")
def both(site: Site) -> Edge:
    """u·v, or u where a constant is true."""
    u, v = site.operand(0), site.operand(1)
    check_ranks(site, u, v)
    if isinstance(u, Edge) and isinstance(v, Edge):
        return site.add(Multiply(), u, v)
    return affine(site, u, v, 0.0) if isinstance(u, Edge) else affine(site, v, u, 0.0, of=1)  # type: ignore[arg-type]


@converts("LogicalOr")
def either(site: Site) -> Edge:
    """U + v − u·v, or u where a constant is false."""
    u, v = site.operand(0), site.operand(1)
    check_ranks(site, u, v)
    if isinstance(u, Edge) and isinstance(v, Edge):
        return site.add(Product(lambda a, b: a + b - a * b), u, v)
    edge, fixed = (u, v) if isinstance(u, Edge) else (v, u)
    known = np.asarray(fixed, float)
    return affine(site, edge, 1.0 - known, known, of=int(edge is v))  # type: ignore[arg-type]


@converts("LogicalNot")
def negated(site: Site) -> Edge:
    """1 − u."""
    return affine(site, edge_in(site), -1.0, 1.0)


@converts("Any")
def some(site: Site) -> Edge:
    """The largest of truth values."""
    axes = axes_of(site)
    return jump(site) if 0 in axes else site.add(Max(axes, bool(site.setting("keep_dims"))), edge_in(site))


@converts("All")
def every(site: Site) -> Edge:
    """The smallest of truth values."""
    axes, keep = axes_of(site), bool(site.setting("keep_dims"))
    if 0 in axes:
        return jump(site)
    return site.add(LeastChoice(lambda x: tf.reduce_min(x, axes, keepdims=keep)), edge_in(site))


@converts("Select", "SelectV2", any_rows=True)
def where(site: Site) -> Edge:
    """One of two values: by a gate that is made of floats, or by a mask that is given."""
    if not site.walk.discrete(site.inputs[0]):
        return rearranged(site)
    gate, rank, own = edge_in(site), len(site.shape), len(site.shape_of(0))
    ranks = {len(site.shape_of(index)) for index in (1, 2) if site.array(index) is None}
    by_row = site.operation.type == "Select" and own == 1 < rank
    if site.first_axes_differ() or ranks > {rank} or (own != rank and not by_row):
        return jump(site)
    if by_row:
        gate = site.add(Rearrangement(lambda x: tf.reshape(x, [-1, *[1] * (rank - 1)])), gate, word="gate")
    branches = [site.operand(1), site.operand(2)]
    fixed = [None if isinstance(each, Edge) else site.weight(each) for each in branches]
    return site.add(Where(*fixed), gate, *(each for each in branches if isinstance(each, Edge)))


@converts("Bitcast", "Bucketize")
def counted(site: Site) -> Edge:
    """An integer for each unit: the interval in which it lies, or its bits."""
    if site.shape != site.shape_of(0):
        return jump(site)
    piece, (edge,), _ = site.piece()
    return site.add(Steps(slopes.piecewise_constant(piece, site.operation.type.lower())), edge)


@converts("FloorDiv", "FloorMod", "Mod", along_last=True)
def floored(site: Site) -> Edge:
    """⌊u/v⌋ and u − v·⌊u/v⌋: they jump, so their slope is the quotient of what lies between the ends."""
    piece, edges, _ = site.piece()
    if len(edges) > 1 or site.shape not in (site.shape_of(0), site.shape_of(1)):
        return jump(site)
    whole = site.operation.type == "FloorDiv"
    function = slopes.piecewise_constant(piece, "floor") if whole else slopes.quotient(piece)
    return site.add(Steps(function), edges[0])


@converts("TopK", "TopKV2")
def sorted_units(site: Site) -> Edge:
    """The largest units in order: those at the places of the largest, which are places of x and of the reference."""
    if site.output == 1:
        return jump(site)
    places = Site(site.walk, site.operation, 1, site.seen)
    piece, edges, sides = places.piece()
    rank = len(site.shape_of(0))
    found = site.add(Jump(float_valued(piece, site.dtype), sides, shared=rank - 1), *edges, word="places")

    def at(values: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
        return tf.gather(values, tf.cast(indices, tf.int32), batch_dims=rank - 1)

    return site.add(Jump(at, linear=(0,), shared=rank - 1), edges[0], found)


def float_valued(function: Callable[..., Any], dtype: tf.DType) -> Callable[..., tf.Tensor]:
    """Return a function of integers as one of floats."""
    return lambda *x: tf.cast(function(*x), dtype)
