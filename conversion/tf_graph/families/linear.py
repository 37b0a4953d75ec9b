"""Linear operations whose weights TensorFlow computes itself, above all resized images."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.tf_graph.families.scalars import edge_in
from deeplift_tf.conversion.tf_graph.op_context import OpContext, converts
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.functional import Product
from deeplift_tf.layers.reshaping import AxisMaps

MAX_SIZE = 1 << 12
"""Sizes of images up to which the matrices of an operation are read off, in pixels along one axis."""


@converts("ResizeArea", "ResizeBicubic", "ScaleAndTranslate")
def resized_images(op: OpContext) -> Edge:
    """One matrix for each axis of space; where a size is open, the operation itself, with its gradient as transpose.

    Raises
    ------
    UnsupportedLayerError
        If sizes are open and TensorFlow has no derivative.
    """
    before, after = op.shape_of(0), op.shape
    sizes = [size for size in (*before[1:3], *after[1:3]) if size is not None]
    closed = len(sizes) == 4 and max(sizes) <= MAX_SIZE
    settings = [op.array(index) for index in range(1, len(op.inputs))]
    if closed and all(setting is not None for setting in settings):
        found = matrices(op)
        if are_all(op, found):
            return op.add(AxisMaps((1, 2), tuple(op.weight(matrix) for matrix in found)), edge_in(op))
    if op.operation.type == "ResizeArea":
        raise UnsupportedLayerError("expected images of known size: TensorFlow has no derivative of it")
    return linear(op)


def matrices(op: OpContext) -> list[np.ndarray]:
    """Return the matrix of each axis of space, shape (size after, size before), read off images of one line."""
    subgraph, _, _ = op.subgraph()
    found = []
    for along in (0, 1):
        size = op.shape_of(0)[1 + along] or 0
        other = op.shape_of(0)[2 - along] or 0
        lines = np.zeros((size, *((size, other) if along == 0 else (other, size)), 1), op.dtype.as_numpy_dtype)
        index = np.arange(size)
        if along == 0:
            lines[index, index] = 1
        else:
            lines[index, :, index] = 1
        response = np.asarray(subgraph(tf.constant(lines)))[..., 0]
        middle = response.shape[2 - along] // 2
        found.append((response[:, :, middle] if along == 0 else response[:, middle]).T)
    return found


def are_all(op: OpContext, found: list[np.ndarray]) -> bool:
    """Whether matrices make of an image what the operation does: one that is moved may have nothing in its middle."""
    subgraph, _, _ = op.subgraph()
    image = np.random.default_rng(0).normal(size=[1, *(size or 1 for size in op.shape_of(0)[1:3]), 1])
    expected = np.asarray(subgraph(tf.constant(image, op.dtype)))[0, ..., 0]
    return bool(np.abs(found[0] @ image[0, ..., 0] @ found[1].T - expected).max(initial=0) < 1e-4)


@converts("CropAndResize", "ImageProjectiveTransformV2", "ImageProjectiveTransformV3", "MatrixSetDiagV3")
def linear(op: OpContext) -> Edge:
    """By TensorFlow's own operation and its gradient.

    Raises
    ------
    UnsupportedLayerError
        If what else it reads depends on the model's inputs.
    """
    subgraph, edges, sides = op.subgraph()
    floats = [index for index, value in enumerate(op.varying()) if index not in sides and value.is_float]
    if len(floats) > 1:
        raise UnsupportedLayerError("expected one input that depends on the model's inputs; found several")
    return op.add(Product(subgraph, sides, degree=1), *edges)
