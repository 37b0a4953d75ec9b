"""Readers: turn a file or a live model into a keras.Model or a graph. `read` is the only entry point.

A format is recognised by the content of the file, not by its name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from deeplift_tf.conversion.readers.architecture_json import read_pair
from deeplift_tf.conversion.readers.checkpoint_weights import checkpoint_prefix
from deeplift_tf.conversion.readers.file_readers import file_reader
from deeplift_tf.conversion.readers.foreign import WEIGHTS, file_found, folder_found
from deeplift_tf.conversion.readers.keras2.live import is_keras2, read_live_keras2
from deeplift_tf.conversion.readers.keras2.saved_model import has_layers, read_keras2_saved_model
from deeplift_tf.conversion.readers.keras_folder import is_keras_folder, read_keras_folder
from deeplift_tf.conversion.readers.keras_v3 import read_keras_v3
from deeplift_tf.conversion.readers.saved_model import FILE as SAVED_MODEL
from deeplift_tf.conversion.readers.saved_model import is_saved_model, read_saved_model
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.conversion.readers.weights_file import first_bytes, open_weights
from deeplift_tf.errors import ModelFileError, UnsafeModelError, UnsupportedLayerError

KNOWN = (
    "a .keras file, an .h5 file, a SavedModel folder, a .keras file unpacked into a folder, a pair "
    "(architecture.json, weights), or a live model of Keras or tf_keras"
)

ModelSource = Any
"""What `read` takes: a keras.Model or tf_keras.Model, a path, or a pair."""


def read(
    model: ModelSource,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    signature: str | None = None,
    as_stored: bool = False,
) -> Any:
    """Return the live model of whatever a user holds, or the graph of a folder that holds no layers.

    Parameters
    ----------
    model : keras.Model, tf_keras.Model, path, or pair
        A live model, which is returned as it is, or built again where it is one of tf_keras; the path of a .keras
        file, of a folder that `model.save(folder, zipped=False)` wrote, of an .h5 file of any version of Keras, or of
        a SavedModel folder (or of the saved_model.pb in it); a pair (architecture.json, weights); or a pair of a live
        model and weights, which are loaded into a copy. Weights are an .h5 file, the .weights.json of shards, or the
        prefix of a TensorFlow checkpoint.
    custom_objects : mapping, optional
        The user's own classes and functions, by the names the file uses. A function under the name of a Lambda layer
        is computed in the place of the code that the file holds.
    safe_mode : bool, default=True
        Run nothing that the file brings along. False: trust the file.
    signature : str, optional
        Of a SavedModel that has several.
    as_stored : bool, default=False
        Leave a quantised model of a .keras file as it is, for comparisons with what Keras runs.

    Returns
    -------
    keras.Model or GraphModel
        A model is built, with weights and the layer names of the file, not compiled, computing in float32 or float64.

    Raises
    ------
    ModelFileError
        If a file is missing, of another format, damaged, or its parts do not fit together.
    UnsafeModelError
        If the model asks for code that is not part of Keras, naming every such layer.
    UnsupportedLayerError
        If Keras cannot build a layer.
    """
    if isinstance(model, keras.Model):
        return model
    if is_keras2(model):
        return read_live_keras2(model, custom_objects, safe_mode)
    if isinstance(model, tuple | list) and len(model) == 2:
        with reading(model[1], "an architecture and weights for it, both complete"):
            return _read_two(model[0], model[1], custom_objects, safe_mode)
    if not isinstance(model, str | os.PathLike):
        raise ModelFileError(f"expected {KNOWN}; found a {_kind(model)}")
    with reading(model, "a model file that is complete"):
        return _read_one(Path(model), custom_objects, safe_mode, signature, as_stored)


def _read_one(
    path: Path, custom_objects: Mapping[str, Any] | None, safe_mode: bool, signature: str | None, as_stored: bool
) -> Any:
    if path.name == SAVED_MODEL and path.is_file():
        path = path.parent
    if path.is_dir():
        return _read_folder(path, custom_objects, safe_mode, signature)
    if not path.exists() and checkpoint_prefix(path) is not None:
        raise ModelFileError(f"{path}: expected {KNOWN}; found a TensorFlow checkpoint: weights alone. {WEIGHTS}")
    start = first_bytes(path, "a model file")
    reader = file_reader(start)
    if reader is None:
        raise ModelFileError(f"{path}: expected {KNOWN}; {file_found(path, start)}")
    if as_stored and reader.read is read_keras_v3:
        return read_keras_v3(path, custom_objects, safe_mode, as_stored=True)
    return reader.read(path, custom_objects, safe_mode)


def _read_two(first: Any, weights: Any, custom_objects: Mapping[str, Any] | None, safe_mode: bool) -> keras.Model:
    if is_keras2(first):
        model = read_live_keras2(first, custom_objects, safe_mode)  # a copy already
        layers = [{"config": config} for config in map(_own_config, first.layers)]
    elif isinstance(first, keras.Model):
        with reading(weights, "weights for a model that can be copied"):
            model, layers = keras.models.clone_model(first), None
    else:
        with open_weights(weights) as stored:
            return read_pair(_architecture(first), stored, custom_objects, safe_mode)
    with open_weights(weights) as stored:
        stored.load(model, layers)
    return model


def _own_config(layer: Any) -> Any:
    """Return the name of a layer, and the layers inside it, as a config has them."""
    inner = getattr(layer, "layers", None)
    return {"name": layer.name} | ({"layers": [{"config": _own_config(each)} for each in inner]} if inner else {})


def _architecture(path: Any) -> Path:
    """Return the path of an architecture, once its content was looked at."""
    expected = "an architecture in JSON"
    if not isinstance(path, str | os.PathLike):
        raise ModelFileError(f"expected the path of {expected}; found a {_kind(path)}")
    start = first_bytes(Path(path), expected)
    if start.lstrip()[:1] not in (b"{", b"["):
        raise ModelFileError(f"{path}: expected {expected}; {file_found(Path(path), start)}")
    return Path(path)


def _read_folder(path: Path, custom_objects: Mapping[str, Any] | None, safe_mode: bool, signature: str | None) -> Any:
    if not is_saved_model(path):
        if is_keras_folder(path):
            return read_keras_folder(path, custom_objects, safe_mode)
        raise ModelFileError(f"{path}: expected {KNOWN}; {folder_found(path)}")
    if signature is None and has_layers(path):
        try:
            return read_keras2_saved_model(path, custom_objects, safe_mode)
        except (UnsafeModelError, UnsupportedLayerError):
            pass  # what such a layer computes stands in the graph too, operation by operation
    return read_saved_model(path, safe_mode, signature)


def _kind(value: Any) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"
