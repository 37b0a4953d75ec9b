"""Weights in several HDF5 files that a JSON file lists, as `save_weights(..., max_shard_size=...)` writes them."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any

import h5py

from deeplift_tf.conversion.readers.architecture import check_extent, load_json
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.conversion.readers.untrusted.hdf5 import open_hdf5
from deeplift_tf.conversion.readers.untrusted.limits import MAX_CONFIG_BYTES, MAX_MEMBERS
from deeplift_tf.errors import ModelFileError


def shard_files(listing: Path) -> list[Path]:
    """Return the files that hold the weights of a ``.weights.json``, in order; all lie beside it.

    Raises
    ------
    ModelFileError
        If the list is none, or names a file that is missing, lies elsewhere or is a link.
    """
    size = listing.stat().st_size
    if size > MAX_CONFIG_BYTES:
        raise ModelFileError(f"{listing}: expected a list of at most {MAX_CONFIG_BYTES} bytes; found {size}")
    found = load_json(listing.read_bytes(), listing, "a list in JSON")
    check_extent(found, listing)
    places = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(places, dict):
        raise ModelFileError(
            f"{listing}: expected weights in HDF5, or the list of a model's weights in shards, with a 'weight_map'; "
            "found JSON that has none. An architecture comes first: (architecture.json, weights)"
        )
    names = {name for each in places.values() for name in (each if isinstance(each, list) else [each])}
    if len(names) > MAX_MEMBERS:
        raise ModelFileError(f"{listing}: expected at most {MAX_MEMBERS} shards; found {len(names)}")
    return [_beside(listing, name) for name in sorted(names, key=str)]


def _beside(listing: Path, name: Any) -> Path:
    if not isinstance(name, str) or PurePath(name).name != name or "\\" in name or name in ("", "..", "."):
        raise ModelFileError(f"{listing}: expected shards that lie beside it; found {name!r}")
    path = listing.with_name(name)
    if path.is_symlink() or not path.is_file():
        found = "a link" if path.is_symlink() else "no such file"
        raise ModelFileError(f"{listing}: expected the shard {name!r} beside it; found {found}")
    return path


def merged(listing: Path, target: Path) -> Path:
    """Write the weights of all shards into one file, and return its path.

    Raises
    ------
    ModelFileError
        As `shard_files` and `hdf5.open_hdf5` do.
    """
    with h5py.File(target, "w") as file:
        for shard in shard_files(listing):
            with open_hdf5(shard) as part, reading(shard, "weights of which no other shard has the same"):
                _add(part, file)
    return target


def _add(source: h5py.Group, target: h5py.Group) -> None:
    """Copy groups, their attributes and arrays; groups that are there already get what they lack.

    Every object gets the group of its variables, which shards leave out where it has none and Keras 3.5 looks for.
    """
    if not target.name.endswith("/vars"):
        target.require_group("vars")
    for name, value in source.attrs.items():
        target.attrs[name] = value
    for name, each in source.items():
        if isinstance(each, h5py.Group):
            _add(each, target.require_group(name))
        else:
            source.copy(each, target, name)
