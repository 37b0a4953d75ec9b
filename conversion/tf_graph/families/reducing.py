"""Sums, means and maxima: over axes and over windows."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.tf_graph.families.moving import rearranged
from deeplift_tf.conversion.tf_graph.families.scalars import edge_in
from deeplift_tf.conversion.tf_graph.op_context import OpContext, converts
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.functional import MaxFunction, MinFunction, Product, RoutingFunction
from deeplift_tf.layers.pooling import AveragePooling, Max, MaxPooling, Mean

MOST_FACTORS = 64  # of a product, whose quadrature is exact with half as many nodes


def axes_of(op: OpContext) -> tuple[int, ...]:
    """Return the axes that are reduced, counted from the start."""
    rank = len(op.shape_of(0))
    return tuple(sorted(int(axis) % rank for axis in np.atleast_1d(op.constant(1))))


@converts("Mean")
def mean(op: OpContext) -> Edge:
    """Mean over axes."""
    axes = axes_of(op)
    return rearranged(op) if 0 in axes else op.add(Mean(axes, bool(op.setting("keep_dims"))), edge_in(op))


@converts("Sum")
def total(op: OpContext) -> Edge:
    """Sum over axes."""
    axes, keep = axes_of(op), bool(op.setting("keep_dims"))
    if 0 in axes:
        return rearranged(op)
    return op.add(RoutingFunction(lambda x: tf.reduce_sum(x, axes, keepdims=keep)), edge_in(op))


@converts("Max")
def largest(op: OpContext) -> Edge:
    """Maximum over axes."""
    axes = axes_of(op)
    return chosen(op) if 0 in axes else op.add(Max(axes, bool(op.setting("keep_dims"))), edge_in(op))


@converts("MaxPool", "MaxPoolV2", "AvgPool")
def pooled(op: OpContext) -> Edge:
    """Means or maxima over windows of images."""
    first = op.setting("data_format") == "NCHW"
    spatial = slice(2, None) if first else slice(1, -1)
    given = [op.setting("ksize"), op.setting("strides")]
    if given[0] is None:  # MaxPoolV2
        given = [op.constant(1).tolist(), op.constant(2).tolist()]
    size, strides = (tuple(each)[spatial] for each in given)
    padding = str(op.setting("padding")).lower()
    across = [each[axis] for each in given for axis in ((0, 1) if first else (0, -1))]
    if padding == "explicit" or set(across) != {1}:
        return rearranged(op) if op.operation.type == "AvgPool" else chosen(op)
    kind = AveragePooling if op.operation.type == "AvgPool" else MaxPooling
    return op.add(kind(size, strides, padding, first), edge_in(op))


@converts("MaxPool3D")
def chosen(op: OpContext) -> Edge:
    """The largest of each group."""
    subgraph, edges, _ = op.subgraph()
    return op.add(MaxFunction(subgraph), *edges)


@converts("Min")
def least(op: OpContext) -> Edge:
    """The smallest of each group."""
    subgraph, edges, _ = op.subgraph()
    return op.add(MinFunction(subgraph), *edges)


@converts("Prod")
def prod(op: OpContext) -> Edge:
    """The product of n units is a polynomial of degree n."""
    sizes = [op.shape_of(0)[axis] for axis in axes_of(op)]
    if None in sizes or math.prod(size or 1 for size in sizes) > MOST_FACTORS:
        return op.walk.path(op)
    subgraph, edges, sides = op.subgraph()
    return op.add(Product(subgraph, sides, degree=math.prod(size or 1 for size in sizes)), *edges)


@converts("Cumprod")
def cumulative_prod(op: OpContext) -> Edge:
    """Each product of up to n units is a polynomial of degree n at most."""
    size = op.shape[int(op.constant(1)) % len(op.shape)]
    if size is None or size > MOST_FACTORS or op.first_axes_differ():
        return op.walk.path(op)
    subgraph, edges, sides = op.subgraph()
    return op.add(Product(subgraph, sides, degree=size), *edges)
