"""Quantised models as float32 ones: the same layers, with the weights that the integers stand for."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from deeplift_tf.conversion.readers.architecture import children
from deeplift_tf.conversion.readers.explain import reading
from deeplift_tf.conversion.readers.inference import is_policy
from deeplift_tf.errors import UnsupportedLayerError

Array = np.ndarray[Any, Any]

READ_MODES = ("int8", "float8")
"""Of Keras's quantisation modes, those whose weights are read."""


def is_quantized(config: Any) -> bool:
    """Whether any layer of an architecture has a quantising dtype policy."""
    if is_policy(config) and isinstance(config.get("config"), dict) and "mode" in config["config"]:
        return True
    return any(is_quantized(child) for child in children(config))


def dequantize(quantized: keras.Model, plain: keras.Model, path: object) -> keras.Model:
    """Give `plain` the weights that the quantised weights stand for.

    Weights stored as integers are divided by their scale; quantised activations, which have no slope, are left out,
    so that outputs differ from the quantised model's by that rounding.

    Parameters
    ----------
    quantized : keras.Model
        As stored.
    plain : keras.Model
        Of the same architecture in float32; changed.
    path : object
        The file, for messages.

    Raises
    ------
    UnsupportedLayerError
        Naming the weights that are packed in another way.
    """
    stored = {variable.path: variable for variable in quantized.variables}
    packed = []
    with reading(path, "quantised weights beside their scales"):
        for variable in plain.variables:
            value = _value(variable, stored)
            if value is None:
                packed.append(variable.path)
            else:
                variable.assign(value)
    if packed:
        raise UnsupportedLayerError(
            f"{path}: expected weights quantised as {' or '.join(READ_MODES)}; found another packing of "
            f"{', '.join(packed)}. Save the model as it was before model.quantize()"
        )
    return plain


def _value(variable: Any, stored: dict[str, Any]) -> Array | None:
    found = stored.get(variable.path)
    if found is None or tuple(found.shape) != tuple(variable.shape):
        return None
    value: Array = keras.ops.convert_to_numpy(found)
    scale = stored.get(f"{variable.path}_scale")
    if not np.issubdtype(value.dtype, np.integer) or not np.issubdtype(np.dtype(variable.dtype), np.floating):
        return value
    if scale is None:
        return None
    return _divided(value, keras.ops.convert_to_numpy(scale), is_embedding=variable.path.endswith("embeddings"))


def _divided(value: Array, scale: Array, is_embedding: bool) -> Array | None:
    """Divide by a scale that is laid out as the output is, or by one scale per row of an embedding."""
    if is_embedding:
        scale = scale.reshape(-1, 1)
    while scale.ndim > value.ndim and scale.shape[0] == 1:
        scale = scale[0]
    fits = scale.ndim <= value.ndim and all(
        small in (1, large) for small, large in zip(scale.shape[::-1], value.shape[::-1], strict=False)
    )
    quotient: Array = value / scale if fits else value
    return quotient if fits else None
