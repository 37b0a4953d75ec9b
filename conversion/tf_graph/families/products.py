"""Products: matrix products and convolutions. With a constant they are Linear, of two values Secant."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.tf_graph.families.scalars import edge_in
from deeplift_tf.conversion.tf_graph.op_context import OpContext, converts
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.convolution import Conv, Convolution
from deeplift_tf.layers.dense import Dense, EinsumDense
from deeplift_tf.layers.depthwise import DepthwiseConv
from deeplift_tf.layers.functional import LinearFunction, Product
from deeplift_tf.layers.merging import Contraction
from deeplift_tf.layers.normalization import Scale
from deeplift_tf.layers.reshaping import Pad


@converts("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", along_last=True)
def matrix_product(op: OpContext) -> Edge:
    """X W over the last axis; other products by TensorFlow itself."""
    edge, kernel = op.edge(0), op.array(1)
    flipped = [op.setting(name) for name in ("transpose_a", "adj_x")]
    if edge is None or kernel is None or kernel.ndim != 2 or any(flipped):
        return product(op)
    if op.setting("transpose_b") or op.setting("adj_y"):
        kernel = kernel.T
    return op.add(Dense(op.weight(kernel)), edge)


@converts("Einsum")
def einsum(op: OpContext) -> Edge:
    """A constant factor makes a Dense layer over some axes."""
    arrays = [op.array(index) for index in range(len(op.inputs))]
    equation = str(op.setting("equation"))
    if len(arrays) == 2 and None not in (op.edge(0), op.edge(1)) and keeps_rows(equation):
        return op.add(Contraction(equation), edge_in(op), edge_in(op, 1))
    if len(arrays) != 2 or (arrays[0] is None) == (arrays[1] is None):
        return product(op)
    (first, second), result = parted(equation)
    if (first if arrays[0] is None else second)[:1] != result[:1]:  # rows do not stay in front
        return product(op)
    equation, index = (
        (f"{first},{second}->{result}", 1) if arrays[1] is not None else (f"{second},{first}->{result}", 0)
    )
    return op.add(EinsumDense(equation, op.weight(arrays[index])), edge_in(op, 1 - index))


def keeps_rows(equation: str) -> bool:
    """Whether the same letter stands first in both terms and in the result."""
    (first, second), result = parted(equation)
    return "..." not in equation and first[:1] == second[:1] == result[:1] != ""


def parted(equation: str) -> tuple[list[str], str]:
    """Return the terms and the result of an equation for two tensors."""
    terms, _, result = equation.replace(" ", "").partition("->")
    return terms.split(","), result


@converts("Conv2DBackpropInput", "Conv3DBackpropInputV2", "Cross", "SparseMatMul")
def product(op: OpContext) -> Edge:
    """By TensorFlow's own operation."""
    subgraph, edges, sides = op.subgraph()
    if len(edges) - len(sides) > 1:
        return op.add(Product(subgraph, sides), *edges)
    if sum(value.is_float for value in op.inputs) > 1 and not op.has_constants():
        return op.add(Product(subgraph, sides, degree=2), *edges)
    absolute, _, _ = op.subgraph(change=np.abs)
    return op.add(LinearFunction(subgraph, sides, absolute), *edges)


@converts("Conv2D", "Conv3D", "DepthwiseConv2dNative")
def convolution(op: OpContext) -> Edge:
    """With a constant kernel; channels first only where TensorFlow has them."""
    kernel = op.array(1)
    formats = op.setting("data_format") or ""
    if op.edge(0) is None or kernel is None:
        return product(op)
    first = formats.startswith("NC")
    spatial = slice(2, None) if first else slice(1, -1)
    strides, dilation = (tuple(op.setting(name) or [1] * (kernel.ndim))[spatial] for name in ("strides", "dilations"))
    padding, edge = str(op.setting("padding")).lower(), edge_in(op)
    if padding == "explicit":
        amounts = np.reshape(op.setting("explicit_paddings"), (-1, 2))
        edge, padding = op.add(Pad(tuple(map(tuple, amounts.tolist()))), edge, word="pad"), "valid"
    kind: type[Convolution] = DepthwiseConv if op.operation.type == "DepthwiseConv2dNative" else Conv
    return op.add(kind(op.weight(kernel), None, strides, dilation, padding, first), edge)


@converts("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
def batch_norm(op: OpContext) -> Edge:
    """At inference a scale and a shift for each channel.

    Raises
    ------
    UnsupportedLayerError
        If it takes the statistics from the rows at hand.
    """
    if op.setting("is_training"):
        raise UnsupportedLayerError("mixes rows: normalises by the statistics of the batch, as in training")
    gamma, beta, mean, variance = (op.constant(index).astype("float64") for index in range(1, 5))
    scale = gamma / np.sqrt(variance + op.setting("epsilon"))
    shift = beta - mean * scale
    if op.setting("data_format") == "NCHW":
        scale, shift = (each.reshape([-1] + [1] * (len(op.shape) - 2)) for each in (scale, shift))
    return op.add(Scale(tf.constant(scale, op.dtype), tf.constant(shift, op.dtype)), edge_in(op))
