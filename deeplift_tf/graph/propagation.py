"""Propagation: values and spreads forward through the nodes, multipliers back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from deeplift_tf.graph.graph import Edge, Node
from deeplift_tf.layers.base import Step
from deeplift_tf.rules.multipliers import Difference, Multipliers, Pairing
from deeplift_tf.rules.rules import of_infinite_ends
from deeplift_tf.rules.tensors import without_infinities

Values = dict[Edge, tf.Tensor]


def forward(nodes: Sequence[Node], inputs: Mapping[Edge, tf.Tensor]) -> Values:
    """Return the value of every edge, shape (rows, ...), given some; edges that have a value keep it."""
    values = dict(inputs)
    for node in nodes:
        outputs = node.layer.forward(*apart(node.inputs, [values[edge] for edge in node.inputs]))
        for index, output in enumerate(as_tuple(outputs)):
            values.setdefault(Edge(node.name, index), output)
    return values


def differences(nodes: Sequence[Node], x: Values, references: Values, rows: Pairing) -> dict[Edge, Difference]:
    """Return the difference of every edge, with its spread if some rule reads it."""
    views = {edge: ends_of(x[edge], references[edge], rows) for edge in x}
    return with_spreads(nodes, with_finite_ends(nodes, views), rows)


def with_finite_ends(nodes: Iterable[Node], views: Mapping[Edge, Difference]) -> dict[Edge, Difference]:
    """Return differences with large numbers in place of the infinities that constants of the model make."""
    unbounded = [edge for node in nodes if node.unbounded for edge in node.outputs]
    return dict(views) | {edge: finite_ends(views[edge]) for edge in unbounded if views[edge].x.dtype.is_floating}


def finite_ends(value: Difference) -> Difference:
    """Return a difference of finite numbers; of one number if both ends are the same."""
    x = without_infinities(value.x)
    return value._replace(x=x, reference=x if value.x is value.reference else without_infinities(value.reference))


def with_spreads(
    nodes: Sequence[Node], differences: Mapping[Edge, Difference], rows: Pairing, wanted: Iterable[Edge] = ()
) -> dict[Edge, Difference]:
    """Return the differences, with the spread of each edge that some rule reads or that is wanted."""
    views, read = dict(differences), spreads_read(nodes, wanted)
    for node in nodes:
        if not read.intersection(node.outputs):
            continue
        for edge, spread in zip(node.outputs, node.layer.spread(step_of(node, views, rows)), strict=True):
            views[edge] = views[edge]._replace(spread=rows.pair(spread))
    return views


def backward(
    nodes: Sequence[Node], views: Mapping[Edge, Difference], start: Mapping[Edge, Multipliers], rows: Pairing
) -> dict[Edge, Multipliers]:
    """Return the multipliers of every edge that the starting ones reach through the nodes.

    Parameters
    ----------
    nodes : sequence of Node
        In order; those through which no multipliers are to pass are left out.
    views : mapping
        Difference of each edge.
    start : mapping
        Multipliers of the target's edges, shape (K·N·R, ...).
    rows : Pairing
    """
    reached = dict(start)
    for node in reversed(nodes):
        arriving = [reached.get(edge) for edge in node.outputs]
        if all(multipliers is None for multipliers in arriving):
            continue
        leaving = node.layer.backward(step_of(node, views, rows), *arriving)
        leaving = [None if m is None else m.finite() for m in leaving] if node.guarded else leaving
        leaving = apart(node.inputs, leaving)
        for edge, multipliers in zip(node.inputs, leaving, strict=True):
            if multipliers is not None and views[edge].x.dtype.is_floating:
                reached[edge] = multipliers.plus(reached.get(edge))
    return reached


def step_of(node: Node, views: Mapping[Edge, Difference], rows: Pairing) -> Step:
    """Return the step of a node; if the layer depends on a rule without a reference, with x⁰ := x."""
    inputs = tuple(apart(node.inputs, [views[edge] for edge in node.inputs]))
    outputs = tuple(views[edge] for edge in node.outputs)
    if node.layer.ruled and not node.rule.reference:
        inputs = tuple(value.local(rows) for value in inputs)
        outputs = tuple(value.local(rows) for value in outputs)
    return Step(
        inputs, outputs, rows, of_infinite_ends(node.rule) if node.unbounded and node.rule.spread else node.rule
    )


def spreads_read(nodes: Iterable[Node], wanted: Iterable[Edge] = ()) -> set[Edge]:
    """Return the edges whose spread is wanted, or read by a later rule; no other spread is computed."""
    read: set[Edge] = set(wanted)
    for node in reversed(tuple(nodes)):
        needed = not read.isdisjoint(node.outputs)
        if node.layer.reads_spread(node.rule, needed):
            read |= set(node.inputs)
    return read


def apart(edges: Sequence[Edge], values: Sequence[Any]) -> list[Any]:
    """Return the values of a node's inputs, with two tensors for an edge that is read twice.

    If a sum or a concatenation reads one tensor twice, TensorFlow's optimiser (Grappler) expands the operands of that
    tensor in place: n such layers in a row become 2^n operands. It does not look through EnsureShape.

    Parameters
    ----------
    edges : sequence of Edge
    values : sequence of tensors, or of structures of tensors
    """
    seen: set[Edge] = set()
    found = []
    for edge, value in zip(edges, values, strict=True):
        found.append(_marked(value) if edge in seen else value)
        seen.add(edge)
    return found


def _marked(value: Any) -> Any:
    """Return a structure with every tensor behind its own operation; equal tensors stay one."""
    marked: dict[int, tf.Tensor] = {}

    def mark(tensor: Any) -> Any:
        if not isinstance(tensor, tf.Tensor):
            return tensor
        if id(tensor) not in marked:
            marked[id(tensor)] = tf.ensure_shape(tensor, tensor.shape)
        return marked[id(tensor)]

    return tf.nest.map_structure(mark, value)


def ends_of(x: tf.Tensor, reference: tf.Tensor, rows: Pairing) -> Difference:
    """Return a value at x and at the references as views; of what is no float, x at both ends."""
    return Difference(rows.example(x), rows.pair(reference) if x.dtype.is_floating else rows.example(x))


def as_tuple(outputs: Any) -> tuple[tf.Tensor, ...]:
    """Return the result of a layer's forward, one tensor or several, as a tuple."""
    return tuple(outputs) if isinstance(outputs, (tuple, list)) else (outputs,)
