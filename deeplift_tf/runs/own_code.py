"""The user's own code for a model: imported by name or from a file, and passed to the model reader."""

from __future__ import annotations

import ast
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
        If one cannot be imported.
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
        raise DeepLiftError(f"`custom_objects={source}`: cannot be imported: {error}{hint}") from error
    except Exception as error:  # whatever the user's code raises
        raise DeepLiftError(
            f"`custom_objects={source}`: cannot be imported: {type(error).__name__}: {error}"
        ) from error


def is_file(source: str) -> bool:
    """Whether a source is the path of a Python file rather than the name of a module."""
    return source.endswith(".py") or "/" in source or "\\" in source


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise DeepLiftError(f"`custom_objects={path}`: expected a Python file or the name of a module; no such file")
    name = f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise DeepLiftError(f"`custom_objects={path}`: expected a file that ends in .py")
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


def files_of(source: str) -> list[Path]:
    """Return the Python files whose code a source is: a file, and of modules beside it those that it imports.

    Read are ``import`` statements, also inside of functions, of the file and of what it imports; modules from elsewhere
    are not followed. Of the name of a module that belongs to no installed distribution, its file or those of its
    package, and the same of them.

    Raises
    ------
    DeepLiftError
        If a file is no Python.
    """
    if is_file(source):
        found = [Path(source)]
    else:
        found = [] if installed_version(source) else module_found(source.partition(".")[0])
    for path in found:
        folder = next(each for each in path.parents if not (each / "__init__.py").is_file())
        beside = [each for name in names_imported(path) for each in modules_in(folder, name)]
        found += [each for each in dict.fromkeys(beside) if each.resolve() not in {known.resolve() for known in found}]
    return found


def module_found(name: str) -> list[Path]:
    """Return the files of a module or package that an import finds; none of those of Python itself."""
    if name in sys.stdlib_module_names:
        return []
    with _found_in(Path.cwd()):
        spec = importlib.util.find_spec(name) if name not in sys.modules else sys.modules[name].__spec__
    origin = Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None
    if origin is None:
        return []
    return modules_in(origin.parent.parent if origin.name == "__init__.py" else origin.parent, name)


def modules_in(folder: Path, name: str) -> list[Path]:
    """Return the files of a module or a package in a folder; none where it holds no such one."""
    if (folder / name / "__init__.py").is_file():
        return sorted((folder / name).rglob("*.py"))
    return [path for path in [folder / f"{name}.py"] if path.is_file()]


def names_imported(path: Path) -> list[str]:
    """Return the first parts of the names of all modules that a Python file imports."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        raise DeepLiftError(f"--custom-objects {path}: cannot be imported: {type(error).__name__}: {error}") from error
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {each.name.partition(".")[0]: None for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names[node.module.partition(".")[0]] = None
    return list(names)


def installed_version(source: str) -> str | None:
    """Return the version of the distribution that a module belongs to; None where it belongs to none."""
    try:
        return metadata.version(source.partition(".")[0])
    except metadata.PackageNotFoundError:
        return None


def version(source: str) -> str:
    """Return the version of the package that a module belongs to; "unknown" where it says none."""
    own = getattr(sys.modules.get(source.partition(".")[0]), "__version__", "unknown")
    return installed_version(source) or str(own)
