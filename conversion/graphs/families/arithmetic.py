"""Arithmetic of values with one another and with constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from deeplift_tf import slopes
from deeplift_tf.conversion.graphs.families.moving import rearranged
from deeplift_tf.conversion.graphs.families.scalars import apply, edge_in
from deeplift_tf.conversion.graphs.site import Site, converts
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.graph import Edge
from deeplift_tf.layers.given import OfTwo, Product, Rearrangement
from deeplift_tf.layers.merging import Add, Largest, Multiply, Smallest, Subtract
from deeplift_tf.layers.normalization import Scale

POWERS = {2.0: slopes.square, 0.5: slopes.sqrt, -0.5: slopes.rsqrt, -1.0: slopes.reciprocal}


def operands(site: Site) -> list[Edge | np.ndarray]:
    """Return both operands: an edge for a value that varies, an array for one that does not.

    Raises
    ------
    UnsupportedLayerError
        Where rows of one would meet another axis of the other.
    """
    found: list[Edge | np.ndarray] = []
    for index in (0, 1):
        edge = site.edge(index)
        found.append(site.constant(index) if edge is None else edge)
    check_ranks(site, *found)
    return found


def check_ranks(site: Site, *operands: Edge | np.ndarray) -> None:
    """Refuse operands of which the rows of one would meet another axis of the other.

    Raises
    ------
    UnsupportedLayerError
    """
    ranks = {len(site.shape_of(index)) for index, each in enumerate(operands) if isinstance(each, Edge)}
    if len(ranks) > 1:
        raise UnsupportedLayerError(
            f"expected operands with as many axes; found {site.shape_of(0)}, {site.shape_of(1)}"
        )


def affine(site: Site, edge: Edge, scale: Any, shift: Any, word: str = "", of: int | None = None) -> Edge:
    """Add a·x + b; where constants are larger than the value, the operation's input `of`, it is repeated."""
    index = of if of is not None else int(site.edge(0) is None)
    if site.shape_of(index) != site.shape:
        before = site.shape_of(index)
        tail = [size or 1 if old == 1 else 1 for old, size in zip(before[1:], site.shape[1:], strict=False)]
        if len(before) != len(site.shape):
            raise UnsupportedLayerError(f"expected a constant that fits {before}; made {site.shape}")
        edge = site.add(Rearrangement(lambda x: x + np.zeros(tail, x.dtype.as_numpy_dtype)), edge, word="repeated")
    return site.add(Scale(site.weight(scale), site.weight(shift)), edge, word=word)


def weighed(site: Site) -> Edge:
    """Add an operation that is affine in its one value; the sizes of the input say by which weights, of any sign."""
    piece, edges, sides = site.piece()
    return site.add(Product(piece, sides), *edges)


@converts("Add", "AddV2", along_last=True)
def add(site: Site) -> Edge:
    """U + v, or u + c."""
    if site.reads_sizes():
        return rearranged(site)
    u, v = operands(site)
    if isinstance(u, Edge) and isinstance(v, Edge):
        return site.add(Add(), u, v)
    return affine(site, u, 1.0, v) if isinstance(u, Edge) else affine(site, v, 1.0, u)  # type: ignore[arg-type]


@converts("BiasAdd", along_last=True)
def bias_add(site: Site) -> Edge:
    """A bias for each channel, the last axis or the one after rows."""
    bias = site.constant(1)
    if site.setting("data_format") == "NCHW":
        bias = bias.reshape([-1] + [1] * (len(site.shape) - 2))
    return site.add(Scale(site.weight(1.0), site.weight(bias)), edge_in(site))


@converts("AddN", along_last=True)
def add_n(site: Site) -> Edge:
    """The sum of values."""
    edges = [site.edge(index) for index in range(len(site.inputs))]
    total = site.add(Add(), *(edge for edge in edges if edge is not None))
    constants = [site.constant(index) for index, edge in enumerate(edges) if edge is None]
    return site.add(Scale(site.weight(1.0), site.weight(sum(constants))), total) if constants else total


@converts("Sub", along_last=True)
def subtract(site: Site) -> Edge:
    """U − v, u − c, or c − v."""
    if site.reads_sizes():
        return rearranged(site) if site.edge(0) is not None else weighed(site)
    u, v = operands(site)
    if isinstance(u, Edge):
        return site.add(Subtract(), u, v) if isinstance(v, Edge) else affine(site, u, 1.0, -v)
    return affine(site, v, -1.0, u)  # type: ignore[arg-type]


@converts("Neg", along_last=True)
def negative(site: Site) -> Edge:
    """−x."""
    return affine(site, edge_in(site), -1.0, 0.0)


@converts("Mul", along_last=True)
def multiply(site: Site) -> Edge:
    """u·v, or u·c."""
    if site.inputs[0] == site.inputs[1]:
        return apply(site, slopes.square(), edge_in(site))
    if site.reads_sizes():
        return weighed(site)
    u, v = operands(site)
    if isinstance(u, Edge) and isinstance(v, Edge):
        return site.add(Multiply(), u, v)
    return affine(site, u, v, 0.0) if isinstance(u, Edge) else affine(site, v, u, 0.0)  # type: ignore[arg-type]


