"""Random damage to files: to their bytes, to the members of archives, to JSON, and to what HDF5 files hold."""

from __future__ import annotations

import io
import json
import random
import zipfile
from typing import Any

import h5py
import numpy as np

SIZES = (-1, 0, 1, 2, 3, 255, 1 << 16, 1 << 24, 1 << 28, 1 << 31, 1 << 40, 1 << 70)
TEXTS = ("", "relu", "Dense", "conv", "\x1b[2J", "../x", "/etc/passwd", "é" * 40, "channels_first", "same", "int8")


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return bytes with some flipped, cut off, overwritten by others, set to zero, or put in."""
    changed, size = bytearray(content), max(len(content), 1)
    kind = rng.choice(["flip", "flip", "flip", "cut", "copy", "zero", "insert", "byte"])
    for _ in range(rng.choice([1, 1, 2, 8])):
        at, length = rng.randrange(size), rng.randint(1, 64)
        if kind == "cut":
            return content[:at]
        if kind == "flip":
            changed[at % len(changed)] ^= 1 << rng.randrange(8)
        elif kind == "byte":
            changed[at % len(changed)] = rng.randrange(256)
        elif kind == "copy":
            other = rng.randrange(size)
            changed[at : at + length] = content[other : other + length]
        elif kind == "zero":
            changed[at : at + length] = bytes(len(changed[at : at + length]))
        else:
            changed[at:at] = bytes([rng.randrange(256)]) * length
    return bytes(changed)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the ways to all values in JSON."""
    found = [path] if path else []
    keys: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        found += places(value[key], (*path, key))
    return found


def other_value(value: Any, rng: random.Random) -> Any:
    """Return another value: mostly one of the same type, so that it is looked at further."""
    kind = rng.random()
    if kind < 0.15:
        return rng.choice([None, True, 1.5, float("nan"), 1e300, [], {}, [[]], "x", -1])
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice([*SIZES, value + 1, value - 1])
    if isinstance(value, float):
        return rng.choice([0.0, -value, 1e30, float("inf"), "x"])
    if isinstance(value, str):
        return rng.choice([*TEXTS, value[:-1], value + "x"])
    if isinstance(value, list):
        return rng.choice([value[:-1], value * 2, value[::-1], [other_value(each, rng) for each in value]])
    return rng.choice([{}, {"class_name": "Dense", "config": {}}, [value], value])


def with_other_json(content: bytes, rng: random.Random) -> bytes:
    """Return JSON with one value changed, taken away, or moved to another place."""
    root = json.loads(content)
    path = rng.choice(places(root))
    parent = root
    for key in path[:-1]:
        parent = parent[key]
    kind = rng.random()
    if kind < 0.15:
        del parent[path[-1]]
    elif kind < 0.25:
        other = rng.choice(places(root))
        source = root
        for key in other:
            source = source[key]
        parent[path[-1]] = json.loads(json.dumps(source))
    else:
        parent[path[-1]] = other_value(parent[path[-1]], rng)
    return json.dumps(root).encode()


def archive(content: bytes, rng: random.Random) -> bytes:
    """Return a zip archive, whole as such, with one member damaged."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        chosen = rng.choice(old.namelist())
        for name in old.namelist():
            text = old.read(name)
            if name == chosen:
                text = (
                    with_other_json(text, rng) if name.endswith(".json") and rng.random() < 0.8 else damaged(text, rng)
                )
            new.writestr(name, text)
    return buffer.getvalue()


def hdf5(content: bytes, rng: random.Random) -> bytes:
    """Return an HDF5 file, whole as such, with an array or an attribute of another kind."""
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        names: list[str] = [""]
        file.visit(names.append)
        name = rng.choice(names)
        item = file[name] if name else file
        if len(item.attrs) and (rng.random() < 0.6 or not name):
            key = rng.choice(list(item.attrs))
            item.attrs[key] = _other_attribute(item.attrs[key], rng)
        elif isinstance(item, h5py.Dataset):
            array = np.asarray(item)
            del file[name]
            file[name] = rng.choice(
                [array[:-1], array[None], array.astype("f8"), array.astype("S4"), np.zeros(3), array.T, np.array(7)]
            )
        elif name:
            del file[name]
    return buffer.getvalue()


def _other_attribute(value: Any, rng: random.Random) -> Any:
    if isinstance(value, str | bytes) and rng.random() < 0.8:
        text = value if isinstance(value, bytes) else value.encode()
        try:
            return with_other_json(text, rng).decode()
        except (ValueError, IndexError):
            return np.bytes_(damaged(text, rng).replace(b"\0", b"x") or b"x")
    return rng.choice([7, np.zeros(3), "x", b"\xff\xfe", np.array([b"a", b"b"]), 1.5])
