"""Safety of configs: what a config asks Keras to run is checked and rewritten before Keras sees it.

A model file is data. Everything a config names must be a part of Keras that computes (a layer, an operation, an
activation, a dtype policy) or be supplied by the user; the list is of what is allowed, since what is harmful keeps
growing: Lambda code (CVE-2024-3660, CVE-2025-9905), any importable function (CVE-2025-1550), Keras's own functions
that load or download (CVE-2025-8747, CVE-2025-9906), layers that load other files (CVE-2025-12058, CVE-2025-49655,
CVE-2026-1462).

Versions of Keras differ in which of a config's fields they look a name up by. So each class and function is resolved
here, and the config that Keras gets names nothing else: the module and name of a part of Keras, or the key of an object
that the user supplied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras

from deeplift_tf.conversion.readers.architecture import children
from deeplift_tf.conversion.readers.inference import STORED_WEIGHT
from deeplift_tf.conversion.readers.untrusted.calls import check_calls
from deeplift_tf.conversion.readers.untrusted.limits import MAX_DIMENSION, MAX_PARTS, MAX_SETTING, PARTS, UNLIMITED
from deeplift_tf.conversion.readers.untrusted.vocabulary import (
    RUNS_FOREIGN_CODE,
    CustomObjects,
    canonical,
    find_function_key,
    find_key,
    is_activation,
    known_class,
    known_function,
    module_of,
)
from deeplift_tf.errors import ModelFileError, UnsafeModelError, UnsupportedLayerError

Config = dict[str, Any]

TENSOR = "__keras_tensor__"
VALUES = frozenset({TENSOR, "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"})
"""Plain values that Keras 3 writes as objects."""

DTYPES = re.compile(r"bool|u?int\d+|b?float\d+(_e\d+m\d+(fn)?)?|complex\d+|string")
FILE_ARGUMENTS = ("vocabulary", "idf_weights")
"""Arguments that Keras takes as the path of a file to read when they are strings."""

LOOKUPS = ("IndexLookup", "TextVectorization")
"""Layers of Keras that have such arguments."""

NOT_FOR_INFERENCE = ("compile_config", "spec_name")
"""Fields of a serialised object that Keras would act on, and that no inference needs."""


class Finding(NamedTuple):
    """One thing that a config asks for: the layer's name, what it is, and whether the file brings code for it."""

    layer: str
    what: str
    brings_code: bool


class ConfigPlace(NamedTuple):
    """Where a value stands: in which layer, in an object of which class, as which argument."""

    layer: str = "the model"
    owner: str = ""
    argument: str = ""


def checked(config: Config, path: object, custom: CustomObjects, safe_mode: bool = True) -> Config:
    """Refuse an architecture that asks for more than Keras and the user supply; give it with each name resolved.

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

    Returns
    -------
    dict
        A new config, in which a name means the same to every version of Keras.

    Raises
    ------
    UnsafeModelError
        Naming everything of this kind that the model asks for.
    UnsupportedLayerError
        With ``safe_mode=False``, naming everything that is neither Keras's nor supplied.
    ModelFileError
        If an input is larger than any real one.
    ValueError
        If something is no config that Keras could have written.
    """
    judge = _Judge(custom)
    new: Config = judge.value(config, ConfigPlace())
    missing = [finding for finding in judge.findings if not finding.brings_code]
    if judge.findings and safe_mode:
        raise UnsafeModelError(_message(path, judge.findings))
    if missing:
        raise UnsupportedLayerError(
            f"{path}: expected layers of Keras {keras.__version__}, or yours in custom_objects; "
            f"found {_listed(missing)}. Pass each: {_example(missing)}"
        )
    _check_input_shapes(new, path)
    _check_settings(new, path)
    check_calls(new)
    return new


def _message(path: object, findings: list[Finding]) -> str:
    missing = [finding for finding in findings if not finding.brings_code]
    brought = [finding for finding in findings if finding.brings_code]
    ways = []
    if missing:
        ways.append(f"What the file only names, import or pass: {_example(missing)}")
    if brought:
        ways.append(
            f"What the file brings, replace by your own, custom_objects={{{brought[0].layer!r}: ...}}, "
            "or run it with safe_mode=False, if you trust the file"
        )
    found = f"asks for code that is not part of Keras: {_listed(findings)}. Nothing of it was run"
    return f"{path}: {'. '.join([found, *ways])}"


def _listed(findings: list[Finding]) -> str:
    """List each thing once, with the number of its uses and the layer of the first."""
    layers: dict[str, list[str]] = {}
    for finding in findings:
        layers.setdefault(finding.what, []).append(finding.layer)
    return ", ".join(f"{names[0]!r} ({what}{_times(len(names))})" for what, names in layers.items())


