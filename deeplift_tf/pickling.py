"""Networks and what they are made of, pickled: for another process of the same version of Python and of this package.

Layers hold functions that are made inside of other functions, which pickle cannot find by their names: these go with
their code and what they close over.
"""

from __future__ import annotations

import copyreg
import importlib
import io
import marshal
import pickle
import sys
from collections.abc import Iterator
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from deeplift_tf.errors import DeepLiftError


class Portable:
    """Base class of objects that pickle and deep-copy, whatever functions they hold."""

    def __reduce__(self) -> Any:
        return restored, (sys.version_info[:2], dumped(self))


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        """Reduce what pickle itself does not; all else is left to pickle."""
        if isinstance(value, Portable):
            state = value.__getstate__()
            return copyreg.__newobj__, (type(value),), state  # type: ignore[attr-defined]
        if isinstance(value, FunctionType) and not _is_found(value):
            return _of_function(value)
        if isinstance(value, ModuleType):
            return importlib.import_module, (value.__name__,)
        return NotImplemented


def dumped(value: Any) -> bytes:
    """Return an object as bytes.

    Raises
    ------
    DeepLiftError
        If something in it cannot be pickled.
    """
    stream = io.BytesIO()
    try:
        _Pickler(stream, pickle.HIGHEST_PROTOCOL).dump(value)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise DeepLiftError(
            f"{type(value).__name__} cannot be pickled: {error}. Convert the model again in the other process"
        ) from error
    return stream.getvalue()


def restored(version: tuple[int, int], data: bytes) -> Any:
    """Return an object from its bytes.

    Raises
    ------
    DeepLiftError
        If they were written by another version of Python, whose code this one cannot run.
    """
    if tuple(version) != sys.version_info[:2]:
        raise DeepLiftError(
            f"expected what Python {'.'.join(map(str, sys.version_info[:2]))} pickled; found what Python "
            f"{'.'.join(map(str, version))} did. Convert the model again"
        )
    return pickle.loads(data)


def _is_found(function: FunctionType) -> bool:
    """Whether the module of a function has it under its own name."""
    found: Any = sys.modules.get(function.__module__ or "")
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function


def _of_function(function: FunctionType) -> Any:
    """Return how a function is made anew: empty first, since what it closes over may lead back to it."""
    cells = function.__closure__ or ()
    module = sys.modules.get(function.__module__ or "")
    shared = module is not None and vars(module) is function.__globals__
    names = {} if shared else {name: function.__globals__[name] for name in _names(function)}
    state = {
        "defaults": function.__defaults__,
        "keywords": function.__kwdefaults__,
        "attributes": dict(function.__dict__),
        "cells": [(cell.cell_contents,) if _is_full(cell) else None for cell in cells],
        "names": names,
    }
    code = marshal.dumps(function.__code__)
    made = (code, function.__module__ if shared else None, function.__name__, function.__qualname__, len(cells))
    return _empty, made, state, None, None, _filled


def _names(function: FunctionType) -> Iterator[str]:
    """Yield the globals that a function, and those inside of it, may read."""
    left: list[Any] = [function.__code__]
    while left:
        code = left.pop()
        yield from (name for name in code.co_names if name in function.__globals__)
        left += [value for value in code.co_consts if isinstance(value, CodeType)]


def _is_full(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _empty(code: bytes, module: str | None, name: str, qualname: str, cells: int) -> FunctionType:
    names = {"__builtins__": __builtins__} if module is None else vars(importlib.import_module(module))
    closure = tuple(CellType() for _ in range(cells))
    made = FunctionType(marshal.loads(code), names, name, None, closure)
    made.__qualname__ = qualname
    return made


def _filled(function: FunctionType, state: dict[str, Any]) -> None:
    function.__defaults__, function.__kwdefaults__ = state["defaults"], state["keywords"]
    function.__dict__.update(state["attributes"])
    function.__globals__.update(state["names"])
    for cell, contents in zip(function.__closure__ or (), state["cells"], strict=True):
        if contents is not None:
            cell.cell_contents = contents[0]
