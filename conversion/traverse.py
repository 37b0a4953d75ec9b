"""The way through a Keras model: every use of every layer, in order, nested models laid open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplift_tf.conversion.scope import Use
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.graph import Edge, Input

Emit = Callable[[str, Use], Sequence[Edge]]


def functional(model: Any) -> Any:
    """Return the functional model behind a model.

    Raises
    ------
    UnsupportedLayerError
        When there is none: a model whose layers only its Python code describes, or one never given an input shape.
    """
    if isinstance(model, keras.Sequential):
        if not model.built or model._functional is None:
            raise UnsupportedLayerError(
                f"model {model.name!r} has no input shape yet; build it: model.build((None, ...)), or call it once"
            )
        return model._functional
    if is_functional(model):
        return model
    raise UnsupportedLayerError(
        f"model {model.name!r} ({type(model).__name__}) is defined by its Python code, not by a graph of layers; "
        "convert the functional or Sequential model inside it"
    )


def is_functional(operation: Any) -> bool:
    """Whether an operation is a model that is a graph of layers."""
    return isinstance(operation, keras.Model) and hasattr(operation, "_nodes_by_depth")


def model_inputs(model: Any, dtype: tf.DType) -> tuple[Input, ...]:
    """Return the inputs of a functional model, floats in the dtype of the network."""
    return tuple(
        Input(tensor.name, spec.shape, spec.dtype) for tensor in model.inputs for spec in [spec_of(tensor, dtype)]
    )


def spec_of(tensor: Any, dtype: tf.DType) -> tf.TensorSpec:
    """Return shape and dtype of a symbolic tensor of Keras."""
    own = tf.as_dtype(tensor.dtype)
    return tf.TensorSpec(tensor.shape, dtype if own.is_floating else own)


def traverse(model: Any, edges: Sequence[Edge], emit: Emit, dtype: tf.DType, prefix: str = "") -> list[Edge]:
    """Visit every use of every layer; return the model's outputs.

    Parameters
    ----------
    model : functional model
    edges : sequence of Edge
        What enters the model.
    emit : callable
        (name, use) -> the outputs of one use.
    dtype : tf.DType
    prefix : str
        Names of the models around this one, each with a slash.
    """
    known = {id(tensor): edge for tensor, edge in zip(model.inputs, edges, strict=True)}
    uses: dict[int, int] = {}
    for node in ordered(model):
        operation = node.operation
        count = uses.get(id(operation), 0)
        uses[id(operation)] = count + 1
        name = f"{prefix}{operation.name}" + (f"/{count}" if count else "")
        inputs = [known[id(tensor)] for tensor in node.input_tensors]
        inner = opened(operation)
        if inner is None:
            outputs = emit(name, use_of(node, inputs, dtype))
        else:
            outputs = traverse(inner, inputs, emit, dtype, f"{name}/")
        for tensor, edge in zip(node.output_tensors, outputs, strict=True):
            known[id(tensor)] = edge
    return [known[id(tensor)] for tensor in model.outputs]


def ordered(model: Any) -> Iterator[Any]:
    """Return the uses of layers in an order in which each follows its inputs."""
    for depth in sorted(model._nodes_by_depth, reverse=True):
        yield from (node for node in model._nodes_by_depth[depth] if not node.is_input)


def opened(operation: Any) -> Any:
    """Return the functional model that an operation is, or None where it is no model to be laid open."""
    if isinstance(operation, keras.Sequential):
        return operation._functional
    return operation if is_functional(operation) else None


def use_of(node: Any, inputs: Sequence[Edge], dtype: tf.DType) -> Use:
    """Return one use of a layer, with a way to call it as the model does."""
    arguments, operation = node.arguments, node.operation

    def call(copied: Any, *tensors: Any) -> Any:
        given = {id(symbol): tensor for symbol, tensor in zip(node.input_tensors, tensors, strict=True)}
        args, kwargs = keras.tree.map_structure(lambda x: given.get(id(x), x), (arguments.args, arguments.kwargs))
        if isinstance(operation, keras.Layer) and operation._call_has_training_arg:
            kwargs["training"] = False
        return copied(*args, **kwargs)

    return Use(
        operation,
        tuple(inputs),
        tuple(spec_of(tensor, dtype) for tensor in node.input_tensors),
        call,
        tuple(tuple(tensor.shape) for tensor in node.output_tensors),
    )
