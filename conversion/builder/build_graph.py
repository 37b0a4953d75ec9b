"""From drafts to nodes: the shapes that each layer makes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from deeplift_tf.conversion.builder.pending_node import PendingNode
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Input, Node
from deeplift_tf.layers.gates import Where
from deeplift_tf.layers.kinds import Affine
from deeplift_tf.layers.non_differentiable import Embedding


def with_ranges(inputs: Sequence[Input], pending: Sequence[PendingNode]) -> tuple[Input, ...]:
    """Return inputs that say which tokens the embeddings that read them know."""
    sizes: dict[str, int] = {}
    for pending_node in pending:
        if isinstance(pending_node.layer, Embedding) and pending_node.layer.size is not None:
            name = pending_node.inputs[0].node
            sizes[name] = min(pending_node.layer.size, sizes.get(name, pending_node.layer.size))
    return tuple(dataclasses.replace(value, size=sizes.get(value.name)) for value in inputs)


def build_graph(inputs: Sequence[Input], pending: Sequence[PendingNode]) -> tuple[Node, ...]:
    """Turn drafts into nodes: one trace of the whole walk tells their shapes.

    Raises
    ------
    UnsupportedLayerError
        When a layer cannot run on what the layers before it make.
    """
    shapes: dict[str, tuple[tf.TensorShape, ...]] = {}

    def trace(*x: tf.Tensor) -> None:
        values = {value.edge: tensor for value, tensor in zip(inputs, x, strict=True)}
        for pending_node in pending:
            try:
                outputs = pending_node.layer.forward(*(values[edge] for edge in pending_node.inputs))
            except (TypeError, ValueError, tf.errors.OpError) as error:
                raise UnsupportedLayerError(
                    f"layer {pending_node.owner!r} ({pending_node.keras_class}) does not run: {error}"
                ) from error
            made = propagation.as_tuple(outputs)
            shapes[pending_node.name] = tuple(tensor.shape for tensor in made)
            values |= {Edge(pending_node.name, index): tensor for index, tensor in enumerate(made)}

    signature = [tf.TensorSpec(value.shape, value.dtype) for value in inputs]
    tf.function(trace, input_signature=signature, autograph=False).get_concrete_function()
    guarded = left_out(pending)
    return tuple(
        Node(
            pending_node.name,
            pending_node.layer,
            pending_node.inputs,
            shapes[pending_node.name],
            pending_node.owner,
            pending_node.keras_class,
            uses=pending_node.uses,
            guarded=pending_node.name in guarded,
        )
        for pending_node in pending
    )


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
