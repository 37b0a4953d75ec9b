"""Sequential models built once: Keras itself rebuilds the model after each added layer, in quadratic time."""

from __future__ import annotations

from typing import Any

import keras

AT_ONCE = "SequentialAtOnce"
"""Class name of the builder that `readers.building` supplies."""


class SequentialAtOnce(keras.Sequential):
    """Makes a keras.Sequential from its config, and builds it when all layers are there."""

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> keras.Sequential:
        """Return the model."""
        model, layers = keras.Sequential(name=config["name"]), config["layers"]
        for layer in layers:
            model.add(keras.saving.deserialize_keras_object(layer, custom_objects=custom_objects), rebuild=False)
        if layers:
            model._maybe_rebuild()
        shape = config.get("build_input_shape")
        if not model._functional and isinstance(shape, tuple | list) and shape:
            model.build(shape)
        return model


def at_once(config: Any) -> Any:
    """Return a config, already judged, whose Sequential models are built at once."""
    if isinstance(config, list):
        return [at_once(item) for item in config]
    if not isinstance(config, dict):
        return config
    new = {key: at_once(item) for key, item in config.items()}
    own = new.get("registered_name") is None and str(new.get("module")).startswith("keras")
    if own and new.get("class_name") == "Sequential" and _is_modern(new.get("config")):
        return {**new, "module": None, "class_name": AT_ONCE, "registered_name": AT_ONCE}
    return new


def _is_modern(inner: Any) -> bool:
    """Whether a config of a Sequential model is one of Keras 3, a name and layers each of which names its module."""
    layers = inner.get("layers") if isinstance(inner, dict) and "name" in inner else None
    return isinstance(layers, list) and all(isinstance(layer, dict) and "module" in layer for layer in layers)
