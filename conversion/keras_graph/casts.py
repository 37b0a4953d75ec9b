"""Casts of integers and booleans to floats, as Keras makes them inside a layer or an operation."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplift_tf.conversion.keras_graph.arguments import symbols_in

READS_INTEGERS = frozenset(
    {
        "CategoryEncoding",
        "Discretization",
        "Embedding",
        "Hashing",
        "HashedCrossing",
        "IntegerLookup",
        "ReversibleEmbedding",
        "StringLookup",
        "TextVectorization",
    }
)
"""Layers whose integers are indices or categories, not numbers."""

ATTENTION = frozenset({"AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"})
"""Layers of Keras without a converter of their own whose inputs are numbers."""

ROUNDING = frozenset(
    {"GroupNormalization", "LayerNormalization", "RMSNormalization", "RandomCrop", "Resizing", "UnitNormalization"}
)
"""Layers that compute something else from integers than from the same numbers as floats."""


def cast_symbols(operation: Any, arguments: tuple[Any, Any], specs: Sequence[tf.TensorSpec], known: bool) -> set[int]:
    """Return the identities of the integer and boolean symbols that a layer turns into floats.

    Keras keeps integers as they are when it calls a layer; the layer's own arithmetic promotes them. Masks stay what
    they are, and so do the inputs of operations and of code of a user, which is followed with its own casts.

    Parameters
    ----------
    operation : keras.Layer or keras.Operation
        Whose output is of floats.
    arguments : tuple
        Positional and keyword arguments, symbols among them.
    specs : sequence of tf.TensorSpec
        Of the symbols, in order.
    known : bool
        Whether the layer has a converter.
    """
    name = type(operation).__name__
    own = known or (name in ATTENTION and type(operation).__module__.startswith("keras."))
    if not own or not isinstance(operation, keras.Layer) or name in READS_INTEGERS:
        return set()
    symbols = symbols_in(arguments)
    numbers = {id(symbol) for symbol, spec in zip(symbols, specs, strict=True) if not spec.dtype.is_floating}
    bound = inspect.signature(operation.call).bind(*arguments[0], **arguments[1]).arguments
    masks = {id(symbol) for key, value in bound.items() if key.endswith("mask") for symbol in symbols_in(value)}
    return numbers - masks


def is_rounded(operation: Any, specs: Sequence[tf.TensorSpec]) -> bool:
    """Whether a layer of Keras rounds on the way from integers to floats: then it is a function of integers.

    Norms of integers have a mean of integers there, and an image of integers that is resized has integers again.
    """
    if any(spec.dtype.is_floating for spec in specs) or not isinstance(operation, keras.Layer):
        return False
    name = type(operation).__name__
    if name == "CenterCrop":
        first = operation.data_format == "channels_first"
        height, width = specs[0].shape[-2:] if first else specs[0].shape[-3:-1]
        return (height or 0) < operation.height or (width or 0) < operation.width
    return name in ROUNDING


def merged_dtype(operation: Any, dtypes: Sequence[tf.DType]) -> tf.DType | None:
    """Return the dtype of a merge of integers, which Keras declares as floats and computes in integers."""
    from keras.src.layers.merging.base_merge import Merge

    if not isinstance(operation, Merge) or type(operation).__name__ == "Average":
        return None
    if not dtypes or any(dtype.is_floating or not (dtype.is_integer or dtype.is_bool) for dtype in dtypes):
        return None
    name = keras.backend.result_type(*(dtype.name for dtype in dtypes))
    return tf.as_dtype(name)
