"""Everything that turns what a user holds into a live keras.Model, or a graph; `read` is the only door.

A format is recognised by the content of the file, not by its name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from deeplift_tf.conversion.readers.architecture_json import load_weights, read_pair
from deeplift_tf.conversion.readers.explain import reading
from deeplift_tf.conversion.readers.keras2_saved_model import has_layers, read_keras2_saved_model
from deeplift_tf.conversion.readers.keras_v3 import read_keras_v3
from deeplift_tf.conversion.readers.legacy_h5 import read_legacy_h5
from deeplift_tf.conversion.readers.live_keras2 import is_keras2, read_live_keras2
from deeplift_tf.conversion.readers.saved_model import is_saved_model, read_saved_model
from deeplift_tf.errors import ModelFileError, UnsafeModelError, UnsupportedLayerError

ZIP_MAGIC = b"PK\x03\x04"
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
KNOWN = (
    "a .keras file, an .h5 file, a SavedModel folder, a pair (architecture.json, weights.h5), or a live model of Keras "
    "or tf_keras"
)

ModelSource = Any
"""What `read` takes: a keras.Model or tf_keras.Model, a path, or a pair."""


def read(
    model: ModelSource,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    signature: str | None = None,
) -> Any:
    """Give the live model of whatever a user holds, or the graph of a folder that holds no layers.

    Parameters
    ----------
    model : keras.Model, tf_keras.Model, path, or pair
        A live model, which is returned as it is, or built again where it is one of tf_keras; the path of a .keras
        file, of an .h5 file of any version of Keras, or of a SavedModel folder; a pair (architecture.json,
        weights.h5); or a pair of a live model and a file of weights, which are loaded into a copy.
    custom_objects : mapping, optional
        The user's own classes and functions, by the names the file uses. A function under the name of a Lambda layer
        is computed in the place of the code that the file holds.
    safe_mode : bool, default=True
        Run nothing that the file brings along. False: trust the file.
    signature : str, optional
        Of a SavedModel that has several.

    Returns
    -------
    keras.Model or GraphModel
        A model is built, with weights and the layer names of the file, not compiled, computing in float32 or float64.

    Raises
    ------
    ModelFileError
        Where a file is missing, of another format, damaged, or its parts do not fit together.
    UnsafeModelError
        Where the model asks for code that is not part of Keras, naming every such layer.
    UnsupportedLayerError
        Where Keras cannot build a layer.
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
        return _read_one(Path(model), custom_objects, safe_mode, signature)


def _read_one(path: Path, custom_objects: Mapping[str, Any] | None, safe_mode: bool, signature: str | None) -> Any:
    if path.is_dir():
        return _read_folder(path, custom_objects, safe_mode, signature)
    start = _start(path)
    if start.startswith(ZIP_MAGIC):
        return read_keras_v3(path, custom_objects, safe_mode)
    if start.startswith(HDF5_MAGIC):
        return read_legacy_h5(path, custom_objects, safe_mode)
    raise ModelFileError(f"{path}: expected {KNOWN}; {_found(path, start)}")


def _read_two(first: Any, weights: Any, custom_objects: Mapping[str, Any] | None, safe_mode: bool) -> keras.Model:
    weights_path = _file(weights, HDF5_MAGIC, "weights in HDF5")
    if is_keras2(first):
        model = read_live_keras2(first, custom_objects, safe_mode)  # a copy already
        load_weights(model, weights_path)
        return model
    if not isinstance(first, keras.Model):
        return read_pair(_file(first, b"", "an architecture in JSON"), weights_path, custom_objects, safe_mode)
    with reading(weights_path, "weights for a model that can be copied"):
        model = keras.models.clone_model(first)
    load_weights(model, weights_path)
    return model


def _file(path: Any, magic: bytes, expected: str) -> Path:
    """Give the path of one file of a pair, once its content was looked at."""
    if not isinstance(path, str | os.PathLike):
        raise ModelFileError(f"expected the path of {expected}; found a {_kind(path)}")
    start = _start(Path(path))
    if not start.startswith(magic) or not start:
        raise ModelFileError(f"{path}: expected {expected}; {_found(Path(path), start)}")
    return Path(path)


def _start(path: Path) -> bytes:
    """Give the first bytes of a file; a pipe or a device, which might never end, is not opened."""
    if not path.is_file():
        found = "something that is no file" if path.exists() else "no such file"
        raise ModelFileError(f"{path}: expected a model file; found {found}. Check the path")
    try:
        with path.open("rb") as file:
            return file.read(len(HDF5_MAGIC))
    except OSError as error:
        raise ModelFileError(f"{path}: expected a model file that can be read; {error.strerror}") from error


def _found(path: Path, start: bytes) -> str:
    """Say what a file is that none of the formats recognises, and what to do."""
    if not start:
        return "found an empty file. Get a fresh copy of it"
    if start.lstrip()[:1] == b"{":
        return f"found JSON. Give an architecture together with its weights: ({path.name!r}, 'weights.h5')"
    if path.suffix == ".keras":
        return f"found no zip archive, which a .keras file is: it starts with {start!r}. Get a fresh copy of it"
    if path.suffix in (".h5", ".hdf5"):
        return f"found no HDF5 signature: it starts with {start!r}. Get a fresh copy of it"
    return f"found a file that starts with {start!r}. Save the model with model.save('model.keras')"


def _read_folder(path: Path, custom_objects: Mapping[str, Any] | None, safe_mode: bool, signature: str | None) -> Any:
    if not is_saved_model(path):
        names = sorted(child.name for child in path.iterdir())[:8]
        raise ModelFileError(f"{path}: expected {KNOWN}; found a folder without saved_model.pb, holding {names}")
    if signature is None and has_layers(path):
        try:
            return read_keras2_saved_model(path, custom_objects, safe_mode)
        except (UnsafeModelError, UnsupportedLayerError):
            pass  # what such a layer computes stands in the graph too, operation by operation
    return read_saved_model(path, safe_mode, signature)


def _kind(value: Any) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"
