"""Sums, means and maxima: over axes and over windows."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.graphs.families.moving import rearranged
from deeplift_tf.conversion.graphs.families.scalars import edge_in
from deeplift_tf.conversion.graphs.site import Site, converts
from deeplift_tf.graph import Edge
from deeplift_tf.layers.given import Choice, LeastChoice, Product, Rearrangement
from deeplift_tf.layers.pooling import AveragePooling, Max, MaxPooling, Mean


def axes_of(site: Site) -> tuple[int, ...]:
    """Return the axes that are reduced, counted from the start."""
    rank = len(site.shape_of(0))
    return tuple(sorted(int(axis) % rank for axis in np.atleast_1d(site.constant(1))))


@converts("Mean")
def mean(site: Site) -> Edge:
    """Mean over axes."""
    axes = axes_of(site)
    return rearranged(site) if 0 in axes else site.add(Mean(axes, bool(site.setting("keep_dims"))), edge_in(site))


@converts("Sum")
def total(site: Site) -> Edge:
    """Sum over axes."""
    axes, keep = axes_of(site), bool(site.setting("keep_dims"))
    if 0 in axes:
        return rearranged(site)
    return site.add(Rearrangement(lambda x: tf.reduce_sum(x, axes, keepdims=keep)), edge_in(site))


@converts("Max")
def largest(site: Site) -> Edge:
    """Maximum over axes."""
    axes = axes_of(site)
    return chosen(site) if 0 in axes else site.add(Max(axes, bool(site.setting("keep_dims"))), edge_in(site))


@converts("MaxPool", "MaxPoolV2", "AvgPool")
def pooled(site: Site) -> Edge:
    """Means or maxima over windows of images."""
    first = site.setting("data_format") == "NCHW"
    spatial = slice(2, None) if first else slice(1, -1)
    given = [site.setting("ksize"), site.setting("strides")]
    if given[0] is None:  # MaxPoolV2
        given = [site.constant(1).tolist(), site.constant(2).tolist()]
    size, strides = (tuple(each)[spatial] for each in given)
    padding = str(site.setting("padding")).lower()
    across = [each[axis] for each in given for axis in ((0, 1) if first else (0, -1))]
    if padding == "explicit" or set(across) != {1}:
        return rearranged(site) if site.operation.type == "AvgPool" else chosen(site)
    kind = AveragePooling if site.operation.type == "AvgPool" else MaxPooling
    return site.add(kind(size, strides, padding, first), edge_in(site))


@converts("MaxPool3D")
def chosen(site: Site) -> Edge:
    """The largest of each group."""
    piece, edges, _ = site.piece()
    return site.add(Choice(piece), *edges)


@converts("Min")
def least(site: Site) -> Edge:
    """The smallest of each group."""
    piece, edges, _ = site.piece()
    return site.add(LeastChoice(piece), *edges)


@converts("Prod")
def prod(site: Site) -> Edge:
    """The product of n units is a polynomial of degree n."""
    sizes = [site.shape_of(0)[axis] for axis in axes_of(site)]
    if None in sizes or math.prod(size or 1 for size in sizes) > 64:
        return site.walk.path(site)
    piece, edges, sides = site.piece()
    return site.add(Product(piece, sides, degree=math.prod(size or 1 for size in sizes)), *edges)
