"""Models in two files: (architecture.json, weights)."""

from __future__ import annotations

from pathlib import Path

import keras

from deeplift_tf.conversion.readers.architecture import Config, parse
from deeplift_tf.conversion.readers.building import filled
from deeplift_tf.conversion.readers.keras2.legacy_graph import upgrade_model
from deeplift_tf.conversion.readers.keras2.weights import major_version
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.conversion.readers.untrusted.limits import MAX_CONFIG_BYTES
from deeplift_tf.conversion.readers.untrusted.vocabulary import CustomObjects, supplied
from deeplift_tf.conversion.readers.weights_file import Weights
from deeplift_tf.errors import ModelFileError


def read_pair(
    architecture: Path, weights: Weights, custom_objects: CustomObjects | None, safe_mode: bool
) -> keras.Model:
    """Read a model from what `model.to_json` and `model.save_weights` wrote, under Keras 1, 2 or 3.

    Raises
    ------
    DeepLiftError
        See `readers.read`.
    """
    config = read_architecture(architecture, custom_objects)

    def fill(model: keras.Model, built_from: Config) -> None:
        weights.load(model, built_from["config"].get("layers"))

    return filled(config, architecture, custom_objects, safe_mode, weights.count, fill)


def read_architecture(path: Path, custom_objects: CustomObjects | None) -> Config:
    """Return the architecture of a JSON file, upgraded to Keras 3."""
    size = path.stat().st_size
    if size > MAX_CONFIG_BYTES:
        raise ModelFileError(f"{path}: expected an architecture of at most {MAX_CONFIG_BYTES} bytes; found {size}")
    config = parse(path.read_bytes(), path)
    version = major_version(str(config.get("keras_version") or ""), default=3 if "module" in config else 1)
    with reading(path, "an architecture of Keras 1, 2 or 3"):
        return upgrade_model(config, version, path, supplied(custom_objects))
