"""Which files a path leads to, and the SHA-256 of what they hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def contents(path: Path) -> list[Path]:
    """Return the files that a path leads to; none where there are none.

    Those of a folder, of a SavedModel by its saved_model.pb, of a TensorFlow checkpoint by its prefix, and the shards
    that a .weights.json lists.
    """
    path = path.parent if path.name == "saved_model.pb" else path
    if path.is_dir():
        return sorted(each for each in path.rglob("*") if each.is_file())
    if path.name.endswith(".weights.json") and path.is_file():
        return [path, *shards(path)]
    of_checkpoint = [path.with_name(f"{path.name}.index"), *path.parent.glob(f"{path.name}.data-*")]
    return [path] if path.exists() else sorted(each for each in of_checkpoint if each.is_file())


def shards(listing: Path) -> list[Path]:
    """Return the files that the list of a model's weights in shards names; none where it is no such list."""
    try:
        places = json.loads(listing.read_bytes())["weight_map"].values()
        names = {name for each in places for name in (each if isinstance(each, list) else [each])}
        return sorted(path for path in (listing.with_name(name) for name in names) if path.is_file())
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def digest_of(path: Path) -> str:
    """Return the SHA-256 of the names and contents of all files that a path leads to."""
    return digest(path, contents(path))


def plain_digest(path: Path) -> str:
    """Return the SHA-256 of a file as other tools print it, ``sha256sum`` for one; of several files see `digest`."""
    if not path.is_file():
        return digest_of(path)
    found = hashlib.sha256()
    _read_into(found, path)
    return found.hexdigest()


def digest(path: Path, files: Sequence[Path]) -> str:
    """Return the SHA-256 of the names, and contents, of files that a path leads to: the same on every system."""
    found = hashlib.sha256()
    for each in files:
        name = each.relative_to(path).as_posix() if path in (each, *each.parents) else each.name
        found.update(name.encode() + b"\0")
        _read_into(found, each)
    return found.hexdigest()


def _read_into(found: Any, path: Path) -> None:
    with path.open("rb") as stream:
        while block := stream.read(2**20):
            found.update(block)
