"""The JSON text of an architecture, parsed as data and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from deeplift_tf.conversion.readers.explain import reading
from deeplift_tf.conversion.readers.limits import MAX_CONFIG_BYTES, MAX_CONFIG_DEPTH, MAX_LAYERS
from deeplift_tf.errors import ModelFileError

Config = dict[str, Any]


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
        Where the text is no JSON, is no architecture, or is larger or deeper than the limits.
    """
    if len(text) > MAX_CONFIG_BYTES:
        raise ModelFileError(f"{path}: expected an architecture of at most {MAX_CONFIG_BYTES} bytes; found {len(text)}")
    with reading(path, "an architecture in JSON"):
        config = json.loads(text)
    check_extent(config, path)
    config = _plain(config)
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str) or "config" not in config:
        raise ModelFileError(
            f"{path}: expected the architecture of a model, a JSON object with 'class_name' and 'config'; "
            f"found {_described(config)}. Write it with model.to_json()"
        )
    return config


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
