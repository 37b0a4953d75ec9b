"""From an architecture to a live model: reduced, checked, then built by Keras under its own defaults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import keras

from deeplift_tf.conversion.readers.explain import reading
from deeplift_tf.conversion.readers.inference import STORED_WEIGHT, for_inference
from deeplift_tf.conversion.readers.limits import MAX_WEIGHT_FACTOR, SPARE_WEIGHTS
from deeplift_tf.conversion.readers.safety import checked
from deeplift_tf.conversion.readers.vocabulary import CustomObjects, supplied
from deeplift_tf.errors import ModelFileError

Config = dict[str, Any]


@contextmanager
def keras_defaults() -> Iterator[None]:
    """Keras's own defaults while a model is built, whatever the process has set; its settings afterwards."""
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    data_format = keras.config.image_data_format()
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
        keras.config.set_image_data_format(data_format)


def prepare(
    config: Config, path: object, custom_objects: CustomObjects | None, safe_mode: bool, keep_quantized: bool = False
) -> Config:
    """Reduce an architecture to inference and refuse what it must not ask for.

    Returns
    -------
    dict
        What may be given to Keras.

    Raises
    ------
    UnsafeModelError, UnsupportedLayerError, ModelFileError
        As `safety.checked` does.
    """
    custom = supplied(custom_objects)
    with reading(path, "an architecture that Keras can build"):
        return checked(for_inference(config, custom, keep_quantized), path, custom, safe_mode)


def building_objects(path: object, custom_objects: CustomObjects | None, stored_weights: int) -> dict[str, Any]:
    """Give the custom objects to build with: the user's, also under the names Keras writes for them; the initializer.

    Some layers of Keras write a layer's config anew and read it back while they are built.
    """
    custom = supplied(custom_objects)
    written = {keras.saving.get_registered_name(each): each for each in custom.values() if hasattr(each, "__name__")}
    return {**written, **custom, STORED_WEIGHT: stored_weight_class(path, stored_weights)}


def build(
    config: Config, path: object, custom_objects: CustomObjects | None, safe_mode: bool, stored_weights: int
) -> keras.Model:
    """Build a model whose weights are still zero.

    Parameters
    ----------
    config : dict
        From `prepare`.
    path : object
        The file, for messages.
    custom_objects : mapping or None
        What the user supplied.
    safe_mode : bool
        Passed on to Keras.
    stored_weights : int
        Elements of all the arrays in the file; a model that wants far more is refused before they are made.

    Raises
    ------
    ModelFileError
        Where Keras cannot build it, or it asks for more weights than the file holds.
    """
    objects = building_objects(path, custom_objects, stored_weights)
    with reading(path, "an architecture that Keras can build"), keras_defaults():
        model = keras.saving.deserialize_keras_object(config, custom_objects=objects, safe_mode=safe_mode)
    return built(model, path)


def built(model: Any, path: object) -> keras.Model:
    """Give the model back if it is one, and if its input is known.

    Raises
    ------
    ModelFileError
        Where it is no model, or no shape of its input is known.
    """
    if not isinstance(model, keras.Model):
        raise ModelFileError(f"{path}: expected a keras.Model; found a {type(model).__name__}. Wrap it in a model")
    if not model.built:
        raise ModelFileError(
            f"{path}: expected a model with a known input shape; found {model.name!r} ({type(model).__name__}) that "
            "was saved before it was built. Call it once on data, or give its first layer an input shape, and save it"
        )
    return model


def stored_weight_class(path: object, stored_weights: int) -> type[keras.initializers.Initializer]:
    """Give an initializer of zeros that stops where a model declares far more weights than the file holds."""
    left = [MAX_WEIGHT_FACTOR * stored_weights + SPARE_WEIGHTS]

    class StoredWeight(keras.initializers.Initializer):
        """Zeros, until the weights of the file are assigned."""

        def __init__(self, layer: str) -> None:
            self.layer = layer

        def __call__(self, shape: tuple[int, ...], dtype: Any = None, **_: Any) -> Any:
            left[0] -= abs(prod(shape))
            if left[0] < 0:
                raise ModelFileError(
                    f"{path}: expected about the {stored_weights} weights that the file holds; found a weight of "
                    f"shape {tuple(shape)} in layer {self.layer!r}, which is more"
                )
            return keras.ops.zeros(shape, dtype)

        def get_config(self) -> dict[str, Any]:
            return {"layer": self.layer}

    return StoredWeight
