"""Whole models in one .h5 file of any Keras version: architecture in an attribute, weights by layer."""

from __future__ import annotations

from pathlib import Path

import h5py
import keras

from deeplift_tf.conversion.readers.architecture import parse
from deeplift_tf.conversion.readers.building import filled
from deeplift_tf.conversion.readers.keras2.legacy_graph import upgrade_model
from deeplift_tf.conversion.readers.keras2.weights import assign, major_version
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.conversion.readers.untrusted.hdf5 import count_weights, open_hdf5, text_attribute
from deeplift_tf.conversion.readers.untrusted.vocabulary import CustomObjects, supplied
from deeplift_tf.errors import ModelFileError


def read_legacy_h5(path: Path, custom_objects: CustomObjects | None, safe_mode: bool) -> keras.Model:
    """Read a model that `model.save` wrote as HDF5, under Keras 1, 2 or 3.

    Raises
    ------
    DeepLiftError
        See `readers.read`.
    """
    with open_hdf5(path) as file:
        with reading(path, "a whole model, with the attribute 'model_config'"):
            text = text_attribute(file, "model_config")
            version = major_version(text_attribute(file, "keras_version"))
        if text is None or "model_weights" not in file:
            raise _not_a_model(file, path)
        config = parse(text, path)
        with reading(path, "an architecture of Keras 1, 2 or 3"):
            config = upgrade_model(config, version, path, supplied(custom_objects))
        weights = file["model_weights"]
        count = count_weights(weights)
        return filled(config, path, custom_objects, safe_mode, count, lambda model, _: assign(model, weights, path))


def _not_a_model(file: h5py.File, path: Path) -> ModelFileError:
    if is_weights_file(file):
        return ModelFileError(
            f"{path}: expected a whole model; found its weights only, without the architecture. Save the whole model, "
            "or give the two together: (architecture.json, weights.h5), the first written with model.to_json()"
        )
    return ModelFileError(
        f"{path}: expected a Keras model in HDF5, with the attribute 'model_config' and the group 'model_weights'; "
        f"found the groups {sorted(file)[:8]} and the attributes {sorted(file.attrs)[:8]}. Save the model itself: "
        "model.save('model.keras'), in R save_model_hdf5(model, 'model.h5')"
    )


def is_weights_file(file: h5py.File) -> bool:
    """Whether the file has the layout of `model.save_weights`, of any version of Keras."""
    lists_layers = "layer_names" in file.attrs or "layer_names0" in file.attrs
    return lists_layers or "layers" in file or "_layer_checkpoint_dependencies" in file
