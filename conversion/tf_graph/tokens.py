"""Token inputs that a graph declares as floats, the default of Keras."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from deeplift_tf.conversion.readers.graph_model import GraphModel
from deeplift_tf.conversion.tf_graph.inlining import Inlining
from deeplift_tf.conversion.tf_graph.operation import Value, everything


def with_tokens(model: GraphModel, dtype: tf.DType) -> GraphModel:
    """Return a model whose inputs are integers where all that it does with them is to make them integers.

    Floats would be held at x, and the scores of a table of words would be zero.
    """
    if not any(spec.dtype.is_floating for spec in model.inputs.values()):
        return model
    flat = Inlining(model, dtype)
    outputs = flat.outputs()
    flat.close()
    inputs = {
        name: tf.TensorSpec(spec.shape, tf.int32, spec.name) if are_tokens(value, outputs) else spec
        for (name, spec), value in zip(model.inputs.items(), flat.inputs, strict=True)
    }
    return dataclasses.replace(model, inputs=inputs)


def are_tokens(value: Value, outputs: Sequence[Value]) -> bool:
    """Whether every reader of an input makes integers of it."""
    readers = [each for each in everything(outputs) if value in each.inputs]
    casts = [each for each in readers if each.type == "Cast" and each.specs[0].dtype.is_integer]
    return value.is_float and bool(readers) and len(casts) == len(readers)
