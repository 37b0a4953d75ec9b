"""Names of a model's outputs: the keys of a dict, or the names of the layers that return them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deeplift_tf.graph.graph import Edge


def output_names(model: Any, edges: Sequence[Edge]) -> list[str]:
    """Return the names of the outputs of a functional model, all different.

    Parameters
    ----------
    model : functional model
    edges : sequence of Edge
        Its outputs, in order.
    """
    layers = list(getattr(model, "output_names", None) or [edge.node for edge in edges])
    names = [key or layer for key, layer in zip(output_keys(model), layers, strict=True)]
    return [name if names.index(name) == index else f"{name}_{index}" for index, name in enumerate(names)]


def output_keys(model: Any) -> list[str]:
    """Return for each output the key of the dict that holds it, ``outer/inner`` in a dict of dicts; "" without one."""
    found = list(_keyed(getattr(model, "_outputs_struct", None), ""))
    if [id(tensor) for _, tensor in found] != [id(tensor) for tensor in model.outputs]:
        return [""] * len(model.outputs)
    return [key for key, _ in found]


def _keyed(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yield the tensors of a structure in Keras's order, in which the keys of a dict are sorted."""
    if isinstance(value, Mapping):
        for name in sorted(value, key=str):
            yield from _keyed(value[name], f"{key}/{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _keyed(part, f"{key}/{index}" if key else "")
    else:
        yield key, value


def nested_names(name: str, model: Any, edges: Sequence[Edge]) -> dict[str, Edge]:
    """Return what the name of a nested model means: its output, or each of several by ``name/output``.

    Parameters
    ----------
    name : str
        Of the nested model, with those of the models around it.
    model : functional model
    edges : sequence of Edge
        Its outputs, in order.
    """
    if len(edges) == 1:
        return {name: edges[0]}
    return {f"{name}/{key}": edge for key, edge in zip(output_names(model, edges), edges, strict=True)}
