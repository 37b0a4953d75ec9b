"""Products: matrix products and convolutions, Linear with a constant, Secant of two values."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.graphs.families.scalars import edge_in
from deeplift_tf.conversion.graphs.site import Site, converts
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.graph import Edge
from deeplift_tf.layers.convolution import Conv, Convolution
from deeplift_tf.layers.dense import Dense, EinsumDense
from deeplift_tf.layers.depthwise import DepthwiseConv
from deeplift_tf.layers.given import Mixture, Product
from deeplift_tf.layers.merging import Contraction
from deeplift_tf.layers.normalization import Scale
from deeplift_tf.layers.reshaping import Pad


@converts("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", along_last=True)
def matrix_product(site: Site) -> Edge:
    """X W over the last axis; other products by TensorFlow itself."""
    edge, kernel = site.edge(0), site.array(1)
    flipped = [site.setting(name) for name in ("transpose_a", "adj_x")]
    if edge is None or kernel is None or kernel.ndim != 2 or any(flipped):
        return product(site)
    if site.setting("transpose_b") or site.setting("adj_y"):
        kernel = kernel.T
    return site.add(Dense(site.weight(kernel)), edge)


@converts("Einsum")
def einsum(site: Site) -> Edge:
    """A constant factor makes a Dense layer over some axes."""
    arrays = [site.array(index) for index in range(len(site.inputs))]
    equation = str(site.setting("equation"))
    if len(arrays) == 2 and None not in (site.edge(0), site.edge(1)) and keeps_rows(equation):
        return site.add(Contraction(equation), edge_in(site), edge_in(site, 1))
    if len(arrays) != 2 or (arrays[0] is None) == (arrays[1] is None):
        return product(site)
    (first, second), result = parted(equation)
    if (first if arrays[0] is None else second)[:1] != result[:1]:  # rows do not stay in front
        return product(site)
    equation, index = (
        (f"{first},{second}->{result}", 1) if arrays[1] is not None else (f"{second},{first}->{result}", 0)
    )
    return site.add(EinsumDense(equation, site.weight(arrays[index])), edge_in(site, 1 - index))


def keeps_rows(equation: str) -> bool:
    """Whether the same letter stands first in both terms and in the result."""
    (first, second), result = parted(equation)
    return "..." not in equation and first[:1] == second[:1] == result[:1] != ""


def parted(equation: str) -> tuple[list[str], str]:
    """Return the terms and the result of an equation for two tensors."""
    terms, _, result = equation.replace(" ", "").partition("->")
    return terms.split(","), result


@converts("Conv2DBackpropInput", "Conv3DBackpropInputV2", "Cross", "SparseMatMul")
def product(site: Site) -> Edge:
    """By TensorFlow's own operation."""
    piece, edges, sides = site.piece()
    if len(edges) - len(sides) > 1:
        return site.add(Product(piece, sides), *edges)
    if sum(value.is_float for value in site.inputs) > 1 and not site.has_constants():
        return site.add(Product(piece, sides, degree=2), *edges)
    absolute, _, _ = site.piece(change=np.abs)
    return site.add(Mixture(piece, sides, absolute), *edges)


@converts("Conv2D", "Conv3D", "DepthwiseConv2dNative")
def convolution(site: Site) -> Edge:
    """With a constant kernel; channels first only where TensorFlow has them."""
    kernel = site.array(1)
    formats = site.setting("data_format") or ""
    if site.edge(0) is None or kernel is None:
        return product(site)
    first = formats.startswith("NC")
    spatial = slice(2, None) if first else slice(1, -1)
    strides, dilation = (tuple(site.setting(name) or [1] * (kernel.ndim))[spatial] for name in ("strides", "dilations"))
    padding, edge = str(site.setting("padding")).lower(), edge_in(site)
    if padding == "explicit":
        amounts = np.reshape(site.setting("explicit_paddings"), (-1, 2))
        edge, padding = site.add(Pad(tuple(map(tuple, amounts.tolist()))), edge, word="pad"), "valid"
    kind: type[Convolution] = DepthwiseConv if site.operation.type == "DepthwiseConv2dNative" else Conv
    return site.add(kind(site.weight(kernel), None, strides, dilation, padding, first), edge)


@converts("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
def batch_norm(site: Site) -> Edge:
    """At inference a scale and a shift for each channel.

    Raises
    ------
    UnsupportedLayerError
        Where it takes the statistics from the rows at hand.
    """
    if site.setting("is_training"):
        raise UnsupportedLayerError("mixes rows: normalises by the statistics of the batch, as in training")
    gamma, beta, mean, variance = (site.constant(index).astype("float64") for index in range(1, 5))
    scale = gamma / np.sqrt(variance + site.setting("epsilon"))
    shift = beta - mean * scale
    if site.setting("data_format") == "NCHW":
        scale, shift = (each.reshape([-1] + [1] * (len(site.shape) - 2)) for each in (scale, shift))
    return site.add(Scale(tf.constant(scale, site.dtype), tf.constant(shift, site.dtype)), edge_in(site))
