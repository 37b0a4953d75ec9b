"""Provenance of an exported function: a file in its folder that says what it computes, and what it was made from."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf import __version__
from deeplift_tf.errors import ModelFileError
from deeplift_tf.platform.digests import contents, plain_digest
from deeplift_tf.scoring.display import described
from deeplift_tf.scoring.score import Score

PLACE = Path("assets.extra", "deeplift_tf.json")
FORMAT = 1
LARGEST = 4 * 2**20  # bytes of such a file that are read


def provenance(folder: str | Path) -> dict[str, Any] | None:
    """Read what the folder of an exported function says about itself.

    Parameters
    ----------
    folder : str or Path
        As `export` has written it.

    Returns
    -------
    dict or None
        None for a folder, or another file, that says nothing.

    Raises
    ------
    ModelFileError
        If it is damaged.
    """
    path = Path(folder) / PLACE
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(LARGEST))
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: expected JSON, as an export writes it; {error}") from error
    if not isinstance(found, dict) or "format" not in found:
        raise ModelFileError(f"{path}: expected an object with a format, as an export writes it")
    return found


def write(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write facts into the folder of an exported function."""
    (folder / PLACE).parent.mkdir(exist_ok=True)
    text = json.dumps({"format": FORMAT, **facts}, indent=2, ensure_ascii=False)
    (folder / PLACE).write_text(text + "\n", encoding="utf-8", newline="\n")


def facts_of(score: Score, asked: Mapping[str, Any], signature: Any) -> dict[str, Any]:
    """Return the facts about an exported function.

    Parameters
    ----------
    score : Score
        Under the rules that are exported.
    asked : mapping of str to object
        The arguments of `export`.
    signature : tf.types.experimental.ConcreteFunction
        That of `score`.
    """
    nodes = (
        () if asked["method"].startswith("integrated") else score.network.graph.nodes
    )  # along a path there are gradients alone
    rules: dict[str, list[str]] = {}
    for node in nodes:
        if node.layer.ruled:
            rules.setdefault(node.rule.name, []).append(node.name)
    return {
        "method": asked["method"],
        "rules": rules,
        "approximate_layers": list(score.network.approximate_layers),
        "scored": [edge.node for edge in score.scored],
        "references": _references(asked["references"]),
        **{name: _plain(asked[name]) for name in ("target", "targets")},
        "output": None if _all_none(asked["output"]) else _plain(asked["output"]),
        **{name: asked[name] for name in ("pre_activation", "mean_normalised", "hypothetical", "letters_axis")},
        "takes": {name: _spec(spec) for name, spec in sorted(signature.structured_input_signature[0][0].items())},
        "returns": {name: _spec(spec) for name, spec in sorted(signature.structured_outputs.items())},
        "model": [_file(path) for path in files_of(score.network)] or "a live model, of no file",
        "dtype": score.network.dtype.name,
        "versions": versions(),
    }


def files_of(network: Any) -> Iterator[Path]:
    """Return the files that a network was read from, of all members of an ensemble; none of a live model."""
    model = getattr(network.origin, "model", None)
    for each in model if isinstance(model, tuple) else [model]:
        if isinstance(each, (str, PathLike)):
            yield Path(each)
        elif hasattr(each, "origin"):
            yield from files_of(each)


def versions() -> dict[str, str]:
    """Return the versions that an export depends on."""
    return {
        "deeplift_tf": __version__,
        "tensorflow": tf.__version__,
        "keras": metadata.version("keras"),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _file(path: Path) -> dict[str, Any]:
    if not contents(path):
        return {"path": str(path), "sha256": None}
    return {"path": str(path), "sha256": plain_digest(path)}


def _references(given: Any) -> dict[str, Any] | str:
    """Return what references are: how they are described and, of arrays, their SHA-256."""
    if given is None:
        return "with each request"
    if isinstance(given, Mapping):
        return {str(name): _references(part) for name, part in given.items()}
    if isinstance(given, (str, int, float)) or callable(given):
        return described(given)
    array = np.ascontiguousarray(given)
    if not array.ndim:
        return described(given)
    digest = None if array.dtype.kind == "O" else hashlib.sha256(array.tobytes()).hexdigest()
    return {"array": list(array.shape), "dtype": array.dtype.name, "sha256": digest}


def _plain(given: Any) -> Any:
    """Return a target or an output as JSON holds it."""
    if given is None or isinstance(given, (str, bool, int, float)):
        return given
    if isinstance(given, Sequence) and not isinstance(given, str):
        return [_plain(part) for part in given]
    if np.ndim(given) == 0 and isinstance(given, np.generic):
        return given.item()
    return described(given)


def _all_none(given: Any) -> bool:
    return given is None or (not isinstance(given, str) and all(each is None for each in given))


def _spec(spec: Any) -> str:
    return f"{spec.dtype.name} {[*spec.shape]}".replace("None", "?")
