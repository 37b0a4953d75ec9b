"""The names that a config may use: what Keras itself brings, and what the user has supplied."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any

import keras

from deeplift_tf.conversion.readers.legacy_functions import LEGACY_FUNCTIONS
from deeplift_tf.conversion.readers.legacy_layers import LEGACY_LAYERS

MODELS = {"Sequential": "keras", "Functional": "keras.src.models.functional"}
"""Modules that Keras 3 writes for its own models."""

RUNS_FOREIGN_CODE = frozenset({"Lambda", "TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"})
"""Layers of Keras that run what a file brings along (keras-team/keras#22035, CVE-2025-9905, CVE-2025-49655)."""

CustomObjects = Mapping[str, Any]


def layer_names() -> frozenset[str]:
    """Give the class names in keras.layers."""
    return frozenset(name for name, value in vars(keras.layers).items() if inspect.isclass(value))


def operation_module(name: str) -> str | None:
    """Give the module of the keras.ops operation `name`, as Keras 3 writes it; None where there is none.

    Only modules that Keras has imported already are looked at.
    """
    for module in [key for key in sys.modules if key.startswith("keras.src.ops.")]:
        if is_operation(module, name):
            return module
    return None


def is_operation(module: str, name: str) -> bool:
    """Whether `module`, one of Keras's own, defines an operation (not a layer) of this name."""
    if not module.startswith("keras.src.ops."):
        return False
    found = vars(sys.modules[module]).get(name) if module in sys.modules else None
    return inspect.isclass(found) and issubclass(found, keras.Operation) and found.__module__ == module


def takes_name(operation: str) -> bool:
    """Whether an operation of keras.ops can be given a name, as all can since Keras 3.11."""
    module = operation_module(operation)
    return module is not None and "name" in inspect.signature(vars(sys.modules[module])[operation].__init__).parameters


def is_activation(name: str) -> bool:
    """Whether keras.activations knows the function."""
    try:
        keras.activations.get(name)
    except ValueError:
        return False
    return True


def supplied(custom_objects: CustomObjects | None) -> dict[str, Any]:
    """Give what the user supplied here or registered with Keras, and what older Keras versions had."""
    return {**LEGACY_FUNCTIONS, **LEGACY_LAYERS, **keras.saving.get_custom_objects(), **(custom_objects or {})}


def find(custom: CustomObjects, *names: object) -> Any | None:
    """Give the first object that was supplied under one of the names; ``Package>Name`` is found as ``Name`` too."""
    for name in names:
        if isinstance(name, str):
            for key in (name, name.rpartition(">")[2]):
                if key in custom:
                    return custom[key]
    return None
