"""The value that a target is a position of: a head, an inner layer, or the input of a final softmax."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from deeplift_tf.errors import LayerNameError, TargetError
from deeplift_tf.graph.graph import Edge, Graph, Node
from deeplift_tf.graph.passes.identities import does_nothing
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.functional import RoutingFunction
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.merging import Members
from deeplift_tf.layers.reshaping import ExpandAxis, Identity, Permute, Reshape
from deeplift_tf.layers.softmax import LogSoftmax, LogSumExp, Softmax
from deeplift_tf.rules.tensors import shape_of, vjp
from deeplift_tf.scoring.positions import several_outputs
from deeplift_tf.scoring.targets import Selector

LINEAR_KINDS = {"Linear", "Routing"}
ONE_TO_ONE = {"ExpandDims", "Flip", "Moveaxis", "Ravel", "Reshape", "Roll", "Squeeze", "Swapaxes", "Transpose"}


class TargetValue(NamedTuple):
    """The value whose difference is explained, and the output in which the user counts positions.

    Attributes
    ----------
    edge : Edge
        The value.
    output : Edge
        The output; differs from the value if `pre_activation` has looked through an activation.
    moves : tuple of Node
        The layers behind that activation which give units another shape or order, from the value to the output.
    """

    edge: Edge
    output: Edge
    moves: tuple[Node, ...] = ()

    def as_output(self, values: tf.Tensor) -> tf.Tensor:
        """Return the value, shape (N, ...), arranged as the output is."""
        return moved(self.moves, values)

    def selector(self, select: Selector) -> Selector:
        """Return the selector of weights of the value, given the selector of weights of the output."""
        return RearrangedSelector(self, select) if self.moves else select

    def weights(self, weights: tf.Tensor, shape: Sequence[Any]) -> tf.Tensor:
        """Return weights of the positions of the output as weights of the value.

        Parameters
        ----------
        weights : tf.Tensor, shape (N, ...) of the output
        shape : sequence of int or tf.Tensor
            Of one row of the value.
        """
        if not self.moves:
            return weights
        like = tf.zeros([shape_of(weights)[0], *shape], weights.dtype)
        return vjp(functools.partial(moved, self.moves), [like], weights)[0]


@dataclasses.dataclass(frozen=True)
class RearrangedSelector:
    """A selector of positions of an output, applied to the value that the output is a rearrangement of."""

    value: TargetValue
    select: Selector

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        """Return weights of the value, shape (N, ...)."""
        return self.value.weights(self.select(self.value.as_output(values)), shape_of(values)[1:])

    def as_output(self, values: tf.Tensor) -> tf.Tensor:
        """Return the value, or weights of it, arranged as the output is."""
        return self.value.as_output(values)


class FinalActivation(NamedTuple):
    """The softmax or sigmoid that an output ends in, and the layers behind it, which only move units.

    Attributes
    ----------
    activation : Node
    moves : tuple of Node
        In order.
    """

    activation: Node
    moves: tuple[Node, ...]


def moved(moves: Sequence[Node], values: tf.Tensor) -> tf.Tensor:
    """Return a value after layers of one input, applied one after the other."""
    for node in moves:
        values = node.layer.forward(values)
    return values


def resolve_target(graph: Graph, output: str | None, pre_activation: bool) -> TargetValue:
    """Return the value that targets are about.

    Parameters
    ----------
    graph : Graph
    output : str or None
        An output's or a layer's name, or that of a model inside the model; None if the model has one output.
    pre_activation : bool
        Take the input of a final softmax or sigmoid, also if layers follow it that do nothing, reshape or permute. An
        output without a final activation is unchanged.

    Raises
    ------
    TargetError
        If the model has several outputs and none is named, or the final activation is another one.
    LayerNameError
        If no output and no layer has the name.
    """
    edge = _output(graph, output)
    return value_before_activation(graph, edge) if pre_activation else TargetValue(edge, edge)


def value_before_activation(graph: Graph, edge: Edge) -> TargetValue:
    """Return the input of an output's final softmax or sigmoid; the output itself if it has none.

    For the mean of an ensemble's members, this is the mean of the inputs of theirs.
    """
    made = makers_of(graph).get(edge)
    if made is not None and isinstance(made.layer, Members) and made.layer.logits is not None:
        return TargetValue(Edge(made.layer.logits), edge)
    final = final_activation(graph, edge)
    return TargetValue(edge, edge) if final is None else TargetValue(final.activation.inputs[0], edge, final.moves)


def _output(graph: Graph, name: str | None) -> Edge:
    if name is not None:
        try:
            return graph.head(name)
        except LayerNameError as error:
            raise LayerNameError(f"output: {error}; the outputs are {', '.join(graph.outputs)}") from error
    if len(graph.outputs) > 1:
        raise several_outputs(list(graph.outputs))
    return next(iter(graph.outputs.values()))


def final_activation(graph: Graph, edge: Edge) -> FinalActivation | None:
    """Return the softmax or sigmoid that a value ends in; None if the value is linear already.

    The search passes layers that do nothing, reshape or permute.

    Raises
    ------
    TargetError
        If another nonlinearity makes the value, or a softmax or sigmoid is scaled, added to or averaged.
    """
    nodes, moves = makers_of(graph), list[Node]()
    while (node := nodes.get(edge)) is not None and rearranges(node):
        moves.append(node)
        edge = node.inputs[0]
    if node is None:
        return None
    if is_activation(node.layer):
        return FinalActivation(node, tuple(each for each in reversed(moves) if not leaves_alone(graph, each)))
    if node.layer.kind not in LINEAR_KINDS:
        raise TargetError(
            f"pre_activation: expected layer {node.name!r} ({node.keras_class}) to end in a softmax or sigmoid; it is "
            f"{type(node.layer).__name__}. Name the layer before it: output=..."
        )
    if between := activation_behind(nodes, node):
        raise TargetError(
            f"pre_activation: expected nothing but layers that do nothing, reshape or permute behind {between.name!r} "
            f"({between.keras_class}), a {type_of(between)}; layer {node.name!r} ({node.keras_class}) scales, selects "
            f"or mixes what it gives. Name the value that is meant: output={between.name!r}"
        )
    return None


def makers_of(graph: Graph) -> dict[Edge, Node]:
    """Return the node that computes each value."""
    return {edge: node for node in graph.nodes for edge in node.outputs}


def rearranges(node: Node) -> bool:
    """Whether a layer returns every unit of its one input exactly once, in any shape and order."""
    if len(node.inputs) != 1:
        return False
    if isinstance(node.layer, RoutingFunction):
        return node.keras_class in ONE_TO_ONE
    return isinstance(node.layer, (Identity, Reshape, ExpandAxis, Permute))


def leaves_alone(graph: Graph, node: Node) -> bool:
    """Whether a layer returns its input unchanged."""
    return does_nothing(node.layer, graph.shape(node.inputs[0]), node.shapes[0])


def is_activation(layer: Layer) -> bool:
    """Whether a layer is a softmax or a sigmoid."""
    if isinstance(layer, Elementwise):
        return layer.function.name == "sigmoid"
    return isinstance(layer, Softmax) and not isinstance(layer, LogSumExp)


def type_of(node: Node) -> str:
    """Return "softmax" or "sigmoid" for an activation."""
    return "softmax" if isinstance(node.layer, Softmax) else "sigmoid"


def activation_behind(nodes: dict[Edge, Node], node: Node) -> Node | None:
    """Return the first softmax or sigmoid that is reached backwards from a node through Routing layers, or None."""
    if is_activation(node.layer) or node.layer.kind != "Routing":
        return node if is_activation(node.layer) else None
    before = [nodes[edge] for edge in node.inputs if edge in nodes]
    return next((found for each in before if (found := activation_behind(nodes, each))), None)


def probabilities(graph: Graph, edge: Edge, values: tf.Tensor) -> tf.Tensor | None:
    """Return a value as probabilities, shape (..., classes): a sigmoid's units are two classes each.

    None if the value is linear, and so not a probability.

    Parameters
    ----------
    graph : Graph
    edge : Edge
        Made by a softmax or sigmoid.
    values : tf.Tensor, shape (N, ...)
        At the edge.

    Raises
    ------
    TargetError
        If another nonlinearity makes the value.
    """
    final = final_activation(graph, edge)
    if final is None:
        return None
    layer = final.activation.layer
    if not isinstance(layer, Softmax):
        return tf.stack([values, 1 - values], -1)
    value = TargetValue(Edge(final.activation.name), edge, final.moves)
    values = value.weights(values, row_shape(graph, value, values))
    values = tf.experimental.numpy.moveaxis(values, layer.axis, -1)
    return tf.exp(values) if isinstance(layer, LogSoftmax) else values


def row_shape(graph: Graph, value: TargetValue, outputs: tf.Tensor) -> list[int]:
    """Return the shape of one row of a value, given the output computed from it; one axis may be open.

    Raises
    ------
    TargetError
        If more than one axis is open.
    """
    sizes = list(graph.shape(value.edge)[1:])
    if not value.moves:
        return list(outputs.shape[1:])
    if sizes.count(None) > 1:
        raise TargetError(f"pre_activation: {value.edge.node!r} has the shape {sizes}, of which several sizes are open")
    units = math.prod(outputs.shape[1:])
    known = math.prod(size for size in sizes if size is not None)
    return [units // known if size is None else size for size in sizes]


def log_probabilities(graph: Graph, edge: Edge, values: tf.Tensor) -> tf.Tensor:
    """Return the logarithms of the probabilities of classes: exact also if a class is certain.

    Parameters
    ----------
    graph : Graph
    edge : Edge
        Of classes; a softmax is applied if none computes it.
    values : tf.Tensor, shape (N, ...)
        Of the output before its final activation.

    Returns
    -------
    tf.Tensor, shape (N, ..., classes)
    """
    final = final_activation(graph, edge)
    if final is None or isinstance(final.activation.layer, Softmax):
        return tf.nn.log_softmax(values)
    return tf.math.log_sigmoid(tf.stack([values, -values], -1))
