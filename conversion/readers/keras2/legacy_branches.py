"""Branches of Keras 1: a Sequential that starts with a Merge of models becomes one functional model.

Keras 1 wrote the weights of such a model layer by layer, those of the branches first, under the layers' own names; so
the layers of the branches become layers of the one model.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from deeplift_tf.conversion.readers.keras2.upgrades import LayerRetiredError

Config = dict[str, Any]


class Chain(NamedTuple):
    """The layers of a model in order, its inputs, and the layer that makes its output."""

    layers: list[Config]
    inputs: list[str]
    output: str


def starts_with_branches(layers: Any) -> bool:
    """Whether the first layer of a Sequential merges other models."""
    first = layers[0] if isinstance(layers, list) and layers else None
    return isinstance(first, dict) and first.get("class_name") == "Merge" and bool(first["config"].get("layers"))


def as_functional(layers: list[Config], name: str) -> Config:
    """Return a Sequential that starts with branches as a functional model of Keras 2.

    Raises
    ------
    LayerRetiredError
        If a branch is not a Sequential, or its input has no shape.
    """
    chain = _chain(layers)
    described = {"name": name, "layers": chain.layers, "input_layers": [[each, 0, 0] for each in chain.inputs]}
    return {**described, "output_layers": [[chain.output, 0, 0]]}


def _chain(layers: list[Config]) -> Chain:
    if not starts_with_branches(layers):
        return _extended(Chain([], [], ""), layers)
    merge = layers[0]["config"]
    branches = [_branch(branch) for branch in merge["layers"]]
    before = [layer for branch in branches for layer in branch.layers]
    inputs = [name for branch in branches for name in branch.inputs]
    ends = [branch.output for branch in branches]
    merged = _layer({"class_name": "Merge", "config": {**merge, "layers": None}}, ends)
    return _extended(Chain([*before, merged], inputs, merged["name"]), layers[1:])


def _branch(branch: Config) -> Chain:
    if branch.get("class_name") != "Sequential" or not isinstance(branch.get("config"), list):
        raise LayerRetiredError(f"a branch that is a {branch.get('class_name')}, where a Sequential is known")
    return _chain(branch["config"])


def _extended(chain: Chain, layers: list[Config]) -> Chain:
    """Return a chain with further layers, each fed by the one before; the first of all gets an input."""
    described, inputs, end = list(chain.layers), list(chain.inputs), chain.output
    for layer in layers:
        if not end:
            end = f"{layer['config']['name']}_input"
            described.append(_layer({"class_name": "InputLayer", "config": _input(layer["config"], end)}, []))
            inputs.append(end)
        described.append(_layer(layer, [end]))
        end = described[-1]["name"]
    return Chain(described, inputs, end)


def _input(config: Config, name: str) -> Config:
    if not isinstance(config.get("batch_input_shape"), list):
        raise LayerRetiredError(f"a branch without the shape of its input, before the layer {config['name']!r}")
    return {"name": name, "batch_input_shape": config["batch_input_shape"], "input_dtype": config.get("input_dtype")}


def _layer(layer: Config, before: list[str]) -> Config:
    nodes = [[[name, 0, 0] for name in before]] if before else []
    return {**layer, "name": layer["config"]["name"], "inbound_nodes": nodes}
