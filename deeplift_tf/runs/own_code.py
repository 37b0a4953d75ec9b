"""Code of the user's own that a model needs: imported by name, or from a file, and offered to what reads the model."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from deeplift_tf.errors import DeepLiftError

DICTS = ("custom_objects", "CUSTOM_OBJECTS")
"""Names of a dict in which a module lists objects under other names, those of Lambda layers for example."""


def own_objects(sources: Iterable[str]) -> dict[str, Any]:
    """Import modules, and return the classes and functions that they define, by name.

    What they register with Keras or `dl.register` is registered by the import.

    Parameters
    ----------
    sources : iterable of str
        Each the path of a Python file, or the name of a module.

    Returns
    -------
    dict of str to object
        Of a file also what comes from modules beside it, of a package what comes from inside it; and what a dict
        ``custom_objects`` in the module lists.

    Raises
    ------
    DeepLiftError
        Where one cannot be imported.
    """
    found: dict[str, Any] = {}
    for source in sources:
        module = imported(source)
        for name, value in vars(module).items():
            if (inspect.isclass(value) or inspect.isfunction(value)) and _is_of(module, value):
                found[name] = value
        for name in DICTS:
            listed = getattr(module, name, None)
            found |= listed if isinstance(listed, dict) else {}
    return found


def imported(source: str) -> ModuleType:
    """Import a module by its name or by the path of its file, once."""
    try:
        if not is_file(source):
            with _found_in(Path.cwd()):
                return importlib.import_module(source)
        return _from_file(Path(source).resolve())
    except DeepLiftError:
        raise
    except ModuleNotFoundError as error:
        hint = "" if error.name != source.partition(".")[0] else "; give the path of a .py file, or install it"
        raise DeepLiftError(f"--custom-objects {source}: cannot be imported: {error}{hint}") from error
    except Exception as error:  # whatever the user's code raises
        raise DeepLiftError(
            f"--custom-objects {source}: cannot be imported: {type(error).__name__}: {error}"
        ) from error


def is_file(source: str) -> bool:
    """Whether a source is the path of a Python file rather than the name of a module."""
    return source.endswith(".py") or "/" in source or "\\" in source


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise DeepLiftError(f"--custom-objects {path}: expected a Python file or the name of a module; no such file")
    name = f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise DeepLiftError(f"--custom-objects {path}: expected a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _found_in(path.parent):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def _found_in(folder: Path) -> Iterator[None]:
    """Let modules of a folder be imported, behind all others."""
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _is_of(module: ModuleType, value: Any) -> bool:
    """Whether a class or function comes from a module, from its package, or from a file beside it."""
    home = sys.modules.get(value.__module__)
    if home is module or value.__module__.partition(".")[0] == module.__name__.partition(".")[0]:
        return True
    file, own = getattr(home, "__file__", None), getattr(module, "__file__", None)
    return bool(file and own) and Path(str(file)).parent == Path(str(own)).parent


def absolute(source: str) -> str:
    """Return the same source for another working directory."""
    return str(Path(source).resolve()) if is_file(source) else source


def version(source: str) -> str:
    """Return the version of the package that a module belongs to; "unknown" where it says none."""
    root = source.partition(".")[0]
    try:
        return metadata.version(root)
    except metadata.PackageNotFoundError:
        return str(getattr(sys.modules.get(root), "__version__", "unknown"))
