"""Graph building: infers the shapes of pending nodes and makes them nodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import tensorflow as tf

from deeplift_tf.conversion.builder.infinities import SCOPE, unbounded
from deeplift_tf.conversion.builder.pending_node import PendingNode
from deeplift_tf.errors import DeepLiftError, UnsupportedLayerError
from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Input, Node
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.gates import Where
from deeplift_tf.layers.kinds import Affine
from deeplift_tf.layers.non_differentiable import Embedding, NonDifferentiable

MOVES = frozenset(["Concatenate", "Dropout", "Flatten", "Identity", "Permute", "RepeatVector", "Reshape"])
"""Layers of Keras that hand tokens on as they are."""


def with_ranges(inputs: Sequence[Input], pending: Sequence[PendingNode]) -> tuple[Input, ...]:
    """Return inputs that say which tokens the embeddings that read them know."""
    sizes: dict[str, int] = {}
    for pending_node in reversed(pending):
        moves = isinstance(pending_node.layer, NonDifferentiable) and pending_node.keras_class in MOVES
        size = (
            pending_node.layer.size
            if isinstance(pending_node.layer, Embedding)
            else sizes.get(pending_node.name)
            if moves
            else None
        )
        if size is not None:
            sizes |= {edge.node: min(size, sizes.get(edge.node, size)) for edge in pending_node.inputs}
    return tuple(dataclasses.replace(value, size=sizes.get(value.name)) for value in inputs)


def build_graph(inputs: Sequence[Input], pending: Sequence[PendingNode]) -> tuple[Node, ...]:
    """Turn drafts into nodes: one trace of the whole walk tells their shapes.

    Raises
    ------
    UnsupportedLayerError
        If a layer cannot run on what the layers before it make.
    """
    shapes: dict[str, tuple[tf.TensorShape, ...]] = {}
    dtypes = {value.edge: value.dtype for value in inputs}

    def trace(*x: tf.Tensor) -> None:
        values = {value.edge: tensor for value, tensor in zip(inputs, x, strict=True)}
        for index, pending_node in enumerate(pending):
            try:
                with tf.name_scope(f"{SCOPE}{index}"):
                    outputs = pending_node.layer.forward(*(values[edge] for edge in pending_node.inputs))
            except DeepLiftError:
                raise
            except (TypeError, ValueError, tf.errors.OpError) as error:
                raise UnsupportedLayerError(
                    f"layer {pending_node.owner!r} ({pending_node.keras_class}) does not run: {error}"
                ) from error
            made = propagation.as_tuple(outputs)
            shapes[pending_node.name] = tuple(tensor.shape for tensor in made)
            values |= {Edge(pending_node.name, index): tensor for index, tensor in enumerate(made)}
        dtypes.update({edge: tensor.dtype for edge, tensor in values.items()})

    signature = [tf.TensorSpec(value.shape, value.dtype) for value in inputs]
    made = tf.function(trace, input_signature=signature, autograph=False).get_concrete_function()
    infinite = unbounded(made.graph, pending)
    guarded, numbers = left_out(pending), numbers_of_truths(inputs, pending, dtypes)
    return tuple(
        Node(
            pending_node.name,
            numbers.get(pending_node.name, pending_node.layer),
            pending_node.inputs,
            shapes[pending_node.name],
            pending_node.owner,
            pending_node.keras_class,
            uses=pending_node.uses,
            guarded=pending_node.name in guarded,
            unbounded=pending_node.name in infinite,
        )
        for pending_node in pending
    )


def numbers_of_truths(
    inputs: Sequence[Input], pending: Sequence[PendingNode], dtypes: Mapping[Edge, tf.DType]
) -> dict[str, Layer]:
    """Return layers for the first floats computed from boolean inputs alone, by name: these are scored.

    Floats computed from other booleans, for example `tokens != 0`, are masks.
    """
    truths, found = {value.edge for value in inputs if value.dtype.is_bool}, dict[str, Layer]()
    for pending_node in pending:
        if (
            type(pending_node.layer) is not NonDifferentiable
            or not pending_node.inputs
            or not truths.issuperset(pending_node.inputs)
        ):
            continue
        made = [Edge(pending_node.name, index) for index in range(pending_node.outputs)]
        truths.update(edge for edge in made if dtypes[edge].is_bool)
        if any(dtypes[edge].is_floating for edge in made):
            found[pending_node.name] = Embedding(pending_node.layer.function)
    return found


def left_out(pending: Sequence[PendingNode]) -> set[str]:
    """Return the names of the nodes whose values a choice by data may leave out; affine maps keep zeros as they are."""
    reached, found = set[str](), set[str]()
    for pending_node in reversed(pending):
        if isinstance(pending_node.layer, Where):
            reached |= {edge.node for edge in pending_node.inputs[1:]}
        if pending_node.name in reached:
            reached |= {edge.node for edge in pending_node.inputs}
            if not isinstance(pending_node.layer, Affine):
                found.add(pending_node.name)
    return found
