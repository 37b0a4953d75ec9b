"""The identity of a run: everything that its scores depend on. A run resumes only if this is unchanged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import metadata as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deeplift_tf.platform.digests import contents, digest, digest_of
from deeplift_tf.platform.names import parts_of
from deeplift_tf.runs import own_code

if TYPE_CHECKING:
    from deeplift_tf.runs.model import ModelSource

# Scores depend on every argument of a command but on these, so that one that is new counts until it is named here.
HOW = (
    "upper_case",
    "debug",
    "strict",
    "as_json",
    "overwrite",
    "resume",
    "engine",
    "workers",
    "address",
    "gpus_per_worker",
    "cpus_per_worker",
)
BESIDE = (
    "out",
    "formats",
    "compression",
    "names",
    "chrom_sizes",
    "on_error",
)  # where they go, and what else does; noted beside the scores

# arguments that name files
FILES = (
    "model",
    "weights",
    "input",
    "references",
    "regions",
    "variants",
    "genome",
    "chrom_sizes",
    "control",
    "exclude",
)
HASHED = 2**29  # bytes; the contents of larger files are known by their size and time alone


def identity(path: Path) -> dict[str, Any]:
    """Return what tells whether a file, or all that a path leads to, is still the same; see `contents`.

    Returns
    -------
    dict
        Its size in bytes, and the SHA-256 of its contents or, where it is large, when it was modified last.
    """
    files = contents(path)
    size = sum(each.stat().st_size for each in files)
    if size > HASHED:
        return {"bytes": size, "modified": max(each.stat().st_mtime_ns for each in files)}
    return {"bytes": size, "sha256": digest(path, files)}


def identities(arguments: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the identity of every file that arguments name, by the name of the argument.

    If a value is more than a path, references by name for example, those of its files by their paths.
    """
    found = {
        name: identity(files[0])
        if [*map(str, files)] == [str(arguments[name])]
        else {str(each): identity(each) for each in files}
        for name, files in files_in(arguments).items()
    }
    own = {each: identity_of_code(each) for each in arguments.get("custom_objects") or ()}
    return found | ({"custom_objects": own} if own else {})


def identity_of_code(source: str) -> dict[str, Any]:
    """Return what tells whether a Python file, or the package of a module, is still the same; see `files_of`."""
    files = own_code.files_of(source) if Path(source).is_file() or not own_code.is_file(source) else []
    if not files:
        return {"version": own_code.version(source)}
    digest = hashlib.sha256()
    for name, content in sorted((path.name, path.read_bytes()) for path in files):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return {"bytes": sum(path.stat().st_size for path in files), "sha256": digest.hexdigest()}


def files_in(arguments: Mapping[str, Any]) -> dict[str, list[Path]]:
    """Return the files and folders that arguments name, by the name of the argument; those that are there."""
    values = {name: arguments[name] for name in FILES if arguments.get(name) is not None}
    found = {
        name: [file for each in (value if isinstance(value, list | tuple) else [value]) for file in places(Path(each))]
        for name, value in values.items()
    }
    return {name: files for name, files in found.items() if files}


def places(path: Path) -> list[Path]:
    """Return a path that leads to files; the files and folders in it where it does not, see `pieces`."""
    return [path] if contents(path) else pieces(path)


def pieces(path: Path) -> list[Path]:
    """Return the files and folders in NAME:FIRST,KEY=VALUE or in FIRST,SECOND."""
    return [Path(piece) for piece in parts_of(str(path)) if Path(piece).exists()]


def of_model(model: ModelSource) -> dict[str, Any]:
    """Return what scores depend on in the process that makes them: the model's bytes, and the versions at work.

    Unlike `identity` it reads large files too: the times of files differ from machine to machine.
    """
    import numpy as np
    import tensorflow as tf

    from deeplift_tf import __version__

    own = {each: identity_of_code(each) for each in model.custom_objects}
    versions = {"deeplift_tf": __version__, "tensorflow": tf.__version__, "keras": installed.version("keras")}
    return {
        **{str(place): digest_of(place) for place in model.paths},
        **{each: json.dumps(found, sort_keys=True) for each, found in own.items()},
        **versions,
        "numpy": np.__version__,
    }


def essential(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return of the metadata of a run what its scores depend on."""
    return {
        name: {key: each for key, each in value.items() if key not in BESIDE} if isinstance(value, Mapping) else value
        for name, value in metadata.items()
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any], but: tuple[str, ...] = ()) -> list[str]:
    """Return in words how a run differs from one before, in what its scores depend on.

    Parameters
    ----------
    before, now : mapping
        The metadata of runs: arguments, versions, files (by the argument that names them) and rows.
    but : tuple of str
        Arguments that may differ.
    """
    was, its = _settled(essential(before)), _settled(essential(now))
    files = {*was["files"], *its["files"]}
    paths = {name for name in files if all("bytes" in each["files"].get(name, {}) for each in (was, its))}
    names = {*was["arguments"], *its["arguments"]} - paths - {*but}  # of a path alone it counts what lies there
    changed = {name for name in names if was["arguments"].get(name) != its["arguments"].get(name)}
    found = [
        f"`{name}` was {_shown(was['arguments'].get(name))}, is {_shown(its['arguments'].get(name))}"
        for name in sorted(changed)
    ]
    found += [
        f"{its['arguments'].get(name) or was['arguments'].get(name)} is not the file that it was"
        for name in sorted(files - changed)
        if was["files"].get(name) != its["files"].get(name)
    ]
    return found + [
        f"{name} was {was['versions'].get(name)}, is {its['versions'].get(name)}"
        for name in sorted({*was["versions"], *its["versions"]})
        if was["versions"].get(name) != its["versions"].get(name)
    ]


def _settled(metadata: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return metadata as JSON gives it back, lists for tuples; what is no mapping says nothing."""
    found = {name: metadata.get(name) for name in ("arguments", "versions", "files")}
    return json.loads(json.dumps({name: each if isinstance(each, Mapping) else {} for name, each in found.items()}))


def _shown(value: Any) -> str:
    return "not given" if value is None else json.dumps(value)
