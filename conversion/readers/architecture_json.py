"""Models in two files: (architecture.json, weights.h5); or a live model and a file of weights for it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import keras

from deeplift_tf.conversion.readers.architecture import Config, parse
from deeplift_tf.conversion.readers.building import build, prepare
from deeplift_tf.conversion.readers.explain import reading
from deeplift_tf.conversion.readers.hdf5 import count_weights, open_hdf5
from deeplift_tf.conversion.readers.legacy_graph import upgrade_model
from deeplift_tf.conversion.readers.legacy_h5 import is_weights_file
from deeplift_tf.conversion.readers.limits import MAX_CONFIG_BYTES
from deeplift_tf.conversion.readers.vocabulary import CustomObjects, supplied
from deeplift_tf.conversion.readers.weights import assign, major_version
from deeplift_tf.errors import ModelFileError


def read_pair(architecture: Path, weights: Path, custom_objects: CustomObjects | None, safe_mode: bool) -> keras.Model:
    """Read a model from what `model.to_json` and `model.save_weights` wrote, under Keras 1, 2 or 3.

    Raises
    ------
    DeepLiftError
        See `readers.read`.
    """
    config = read_architecture(architecture, custom_objects)
    with open_hdf5(weights) as file:
        stored = count_weights(file)
    config = prepare(config, architecture, custom_objects, safe_mode)
    model = build(config, architecture, custom_objects, safe_mode, stored)
    load_weights(model, weights)
    return model


def read_architecture(path: Path, custom_objects: CustomObjects | None) -> Config:
    """Give the architecture of a JSON file, upgraded to Keras 3."""
    size = path.stat().st_size
    if size > MAX_CONFIG_BYTES:
        raise ModelFileError(f"{path}: expected an architecture of at most {MAX_CONFIG_BYTES} bytes; found {size}")
    config = parse(path.read_bytes(), path)
    version = major_version(str(config.get("keras_version") or ""), default=3 if "module" in config else 1)
    with reading(path, "an architecture of Keras 1, 2 or 3"):
        return upgrade_model(config, version, path, supplied(custom_objects))


def load_weights(model: keras.Model, path: Path) -> None:
    """Load the weights of either layout: listed by layer (Keras 1, 2), or by object (Keras 3's .weights.h5).

    Raises
    ------
    ModelFileError
        Where they do not fit, or the file holds none.
    """
    with open_hdf5(path) as file:
        listed = file.get("model_weights", file)
        if "layer_names" in listed.attrs or "layer_names0" in listed.attrs:
            assign(model, listed, path)
            return
        if not is_weights_file(file):
            raise ModelFileError(f"{path}: expected weights; found the groups {sorted(file)[:8]}")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.weights.h5"  # Keras tells the layout by this name
        shutil.copyfile(path, copy)
        with reading(path, f"weights that fit the model {model.name!r}"):
            model.load_weights(copy)
