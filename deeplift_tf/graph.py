"""The graph: layers in order, each with a name, its inputs, and the rule that it follows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import NamedTuple

import tensorflow as tf

from deeplift_tf.errors import DeepLiftError, LayerNameError
from deeplift_tf.layers.base import Layer
from deeplift_tf.rules import RESCALE, Rule


class Edge(NamedTuple):
    """One output of one node."""

    node: str
    output: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Node:
    """A layer at its place in the graph.

    Attributes
    ----------
    name : str
        Unique; the model's own name for the layer's result, a suffix for what comes before it.
    layer : Layer
    inputs : tuple of Edge
    shapes : tuple of tf.TensorShape
        Of each output, the axis of rows included.
    owner : str
        Name of the model's layer that the node comes from.
    keras_class : str
        Class of that layer.
    rule : Rule
    """

    name: str
    layer: Layer
    inputs: tuple[Edge, ...]
    shapes: tuple[tf.TensorShape, ...]
    owner: str
    keras_class: str
    rule: Rule = RESCALE

    @property
    def outputs(self) -> tuple[Edge, ...]:
        """The values that it makes."""
        return tuple(Edge(self.name, index) for index in range(len(self.shapes)))


@dataclasses.dataclass(frozen=True, eq=False)
class Input:
    """A place where values enter the graph.

    Attributes
    ----------
    name : str
    shape : tf.TensorShape
        The axis of rows included.
    dtype : tf.DType
        A dtype that is no float has no difference; its values are held at x for the reference too.
    """

    name: str
    shape: tf.TensorShape
    dtype: tf.DType

    @property
    def edge(self) -> Edge:
        """The value itself."""
        return Edge(self.name)


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in an order in which each follows its inputs.

    Attributes
    ----------
    inputs : tuple of Input
    nodes : tuple of Node
    outputs : dict of str to Edge
        By the model's names.

    Raises
    ------
    DeepLiftError
        When a name stands twice, or a node reads what no earlier one makes. What comes after may rely on it.
    """

    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    outputs: dict[str, Edge]

    def __post_init__(self) -> None:
        seen = {value.edge for value in self.inputs}
        for node in self.nodes:
            missing = [edge for edge in node.inputs if edge not in seen]
            if missing or Edge(node.name) in seen:
                raise DeepLiftError(
                    f"layer {node.name!r} ({node.keras_class}): expected a name of its own and inputs from earlier "
                    f"layers; received inputs {missing} that no earlier layer makes"
                    if missing
                    else f"two layers are named {node.name!r}; expected every name once"
                )
            seen.update(node.outputs)
        lost = [name for name, edge in self.outputs.items() if edge not in seen]
        if lost:
            raise DeepLiftError(f"outputs {lost} are made by no layer of the graph")

    def node(self, name: str) -> Node:
        """Return a node by its name.

        Raises
        ------
        LayerNameError
            When there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise LayerNameError(f"no layer is named {name!r}; the layers are {', '.join(n.name for n in self.nodes)}")

    def shape(self, edge: Edge) -> tf.TensorShape:
        """Return the shape of a value, the axis of rows included."""
        for value in self.inputs:
            if value.edge == edge:
                return value.shape
        return self.node(edge.node).shapes[edge.output]

    def ancestors(self, edges: Iterable[Edge]) -> tuple[Node, ...]:
        """Return the nodes that the given values are made from, in order."""
        wanted = {edge.node for edge in edges}
        kept = []
        for node in reversed(self.nodes):
            if node.name in wanted:
                kept.append(node)
                wanted |= {edge.node for edge in node.inputs}
        return tuple(reversed(kept))

    def descendants(self, edges: Iterable[Edge]) -> set[str]:
        """Return the names of the nodes that depend on one of the given values."""
        reached, below = set(edges), set()
        for node in self.nodes:
            if reached.intersection(node.inputs):
                below.add(node.name)
                reached.update(node.outputs)
        return below
