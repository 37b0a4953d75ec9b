"""A model as TensorFlow runs it: a graph of operations, without layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

GraphDef = Any


@dataclasses.dataclass(frozen=True, eq=False)
class GraphModel:
    """A graph of TensorFlow operations with the values of its variables.

    Attributes
    ----------
    name : str
        For messages.
    graph : GraphDef
        The nodes alone that the outputs need, and the functions that they call.
    inputs : dict of str to tf.TensorSpec
        By name; each spec is named after the node of the input.
    outputs : dict of str to str
        By name the tensor, as ``node:index``.
    values : mapping of str to array
        Of variables and captured tensors, by their node.
    tables : mapping of str to (keys, values)
        Contents of tables of words and numbers, by their node.
    """

    name: str
    graph: GraphDef
    inputs: dict[str, tf.TensorSpec]
    outputs: dict[str, str]
    values: Mapping[str, Any]
    tables: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __call__(self, inputs: Any, training: bool = False) -> list[Any]:
        """Run the graph as TensorFlow runs it, for comparison; initialisers do not run.

        Parameters
        ----------
        inputs : array or list of arrays, in the order of the inputs
        training : bool
            As Keras models take it; without effect.

        Returns
        -------
        list of np.ndarray
            The outputs in their order.
        """
        x = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
            outputs = tf.graph_util.import_graph_def(self.graph, return_elements=list(self.outputs.values()), name="")
            for node in self.graph.node:
                if node.op in VARIABLES:
                    assign(graph.get_tensor_by_name(f"{node.name}:0"), self.values[node.name], session)
                if node.name in self.tables:
                    fill(graph.get_tensor_by_name(f"{node.name}:0"), self.tables[node.name], session)
            given = zip(x, self.inputs.values(), strict=True)
            places = {f"{spec.name}:0": np.asarray(part, spec.dtype.as_numpy_dtype) for part, spec in given}
            return list(session.run(outputs, places))


VARIABLES = ("VarHandleOp", "Variable", "VariableV2")


def assign(variable: tf.Tensor, value: Any, session: Any) -> None:
    """Put a value into a variable of a graph, by a resource or by a reference."""
    place = tf.compat.v1.placeholder(value.dtype, value.shape)
    if variable.dtype == tf.resource:
        done = tf.raw_ops.AssignVariableOp(resource=variable, value=place)
    else:
        done = tf.compat.v1.assign(variable, place)
    session.run(done, {place: value})


def fill(table: tf.Tensor, contents: tuple[Any, Any], session: Any) -> None:
    """Put keys and values into a table of a graph."""
    keys, values = contents
    by_resource = table.dtype == tf.resource
    fill_in = tf.raw_ops.LookupTableImportV2 if by_resource else tf.raw_ops.LookupTableImport
    session.run(fill_in(table_handle=table, keys=tf.constant(keys), values=tf.constant(values)))


def needed(graph: GraphDef, tensors: Iterable[str]) -> GraphDef:
    """Return the nodes that some tensors are computed from, in their order, and the functions that these call.

    What merely has to run before is left out.

    Parameters
    ----------
    graph : GraphDef
    tensors : iterable of str
        As ``node:index``.
    """
    nodes = {node.name: node for node in graph.node}
    left, wanted = [node_of(tensor) for tensor in tensors], set[str]()
    while left:
        name = left.pop()
        if name not in wanted and name in nodes:
            wanted.add(name)
            left.extend(node_of(ref) for ref in nodes[name].input if not ref.startswith("^"))
    kept = type(graph)(versions=graph.versions)
    for node in graph.node:
        if node.name in wanted:
            added = kept.node.add()
            added.CopyFrom(node)
            del added.input[:]
            added.input.extend(ref for ref in node.input if not ref.startswith("^"))
    kept.library.function.extend(called(kept.node, graph.library))
    return kept


def called(nodes: Iterable[Any], library: Any) -> list[Any]:
    """Return the functions of a library that nodes call, and those that these call."""
    functions = {function.signature.name: function for function in library.function}
    left, found = list(nodes), dict[str, Any]()
    while left:
        for name in names_called(left.pop()) & functions.keys() - found.keys():
            found[name] = functions[name]
            left.extend(functions[name].node_def)
    return list(found.values())


def names_called(node: Any) -> set[str]:
    """Return the names of the functions that a node calls: its own operation, where that is one, and its settings."""
    given = [each for attribute in node.attr.values() for each in (attribute.func, *attribute.list.func)]
    return {node.op, *(each.name for each in given)}


def node_of(tensor: str) -> str:
    """Return the node that makes a tensor."""
    return tensor.partition(":")[0]
