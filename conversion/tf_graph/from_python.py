"""Live models and layers defined only by their Python code: traced, then converted like any graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.readers.graph_model import GraphModel, needed, node_of
from deeplift_tf.conversion.readers.saved_tables import TableContents
from deeplift_tf.conversion.tf_graph.inlining import CHANGING
from deeplift_tf.errors import DeepLiftError, UnsupportedLayerError

TABLES = (tf.lookup.StaticHashTable, tf.lookup.experimental.MutableHashTable, tf.lookup.experimental.DenseHashTable)


def graph_of_function(
    name: str, function: Any, inputs: Sequence[str], outputs: Sequence[str], tables: Iterable[Any] = ()
) -> GraphModel:
    """Return what a traced function computes.

    Parameters
    ----------
    name : str
        For messages.
    function : tf.types.experimental.ConcreteFunction
    inputs, outputs : sequence of str
        Names, in the order of its flat inputs and outputs.
    tables : iterable of tables of tf.lookup
        Which it may look up.

    Raises
    ------
    UnsupportedLayerError
        If it reads variables that it changes.
    """
    captured = function.captured_inputs
    own = function.inputs[: len(function.inputs) - len(captured)]
    places = [tensor.op.name for tensor in function.inputs[len(own) :]]
    variables = {id(variable.handle): variable for variable in function.graph.variables}
    handles = {id(table.resource_handle): table for table in tables}
    values, contents = {}, {}
    for place, tensor in zip(places, captured, strict=True):
        if id(tensor) in handles:
            contents[place] = TableContents(*(np.asarray(part) for part in handles[id(tensor)].export()))
        elif id(tensor) in variables:
            values[place] = variables[id(tensor)].numpy()
        elif tensor.dtype != tf.resource and hasattr(tensor, "numpy"):
            values[place] = tensor.numpy()
    specs = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, tensor.op.name)
        for name, tensor in zip(inputs, own, strict=True)
    }
    ends = {name: tensor.name for name, tensor in zip(outputs, function.outputs, strict=True)}
    whole = function.graph.as_graph_def()
    graph = needed(whole, ends.values())
    read = {node_of(ref) for node in graph.node for ref in node.input} & values.keys()
    changed = {node_of(node.input[0]): node.name for node in whole.node if node.op.startswith(CHANGING)}
    if read & changed.keys():
        listed = ", ".join(repr(changed[place]) for place in sorted(read & changed.keys()))
        raise UnsupportedLayerError(f"reads variables that it changes while it runs, by {listed}")
    return GraphModel(name, graph, specs, ends, values, contents)


def tables_in(layer: Any) -> tuple[Any, ...]:
    """Return the tables of words and numbers that a layer looks up, those of layers that it holds among them."""
    layers = layer._flatten_layers() if isinstance(layer, keras.Layer) else ()
    return tuple(value for each in layers for value in vars(each).values() if isinstance(value, TABLES))


def graph_of_model(model: keras.Model) -> GraphModel:
    """Return what a model of a user's own class computes, at the input shapes that it was built with.

    Raises
    ------
    UnsupportedLayerError
        If it was never called, or cannot be traced.
    """
    kind = type(model).__name__
    config = model.get_build_config() if model.built else None
    shapes = (config or {}).get("shapes_dict") or {"input_shape": (config or {}).get("input_shape")}
    if None in shapes.values():
        raise UnsupportedLayerError(f"model {model.name!r} ({kind}) has no input shape yet; call it once on data")
    structure = {key.removesuffix("_shape"): as_specs(shape, model) for key, shape in shapes.items()}
    specs = keras.tree.flatten(structure)
    names = list(input_names(structure))
    ends: list[str] = []

    def run(*tensors: tf.Tensor) -> list[tf.Tensor]:
        arguments = keras.tree.pack_sequence_as(structure, list(tensors))
        made = model(*arguments.values(), training=False)
        ends[:] = output_names(made)
        return keras.tree.flatten(made)

    try:
        function = tf.function(run, input_signature=specs, autograph=False).get_concrete_function()
    except DeepLiftError:
        raise
    except Exception as error:  # a user's code may raise anything
        raise UnsupportedLayerError(f"model {model.name!r} ({kind}) cannot be traced: {error}") from error
    return graph_of_function(f"model {model.name!r} ({kind})", function, names, ends, tables_in(model))


def as_specs(shape: Any, model: keras.Model) -> Any:
    """Return specs for shapes in any structure, with rows left open."""
    if isinstance(shape, dict):
        return {key: as_specs(each, model) for key, each in shape.items()}
    if all(isinstance(size, int | None) for size in shape):
        return tf.TensorSpec([None, *shape[1:]], model.input_dtype)
    return [as_specs(each, model) for each in shape]


def input_names(structure: Any, stem: str = "") -> Iterator[str]:
    """Yield a name for each input, in the order in which a structure is flattened: the key of a dict."""
    if isinstance(structure, dict):
        for key in sorted(structure) if stem else structure:
            yield from input_names(structure[key], key)
    elif isinstance(structure, list):
        for index, each in enumerate(structure):
            yield from input_names(each, f"{stem}_{index}")
    else:
        yield stem


def output_names(made: Any) -> list[str]:
    """Return a name for each output: the keys of a dict, or numbers."""
    if isinstance(made, dict):
        return sorted(made)
    return [f"output_{index}" for index in range(len(keras.tree.flatten(made)))]
