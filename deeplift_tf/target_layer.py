"""The value that a target lies in: a head, an inner layer, or what goes into a final softmax."""

from __future__ import annotations

import tensorflow as tf

from deeplift_tf.errors import LayerNameError, TargetError
from deeplift_tf.graph import Edge, Graph
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.softmax import LogSoftmax, Softmax

LINEAR_KINDS = {"Linear", "Diagonal"}


def resolve_target(graph: Graph, output: str | None, pre_activation: bool) -> Edge:
    """Return the edge in which targets are positions.

    Parameters
    ----------
    graph : Graph
    output : str or None
        An output's or a layer's name, or that of a model inside the model; None where the model has one output.
    pre_activation : bool
        Take the input of a final softmax or sigmoid. An output that has none is taken as it is.

    Raises
    ------
    TargetError
        When the model has several outputs and none is named, or the final activation is another one.
    LayerNameError
        When no output and no layer has the name.
    """
    edge = _output(graph, output)
    return before_activation(graph, edge) if pre_activation else edge


def _output(graph: Graph, name: str | None) -> Edge:
    if name is not None:
        try:
            return graph.head(name)
        except LayerNameError as error:
            raise LayerNameError(f"output: {error}; the outputs are {', '.join(graph.outputs)}") from error
    if len(graph.outputs) > 1:
        raise TargetError(f"the model has several outputs, {', '.join(graph.outputs)}; name one: output=...")
    return next(iter(graph.outputs.values()))


def before_activation(graph: Graph, edge: Edge) -> Edge:
    """Return the input of the softmax or sigmoid that makes a value; the value itself where it is linear already.

    Raises
    ------
    TargetError
        When another nonlinearity makes the value.
    """
    node = next((node for node in graph.nodes if node.name == edge.node), None)
    if node is None or node.layer.kind in LINEAR_KINDS:
        return edge
    layer = node.layer
    if isinstance(layer, Softmax) or (isinstance(layer, Elementwise) and layer.function.name == "sigmoid"):
        return node.inputs[0]
    raise TargetError(
        f"pre_activation: expected layer {node.name!r} ({node.keras_class}) to end in a softmax or sigmoid; it is "
        f"{type(layer).__name__}. Name the layer before it: output=..."
    )


def probabilities(graph: Graph, edge: Edge, values: tf.Tensor) -> tf.Tensor | None:
    """Return a value as probabilities, shape (..., classes): a sigmoid's units are two classes each.

    None where the value is linear, and so no probability.

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
        When another nonlinearity makes the value.
    """
    if before_activation(graph, edge) == edge:
        return None
    layer = graph.node(edge.node).layer
    if not isinstance(layer, Softmax):
        return tf.stack([values, 1 - values], -1)
    return tf.exp(values) if isinstance(layer, LogSoftmax) else values


def log_probabilities(graph: Graph, edge: Edge, values: tf.Tensor) -> tf.Tensor:
    """Return the logarithms of the probabilities of classes: exact where a class is certain.

    Parameters
    ----------
    graph : Graph
    edge : Edge
        Of classes; a softmax is taken where none makes it.
    values : tf.Tensor, shape (N, ...)
        At `before_activation` of the edge.

    Returns
    -------
    tf.Tensor, shape (N, ..., classes)
    """
    if before_activation(graph, edge) == edge or isinstance(graph.node(edge.node).layer, Softmax):
        return tf.nn.log_softmax(values)
    return tf.math.log_sigmoid(tf.stack([values, -values], -1))
