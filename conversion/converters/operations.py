"""Operations of keras.ops that differ only in what they compute: a table of kinds, and a few of their own.

The kind is stated here; the function is Keras's own, called with the constants that the model gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.arguments import caller, is_symbol, named_arguments
from deeplift_tf.conversion.registry import converts
from deeplift_tf.conversion.scope import Scope
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.graph import Edge
from deeplift_tf.layers.given import Choice, LeastChoice, Mixture, Product, Rearrangement
from deeplift_tf.layers.reshaping import Identity

Function = Callable[..., Any]

REARRANGED = [
    "Append",
    "ArraySplit",
    "Average",
    "BroadcastTo",
    "Concatenate",
    "CropImages",
    "Cumsum",
    "DepthToSpace",
    "Diag",
    "Diagflat",
    "Diagonal",
    "Dsplit",
    "Dstack",
    "ExpandDims",
    "ExtractPatches",
    "ExtractSequences",
    "Flip",
    "Fliplr",
    "Flipud",
    "Fold",
    "GetItem",
    "Hsplit",
    "Hstack",
    "Mean",
    "Meshgrid",
    "Moveaxis",
    "Pad",
    "PadImages",
    "RGBToGrayscale",
    "Ravel",
    "Rearrange",
    "Repeat",
    "Reshape",
    "Roll",
    "Rot90",
    "SegmentSum",
    "Slice",
    "SliceUpdate",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Stack",
    "Sum",
    "Swapaxes",
    "Take",
    "TakeAlongAxis",
    "Tile",
    "Trace",
    "Transpose",
    "Trapezoid",
    "Tril",
    "Triu",
    "Unfold",
    "Unstack",
    "Vsplit",
    "Vstack",
    "AveragePool",
    "AdaptiveAveragePool",
    "Nansum",
    "Where",
]
CHOSEN = ["Max", "Amax", "MaxPool", "AdaptiveMaxPool", "SegmentMax", "Nanmax"]
LEAST = ["Min", "Amin", "SegmentMin", "Nanmin"]
PRODUCTS = [
    "Conv",
    "ConvTranspose",
    "Correlate",
    "Cross",
    "DepthwiseConv",
    "Dot",
    "Einsum",
    "Inner",
    "Kron",
    "Matmul",
    "Outer",
    "SeparableConv",
    "Tensordot",
    "Vdot",
]
SAME = ["Conj", "Conjugate", "ConvertToTensor", "Copy", "Real", "StopGradient"]


def names(words: list[str]) -> list[str]:
    """Return the names under which operations are registered."""
    return [f"ops.{word}" for word in words]


def function_of(scope: Scope, output: int | None = None, change: Function | None = None) -> Function:
    """Return an operation as a function of tensors, or one output of it.

    Parameters
    ----------
    scope : Scope
    output : int, optional
    change : callable, optional
        What is done to constant weights.
    """
    use = scope.use
    call = caller(use.arguments, use.symbols, scope.dtype, change)

    def function(*tensors: tf.Tensor) -> Any:
        y = call(use.operation.call, *tensors)
        return tf.convert_to_tensor(y if output is None else y[output])

    return function


def sides_of(scope: Scope) -> tuple[int, ...]:
    """Return which inputs hold no floats."""
    return tuple(index for index, spec in enumerate(scope.use.specs) if not spec.dtype.is_floating)


def has_float_constants(scope: Scope) -> bool:
    """Whether an operation is given arrays or numbers beside its inputs."""
    leaves = keras.tree.flatten(scope.use.arguments)
    return any(not is_symbol(leaf) and (isinstance(leaf, float) or hasattr(leaf, "dtype")) for leaf in leaves)


def each_output(scope: Scope, make: Callable[[int | None], Edge]) -> Edge | tuple[Edge, ...]:
    """Add one layer for each output of an operation."""
    count = len(scope.use.output_shapes)
    listed = type(scope.use.operation).__name__ in ("Split", "ArraySplit", "Hsplit", "Vsplit", "Dsplit", "Unstack")
    return tuple(make(index) for index in range(count)) if count > 1 or listed else make(None)


@converts(*names(REARRANGED))
def rearranged(operation: Any, scope: Scope) -> Edge | tuple[Edge, ...]:
    """Moved, repeated, summed or chosen by a mask: no weight is negative."""
    keep_rows(operation, scope)
    shifted = has_float_constants(scope) or getattr(operation, "mode", "") == "constant"
    sides = sides_of(scope)
    return each_output(
        scope, lambda index: scope.add(Rearrangement(function_of(scope, index), sides, None, shifted=shifted))
    )


def keep_rows(operation: Any, scope: Scope) -> None:
    """Refuse what mixes rows: each row's scores are its own.

    Raises
    ------
    UnsupportedLayerError
        When rows are moved into another axis, or other axes into theirs.
    """
    name, shape = type(operation).__name__, scope.shape
    sizes = (
        math.prod(size or -1 for size in shape[1:]),
        math.prod(size or -1 for size in scope.use.output_shapes[0][1:]),
    )
    axes = getattr(operation, "axes", None)
    moved = name == "Transpose" and (axes[0] % len(shape) if axes else len(shape) - 1) != 0
    merged = name == "Reshape" and None not in shape[1:] and sizes[0] != sizes[1]
    joined = name in ("Concatenate", "Stack", "Flip", "Roll", "Cumsum") and getattr(operation, "axis", 1) == 0
    if moved or merged or joined or scope.use.output_shapes[0][:1] != (None,) == shape[:1]:
        raise UnsupportedLayerError(f"{name} mixes rows: expected the first axis, {shape}, to stay as it is")


@converts(*names(CHOSEN))
def chosen(operation: Any, scope: Scope) -> Edge:
    """The largest of each group."""
    keep_rows(operation, scope)
    return scope.add(Choice(function_of(scope)))


@converts(*names(LEAST))
def least(operation: Any, scope: Scope) -> Edge:
    """The smallest of each group."""
    keep_rows(operation, scope)
    return scope.add(LeastChoice(function_of(scope)))


@converts(*names(PRODUCTS))
def product(operation: Any, scope: Scope) -> Edge:
    """Products of tensors; where one of two is constant, a Linear layer."""
    values = [v for v in keras.tree.flatten(scope.use.arguments) if is_symbol(v) or hasattr(v, "dtype")]
    constants = [value for value in values if not is_symbol(value)]
    if len(scope.inputs) > 1:
        return scope.add(Product(function_of(scope), sides_of(scope)))
    if not constants:  # one tensor with itself
        return scope.add(Product(function_of(scope), degree=2))
    return scope.add(Mixture(function_of(scope), (), function_of(scope, change=tf.abs)))


@converts("ops.Prod", "ops.Cumprod")
def prod(operation: Any, scope: Scope) -> Edge | tuple[Edge, ...]:
    """The product of n units is a polynomial of degree n."""
    axis = operation.axis
    axes = range(1, len(scope.shape)) if axis is None else np.atleast_1d(axis).tolist()
    sizes = [scope.shape[each] for each in axes]
    if None in sizes or math.prod(map(int, filter(None, sizes))) > 64:
        return scope.path()
    return scope.add(Product(function_of(scope), degree=math.prod(map(int, filter(None, sizes)))))


@converts(*names(SAME))
def same(operation: Any, scope: Scope) -> Edge:
    """The value itself."""
    return scope.add(Identity())


@converts("ops.Cast", "ops.SaturateCast")
def cast(operation: Any, scope: Scope) -> Edge | tuple[Edge, ...]:
    """Floats stay in the dtype of the network; others become floats."""
    return scope.add(Identity()) if scope.use.specs[0].dtype.is_floating else scope.side()


def constants_of(scope: Scope) -> dict[str, Any]:
    """Return an operation's arguments by name."""
    return named_arguments(scope.use.operation, *scope.use.arguments)
