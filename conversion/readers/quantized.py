"""Quantised models as float32 models: the same layers with dequantised weights."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import numpy as np

from deeplift_tf.conversion.readers.architecture import children
from deeplift_tf.conversion.readers.inference import is_policy
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.errors import DeepLiftWarning, UnsupportedLayerError

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


def quantization_mode(layer: Any) -> str | None:
    """Return the mode in which a layer itself is quantised."""
    return getattr(layer.dtype_policy, "quantization_mode", None)


def holds_quantized(layer: Any) -> bool:
    """Whether a layer, or a layer that it holds, is quantised."""
    return isinstance(layer, keras.Layer) and any(map(quantization_mode, layer._flatten_layers()))


def dequantize(quantized: keras.Layer, plain: keras.Layer, path: object) -> None:
    """Assign to `plain` the weights that the quantised weights stand for.

    Weights stored as integers are divided by their scale, or multiplied by it less their zero point, as their mode
    says; those of float8 are rounded as Keras rounds them in each call. Activations are not quantised: rounding has
    no slope. So outputs differ from those of the quantised model by the rounding of its activations: in int8 mode at
    most max|x| / 254 for each input of a layer, in float8 mode at most 1/16 of it, and not at all in the other modes
    as they come.

    Parameters
    ----------
    quantized : keras.Layer
        A layer or a model.
    plain : keras.Layer
        The same in floats; changed.
    path : object
        The file or the layer, for messages.

    Raises
    ------
    UnsupportedLayerError
        Naming the weights that are packed in another way.
    """
    warn_of_integers_in_time(quantized)
    unknown = []
    with reading(path, "quantised weights beside their scales"):
        for source, target in zip(quantized._flatten_layers(), plain._flatten_layers(), strict=True):
            unknown += _dequantize_own(source, target)
    if unknown:
        raise UnsupportedLayerError(
            f"{path}: expected weights quantised as {' or '.join(READ_MODES)}; found another packing of "
            f"{', '.join(unknown)}. Take the model as it was before model.quantize()"
        )


def warn_of_integers_in_time(layer: Any) -> None:
    """Warn of layers that Keras's TimeDistributed calls without their scales."""
    for each in layer._flatten_layers():
        if isinstance(each, keras.layers.TimeDistributed) and quantization_mode(each.layer):
            warnings.warn(
                f"layer {each.name!r}: Keras's TimeDistributed reads the integers of a quantised "
                f"{type(each.layer).__name__} as its weights, without their scale, so the model's predictions are "
                "not those from before model.quantize(); the network computes with the floats that they stand for. "
                "Leave this layer out with model.quantize(..., filters=)",
                DeepLiftWarning,
                stacklevel=2,
            )


def own_variables(layer: Any) -> list[Any]:
    """Return the variables of a layer without those of the layers that it holds, and without the states of an RNN."""
    states = {id(state) for state in states_of(layer)}
    variables = [*layer._trainable_variables, *layer._non_trainable_variables]
    return [variable for variable in variables if id(variable) not in states]


def states_of(layer: Any) -> list[Any]:
    """Return the states that a stateful RNN keeps from one call to the next."""
    if not isinstance(layer, keras.layers.RNN) or not layer.stateful:
        return []
    return [state for state in keras.tree.flatten(layer.states) if state is not None]


def _dequantize_own(source: Any, target: Any) -> list[str]:
    """Assign a layer's own variables; return the paths of those whose packing is unknown."""
    mode, variables = quantization_mode(source), own_variables(target)
    if mode is None:
        for variable, found in zip(variables, own_variables(source), strict=True):
            variable.assign(found)
        return []
    stored, unknown = {variable.name: variable for variable in own_variables(source)}, []
    for variable in variables:
        if mode in PACKED:
            value = _unpacked(variable, stored, source.dtype_policy)
        elif mode == "float8" and variable.name == "kernel":
            value = _rounded(stored["kernel"], stored["kernel_scale"])
        else:
            value = _value(variable, stored)
        if value is None:
            unknown.append(variable.path)
        else:
            variable.assign(value)
    return unknown


def _rounded(kernel: Any, scale: Any) -> Array:
    """Round to 8-bit floats and back, as Keras does in each call of a layer in float8 mode."""
    rounded: Array = keras.ops.convert_to_numpy(
        keras.quantizers.quantize_and_dequantize(kernel, scale, "float8_e4m3fn", "float32")
    )
    return rounded


def _value(variable: Any, stored: dict[str, Any]) -> Array | None:
    found = stored.get(variable.name)
    if found is None or tuple(found.shape) != tuple(variable.shape):
        return None
    value: Array = keras.ops.convert_to_numpy(found)
    scale = stored.get(f"{variable.name}_scale")
    if not np.issubdtype(value.dtype, np.integer) or not np.issubdtype(np.dtype(variable.dtype), np.floating):
        return value
    if scale is None:
        return None
    return _divided(value, keras.ops.convert_to_numpy(scale), is_embedding=variable.name.endswith("embeddings"))


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
    """Return a weight of a layer whose weights are packed; of its other variables, such as a bias, what is stored."""
    name = variable.name
    found, scale = _array(stored, name), _array(stored, f"{name}_scale")
    if found is None or scale is None:
        return found
    zero, groups = _array(stored, f"{name}_zero", "zero_point"), _array(stored, "g_idx")
    halved = _halved_axis(found.shape, tuple(variable.shape))
    if name == "kernel" and zero is None and halved is not None and found.dtype != np.uint8:
        return _divided(_halves(found, variable.shape[halved], halved), scale, is_embedding=False)
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
    further = _array(stored, "awq_scales")
    return np.reshape(value if further is None else value / further[:, None], tuple(variable.shape))


def _array(stored: dict[str, Any], *names: str) -> Array | None:
    """Return the first variable that is stored under one of the names."""
    return next((keras.ops.convert_to_numpy(stored[name]) for name in names if name in stored), None)


def _halved_axis(packed: tuple[int, ...], shape: tuple[int, ...]) -> int | None:
    """Return the axis along which two numbers share a byte, which versions of Keras choose differently."""
    if len(packed) != len(shape):
        return None
    axes = range(len(shape))
    return next((axis for axis in axes if packed[axis] != shape[axis]), shape.index(1) if 1 in shape else None)


def _halves(packed: Array, count: int, axis: int) -> Array:
    """Return the numbers of four bits that lie two to a byte along an axis."""
    whole: Array = keras.ops.convert_to_numpy(keras.quantizers.unpack_int4(packed, count, axis, str(packed.dtype)))
    return whole
