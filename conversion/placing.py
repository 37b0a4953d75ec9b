"""From drafts to nodes: the shapes that each layer makes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from deeplift_tf import walk
from deeplift_tf.conversion.draft import Draft
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.graph import Edge, Input, Node
from deeplift_tf.layers.gates import Where
from deeplift_tf.layers.kinds import Affine
from deeplift_tf.layers.side import Embedding


def with_ranges(inputs: Sequence[Input], drafts: Sequence[Draft]) -> tuple[Input, ...]:
    """Return inputs that say which tokens the embeddings that read them know."""
    sizes: dict[str, int] = {}
    for draft in drafts:
        if isinstance(draft.layer, Embedding) and draft.layer.size is not None:
            name = draft.inputs[0].node
            sizes[name] = min(draft.layer.size, sizes.get(name, draft.layer.size))
    return tuple(dataclasses.replace(value, size=sizes.get(value.name)) for value in inputs)


def place(inputs: Sequence[Input], drafts: Sequence[Draft]) -> tuple[Node, ...]:
    """Turn drafts into nodes: one trace of the whole walk tells their shapes.

    Raises
    ------
    UnsupportedLayerError
        When a layer cannot run on what the layers before it make.
    """
    shapes: dict[str, tuple[tf.TensorShape, ...]] = {}

    def trace(*x: tf.Tensor) -> None:
        values = {value.edge: tensor for value, tensor in zip(inputs, x, strict=True)}
        for draft in drafts:
            try:
                outputs = draft.layer.forward(*(values[edge] for edge in draft.inputs))
            except (TypeError, ValueError, tf.errors.OpError) as error:
                raise UnsupportedLayerError(
                    f"layer {draft.owner!r} ({draft.keras_class}) does not run: {error}"
                ) from error
            made = walk.as_tuple(outputs)
            shapes[draft.name] = tuple(tensor.shape for tensor in made)
            values |= {Edge(draft.name, index): tensor for index, tensor in enumerate(made)}

    signature = [tf.TensorSpec(value.shape, value.dtype) for value in inputs]
    tf.function(trace, input_signature=signature, autograph=False).get_concrete_function()
    guarded = left_out(drafts)
    return tuple(
        Node(
            draft.name,
            draft.layer,
            draft.inputs,
            shapes[draft.name],
            draft.owner,
            draft.keras_class,
            uses=draft.uses,
            guarded=draft.name in guarded,
        )
        for draft in drafts
    )


def left_out(drafts: Sequence[Draft]) -> set[str]:
    """Return the names of the nodes whose values a choice by data may leave out; affine maps keep zeros as they are."""
    reached, found = set[str](), set[str]()
    for draft in reversed(drafts):
        if isinstance(draft.layer, Where):
            reached |= {edge.node for edge in draft.inputs[1:]}
        if draft.name in reached:
            reached |= {edge.node for edge in draft.inputs}
            if not isinstance(draft.layer, Affine):
                found.add(draft.name)
    return found