def _times(count: int) -> str:
    return f", {count} times" if count > 1 else ""


def _example(findings: list[Finding]) -> str:
    name = findings[0].what.split(" ")[0].rpartition(">")[2]
    return f"custom_objects={{{name!r}: ...}}"


class _Judge:
    """One walk through a config; collects what it must not ask for."""

    def __init__(self, custom: CustomObjects) -> None:
        self.custom = custom
        self.findings: list[Finding] = []

    def value(self, value: Any, place: ConfigPlace) -> Any:
        """Any JSON value; what Keras would make an object of is judged, wherever it stands."""
        if isinstance(value, list):
            return [self.value(item, place) for item in value]
        if not isinstance(value, dict):
            return value
        if "class_name" in value and "config" in value:
            return self.instance(value, place)
        return {key: self.value(item, place._replace(argument=str(key))) for key, item in value.items()}

    def found(self, place: ConfigPlace, what: str, brings_code: bool = False) -> None:
        self.findings.append(Finding(place.layer, what, brings_code))

    def instance(self, value: Config, place: ConfigPlace) -> Any:
        """One serialised object."""
        name, inner = value["class_name"], value["config"]
        if isinstance(inner, dict) and isinstance(inner.get("name"), str):
            place = place._replace(layer=inner["name"])
        if not isinstance(name, str):
            self.found(place, f"a class named {str(name)[:40]!r}")
        elif name in VALUES:
            return self.plain(name, inner, place)
        elif name == "__lambda__":
            is_layers = place.owner in RUNS_FOREIGN_CODE
            what = f"{place.owner}, which runs what the file brings along" if is_layers else "Python code in the file"
            self.found(place, what, brings_code=True)
        elif name == "function":
            return self.function(inner, value.get("module"), place)
        else:
            return self.object(value, name, inner, place)
        return value

    def plain(self, name: str, inner: Any, place: ConfigPlace) -> Config:
        """A tensor of the model, an array, bytes, a slice: numbers and texts only."""
        inner = inner if isinstance(inner, dict) else {}
        if name == "__slice__":
            inner = {key: self.value(inner.get(key), place) for key in ("start", "stop", "step")}
        is_array = name in ("__tensor__", "__numpy__")
        is_right = bool(DTYPES.fullmatch(str(inner.get("dtype")))) if is_array else name != TENSOR or _is_tensor(inner)
        if not is_right:
            raise ValueError(f"expected numbers in the layer {place.layer!r}; found {name} of {str(inner)[:80]}")
        return {"class_name": name, "config": inner}

    def function(self, name: Any, module: Any, place: ConfigPlace) -> Config:
        """A function, by its own name alone: that of its registration may be another's."""
        key = find_function_key(self.custom, name)
        found = ("builtins", key) if key is not None else known_function(module, name)
        if found is None:
            self.found(place, f"{name} of {module}, a function")
            return {}
        return {"module": found[0], "class_name": "function", "config": found[1], "registered_name": found[1]}

    def object(self, value: Config, name: str, inner: Any, place: ConfigPlace) -> Config:
        """An instance of a class, with everything inside."""
        key = STORED_WEIGHT if name == STORED_WEIGHT else find_key(self.custom, value.get("registered_name"), name)
        module = None if key is not None else value.get("module") or module_of(name, place.argument)
        kind = self.custom.get(key) if key is not None else known_class(module, name)
        if key is None and kind is None:
            self.found(place, f"{name} of {value.get('module') or 'no module'}, a class")
        elif key is None:
            module, name = canonical(kind, module, name)
        place = place._replace(owner=name)
        own = {"module": module, "class_name": name, "registered_name": key}
        rest = {key: item for key, item in value.items() if key not in (*own, *NOT_FOR_INFERENCE, "inbound_nodes")}
        new = {**own, **self.value(rest, place)}
        if "inbound_nodes" in value:
            new["inbound_nodes"] = [self.node(node, kind, place) for node in value["inbound_nodes"] or []]
        if _is_foreign(kind):
            self.foreign(inner, name, place)
        if isinstance(inner, dict):
            self.arguments(inner, kind, place)
        return new

    def foreign(self, inner: Any, name: str, place: ConfigPlace) -> None:
        """A layer of RUNS_FOREIGN_CODE; a Lambda around a function that is judged on its own runs no other."""
        function = inner.get("function") if isinstance(inner, dict) else None
        is_named = isinstance(function, dict) and function.get("class_name") in ("function", "__lambda__")
        if name != "Lambda" or not is_named:
            self.found(place, f"{name}, which runs what the file brings along", brings_code=True)

    def arguments(self, inner: Config, kind: Any, place: ConfigPlace) -> None:
        """Texts that a class of Keras, or one made from it, takes for more than texts."""
        for key, item in inner.items():
            if key in FILE_ARGUMENTS and isinstance(item, str) and _reads_files(kind):
                self.found(place, f"{key} to be read from the file {item[:80]!r}", brings_code=True)
            if key.endswith("activation") and isinstance(item, str) and _is_keras(kind) and not is_activation(item):
                self.found(place, f"{item[:80]} as {key}, a function")

    def node(self, node: Any, kind: Any, place: ConfigPlace) -> Any:
        """One call of a layer in a functional model. Keras computes at once what takes no tensor of the model.

        An operation may be given tensors, numbers and texts; but no text beside a function, which it might be called
        with.
        """
        new = self.value(node, place)
        kinds = set(_kinds(new))
        is_layer = isinstance(kind, type) and issubclass(kind, keras.Layer)
        if TENSOR not in kinds and not _is_listed(node):
            self.found(place, f"a call of {place.owner} without a tensor of the model, computed while loading", True)
        elif not is_layer and not kinds <= {*VALUES, "function", "text"}:
            self.found(place, f"a call of {place.owner} on something other than tensors and numbers", True)
        elif not is_layer and kinds & {"text", "__bytes__"} and ("function" in kinds or self.names_functions(new)):
            self.found(place, f"a call of {place.owner} on a function and a text", True)
        return new

    def names_functions(self, node: Any) -> bool:
        """Whether a text among the arguments of a call is the name of something that the user supplied."""
        if isinstance(node, str):
            return node in self.custom
        if isinstance(node, dict) and node.get("class_name") == TENSOR:
            return False
        return any(map(self.names_functions, children(node)))