@converts("RealDiv", "Div", along_last=True)
def divide(site: Site) -> Edge:
    """u·(1/v), u/c, or c·(1/v)."""
    if site.reads_sizes() and site.edge(0) is not None:
        return weighed(site)
    u, v = operands(site)
    if not isinstance(v, Edge):
        return affine(site, u, 1.0 / v, 0.0)  # type: ignore[arg-type]
    inverse = apply(site, slopes.reciprocal(), v, partial=True, word="reciprocal")
    return site.add(Multiply(), u, inverse) if isinstance(u, Edge) else affine(site, inverse, u, 0.0)


@converts("SquaredDifference", along_last=True)
def squared_difference(site: Site) -> Edge:
    """(u − v)²."""
    return apply(site, slopes.square(), subtract_within(site))


def subtract_within(site: Site) -> Edge:
    """Add u − v on the way to something else."""
    u, v = operands(site)
    if isinstance(u, Edge):
        if isinstance(v, Edge):
            return site.add(Subtract(), u, v, word="difference")
        return affine(site, u, 1.0, -v, word="difference")
    return affine(site, v, -1.0, u, word="difference")  # type: ignore[arg-type]


@converts("Pow", along_last=True)
def power(site: Site) -> Edge:
    """x^c by its slope; c^x and u^v as exponentials; an array of exponents by quotients, as x may be negative."""
    u, v = operands(site)
    if isinstance(u, Edge) and not isinstance(v, Edge) and v.size > 1:
        return of_one_value(site)
    if not isinstance(u, Edge):
        exponent = affine(site, v, np.log(u), 0.0, word="exponent")  # type: ignore[arg-type]
    elif isinstance(v, Edge):
        logarithm = apply(site, slopes.log(), u, partial=True, word="log")
        exponent = site.add(Multiply(), logarithm, v, word="exponent")
    else:
        number = float(v.ravel()[0])
        function = POWERS[number]() if number in POWERS else slopes.power(number)
        return apply(site, function, u, partial=number != 2.0)
    return apply(site, slopes.exponential(), exponent)


@converts("Maximum", "Minimum", along_last=True)
def extreme(site: Site) -> Edge:
    """The larger or smaller of two; for an array max(x, c) = c + relu(x − c), min(x, c) = c − relu(c − x)."""
    u, v = operands(site)
    larger = site.operation.type == "Maximum"
    if isinstance(u, Edge) and isinstance(v, Edge):
        return site.add(Largest() if larger else Smallest(), u, v)
    value, limit = (u, v) if isinstance(u, Edge) else (v, u)
    if limit.size == 1:  # type: ignore[union-attr]
        return apply(site, one_sided(site, float(limit.ravel()[0]), larger), value)  # type: ignore[arg-type, union-attr]
    sign = 1.0 if larger else -1.0
    above = affine(site, value, sign, -sign * limit, word="above")  # type: ignore[arg-type, operator]
    return affine(site, apply(site, slopes.relu(), above, word="relu"), sign, limit)


def one_sided(site: Site, limit: float, larger: bool) -> slopes.Function:
    """Return max(x, limit) or min(x, limit), which a large limit does not round: −1e9 + relu(x + 1e9) would be."""
    if larger and limit == 0:
        return slopes.relu()
    lowest, highest = site.dtype.min / 4, site.dtype.max / 4  # of which slopes can take differences
    return slopes.clip(max(limit, lowest), np.inf) if larger else slopes.clip(-np.inf, min(limit, highest))


@converts("ClipByValue")
def clip(site: Site) -> Edge:
    """Between two numbers."""
    low, high = site.constant(1), site.constant(2)
    if low.size > 1 or high.size > 1:
        raise UnsupportedLayerError("expected one number for each limit")
    return apply(site, slopes.clip(float(low.ravel()[0]), float(high.ravel()[0])), edge_in(site))


DEFINED_AT_ZERO = frozenset(["DivNoNan", "MulNoNan", "Xdivy", "Xlog1py", "Xlogy", "Atan2"])


@converts(*DEFINED_AT_ZERO, "Igamma", "Zeta")
def of_one_value(site: Site) -> Edge:
    """A scalar function where one operand is a constant; of two values by its corners, where zeros have a value."""
    piece, edges, sides = site.piece()
    same_rank = len(site.shape_of(0)) == len(site.shape_of(1))
    if len(edges) == 2 and not sides and same_rank and site.operation.type in DEFINED_AT_ZERO:
        return site.add(OfTwo(piece), *edges)
    if len(edges) > 1 or site.shape not in (site.shape_of(0), site.shape_of(1)):
        return site.walk.path(site)
    return apply(site, slopes.quotient(piece), edges[0])
