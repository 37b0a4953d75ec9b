"""Code of Lambda layers in a file, loaded once the user trusts it, with the names that it may use.

Keras loads it with the names of a module of its own, in which neither `tf` nor what the user supplies is known.
"""

from __future__ import annotations

import base64
import binascii
import dis
import functools
import importlib
import inspect
import marshal
import sys
from collections.abc import Callable, Iterator, Mapping
from types import CellType, CodeType, FunctionType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.readers.architecture import children
from deeplift_tf.conversion.readers.keras2.upgrades import function_config
from deeplift_tf.conversion.readers.untrusted.errors import quoted
from deeplift_tf.errors import DeepLiftError, ModelFileError

CODE = "__lambda__"
"""Class under which Keras 3 stores Python code."""

WORDCODE = 21  # where the instructions start in code of Python before 3.8 and from 3.11 on, and between them:
WORDCODE_OF_3_8 = 25
RESUMES = {151: "3.11 or 3.12", 149: "3.13", 128: "3.14"}
"""First instruction of a function, by version of Python."""


def with_stored_code(config: Any, custom: Mapping[str, Any], path: object) -> tuple[Any, dict[str, Any]]:
    """Load the code in an architecture.

    Parameters
    ----------
    config : dict
        Left as it is.
    custom : mapping
        What the user supplied: names that the code may use, besides tf, K, np and keras.
    path : object
        The file, for messages.

    Returns
    -------
    dict
        The architecture with a name in the place of each piece of code.
    dict of str to callable
        The functions, by these names.

    Raises
    ------
    ModelFileError
        If code was written by another version of Python, naming the layer.
    """
    found: dict[str, Any] = {}
    names = {**offered(), **{name: value for name, value in custom.items() if name.isidentifier()}}

    def replaced(value: Any, layer: str) -> Any:
        if isinstance(value, list):
            return [replaced(item, layer) for item in value]
        if not isinstance(value, dict):
            return value
        inner = value.get("config")
        if value.get("class_name") == CODE and isinstance(inner, dict):
            name = f"code_{len(found)}_of_{layer}"
            found[name] = loaded(inner, names, layer, path)
            return function_config(name)
        layer = inner["name"] if isinstance(inner, dict) and isinstance(inner.get("name"), str) else layer
        return {key: replaced(item, layer) for key, item in value.items()}

    return (replaced(config, "the model"), found) if holds_code(config) else (config, {})


def holds_code(config: Any) -> bool:
    """Whether any part of an architecture is Python code."""
    is_code = isinstance(config, dict) and config.get("class_name") == CODE
    return is_code or any(map(holds_code, children(config)))


def offered() -> dict[str, Any]:
    """Return what the code of Lambda layers most often calls modules by."""
    backend = importlib.import_module("keras._tf_keras.keras.backend")  # with what Keras 2 had in it
    return {"tf": tf, "tensorflow": tf, "K": backend, "backend": backend, "np": np, "numpy": np, "keras": keras}


def loaded(parts: Mapping[str, Any], names: Mapping[str, Any], layer: str, path: object) -> Callable[..., Any]:
    """Return a function from its code, its defaults and what it closes over.

    Raises
    ------
    ModelFileError
        If the code is damaged or of another version of Python; also whenever the function fails.
    """
    advice = f"Pass the function itself: custom_objects={{{layer!r}: function}}"
    raw = bytecode(parts.get("code"))
    version = python_of(raw)
    if version:
        mine = ".".join(map(str, sys.version_info[:2]))
        raise ModelFileError(
            f"{path}: the Lambda layer {layer!r} holds bytecode of Python {version}, which Python {mine} cannot run. "
            f"{advice}"
        )
    try:
        code = marshal.loads(raw)
        if not isinstance(code, CodeType):
            raise TypeError(f"expected code; found a {type(code).__name__}")
        cells = tuple(CellType(value) for value in parts.get("closure") or ())
        defaults = tuple(parts.get("defaults") or ())
        function = FunctionType(code, {"__builtins__": __builtins__, **names}, code.co_name, defaults, cells)
    except (ValueError, EOFError, TypeError) as error:
        raise ModelFileError(
            f"{path}: the code of the Lambda layer {layer!r} cannot be loaded: {quoted(error)}. {advice}"
        ) from error

    failures: list[ModelFileError] = []

    @functools.wraps(function)
    def named(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except DeepLiftError:
            raise
        except Exception as error:
            if any(isinstance(value, keras.KerasTensor) for value in keras.tree.flatten((args, kwargs))):
                raise  # a function of tensors, tried on symbols
            supply = f"Supply {error.name!r} in custom_objects, or pass" if isinstance(error, NameError) else "Pass"
            failures.append(
                ModelFileError(
                    f"{path}: the code of the Lambda layer {layer!r} does not run: {quoted(error)}. {supply} "
                    f"{advice.removeprefix('Pass ')}"
                )
            )
            raise failures[-1] from error

    named.failures = failures  # type: ignore[attr-defined]
    named.__signature__ = inspect.signature(function)  # type: ignore[attr-defined] # Keras looks for an argument mask
    return named


def check_ran(model: Any, functions: Mapping[str, Any]) -> None:
    """Raise why the code of a Lambda layer did not run, where a model stayed without shapes for it.

    A Sequential model that cannot be built says nothing.
    """
    failures = [failure for function in functions.values() for failure in function.failures]
    if failures and isinstance(model, keras.Model) and not all(map(_has_shapes, model._flatten_layers())):
        raise failures[0]


def _has_shapes(layer: Any) -> bool:
    return bool(layer.built) and (not isinstance(layer, keras.Sequential) or layer._functional is not None)


def bytecode(code: Any) -> bytes:
    """Return the bytes of code as Keras stores it: base64, or in Keras 1 characters of one byte each."""
    text = code if isinstance(code, str) else ""
    try:
        return base64.b64decode("".join(text.split()).encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return text.encode("raw_unicode_escape")


def python_of(raw: bytes) -> str | None:
    """Return the version of Python that wrote code, in words; None where it may be the one at hand."""
    resume = dis.opmap["RESUME"]
    first = next(_instructions(raw, WORDCODE), None)
    if raw[:1] == b"c":
        return "2"
    if first is None:
        return "3.8 to 3.10" if next(_instructions(raw, WORDCODE_OF_3_8), None) is not None else None
    if resume in _instructions(raw, WORDCODE):
        return None
    return next((RESUMES[each] for each in _instructions(raw, WORDCODE) if each in RESUMES), "3.7 or earlier (3.6)")


def _instructions(raw: bytes, start: int) -> Iterator[int]:
    """Yield the first instructions of code whose text of instructions starts somewhere; none where none starts."""
    if raw[start : start + 1] not in (b"s", b"\xf3", b"z"):
        return
    length = int.from_bytes(raw[start + 1 : start + 5], "little")
    yield from raw[start + 5 : start + 5 + min(length, 16) : 2]