def _is_keras(kind: Any) -> bool:
    return isinstance(kind, type) and kind.__module__.startswith("keras.")


def _is_foreign(kind: Any) -> bool:
    """Whether a class is one of Keras's own that run what a file brings along, under whatever name."""
    return _is_keras(kind) and kind.__name__ in RUNS_FOREIGN_CODE


def _reads_files(kind: Any) -> bool:
    """Whether a class is a lookup layer of Keras, or made from one."""
    return any(_is_keras(base) and base.__name__ in LOOKUPS for base in getattr(kind, "__mro__", ()))


def _is_tensor(inner: Config) -> bool:
    shape, history = inner.get("shape"), inner.get("keras_history")
    return isinstance(shape, list) and isinstance(history, list) and len(history) == 3 and isinstance(history[0], str)


def _is_listed(node: Any) -> bool:
    """Whether a call names its tensors as Keras 2 does: [[layer, call, output], ...]."""
    entries = node if isinstance(node, list) else []
    are_lists = all(isinstance(entry, list) and len(entry) in (3, 4) for entry in entries)
    return bool(entries) and are_lists and all(isinstance(entry[0], str) for entry in entries)


def _kinds(value: Any) -> Iterator[str]:
    """Yield what kinds of objects, and whether texts, are among the arguments of a call."""
    if isinstance(value, str):
        yield "text"
    elif isinstance(value, dict) and "class_name" in value and "config" in value:
        yield str(value["class_name"])
        if value["class_name"] not in VALUES and value["class_name"] != "function":
            yield from _kinds(value["config"])
    else:
        for child in children(value):
            yield from _kinds(child)


def _check_input_shapes(value: Any, path: object) -> None:
    shape = value.get("batch_shape") if isinstance(value, dict) else None
    for size in shape if isinstance(shape, list) else []:
        if isinstance(size, int | float) and size > MAX_DIMENSION:
            raise ModelFileError(f"{path}: expected inputs of at most {MAX_DIMENSION} along an axis; found {shape}")
    for child in children(value):
        _check_input_shapes(child, path)


def _check_settings(value: Any, path: object) -> None:
    """Refuse settings by which Keras would make, or count to, far more than any layer has, while it builds the layer.

    Raises
    ------
    ModelFileError
    """
    settings = value.get("config") if isinstance(value, dict) and "class_name" in value else None
    for name, setting in settings.items() if isinstance(settings, dict) else ():
        limit = MAX_PARTS if name in PARTS else MAX_SETTING
        large = next((n for n in (setting if isinstance(setting, list) else [setting]) if _exceeds(n, limit)), None)
        if large is not None and name not in UNLIMITED:
            raise ModelFileError(
                f"{path}: expected settings of at most {limit}; found {name}={large} of a {value['class_name']}"
            )
    for child in children(value):
        _check_settings(child, path)


def _exceeds(number: Any, limit: int) -> bool:
    return isinstance(number, int | float) and float("inf") > abs(number) > limit
