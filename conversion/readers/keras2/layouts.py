"""Weight layouts of Keras 1 and 2, turned into those of Keras 3.

Each function takes the live layer and the arrays of the file, in the file's order, and gives those that Keras 3 has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
Arrays = list[Array]


class WeightLayout(NamedTuple):
    """What wrote the file: the major version of Keras and its backend."""

    keras_version: int
    backend: str | None


def modern_layout(layer: Any, arrays: Sequence[Array], origin: WeightLayout) -> Arrays:
    """Return the arrays of one layer in the layout of Keras 3.

    Parameters
    ----------
    layer : keras.layers.Layer
        Built; its class and settings say which layout it wants.
    arrays : sequence of numpy.ndarray
        As stored.
    origin : WeightLayout
        What wrote the file.

    Returns
    -------
    list of numpy.ndarray
        In the order of Keras 3; unchanged where nothing is known to differ.
    """
    if origin.keras_version >= 3:
        return list(arrays)
    change = LAYOUTS.get(type(layer).__name__)
    arrays = change(layer, list(arrays), origin) if change else list(arrays)
    if origin.backend == "theano" and type(layer).__name__ in FLIPPED_BY_THEANO and arrays:
        return [_flipped(arrays[0]), *arrays[1:]]
    return arrays


def _flipped(kernel: Array) -> Array:
    """Theano convolves where TensorFlow correlates: every axis of space is reversed."""
    return np.flip(kernel, tuple(range(kernel.ndim - 2)))


def _conv1d(layer: Any, arrays: Arrays, origin: WeightLayout) -> Arrays:
    """Keras 1: (length, 1, in, out), or before 1.2 (out, in, length, 1)."""
    kernel = arrays[0]
    if kernel.ndim == 4:
        is_oldest = kernel.shape[:2] != (layer.kernel_size[0], 1) or kernel.shape[3] != layer.filters
        kernel = (kernel.transpose(2, 3, 1, 0) if is_oldest else kernel)[:, 0]
    return [kernel, *arrays[1:]]


def _conv2d(layer: Any, arrays: Arrays, origin: WeightLayout) -> Arrays:
    """Keras 1, channels first: (out, in, rows, columns)."""
    if origin.keras_version == 1 and layer.data_format == "channels_first":
        return [arrays[0].transpose(2, 3, 1, 0), *arrays[1:]]
    return arrays


def _conv2d_transpose(layer: Any, arrays: Arrays, origin: WeightLayout) -> Arrays:
    """Keras 1: the last two axes the other way round, and channels first in front."""
    if origin.keras_version > 1:
        return arrays
    axes = (2, 3, 0, 1) if layer.data_format == "channels_first" else (0, 1, 3, 2)
    return [arrays[0].transpose(axes), *arrays[1:]]


def _conv3d(layer: Any, arrays: Arrays, origin: WeightLayout) -> Arrays:
    """Keras 1, channels first: (out, in, depth, rows, columns)."""
    if origin.keras_version == 1 and layer.data_format == "channels_first":
        return [arrays[0].transpose(2, 3, 4, 1, 0), *arrays[1:]]
    return arrays


def _lstm(layer: Any, arrays: Arrays, origin: WeightLayout) -> Arrays:
    """Keras 1: kernel, recurrent kernel and bias of the gates i, c, f, o; CuDNN: two biases, kernels by column."""
    if len(arrays) == 12:
        return _gates_joined(arrays, order=(0, 2, 1, 3))
    return _cudnn(arrays, gates=4) if _is_cudnn(layer, arrays, gates=4) else arrays


def _conv_lstm(layer: Any, arrays: Arrays, origin: WeightLayout) -> Arrays:
    """Keras 1: as LSTM, with kernels (out, in, rows, columns) where channels come first."""
    if len(arrays) != 12:
        return arrays
    if layer.data_format == "channels_first":
        arrays = [array.transpose(2, 3, 1, 0) if array.ndim == 4 else array for array in arrays]
    return _gates_joined(arrays, order=(0, 2, 1, 3))


def _gru(layer: Any, arrays: Arrays, origin: WeightLayout) -> Arrays:
    """Keras 1: nine arrays, by gate; CuDNN: kernels by column, both biases in a row."""
    if len(arrays) == 9:
        return _gates_joined(arrays, order=(0, 1, 2))
    if not _is_cudnn(layer, arrays, gates=3):
        return arrays
    kernel, recurrent = _cudnn(arrays, gates=3)[:2]
    return [kernel, recurrent, arrays[2].reshape(2, -1)]


def _gates_joined(arrays: Arrays, order: Sequence[int]) -> Arrays:
    """Arrays by gate, three to each, joined along the last axis in another order of gates."""
    return [np.concatenate([arrays[3 * gate + kind] for gate in order], axis=-1) for kind in range(3)]


def _is_cudnn(layer: Any, arrays: Arrays, gates: int) -> bool:
    return len(arrays) == 3 and arrays[2].shape == (2 * gates * layer.units,)


def _cudnn(arrays: Arrays, gates: int) -> Arrays:
    """CuDNN stores the kernel of each gate by column, and a bias for either kernel; LSTM adds the two up."""
    kernel = np.hstack([part.T.reshape(part.shape, order="F") for part in np.hsplit(arrays[0], gates)])
    recurrent = np.hstack([part.T for part in np.hsplit(arrays[1], gates)])
    return [kernel, recurrent, np.sum(np.split(arrays[2], 2), axis=0)]


def _bidirectional(layer: Any, arrays: Arrays, origin: WeightLayout) -> Arrays:
    half = len(arrays) // 2
    forward = modern_layout(layer.forward_layer, arrays[:half], origin)
    return forward + modern_layout(layer.backward_layer, arrays[half:], origin)


def _time_distributed(layer: Any, arrays: Arrays, origin: WeightLayout) -> Arrays:
    return modern_layout(layer.layer, arrays, origin)


def _nested(model: Any, arrays: Arrays, origin: WeightLayout) -> Arrays:
    """Split the arrays of a model inside a model: the trainable arrays of all its layers, then the others."""
    if origin.keras_version > 1:
        return arrays
    found: Arrays = []
    for layer in model.layers:
        count = stored_count(layer, len(layer.trainable_weights))
        found += modern_layout(layer, arrays[:count], origin)[: len(layer.trainable_weights)] if count else []
        arrays = arrays[count:]
    return found + arrays


def stored_count(layer: Any, count: int) -> int:
    """Return the number of trainable arrays that Keras 1 stored for a layer that has `count` of them now."""
    per_now = {"LSTM": 4, "ConvLSTM2D": 4, "GRU": 3}
    inner = getattr(layer, "forward_layer", getattr(layer, "layer", layer))
    return count * per_now.get(type(inner).__name__, 1)


Layout = Callable[[Any, Arrays, WeightLayout], Arrays]

LAYOUTS: dict[str, Layout] = {
    "Conv1D": _conv1d,
    "Conv2D": _conv2d,
    "Conv2DTranspose": _conv2d_transpose,
    "Conv3D": _conv3d,
    "LSTM": _lstm,
    "ConvLSTM2D": _conv_lstm,
    "GRU": _gru,
    "Bidirectional": _bidirectional,
    "TimeDistributed": _time_distributed,
    "Sequential": _nested,
    "Functional": _nested,
}
FLIPPED_BY_THEANO = frozenset({"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTM2D"})
