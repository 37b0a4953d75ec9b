"""Which layer follows which rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from deeplift_tf.errors import RuleError
from deeplift_tf.graph import Graph, Node
from deeplift_tf.rules import GENOMICS_DEFAULT, RESCALE, REVEAL_CANCEL, Rule, rule_named

RuleChoice = str | Mapping[str, str]


def with_rules(graph: Graph, choice: RuleChoice) -> Graph:
    """Return the same graph under other rules; weights are shared.

    Parameters
    ----------
    graph : Graph
    choice : str or mapping
        One rule for all layers, or {layer name or Keras class name: rule, "default": rule}. A layer's name goes
        before its class, its class before the default, which is "rescale". A key means the layer that owns the
        nonlinearity; rules change nothing in layers that have none.

    Raises
    ------
    RuleError
        When a rule is unknown, or a key names no layer and no class of the model.
    """
    choices = {"default": choice} if isinstance(choice, str) else {"default": "rescale", **choice}
    known = {"default"} | {key for node in graph.nodes for key in _keys(node)}
    if strange := [key for key in choices if key not in known]:
        raise RuleError(f"rules are given for {strange}, but the model has no layer and no layer class of that name")
    nodes = tuple(dataclasses.replace(node, rule=_rule_of(node, choices, graph)) for node in graph.nodes)
    return dataclasses.replace(graph, nodes=nodes)


def _keys(node: Node) -> tuple[str, ...]:
    return node.name, node.owner, node.keras_class


def _rule_of(node: Node, choices: Mapping[str, str], graph: Graph) -> Rule:
    name = next(choices[key] for key in (*_keys(node), "default") if key in choices)
    return genomics_default(node, graph) if name == GENOMICS_DEFAULT else rule_named(name)


def genomics_default(node: Node, graph: Graph) -> Rule:
    """Return RevealCancel where every Linear layer that feeds a node is fully connected, Rescale elsewhere.

    Only Diagonal layers stand between a node and the Linear layers that count. The original DeepLIFT makes the same
    choice, `DeepLIFT_GenomicsDefault`, looking back through batch normalisation and layers that do nothing.
    """
    feeders = feeding_linear(node, graph)
    return REVEAL_CANCEL if feeders and all(each.layer.fully_connected for each in feeders) else RESCALE


def feeding_linear(node: Node, graph: Graph) -> list[Node]:
    """Return the Linear layers that are met on looking back from a node through Diagonal ones."""
    reached, met = {edge.node for edge in node.inputs}, []
    for each in reversed(graph.nodes):
        if each.name not in reached:
            continue
        if each.layer.kind == "Linear":
            met.append(each)
        elif each.layer.kind == "Diagonal":
            reached |= {edge.node for edge in each.inputs}
    return met
