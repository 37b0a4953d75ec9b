"""Arguments of a Keras operation: symbols for values, and constants."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def is_symbol(value: Any) -> bool:
    """Whether a value is a symbolic tensor of Keras."""
    return isinstance(value, keras.KerasTensor)


def named_arguments(operation: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return what an operation is called with, by the names of its parameters, defaults included."""
    bound = inspect.signature(operation.call).bind(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


def symbols_in(structure: Any) -> list[Any]:
    """Return the symbolic tensors of a structure, in order."""
    return [leaf for leaf in keras.tree.flatten(structure) if is_symbol(leaf)]


def mask_arguments(operation: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the masks that Keras would pass along with the tensors of a call, as far as the call gives none.

    Keras stores them with a call of one tensor argument; with several (attention) it looks them up when the model
    runs. The rule is that of `keras.Layer.__call__`.
    """
    if not isinstance(operation, keras.Layer):
        return {}
    try:
        given = named_arguments(operation, args, kwargs)
    except TypeError:
        return {}
    tensors = {name: value for name, value in given.items() if symbols_in(value) and not name.endswith("mask")}
    names = {name: "mask" if len(tensors) == 1 else f"{name}_mask" for name in tensors}
    found = {}
    for name, mask_name in names.items():
        if mask_name in given and given[mask_name] is None:
            masks = keras.tree.map_structure(lambda x: getattr(x, "_keras_mask", None), tensors[name])
            if symbols_in(masks):
                found[mask_name] = masks
    return found


def caller(
    arguments: tuple[Any, Any], symbols: Sequence[Any], dtype: tf.DType, change: Callable[[Any], Any] | None = None
) -> Callable[..., Any]:
    """Return (function, *tensors) -> its value, called as the model calls it.

    Parameters
    ----------
    arguments : tuple
        Positional and keyword arguments, symbols among them.
    symbols : sequence of keras.KerasTensor
        Those that the tensors take the place of.
    dtype : tf.DType
        Of constants that are floats.
    change : callable, optional
        What is done to such constants: their absolute values are |L|.
    """
    places = {id(symbol) for symbol in symbols}

    def constant(leaf: Any) -> Any:
        if id(leaf) in places or not is_float_array(leaf):
            return leaf
        tensor = tf.constant(np.asarray(leaf), dtype)
        return tensor if change is None else change(tensor)

    fixed = keras.tree.map_structure(constant, arguments)

    def call(function: Callable[..., Any], *tensors: Any) -> Any:
        given = {id(symbol): tensor for symbol, tensor in zip(symbols, tensors, strict=True)}
        args, kwargs = keras.tree.map_structure(lambda leaf: given.get(id(leaf), leaf), fixed)
        return function(*args, **kwargs)

    return call


def is_float_array(value: Any) -> bool:
    """Whether a value is a variable, tensor or array of floats."""
    if is_symbol(value) or not hasattr(value, "dtype") or not hasattr(value, "shape"):
        return False
    return "float" in keras.backend.standardize_dtype(value.dtype)
