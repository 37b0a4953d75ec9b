"""The order of the calls of a functional model, whatever the order in which a file lists its layers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

Config = dict[str, Any]

Reference = tuple[str, int]
"""The name of a layer, and the number of its call."""


def references(node: Any) -> Iterator[Reference]:
    """Yield the calls whose tensors a call takes, written as Keras 3 does or as Keras 2 does."""
    inner = node.get("config") if isinstance(node, dict) else None
    if isinstance(inner, dict) and node.get("class_name") == "__keras_tensor__":
        yield inner["keras_history"][0], inner["keras_history"][1]
    elif isinstance(node, list) and len(node) in (3, 4) and isinstance(node[0], str) and isinstance(node[1], int):
        yield node[0], node[1]
    elif isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from references(child)


def depths(layers: list[Any]) -> dict[Reference, int]:
    """Return how many layers stand in a row up to and with each call; calls that wait for ever have none.

    Parameters
    ----------
    layers : list of dict
        Of one model. A layer without ``inbound_nodes``, as in a Sequential model, reads the one listed before it.
    """
    reads: dict[Reference, set[Reference]] = {}
    before: set[Reference] = set()
    for layer in layers:
        if not isinstance(layer, dict):
            continue
        name, nodes = name_of(layer), layer.get("inbound_nodes")
        nodes = nodes if isinstance(nodes, list) else None
        calls = [before] if nodes is None else [set(references(node)) for node in nodes] or [set()]
        reads |= {(name, number): read for number, read in enumerate(calls)}
        before = {(name, 0)}
    return _depths(reads)


def _depths(reads: dict[Reference, set[Reference]]) -> dict[Reference, int]:
    readers, missing = defaultdict(list), {call: len(read) for call, read in reads.items()}
    for call, read in reads.items():
        for each in read:
            readers[each].append(call)
    ready = [call for call, count in missing.items() if not count]
    found: dict[Reference, int] = {}
    while ready:
        call = ready.pop()
        found[call] = 1 + max((found[each] for each in reads[call]), default=0)
        for reader in readers[call]:
            missing[reader] -= 1
            if not missing[reader]:
                ready.append(reader)
    return found


def in_order(config: Any) -> Any:
    """Return an architecture in which no layer is listed before those that its first call reads.

    Keras tries the calls of a model in the order of the list, again and again until all are made: for a row of n layers
    that is listed backwards, n² attempts. The order of the list means nothing else to it.

    Parameters
    ----------
    config : dict
        Any JSON value; models inside models are put in order too.
    """
    if isinstance(config, list):
        return [in_order(item) for item in config]
    if not isinstance(config, dict):
        return config
    new = {key: in_order(item) for key, item in config.items()}
    layers = new.get("layers")
    if not isinstance(layers, list) or "output_layers" not in new or not all(isinstance(each, dict) for each in layers):
        return new
    if not _is_in_order(layers):
        found = depths(layers)
        new["layers"] = sorted(layers, key=lambda layer: found.get((name_of(layer), 0), 0))
    return new


def _is_in_order(layers: list[Config]) -> bool:
    names = [name_of(layer) for layer in layers]
    later = set(names)
    for name, layer in zip(names, layers, strict=True):
        nodes = layer.get("inbound_nodes")
        if isinstance(nodes, list) and nodes and any(other in later for other, _ in references(nodes[0])):
            return False
        later.discard(name)
    return True


def name_of(layer: Config) -> str:
    """Return the name of a layer in the list of a model."""
    inner = layer.get("config")
    return str(layer.get("name") or (inner.get("name") if isinstance(inner, dict) else ""))
