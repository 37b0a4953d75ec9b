"""Model building: an architecture is reduced, checked, and built by Keras under Keras's own defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from deeplift_tf.conversion.readers.architecture import check_layers, check_strides, check_uses
from deeplift_tf.conversion.readers.call_order import in_order
from deeplift_tf.conversion.readers.inference import STORED_WEIGHT, for_inference
from deeplift_tf.conversion.readers.quantized import dequantize, is_quantized
from deeplift_tf.conversion.readers.sequential import AT_ONCE, SequentialAtOnce, at_once
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.conversion.readers.untrusted.safety import checked
from deeplift_tf.conversion.readers.untrusted.stored_code import check_ran, with_stored_code
from deeplift_tf.conversion.readers.untrusted.vocabulary import CustomObjects, supplied
from deeplift_tf.conversion.readers.untrusted.weight_budget import WeightBudget
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
        new: Config = in_order(for_inference(config, custom, keep_quantized))
        check_layers(new, path)
        check_uses(new, path)
        check_strides(new, path)
        return checked(new, path, custom, safe_mode)


def building_objects(custom_objects: CustomObjects | None, budget: WeightBudget) -> dict[str, Any]:
    """Return the custom objects to build with: the user's, also under the names Keras writes for them; the initializer.

    Some layers of Keras write a layer's config anew and read it back while they are built.
    """
    custom = supplied(custom_objects)
    written = {keras.saving.get_registered_name(each): each for each in custom.values() if hasattr(each, "__name__")}
    return {**written, **custom, STORED_WEIGHT: budget.initializer(), AT_ONCE: SequentialAtOnce}


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
        If Keras cannot build it, or it asks for more weights than the file holds.
    """
    budget = WeightBudget(path, stored_weights)
    objects = building_objects(custom_objects, budget)
    config, functions = (config, {}) if safe_mode else with_stored_code(config, objects, path)
    objects |= functions
    with reading(path, "an architecture that Keras can build"), keras_defaults(), budget.counted():
        model = keras.saving.deserialize_keras_object(at_once(config), custom_objects=objects, safe_mode=safe_mode)
    check_ran(model, functions)
    return built(model, path)


def filled(
    config: Config,
    path: object,
    custom_objects: CustomObjects | None,
    safe_mode: bool,
    stored_weights: int,
    fill: Callable[[keras.Model, Config], None],
) -> keras.Model:
    """Build a model and assign its weights; a quantised one becomes one of floats.

    Parameters
    ----------
    config : dict
        As the file has it.
    path, custom_objects, safe_mode, stored_weights
        See `build`.
    fill : callable
        Assigns the stored weights to the model, given with the architecture that it was built from.

    Raises
    ------
    UnsafeModelError, UnsupportedLayerError, ModelFileError
        As `prepare`, `build` and `dequantize` do.
    """
    quantized = is_quantized(config)
    prepared = prepare(config, path, custom_objects, safe_mode, keep_quantized=quantized)
    model = build(prepared, path, custom_objects, safe_mode, stored_weights)
    fill(model, prepared)
    if not quantized:
        return model
    plain = build(prepare(config, path, custom_objects, safe_mode), path, custom_objects, safe_mode, stored_weights)
    dequantize(model, plain, path)
    return plain


def built(model: Any, path: object) -> keras.Model:
    """Return the model if it is one, and if its input is known.

    Raises
    ------
    ModelFileError
        If it is not a model, or no shape of its input is known.
    """
    if not isinstance(model, keras.Model):
        raise ModelFileError(f"{path}: expected a keras.Model; found a {type(model).__name__}. Wrap it in a model")
    if not model.built:
        raise ModelFileError(
            f"{path}: expected a model with a known input shape; found {model.name!r} ({type(model).__name__}) that "
            "was saved before it was built. Call it once on data, or give its first layer an input shape, and save it"
        )
    return model
