"""What a config asks Keras to run, found before Keras sees it.

A model file is data. Everything a config names must be a part of Keras that computes (a layer, an operation, an
activation, a dtype policy) or be supplied by the user; the list is of what is allowed, since what is harmful keeps
growing: Lambda code (CVE-2024-3660, CVE-2025-9905), any importable function (CVE-2025-1550), Keras's own functions
that load or download (CVE-2025-8747, CVE-2025-9906), layers that load other files (CVE-2025-12058, CVE-2025-49655,
CVE-2026-1462).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras

from deeplift_tf.conversion.readers.architecture import children
from deeplift_tf.conversion.readers.inference import STORED_WEIGHT
from deeplift_tf.conversion.readers.limits import MAX_DIMENSION
from deeplift_tf.conversion.readers.vocabulary import (
    RUNS_FOREIGN_CODE,
    CustomObjects,
    find,
    is_activation,
    is_operation,
    layer_names,
)
from deeplift_tf.errors import ModelFileError, UnsafeModelError, UnsupportedLayerError

VALUES = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"})
"""Plain values that Keras 3 writes as objects."""

MODEL_MODULES = frozenset({"keras", "keras.models", "keras.src.models.functional", "keras.src.models.sequential"})
MODEL_CLASSES = frozenset({"Sequential", "Functional", "Model"})
FUNCTION_MODULES = frozenset({"builtins", "keras.activations"})
FILE_ARGUMENTS = ("vocabulary", "idf_weights")
"""Arguments that Keras takes as the path of a file to read when they are strings."""


class Finding(NamedTuple):
    """One thing that a config asks for: the layer's name, what it is, and whether the file brings code for it."""

    layer: str
    what: str
    brings_code: bool

    def __str__(self) -> str:
        return f"{self.layer!r} ({self.what})"


def check_safe(config: Any, path: object, custom: CustomObjects, safe_mode: bool = True) -> None:
    """Refuse an architecture that asks for more than Keras and the user supply.

    Parameters
    ----------
    config : dict
        What is about to be given to Keras.
    path : object
        The file, for messages.
    custom : mapping
        What the user supplied.
    safe_mode : bool, default=True
        False: code that the file brings along may run; what it merely names must still be supplied.

    Raises
    ------
    UnsafeModelError
        Naming every layer that asks for such a thing.
    UnsupportedLayerError
        With ``safe_mode=False``, naming every layer that is neither Keras's nor supplied.
    ModelFileError
        Where an input is larger than any real one.
    """
    findings = list(dict.fromkeys(_findings(config, custom, "the model")))
    missing = [finding for finding in findings if not finding.brings_code]
    if findings and safe_mode:
        raise UnsafeModelError(_message(path, findings))
    if missing:
        raise UnsupportedLayerError(
            f"{path}: expected layers of Keras {keras.__version__}, or yours in custom_objects; "
            f"found {_listed(missing)}. Pass each: custom_objects={{'{_first_name(missing)}': ...}}"
        )
    _check_input_shapes(config, path)


def _message(path: object, findings: list[Finding]) -> str:
    ways = "pass your own code for each in custom_objects={'its class, function or layer name': ...}"
    if any(finding.brings_code for finding in findings):
        ways += ", or, where you trust the file, safe_mode=False, which runs the code it brings along"
    else:
        ways += "; safe_mode=False does not help, since the file does not hold the code of these"
    return f"{path}: asks for code that is not part of Keras: {_listed(findings)}. Nothing of it was run. Either {ways}"


def _listed(findings: list[Finding]) -> str:
    return ", ".join(str(finding) for finding in findings)


def _first_name(findings: list[Finding]) -> str:
    return findings[0].what.split(" ")[0]


def _findings(value: Any, custom: CustomObjects, layer: str) -> Iterator[Finding]:
    if isinstance(value, dict) and "class_name" in value:
        inner = value.get("config")
        if isinstance(inner, dict) and isinstance(inner.get("name"), str):
            layer = inner["name"]
        yield from _object_findings(value, custom, layer)
    for child in children(value):
        yield from _findings(child, custom, layer)


def _object_findings(value: dict[str, Any], custom: CustomObjects, layer: str) -> Iterator[Finding]:
    name, module, inner = value["class_name"], value.get("module"), value.get("config")
    if not isinstance(name, str):
        yield Finding(layer, f"a class named {str(name)[:40]!r}", False)
    elif name == "__lambda__":
        yield Finding(layer, "Python code stored in the file", True)
    elif name == "function":
        if not _is_known_function(inner, module, value.get("registered_name"), custom):
            yield Finding(layer, f"{inner} of {module}, a function", False)
    elif name in RUNS_FOREIGN_CODE and find(custom, value.get("registered_name"), name) is None:
        yield from _foreign_code(name, inner, custom, layer)
    elif not _is_known_class(value, name, module, custom):
        yield Finding(layer, f"{name} of {module or 'no module'}, a class", False)
    elif isinstance(inner, dict):
        yield from _argument_findings(inner, layer)


def _foreign_code(name: str, inner: Any, custom: CustomObjects, layer: str) -> Iterator[Finding]:
    """Find what a layer of RUNS_FOREIGN_CODE runs; a Lambda around a function of the user's runs no other."""
    function = inner.get("function") if isinstance(inner, dict) else None
    is_supplied = isinstance(function, dict) and find(custom, function.get("config")) is not None
    if name != "Lambda" or not is_supplied:
        yield Finding(layer, f"{name}, which runs what the file brings along", True)


def _is_known_function(name: Any, module: Any, registered_name: Any, custom: CustomObjects) -> bool:
    if find(custom, name, registered_name) is not None:
        return True
    return isinstance(name, str) and module in FUNCTION_MODULES and is_activation(name)


def _is_known_class(value: dict[str, Any], name: str, module: Any, custom: CustomObjects) -> bool:
    if name in VALUES or name == STORED_WEIGHT or find(custom, value.get("registered_name"), name) is not None:
        return True
    if not isinstance(module, str):
        return False
    if module == "keras.layers" or (module.startswith("keras.src.layers.") and module in sys.modules):
        return name in layer_names()
    if name in MODEL_CLASSES:
        return module in MODEL_MODULES
    if module in ("keras", "keras.dtype_policies"):
        return name.endswith(("DTypePolicy", "DTypePolicyMap")) and hasattr(keras.dtype_policies, name)
    if module == "keras.quantizers":
        return name.endswith(("Quantizer", "QuantizationConfig")) and hasattr(keras.quantizers, name)
    return is_operation(module, name)


def _argument_findings(inner: dict[str, Any], layer: str) -> Iterator[Finding]:
    for key, item in inner.items():
        if key in FILE_ARGUMENTS and isinstance(item, str):
            yield Finding(layer, f"{key} to be read from the file {item[:80]!r}", True)
        if key.endswith("activation") and isinstance(item, str) and not is_activation(item):
            yield Finding(layer, f"{item[:80]} as {key}, a function", False)


def _check_input_shapes(value: Any, path: object) -> None:
    shape = value.get("batch_shape") if isinstance(value, dict) else None
    for size in shape if isinstance(shape, list) else []:
        if isinstance(size, int | float) and size > MAX_DIMENSION:
            raise ModelFileError(f"{path}: expected inputs of at most {MAX_DIMENSION} along an axis; found {shape}")
    for child in children(value):
        _check_input_shapes(child, path)
