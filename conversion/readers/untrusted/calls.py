"""Checks of layer calls in functional models: if tensors are never made, some versions of Keras wait forever."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from deeplift_tf.conversion.readers.architecture import Config, children
from deeplift_tf.conversion.readers.call_order import Reference, references


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
    """Return the names of the layers some call of which can never be made."""
    calls = {layer["name"]: [list(references(node)) for node in layer.get("inbound_nodes") or []] for layer in layers}
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
