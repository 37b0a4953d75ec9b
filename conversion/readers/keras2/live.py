"""Live models of tf_keras (Keras 2), rebuilt in Keras 3."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import keras
import numpy as np

from deeplift_tf.conversion.readers.building import build, prepare
from deeplift_tf.conversion.readers.keras2.layouts import WeightLayout
from deeplift_tf.conversion.readers.keras2.saved_model import noted_architecture
from deeplift_tf.conversion.readers.keras2.weights import StoredWeights, assign_stored
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.conversion.readers.untrusted.vocabulary import CustomObjects, supplied


def is_keras2(model: Any) -> bool:
    """Whether an object is a model of tf_keras, which need not be installed."""
    bases = [base for base in type(model).__mro__ if base.__module__.split(".")[0] == "tf_keras"]
    return any(base.__name__ == "Model" for base in bases)


def read_live_keras2(model: Any, custom_objects: CustomObjects | None, safe_mode: bool) -> keras.Model:
    """Build a tf_keras model again, with its weights; the model stays as it is.

    Lambda layers keep the functions that they have in the process at hand.

    Parameters
    ----------
    model : tf_keras.Model
        Functional or Sequential, models inside models included.

    Raises
    ------
    UnsupportedLayerError
        If only its Python code describes the model.
    DeepLiftError
        See `readers.read`.
    """
    name = f"the tf_keras model {model.name!r}"
    custom = {**_functions(model), **(custom_objects or {})}
    with reading(name, "a model that is built"):
        count = sum(int(np.prod(weight.shape)) for weight in model.weights)
        layers = [_stored(layer.name, layer) for layer in model.layers if layer.weights]
        own = _stored("the model", model, {id(weight) for layer in model.layers for weight in layer.weights})
        text = model.to_json()
    config = noted_architecture(text, name, supplied(custom))
    new = build(prepare(config, name, custom, safe_mode), name, custom, safe_mode, count)
    assign_stored(new, layers, own, WeightLayout(2, "tensorflow"), name)
    return new


def _functions(model: Any) -> Mapping[str, Any]:
    """Return the functions of Lambda layers, by the names of the layers."""
    layers = [part for part in model.submodules if type(part).__name__ == "Lambda"]
    return {layer.name: layer.function for layer in layers}


def _stored(name: str, layer: Any, apart_from: Collection[int] = ()) -> StoredWeights:
    """Return the arrays of a layer, what is trained first."""
    every = [*layer.trainable_weights, *layer.non_trainable_weights]
    weights = [weight for weight in every if id(weight) not in apart_from]
    return StoredWeights(name, [weight.name for weight in weights], lambda: [weight.numpy() for weight in weights])
