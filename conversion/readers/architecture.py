"""Architecture JSON, parsed as data only."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from deeplift_tf.conversion.readers.call_order import depths
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.conversion.readers.untrusted.limits import (
    MAX_CONFIG_BYTES,
    MAX_CONFIG_DEPTH,
    MAX_CONFIG_OBJECTS,
    MAX_CONFIG_VALUES,
    MAX_LAYERS,
    MAX_STRIDE,
    MAX_USE_FACTOR,
    SPARE_USES,
)
from deeplift_tf.errors import ModelFileError

Config = dict[str, Any]

TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')
"""A text in JSON."""


def parse(text: str | bytes, path: object) -> Config:
    """Parse an architecture.

    Parameters
    ----------
    text : str or bytes
        JSON, with the tuples and shapes that Keras 2 writes as objects of their own.
    path : object
        The file, for messages.

    Returns
    -------
    dict
        With the keys ``class_name`` and ``config``.

    Raises
    ------
    ModelFileError
        If the text is not JSON, is no architecture, or is larger or deeper than the limits.
    """
    config = load_json(text, path, "an architecture in JSON")
    check_extent(config, path)
    config = _plain(config)
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str) or "config" not in config:
        raise ModelFileError(
            f"{path}: expected the architecture of a model, a JSON object with 'class_name' and 'config'; "
            f"found {_described(config)}. Write it with model.to_json()"
        )
    return config


def load_json(text: str | bytes, path: object, expected: str) -> Any:
    """Parse JSON, once its values have been counted: as Python objects they take up to fifty times the memory.

    Raises
    ------
    ModelFileError
        If the text is not JSON, or is larger than the limits.
    """
    if len(text) > MAX_CONFIG_BYTES:
        raise ModelFileError(f"{path}: expected an architecture of at most {MAX_CONFIG_BYTES} bytes; found {len(text)}")
    with reading(path, expected):
        encoded = text.encode() if isinstance(text, str) else text
        objects, values = _counts(encoded)
        if objects > MAX_CONFIG_OBJECTS or values > MAX_CONFIG_VALUES:  # characters inside texts do not count
            objects, values = _counts(TEXT.sub(b'""', encoded))
        if objects > MAX_CONFIG_OBJECTS or values > MAX_CONFIG_VALUES:
            raise ModelFileError(
                f"{path}: expected {expected} of at most {MAX_CONFIG_OBJECTS} objects and lists, and "
                f"{MAX_CONFIG_VALUES} values; found {objects} and {values}"
            )
        return json.loads(text)


def _counts(text: bytes) -> tuple[int, int]:
    """Return the number of objects and lists, and of values, that a JSON text holds at most."""
    objects = text.count(b"{") + text.count(b"[")
    return objects, objects + text.count(b",")


def check_uses(config: object, path: object) -> None:
    """Refuse models inside models that use one another so often that their layers outgrow the file.

    A model that calls an inner model twice, which calls another twice, and so on, has 2^n uses of the innermost
    layers; Keras calls every one of them while it builds the model.

    Raises
    ------
    ModelFileError
        If there are far more uses than the architecture lists.
    """
    listed, uses = _uses(config)
    if uses > MAX_USE_FACTOR * listed + SPARE_USES:
        raise ModelFileError(
            f"{path}: expected models inside models that use their layers some {listed} times, as the architecture "
            f"lists; found {uses} uses, since inner models are called again and again"
        )


def _uses(value: object) -> tuple[int, int]:
    """Return how many uses of layers are listed, and how many there are with those of inner models multiplied."""
    found = [_uses(child) for child in children(value)]
    listed, uses = sum(pair[0] for pair in found), sum(pair[1] for pair in found)
    if not isinstance(value, dict) or "class_name" not in value:
        return listed, uses
    calls = value.get("inbound_nodes")
    times = max(1, len(calls)) if isinstance(calls, list) else 1
    return listed + times, times * (uses + 1)


def check_layers(config: object, path: object) -> None:
    """Refuse an architecture with more layers than can be built, or more in a row than Keras can follow.

    Raises
    ------
    ModelFileError
    """
    groups = list(_layers(config))
    if (found := sum(map(len, groups))) > MAX_LAYERS:
        raise ModelFileError(f"{path}: expected at most {MAX_LAYERS} layers; found {found}")
    longest = max((depth for group in groups for depth in depths(group).values()), default=0)
    if longest >= sys.getrecursionlimit():  # Keras calls itself for each layer of the row
        raise ModelFileError(
            f"{path}: expected fewer than {sys.getrecursionlimit()} layers in a row, Python's recursion limit, which "
            f"Keras would exceed; found {longest}. Where the file is yours: sys.setrecursionlimit({4 * longest})"
        )


def _layers(config: object) -> Iterator[list[Any]]:
    """Yield the layers of each model in an architecture."""
    if isinstance(config, dict) and isinstance(config.get("layers"), list):
        yield config["layers"]
    for child in children(config):
        yield from _layers(child)


def check_strides(config: object, path: object) -> None:
    """Refuse convolutions whose strides or dilations are larger than any real ones.

    Raises
    ------
    ModelFileError
    """
    if isinstance(config, dict):
        for key in ("strides", "dilation_rate"):
            given = config.get(key)
            sizes = [each for each in (given if isinstance(given, list) else [given]) if isinstance(each, int | float)]
            if "kernel_size" in config and max(sizes, default=0) > MAX_STRIDE:
                raise ModelFileError(
                    f"{path}: layer {config.get('name')!r}: expected {key} of at most {MAX_STRIDE}; found {given}"
                )
    for child in children(config):
        check_strides(child, path)


def check_extent(config: object, path: object) -> None:
    """Refuse an architecture that is deeper than the limit or has more layers (without recursion: it may be deep)."""
    layers, level = 0, [config]
    for _ in range(MAX_CONFIG_DEPTH):
        layers += sum(isinstance(value, dict) and "class_name" in value for value in level)
        level = [child for value in level for child in children(value)]
        if not level:
            break
    else:
        raise ModelFileError(f"{path}: expected an architecture of at most {MAX_CONFIG_DEPTH} levels; found more")
    if layers > 10 * MAX_LAYERS:  # a layer brings its initializers and policies along
        raise ModelFileError(f"{path}: expected at most {MAX_LAYERS} layers; found {layers} objects")


def children(value: object) -> Iterator[Any]:
    """Yield what a JSON value directly holds."""
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _plain(value: Any) -> Any:
    """Tuples and shapes, which Keras 2 writes as objects, as lists."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and isinstance(value.get("items"), list):
        return [_plain(item) for item in value["items"]]
    return {key: _plain(item) for key, item in value.items()}


def _described(config: object) -> str:
    if isinstance(config, dict):
        return f"an object with the keys {sorted(config)[:8]}"
    return f"a JSON {type(config).__name__}"
