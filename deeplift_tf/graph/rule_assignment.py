"""Rule assignment: which layer follows which rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from deeplift_tf.argspec import closest
from deeplift_tf.errors import RuleError
from deeplift_tf.graph.graph import Edge, Graph, LayerUse, Node
from deeplift_tf.graph.time_distributed import TimeDistributed
from deeplift_tf.rules.rules import GENOMICS_DEFAULT, RESCALE, REVEAL_CANCEL, Rule, rule_named

RuleChoice = str | Rule | Mapping[str, str | Rule]


class LayerPlace(NamedTuple):
    """How a key of a rule choice matches a node; the least of several matches counts.

    Attributes
    ----------
    level : int
        One of the constants below.
    length : int
        Minus the number of the key's parts: "dense/1", one use, goes before "dense", all of them.
    """

    level: int
    length: int = 0


NODE, LAYER, END_OF_NAME, MODEL_AROUND, CLASS, DEFAULT = range(6)


def with_rules(graph: Graph, choice: RuleChoice) -> Graph:
    """Return the same graph under other rules; weights are shared.

    Parameters
    ----------
    graph : Graph
    choice : str, Rule or mapping
        One rule for all layers, or {name or Keras class: rule, "default": rule}. The name of a layer means all its
        uses, "name/1" the second one, counted from 0; in a nested model "inner/name", or the name alone if no other
        layer has it; the name of a nested model means all layers in it. A layer's name has priority over its class, and
        its class over the default, which is "rescale". A key means the layer that owns the nonlinearity; rules change
        nothing in layers that have none.

    Raises
    ------
    RuleError
        If a rule is unknown, or a key names no layer and no class of the model, or several layers.
    """
    choices = {"default": choice} if isinstance(choice, str | Rule) else {"default": "rescale", **choice}
    places = {key: places_of(key, graph) for key in choices}
    if strange := [key for key, found in places.items() if not found]:
        names = {name for node in graph.nodes for name in (node.name, layer_name(node), node.keras_class)}
        near = "; ".join(f"like {key!r} are {closest(key, sorted(names))}" for key in strange)
        raise RuleError(
            f"rules are given for {strange}, but the model has no layer and no layer class of that name; {near}"
        )
    around = GraphContext(graph)
    chosen = {node.name: _chosen(node.name, choices, places) for node in graph.nodes}
    return dataclasses.replace(graph, nodes=tuple(_under_rule(node, chosen[node.name], around) for node in graph.nodes))


def _chosen(name: str, choices: Mapping[str, str | Rule], places: Mapping[str, Mapping[str, LayerPlace]]) -> str | Rule:
    """Return the rule that is chosen for a node."""
    met = {key: places[key][name] for key in choices if name in places[key]}
    return choices[min(met, key=lambda key: met[key])]


def places_of(key: str, graph: Graph) -> dict[str, LayerPlace]:
    """Return the nodes that a key means, by name, and how it matches each.

    Raises
    ------
    RuleError
        If it is the end of the names of several layers.
    """
    if key == "default":
        return {node.name: LayerPlace(DEFAULT) for node in graph.nodes}
    found = {node.name: place for node in graph.nodes if (place := place_of(key, node)) is not None}
    if any(place.level in (NODE, LAYER, MODEL_AROUND) for place in found.values()):
        return {name: place for name, place in found.items() if place.level != END_OF_NAME}
    ends = {name for name, place in found.items() if place.level == END_OF_NAME}
    layers = dict.fromkeys(layer_name(node) for node in graph.nodes if node.name in ends)
    if len(layers) > 1:
        raise RuleError(
            f"rules: {key!r} is the end of the names of several layers: {', '.join(layers)}; give one in full"
        )
    return found


def place_of(key: str, node: Node) -> LayerPlace | None:
    """Return how a key matches a node; None if it does not."""
    parts, uses = key.split("/"), uses_of(node)
    if key == node.name and key != layer_name(node):
        return LayerPlace(NODE)
    ways = readings(parts, uses)
    if any(not rest and skipped == 0 for skipped, rest in ways):
        return LayerPlace(LAYER, -len(parts))
    if any(skipped == 0 for skipped, _ in ways):
        return LayerPlace(MODEL_AROUND, -len(parts))
    if any(not rest for _, rest in ways) or node.name.endswith(f"/{key}"):
        return LayerPlace(END_OF_NAME, -len(parts))
    return LayerPlace(CLASS) if key == node.keras_class else None


def readings(parts: Sequence[str], uses: Sequence[LayerUse]) -> list[tuple[int, Sequence[LayerUse]]]:
    """Return the ways to read a key as names, each with or without the number of a use, of consecutive layers.

    Returns
    -------
    list of (int, sequence of LayerUse)
        The number of layers before the first named one, and the layers after the last.
    """
    return [(skipped, rest) for skipped in range(len(uses)) for rest in read_from(parts, uses[skipped:])]


def read_from(parts: Sequence[str], uses: Sequence[LayerUse]) -> list[Sequence[LayerUse]]:
    """Return what is left of the layers when a key has been read from the first of them on, for each way to read it."""
    if not parts:
        return [uses]
    if not uses or parts[0] != uses[0].name:
        return []
    numbered = read_from(parts[2:], uses[1:]) if parts[1:2] == [str(uses[0].use)] else []
    return [*read_from(parts[1:], uses[1:]), *numbered]


def uses_of(node: Node) -> tuple[LayerUse, ...]:
    """Return the models around the layer that a node comes from, then the layer."""
    return node.uses or tuple(LayerUse(part) for part in node.owner.split("/"))


def layer_name(node: Node) -> str:
    """Return the name of the layer that a node comes from, the same for all of its uses."""
    return "/".join(each.name for each in uses_of(node))


def _under_rule(node: Node, choice: str | Rule, around: GraphContext) -> Node:
    """Return a node under a rule, with the subgraph of its layer under it too."""
    if choice != GENOMICS_DEFAULT:
        rule = rule_named(choice)
        return dataclasses.replace(node, layer=node.layer.under(rule), rule=rule)
    if not isinstance(node.layer, TimeDistributed):
        return dataclasses.replace(node, rule=genomics_default(node, around))
    graph = node.layer.graph
    inside = GraphContext(graph, node, around)
    nodes = tuple(_under_rule(each, choice, inside) for each in graph.nodes)
    folded = dataclasses.replace(node.layer, graph=dataclasses.replace(graph, nodes=nodes))
    return dataclasses.replace(node, layer=folded, rule=RESCALE)


class GraphContext(NamedTuple):
    """A graph and, if it is the subgraph of a layer, the node around it.

    Attributes
    ----------
    graph : Graph
    node : Node or None
    outside : GraphContext or None
        The graph that contains the node.
    """

    graph: Graph
    node: Node | None = None
    outside: GraphContext | None = None


def genomics_default(node: Node, around: GraphContext) -> Rule:
    """Return RevealCancel if every Linear layer that feeds a node is fully connected, otherwise Rescale.

    A Linear layer feeds a node if only Routing layers are between them. The original DeepLIFT makes the same
    choice, `DeepLIFT_GenomicsDefault`, looking back through batch normalisation and layers that do nothing. A layer
    in TimeDistributed counts as if it were there itself.
    """
    feeders = feeding_linear(node.inputs, around)
    return REVEAL_CANCEL if feeders and all(each.layer.fully_connected for each in feeders) else RESCALE


def feeding_linear(edges: Iterable[Edge], around: GraphContext) -> list[Node]:
    """Return the Linear layers that are reached backwards from values through Routing layers."""
    met, reached = looked_back(edges, around.graph)
    if around.node is None or around.outside is None or reached.isdisjoint(each.edge for each in around.graph.inputs):
        return met
    return met + feeding_linear(around.node.inputs, around.outside)


def looked_back(edges: Iterable[Edge], graph: Graph) -> tuple[list[Node], set[Edge]]:
    """Return the Linear layers of a graph that are reached backwards, and every value on the way."""
    reached, met = set(edges), []
    for node in reversed(graph.nodes):
        if reached.isdisjoint(node.outputs):
            continue
        if node.layer.kind == "Linear":
            met.append(node)
        elif node.layer.kind == "Routing":
            reached |= {*node.inputs}
        elif isinstance(node.layer, TimeDistributed):
            inside, through = looked_back([node.layer.end], node.layer.graph)
            met += inside
            reached |= {*node.inputs} if node.layer.start in through else set()
    return met, reached
