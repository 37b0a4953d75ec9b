"""Dilated convolutions as TensorFlow writes them: positions moved into rows, an ordinary convolution, and back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.tf_graph.operation import Depends, Operation, Value
from deeplift_tf.conversion.tf_graph.shape_inference import ShadowGraph
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.convolution import Conv, Convolution
from deeplift_tf.layers.depthwise import DepthwiseConv
from deeplift_tf.layers.reshaping import Pad

CONVOLUTIONS = ("Conv2D", "Conv3D", "DepthwiseConv2dNative")


class DilatedConvolution(NamedTuple):
    """Layers that stand for a dilated convolution of one value."""

    root: Value
    layers: tuple[Layer, ...]


def dilated(operation: Operation, scratch: ShadowGraph) -> DilatedConvolution | None:
    """Return the layers of a dilated convolution that ends in an operation; None where it is none."""
    if operation.type != "BatchToSpaceND":
        return None
    chain = [operation]
    while chain[-1].type != "SpaceToBatchND":
        (value, *_) = chain[-1].inputs or (None,)
        if value is None or len(chain) > 4 or not same_kind(value.operation):
            return None
        chain.append(value.operation)
    start, middle = chain[-1], chain[1:-1]
    convolutions = [each for each in middle if each.type in CONVOLUTIONS]
    kernel_value = convolutions[0].inputs[1] if len(convolutions) == 1 else None
    if kernel_value is None or start.inputs[1].depends != Depends.NOTHING or kernel_value.depends != Depends.NOTHING:
        return None
    (convolution,) = convolutions
    block, kernel = scratch.array(start.inputs[1]), scratch.array(kernel_value)
    found = [after_crops(*arrays) for arrays in scratch.probed([start.inputs[2], operation.inputs[2]])]
    if not found or any(each != found[0] for each in found):
        return None
    amounts = found[0]
    strides = convolution.setting("strides") or [1]
    if convolution.setting("padding") != "VALID" or max(strides) > 1 or convolution.setting("data_format") in ("NCHW",):
        return None
    rank = len(start.specs[0].shape)
    axes = kernel.ndim - 2
    if len(block) != rank - 2:
        return None
    kernel = kernel.reshape(kernel.shape[axes - len(block) :]) if len(block) < axes else kernel
    kind: type[Convolution] = DepthwiseConv if convolution.type == "DepthwiseConv2dNative" else Conv
    dilation = tuple(int(each) for each in block)
    layer = kind(tf.constant(kernel, scratch.dtype), None, (1,) * len(block), dilation, "valid")
    padded = (Pad(((0, 0), *amounts, (0, 0))),) if np.any(amounts) else ()
    return DilatedConvolution(start.inputs[0], (*padded, layer))


def after_crops(pads: np.ndarray, crops: np.ndarray) -> list[tuple[int, int]]:
    """Return the padding that is left when what only fills up the last block is taken off again."""
    return [(int(before), int(after - crop)) for (before, after), (_, crop) in zip(pads, crops, strict=True)]


def same_kind(operation: Operation) -> bool:
    """Whether an operation may stand between the two ends."""
    return operation.type in (*CONVOLUTIONS, "SpaceToBatchND", "ExpandDims", "Squeeze", "Reshape")
