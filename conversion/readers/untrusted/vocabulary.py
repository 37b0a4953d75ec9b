"""Names that a config may use: Keras's own, and those that the user has supplied."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any

import keras

from deeplift_tf.conversion.readers.keras2.legacy_functions import LEGACY_FUNCTIONS
from deeplift_tf.conversion.readers.keras2.legacy_layers import LEGACY_LAYERS

MODELS = {"Sequential": "keras", "Functional": "keras.src.models.functional"}
"""Modules that Keras 3 writes for its own models."""

RUNS_FOREIGN_CODE = frozenset({"Lambda", "TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"})
"""Layers of Keras that run what a file brings along (keras-team/keras#22035, CVE-2025-9905, CVE-2025-49655)."""

COMPUTES = (
    keras.Operation,  # layers, models and the operations of keras.ops
    keras.Initializer,
    keras.Regularizer,
    keras.constraints.Constraint,
    keras.Loss,
    keras.Metric,
    keras.Optimizer,
    keras.optimizers.schedules.LearningRateSchedule,
    keras.DTypePolicy,
    keras.dtype_policies.DTypePolicyMap,
    keras.quantizers.Quantizer,
    *(getattr(keras.quantizers, name) for name in ("QuantizationConfig",) if hasattr(keras.quantizers, name)),
    keras.random.SeedGenerator,
)
"""Kinds of objects that hold numbers and compute; no other class of Keras is made for a file."""

FUNCTIONS = ("keras.activations", "keras.losses", "keras.metrics", "keras.ops")
"""Public modules of Keras whose functions compute."""

LOADERS = frozenset({"get", "deserialize", "serialize"})
"""Functions of those modules that look things up instead."""

PLACES = {
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
    "loss": "keras.losses",
    "metric": "keras.metrics",
    "metrics": "keras.metrics",
    "optimizer": "keras.optimizers",
    "quantizer": "keras.quantizers",
}
"""Where a class without a module is looked for, by the last word of the argument that holds it."""

MODULES = ("keras.layers", "keras.src.layers", "keras.models", *dict.fromkeys(PLACES.values()), "keras.random")
"""Where it is looked for otherwise, in this order."""

CustomObjects = Mapping[str, Any]


def layer_names() -> frozenset[str]:
    """Return the class names in keras.layers, and those that classes exported under another name have in .h5 files."""
    modules = [keras.layers, sys.modules["keras.src.layers"]]
    return frozenset(name for module in modules for name, value in vars(module).items() if inspect.isclass(value))


def known_class(module: object, name: object) -> Any | None:
    """Return the class of Keras that a config names, if it is one that computes; None otherwise.

    Only modules that Keras has imported already are looked at.
    """
    found = _attribute(module, name)
    if found is None and module == "keras.layers":
        found = _attribute("keras.src.layers", name)
    is_known = inspect.isclass(found) and issubclass(found, COMPUTES) and found.__module__.startswith("keras.")
    return found if is_known else None


def module_of(name: str, argument: str = "") -> str | None:
    """Return the module of a class of Keras that a file names without one.

    Parameters
    ----------
    name : str
        The class.
    argument : str, default=""
        The argument that holds it, such as ``kernel_initializer`` or ``layers``: some names stand for two things.
    """
    hint = PLACES.get(argument.rpartition("_")[2])
    first = hint if hint and known_class(hint, name) is not None else None
    if first is None and argument == "layers":
        first = operation_module(name)
    found = (module for module in MODULES if known_class(module, name) is not None)
    return first or next(found, None) or operation_module(name)


def canonical(kind: Any, module: object, name: str) -> tuple[str, str]:
    """Return the module and the name by which every version of Keras finds one of its classes."""
    if _attribute(module, name) is kind:
        return str(module), name
    return kind.__module__, kind.__name__


def known_function(module: object, name: object) -> tuple[str, str] | None:
    """Return the module and the name by which every version of Keras finds a function that computes.

    None where Keras has no such function; ``builtins`` is how Keras writes the module of an activation.
    """
    if not isinstance(module, str) or not isinstance(name, str) or name in LOADERS:
        return None
    if module == "builtins":
        if is_activation(name):
            return module, keras.activations.get(name).__name__
        return next((("builtins", name) for place in FUNCTIONS[1:3] if _is_function(place, name)), None)
    if f"{module}.".startswith(tuple(f"{place}." for place in FUNCTIONS)) and _is_function(module, name):
        return ("builtins" if module in FUNCTIONS[:3] else module), name
    return None


def _is_function(module: str, name: str) -> bool:
    found = _attribute(module, name)
    return inspect.isfunction(found) and found.__module__.startswith("keras.")


def _attribute(module: object, name: object) -> Any | None:
    """Return what a module of Keras holds under a name; nothing is imported."""
    if not isinstance(module, str) or not isinstance(name, str) or module.split(".")[0] != "keras":
        return None
    found: Any = keras
    for part in [*module.split(".")[1:], name]:
        found = vars(found).get(part) if inspect.ismodule(found) else None
    return found


def operation_module(name: str) -> str | None:
    """Return the module of the keras.ops operation `name`, as Keras 3 writes it; None if there is none.

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
    """Return what the user supplied here, in a `custom_object_scope` or registered, and what older versions had."""
    from keras.src.backend.common import global_state

    context = global_state.get_global_attribute("custom_objects_scope_dict", {})
    registered = keras.saving.get_custom_objects()
    return {**LEGACY_FUNCTIONS, **LEGACY_LAYERS, **registered, **context, **(custom_objects or {})}


def find(custom: CustomObjects, *names: object) -> Any | None:
    """Return the first object that was supplied under one of the names; ``Package>Name`` is found as ``Name`` too."""
    key = find_key(custom, *names)
    return None if key is None else custom[key]


def find_key(custom: CustomObjects, *names: object) -> str | None:
    """Return the name under which `find` finds an object."""
    for name in names:
        if isinstance(name, str):
            for key in (name, name.rpartition(">")[2]):
                if key in custom:
                    return key
    return None


def find_function_key(custom: CustomObjects, name: object) -> str | None:
    """Return the name under which a function was supplied; Keras before 3.7 leaves its package out of the file."""
    key = find_key(custom, name)
    if key is None and isinstance(name, str):
        key = next((key for key, value in custom.items() if key.endswith(f">{name}") and callable(value)), None)
    return key
