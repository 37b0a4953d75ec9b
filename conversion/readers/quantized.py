"""Quantised models as float32 ones: the same layers, with the weights that the integers stand for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from deeplift_tf.conversion.readers.architecture import children
from deeplift_tf.conversion.readers.explain import reading
from deeplift_tf.conversion.readers.inference import is_policy
from deeplift_tf.errors import UnsupportedLayerError

Array = np.ndarray[Any, Any]

READ_MODES = ("int8", "float8", "int4", "gptq", "awq")
"""Of Keras's quantisation modes, those whose weights are read."""

PACKED = ("int4", "gptq", "awq")
"""Modes that put two weights into a byte, and may have a scale and a zero point for each group of weights."""


def is_quantized(config: Any) -> bool:
    """Whether any layer of an architecture has a quantising dtype policy."""
    if is_policy(config) and isinstance(config.get("config"), dict) and "mode" in config["config"]:
        return True
    return any(is_quantized(child) for child in children(config))


def dequantize(quantized: keras.Model, plain: keras.Model, path: object) -> keras.Model:
    """Give `plain` the weights that the quantised weights stand for.

    Weights stored as integers are divided by their scale, or multiplied by it less their zero point, as their mode
    says; quantised activations, which have no slope, are left out, so that outputs differ from the quantised model's
    by that rounding.

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
    policies = {path: policy for layer in quantized._flatten_layers() for path, policy in _policies(layer)}
    packed = []
    with reading(path, "quantised weights beside their scales"):
        for variable in plain.variables:
            policy = policies.get(variable.path)
            is_packed = getattr(policy, "quantization_mode", None) in PACKED
            value = _unpacked(variable, stored, policy) if is_packed else _value(variable, stored)
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


def _policies(layer: Any) -> Iterator[tuple[str, Any]]:
    """Yield the dtype policy of a layer for each of its variables, by their paths."""
    yield from ((variable.path, layer.dtype_policy) for variable in layer.variables)


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


def _unpacked(variable: Any, stored: dict[str, Any], policy: Any) -> Array | None:
    """Give a weight of a layer whose weights are packed; of its other variables, such as a bias, what is stored."""
    found, scale = _array(stored, variable.path), _array(stored, f"{variable.path}_scale")
    if found is None or scale is None:
        return found
    layer, _, name = variable.path.rpartition("/")
    zero, groups = _array(stored, f"{variable.path}_zero", f"{layer}/zero_point"), _array(stored, f"{layer}/g_idx")
    across = -1 if name == "embeddings" or found.dtype == np.uint8 else 0  # the axis that has groups
    if found.dtype == np.uint8:  # gptq and awq, outputs first: (outputs, inputs)
        whole = found if getattr(policy, "weight_bits", 4) > 4 else _halves(found, len(scale), 0)
    elif name == "kernel":  # int4: (inputs, outputs), whatever axes the kernel has
        whole = _halves(found, scale.shape[-1], -1)
    else:
        whole = _halves(found, variable.shape[across], across)
    if zero is None:
        value = whole / np.expand_dims(scale, across)
    else:
        places = groups.astype(int)  # type: ignore[union-attr]
        value = (whole - np.take(zero, places, across).astype(scale.dtype)) * np.take(scale, places, across)
    if found.dtype == np.uint8:
        value = value.T
    further = _array(stored, f"{layer}/awq_scales")
    return np.reshape(value if further is None else value / further[:, None], tuple(variable.shape))


def _array(stored: dict[str, Any], *paths: str) -> Array | None:
    """Give the first variable that is stored under one of the paths."""
    return next((keras.ops.convert_to_numpy(stored[path]) for path in paths if path in stored), None)


def _halves(packed: Array, count: int, axis: int) -> Array:
    """Give the numbers of four bits that lie two to a byte along an axis."""
    whole: Array = keras.ops.convert_to_numpy(keras.quantizers.unpack_int4(packed, count, axis, str(packed.dtype)))
    return whole
