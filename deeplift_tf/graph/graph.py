"""The graph: layers in order, each with a name, its inputs, and the rule that it follows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import tensorflow as tf

from deeplift_tf.argspec import closest, ending_in, shortened
from deeplift_tf.errors import DeepLiftError, LayerNameError
from deeplift_tf.layers.base import Layer
from deeplift_tf.pickling import Portable
from deeplift_tf.rules.rules import RESCALE, Rule


class Edge(NamedTuple):
    """One output of one node."""

    node: str
    output: int = 0


class LayerUse(NamedTuple):
    """One use of a layer, or of a nested model, in the model around it; uses are counted from 0."""

    name: str
    use: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Node(Portable):
    """A layer at its place in the graph.

    Attributes
    ----------
    name : str
        Unique: the model's own name for the layer's result, with a suffix for nodes before it.
    layer : Layer
    inputs : tuple of Edge
    shapes : tuple of tf.TensorShape
        Of each output, the axis of rows included.
    owner : str
        Name of the model's layer that the node comes from.
    keras_class : str
        Class of that layer.
    rule : Rule
    uses : tuple of LayerUse
        The nested models around the layer that the node comes from, then the layer; empty if only `owner` is known.
    guarded : bool
        Whether a later choice may leave its value out; multipliers that are not finite then become zero.
    unbounded : bool
        Whether constants of the model may make its values infinite, as masks of −∞ do.
    """

    name: str
    layer: Layer
    inputs: tuple[Edge, ...]
    shapes: tuple[tf.TensorShape, ...]
    owner: str
    keras_class: str
    rule: Rule = RESCALE
    uses: tuple[LayerUse, ...] = ()
    guarded: bool = False
    unbounded: bool = False

    @property
    def outputs(self) -> tuple[Edge, ...]:
        """The values that it makes."""
        return tuple(Edge(self.name, index) for index in range(len(self.shapes)))


@dataclasses.dataclass(frozen=True, eq=False)
class Input:
    """An input of the graph.

    Attributes
    ----------
    name : str
    shape : tf.TensorShape
        The axis of rows included.
    dtype : tf.DType
        Values that are not floats have no difference; the first floats computed from them have one.
    size : int or None
        Of an input of tokens that an embedding reads: they are from 0 to size - 1.
    """

    name: str
    shape: tf.TensorShape
    dtype: tf.DType
    size: int | None = None

    @property
    def edge(self) -> Edge:
        """The value itself."""
        return Edge(self.name)


@dataclasses.dataclass(frozen=True, eq=False)
class Graph(Portable):
    """Nodes in an order in which each follows its inputs.

    Attributes
    ----------
    inputs : tuple of Input
    nodes : tuple of Node
    outputs : dict of str to Edge
        By the model's names.
    nested : dict of str to Edge
        The outputs of models inside the model, by their names.

    Raises
    ------
    DeepLiftError
        If two nodes share a name, or a node reads a value that no earlier node computes.
    """

    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    outputs: dict[str, Edge]
    nested: dict[str, Edge] = dataclasses.field(default_factory=dict)

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
            If there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise LayerNameError(unknown(name, [each.name for each in self.nodes]))

    def value(self, name: str) -> Edge:
        """Return the value that a user names: a layer's output, an input, a nested model's output, or a head.

        The last part of a layer's name is enough if no other name ends in it.

        Raises
        ------
        LayerNameError
            If nothing has the name, or its last part fits several.
        """
        layers = {value.name: value.edge for value in self.inputs} | {n.name: Edge(n.name) for n in self.nodes}
        return lookup(name, self.outputs | self.nested | layers)

    def head(self, name: str) -> Edge:
        """Return the output of a name; if no output has it, another value, as in `value`."""
        return self.outputs[name] if name in self.outputs else self.value(name)

    def shape(self, edge: Edge) -> tf.TensorShape:
        """Return the shape of a value, the axis of rows included."""
        for value in self.inputs:
            if value.edge == edge:
                return value.shape
        return self.node(edge.node).shapes[edge.output]

    def ancestors(self, edges: Iterable[Edge]) -> tuple[Node, ...]:
        """Return the nodes that the given values depend on, in order."""
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


def lookup(name: str, values: Mapping[str, Edge]) -> Edge:
    """Return the value of a name, or of the only one that ends in it.

    Raises
    ------
    LayerNameError
        If there is none, or several end in it.
    """
    if name in values:
        return values[name]
    fitting = ending_in(name, values)
    if len({values[each] for each in fitting}) > 1:
        raise LayerNameError(f"{name!r} is the end of several names: {', '.join(fitting)}; give one of them in full")
    if not fitting:
        raise LayerNameError(unknown(name, values))
    return values[fitting[0]]


def unknown(name: str, names: Iterable[str]) -> str:
    """Return the message about a name that no layer has."""
    return f"no layer is named {shortened(name)!r}; the closest are {closest(name, names)}. network.summary() lists all"
