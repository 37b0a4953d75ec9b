"""Checks of layer calls in functional models: if tensors are never made, some versions of Keras wait forever."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from deeplift_tf.conversion.readers.architecture import Config, children

Reference = tuple[str, int]
"""The name of a layer, and the number of its call."""


def check_calls(config: Any) -> None:
    """Refuse functional models in which calls wait for one another, or for one that is never made.

    Parameters
    ----------
    config : dict
        Any JSON value; models inside models are checked too.

    Raises
    ------
    ValueError
        Naming the layers that would wait.
    """
    if isinstance(config, dict) and isinstance(config.get("layers"), list) and "output_layers" in config:
        stuck = _stuck(config["layers"])
        if stuck:
            raise ValueError(f"expected calls that find their tensors made; found others, of the layers {stuck[:8]}")
    for child in children(config):
        check_calls(child)


def _stuck(layers: list[Config]) -> list[str]:
    """Give the names of the layers some call of which can never be made."""
    calls = {layer["name"]: [list(_references(node)) for node in layer.get("inbound_nodes") or []] for layer in layers}
    made = {name: 0 if nodes else 1 for name, nodes in calls.items()}
    waiting = defaultdict(set)
    for name, nodes in calls.items():
        for other, _ in (reference for node in nodes for reference in node):
            waiting[other].add(name)
    ready = list(calls)
    while ready:
        name, before = ready[-1], made[ready.pop()]
        while made[name] < len(calls[name]) and _are_made(calls[name][made[name]], made):
            made[name] += 1
        ready.extend(waiting[name] if made[name] > before else ())
    return [name for name, nodes in calls.items() if made[name] < len(nodes)]


def _are_made(references: list[Reference], made: dict[str, int]) -> bool:
    return all(0 <= call < made.get(name, 0) for name, call in references)


def _references(node: Any) -> Iterator[Reference]:
    """Yield the tensors that a call takes, written as Keras 3 does or as Keras 2 does."""
    inner = node.get("config") if isinstance(node, dict) else None
    if isinstance(inner, dict) and node.get("class_name") == "__keras_tensor__":
        yield inner["keras_history"][0], inner["keras_history"][1]
    elif isinstance(node, list) and len(node) in (3, 4) and isinstance(node[0], str) and isinstance(node[1], int):
        yield node[0], node[1]
    else:
        for child in children(node):
            yield from _references(child)
