"""Values fixed at x in the reference pass: masks, indices, and integers that nothing scores.

Integers, booleans and strings have no difference. An input of them still takes its reference if a scored value is
computed from it: the first floats, such as the rows of an embedding, have the difference.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Graph, Node
from deeplift_tf.graph.propagation import Values

Dtypes = Mapping[Edge, tf.DType]


class FixedValues(NamedTuple):
    """Values that the reference pass takes from x.

    Attributes
    ----------
    edges : frozenset of Edge
        Values taken from x.
    free : frozenset of Edge
        Integers, booleans and strings that follow their reference, except as masks or indices.
    """

    edges: frozenset[Edge]
    free: frozenset[Edge] = frozenset()

    def given(self, nodes: Sequence[Node], dtypes: Dtypes) -> set[Edge]:
        """Return the free values that some layer reads as a mask or an index: that layer gets the values of x."""
        return {edge for node in nodes if takes_as_given(node, dtypes) for edge in node.inputs if edge in self.free}


def fixed_at_input(
    inputs: Iterable[Edge], nodes: Sequence[Node], scored: Iterable[Edge], dtypes: Dtypes
) -> FixedValues:
    """Return the values that the reference pass takes from x.

    Parameters
    ----------
    inputs : iterable of Edge
        Of the graph.
    nodes : sequence of Node
    scored : iterable of Edge
    dtypes : mapping of Edge to tf.DType
    """
    without = {edge for edge, dtype in dtypes.items() if not dtype.is_floating}
    scored, free = frozenset(scored), set[Edge]()
    for edge in without.intersection(inputs):
        reached, made = followed(edge, nodes, dtypes)
        if not scored.isdisjoint(made) or edge in scored:
            free |= reached
    return FixedValues(frozenset(without - free), frozenset(free))


def followed(start: Edge, nodes: Sequence[Node], dtypes: Dtypes) -> tuple[set[Edge], list[Edge]]:
    """Return the values without a difference that depend on an input alone, and the first floats computed from them.

    Floats computed from booleans are masks, which mark the positions that exist.
    """
    reached, made = {start}, list[Edge]()
    for node in nodes:
        if reached.isdisjoint(node.inputs) or takes_as_given(node, dtypes):
            continue
        for edge in node.outputs:
            if dtypes[edge].is_floating:
                made.append(edge)
            else:
                reached.add(edge)
    return reached, made


def takes_as_given(node: Node, dtypes: Dtypes) -> bool:
    """Whether the integers and booleans that a node reads are indices and masks: it also reads or returns floats.

    A layer of the Embedding kind that reads booleans represents a boolean input that the model computes with.
    """
    if reads_floats(node, dtypes):
        return True
    return (
        node.layer.kind != "Embedding"
        and all(dtypes[edge] == tf.bool for edge in node.inputs)
        and any(dtypes[edge].is_floating for edge in node.outputs)
    )


def dtypes_of(graph: Graph) -> dict[Edge, tf.DType]:
    """Return the dtype of every value of a graph: those of the inputs, and the others by tracing."""
    found = {value.edge: value.dtype for value in graph.inputs}

    def look(*x: tf.Tensor) -> tf.Tensor:
        values = propagation.forward(graph.nodes, dict(zip([value.edge for value in graph.inputs], x, strict=True)))
        found.update({edge: value.dtype for edge, value in values.items()})
        return tf.zeros([])

    signature = [tf.TensorSpec(value.shape, value.dtype) for value in graph.inputs]
    tf.function(look, input_signature=signature, autograph=False).get_concrete_function()
    return found


def dtypes_in(values: Values) -> dict[Edge, tf.DType]:
    """Return the dtypes of values."""
    return {edge: value.dtype for edge, value in values.items()}


def first_floats(graph: Graph, dtypes: Dtypes) -> dict[Edge, tuple[Edge, ...]]:
    """Return for each input the values that are scored by default: itself, or the first floats computed from it.

    A value that depends on several inputs of integers counts for the first of them.
    """
    taken, found = set[Edge](), dict[Edge, tuple[Edge, ...]]()
    for value in graph.inputs:
        made = [value.edge] if value.dtype.is_floating else followed(value.edge, graph.nodes, dtypes)[1]
        found[value.edge] = tuple(edge for edge in made if edge not in taken)
        taken.update(made)
    return found


def with_given_of_x(nodes: Sequence[Node], given: set[Edge], dtypes: Dtypes) -> tuple[Node, ...]:
    """Return nodes that read the masks and indices of x; see `of_x`."""
    if not given:
        return tuple(nodes)
    return tuple(
        dataclasses.replace(node, inputs=tuple(of_x(edge) if edge in given else edge for edge in node.inputs))
        if takes_as_given(node, dtypes)
        else node
        for node in nodes
    )


def of_x(edge: Edge) -> Edge:
    """Return the name that a value of x has in the reference pass."""
    return Edge(f"{edge.node} of x", edge.output)


def described(held: FixedValues, graph: Graph, nodes: Sequence[Node], dtypes: Dtypes) -> tuple[str, ...]:
    """Return the fixed values at their origin, by name and with the reason; no constants, nothing derived from them."""
    samplers = {edge: node for node in nodes for edge in node.outputs}
    varying = {value.edge for value in graph.inputs}
    for node in nodes:
        varying.update(node.outputs if not varying.isdisjoint(node.inputs) else ())
    inputs = {value.edge: value for value in graph.inputs}
    notes = [
        f"input {value.name!r} ({value.dtype.name}): no scored value is made of it alone"
        for value in graph.inputs
        if value.edge in held.edges
    ]
    given = dict.fromkeys(
        source for edge in sorted(held.given(nodes, dtypes)) for source in first_of(edge, samplers, dtypes)
    )
    made = [edge for edge in samplers if edge in held.edges and reads_floats(samplers[edge], dtypes)]
    for edge in (*given, *(each for each in made if each in varying)):
        named = f"input {inputs[edge].name!r}" if edge in inputs else repr(samplers[edge].name)
        kind = "a mask" if dtypes[edge] == tf.bool else f"an index ({dtypes[edge].name})"
        notes.append(f"{named}: {kind}")
    return tuple(notes)


def first_of(edge: Edge, samplers: Mapping[Edge, Node], dtypes: Dtypes) -> list[Edge]:
    """Return the masks that a mask is computed from; any other value is returned unchanged."""
    node = samplers.get(edge)
    before = [] if node is None else [each for each in node.inputs if dtypes[each] == tf.bool]
    if dtypes[edge] != tf.bool or not before:
        return [edge]
    return [source for each in before for source in first_of(each, samplers, dtypes)]


def reads_floats(node: Node, dtypes: Dtypes) -> bool:
    """Whether a node reads floats."""
    return any(dtypes[edge].is_floating for edge in node.inputs)
