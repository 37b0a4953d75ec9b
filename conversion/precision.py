"""How far a model's own rounding may take its predictions from exact arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from deeplift_tf.conversion.readers.graph_model import GraphModel
from deeplift_tf.conversion.readers.quantized import quantization_mode

EXACT = 1e-4  # relative, of models that compute in float32 or float64
TIMES = 4.0  # the rounding of one layer, relative to its largest output: what is largest goes into few, small ones
STEPS = 16  # of a recurrent layer count: it rounds in each, and what it keeps of earlier ones fades
UNITS = {
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
    "int8": 1 / 254,
    "float8": 1 / 16,
}
"""The largest error in rounding a number: relative to it, in int8 to the largest of a layer's inputs."""


class Precision(NamedTuple):
    """What a model computes in.

    Attributes
    ----------
    tolerance : float
        How far predictions may lie from those of exact arithmetic, over the largest one.
    coarse : tuple of str
        The kinds of numbers that are coarser than float32.
    """

    tolerance: float = EXACT
    coarse: tuple[str, ...] = ()


def precision_of(model: Any) -> Precision:
    """Return what a model computes in, and how far that may take its predictions.

    Layers round independently of one another, so the squares of their errors add up.

    Parameters
    ----------
    model : keras.Model, GraphModel, or another model
    """
    found = [name for name in (operations(model) if isinstance(model, GraphModel) else layers(model)) if name in UNITS]
    tolerance = TIMES * math.sqrt(sum(UNITS[name] ** 2 for name in found))
    return Precision(max(EXACT, tolerance), tuple(sorted(set(found))))


def layers(model: Any) -> Iterator[str]:
    """Yield what each layer of a model rounds to."""
    for layer in model._flatten_layers(include_self=False) if isinstance(model, keras.Layer) else ():
        if not isinstance(layer, keras.layers.InputLayer):
            times = STEPS if isinstance(layer, keras.layers.RNN) else 1
            yield from [quantization_mode(layer) or str(layer.compute_dtype)] * times


def operations(model: GraphModel) -> Iterator[str]:
    """Yield what each operation of a graph that holds weights rounds to."""
    nodes = [*model.graph.node, *(node for function in model.graph.library.function for node in function.node_def)]
    for node in nodes:
        if node.op in PRODUCTS and "T" in node.attr:
            yield tf.as_dtype(node.attr["T"].type).name


PRODUCTS = ("MatMul", "BatchMatMulV2", "Conv2D", "Conv3D", "DepthwiseConv2dNative", "Einsum", "XlaDotV2")
