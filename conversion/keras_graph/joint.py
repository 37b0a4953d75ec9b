"""Neighbouring operations of keras.ops in a model, traced together as one function.

This shows what they compute together, such as `where(x > 0, x, 0)`, which Keras writes as two operations.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from deeplift_tf.conversion.builder.pending_node import PendingNode
from deeplift_tf.conversion.keras_graph.layer_call import LayerCall
from deeplift_tf.conversion.tf_graph.from_python import graph_of_function
from deeplift_tf.conversion.tf_graph.frontend import LoweredGraph, layers_within
from deeplift_tf.errors import DeepLiftError, UnsupportedLayerError
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.reshaping import Identity
from deeplift_tf.rules.tensors import shape_of


def taken_along_axis(operation: Any, x: tf.Tensor, indices: Any) -> tf.Tensor:
    """Return what keras.ops.take_along_axis does, rows in front all the way."""
    rank, indices = len(x.shape), tf.cast(tf.convert_to_tensor(indices), tf.int32)
    if operation.axis is None or operation.axis % rank == 0:
        return operation.call(x, indices)
    along = operation.axis % rank
    indices = tf.where(indices < 0, indices + shape_of(x)[along], indices)
    order = [*(axis for axis in range(rank) if axis != along), along]
    values, places = (each if along == rank - 1 else tf.transpose(each, order) for each in (x, indices))
    sizes = zip(shape_of(values), places.shape, strict=True)
    common = [b if isinstance(a, int) and a == 1 else a for a, b in sizes][:-1]
    if list(places.shape[:-1]) != list(values.shape[:-1]):
        places = tf.broadcast_to(places, [*common, places.shape[-1]])
        values = tf.broadcast_to(values, [*common, values.shape[-1]])
    found = tf.gather(values, places, batch_dims=rank - 1)
    return found if along == rank - 1 else tf.transpose(found, [order.index(axis) for axis in range(rank)])


def sparse_crossentropy(operation: Any, target: Any, output: tf.Tensor) -> tf.Tensor:
    """Return what keras.ops.sparse_categorical_crossentropy does, rows in front all the way."""
    target, rank = tf.cast(tf.convert_to_tensor(target), tf.int32), len(output.shape)
    if operation.axis not in (-1, rank - 1):
        return operation.call(target, output)
    if not operation.from_logits:
        limit = keras.backend.epsilon()
        output = tf.math.log(tf.clip_by_value(output, limit, 1.0 - limit))
    target = target[..., 0] if len(target.shape) == rank else target
    return -tf.gather(tf.nn.log_softmax(output), target, batch_dims=rank - 1)


ROW_BY_ROW = {"SparseCategoricalCrossentropy": sparse_crossentropy, "TakeAlongAxis": taken_along_axis}
"""Operations that Keras writes with rows merged with other axes, written with rows in front."""


class JointMember(NamedTuple):
    """One use of an operation.

    Attributes
    ----------
    name : str
        Of the operation at this use, with those of the models around it.
    use : LayerCall
        Its inputs are left to the group.
    outputs : tuple of keras.KerasTensor
    """

    name: str
    use: LayerCall
    outputs: tuple[Any, ...]

    @property
    def kind(self) -> str:
        """Name of its class in Keras."""
        return type(self.use.operation).__name__


@dataclasses.dataclass(frozen=True, eq=False)
class JointOperations:
    """Operations in an order in which each follows its inputs.

    Attributes
    ----------
    members : tuple of JointMember
    inputs, outputs : tuple of keras.KerasTensor
        What others make, and what others read.
    """

    members: tuple[JointMember, ...]
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]

    @property
    def name(self) -> str:
        """Name of the last one."""
        return self.members[-1].name

    def call(self, *tensors: tf.Tensor) -> list[tf.Tensor]:
        """Return all that the members make; the operations of each go by its number."""
        known = dict(zip(map(id, self.inputs), tensors, strict=True))
        for number, member in enumerate(self.members):
            given = [known[id(each)] for each in member.use.symbols]
            with tf.name_scope(f"op{number}"):
                call = ROW_BY_ROW.get(member.kind, member.use.operation.call)
                if member.kind in ROW_BY_ROW:
                    call = functools.partial(call, member.use.operation)
                made = keras.tree.flatten(member.use.call(call, *given))
                known |= zip(map(id, member.outputs), map(tf.convert_to_tensor, made), strict=True)
        return [known[id(each)] for member in self.members for each in member.outputs]


def follow(joint: JointOperations, name: str, use: LayerCall, dtype: tf.DType) -> LoweredGraph:
    """Walk through what operations compute together; nodes are named after the operations.

    Raises
    ------
    UnsupportedLayerError, ModelFileError
        If the graph cannot be inlined.
    """
    function = traced(joint, use.specs, dtype)
    keys = {
        id(tensor): f"{number}:{place}"
        for number, member in enumerate(joint.members)
        for place, tensor in enumerate(member.outputs)
    }
    places = [f"input_{index}" for index in range(len(use.specs))]
    model = graph_of_function(name, function, places, list(keys.values()))
    lowered = layers_within(model, dtype, use.inputs, "", [keys[id(tensor)] for tensor in joint.outputs])
    return named(joint, lowered)


def traced(joint: JointOperations, specs: Sequence[tf.TensorSpec], dtype: tf.DType) -> Any:
    """Trace operations in a dtype, or in float32 if some of them have constants of no other dtype.

    Raises
    ------
    UnsupportedLayerError
    """
    for own in dict.fromkeys([dtype, tf.float32]):
        signature = [tf.TensorSpec(each.shape, own if each.dtype.is_floating else each.dtype) for each in specs]
        try:
            return tf.function(joint.call, input_signature=signature, autograph=False).get_concrete_function()
        except DeepLiftError:
            raise
        except Exception as problem:  # operations that Keras runs on tensors of known sizes alone
            error = problem
    raise UnsupportedLayerError(f"cannot be traced: {error}") from error


def named(joint: JointOperations, lowered: LoweredGraph) -> LoweredGraph:
    """Return a road whose nodes have the names of the operations: the result of one goes by its name alone."""
    members = {pending_node.name: member_of(joint, pending_node.name) for pending_node in lowered.pending}
    names = {old: f"{member.name}/{rest}" for old, (member, rest) in members.items()}
    seen, repeated, results = dict(lowered.seen), [], set[str]()
    for number, member in enumerate(joint.members):
        edge = seen.get(f"{number}:0")
        if edge is None:
            continue
        if edge.node in members.keys() - results:
            names[edge.node] = member.name
            results.add(edge.node)
        elif f"{number}:0" in lowered.outputs:  # the value of another
            repeated.append(PendingNode(member.name, Identity(), (edge,), member.name, member.kind, 1, member.use.uses))
            seen[f"{number}:0"] = edge._replace(node=member.name, output=0)

    def relabelled(edge: Edge) -> Edge:
        return edge._replace(node=names.get(edge.node, edge.node))

    pending = [
        owned(pending_node, members[pending_node.name][0], names[pending_node.name]) for pending_node in lowered.pending
    ] + repeated
    for pending_node in pending:
        pending_node.inputs = tuple(map(relabelled, pending_node.inputs))
    return lowered._replace(pending=pending, outputs={key: relabelled(seen[key]) for key in lowered.outputs})


def member_of(joint: JointOperations, node: str) -> tuple[JointMember, str]:
    """Return the operation that a node of the graph comes from, and the rest of its name."""
    context, _, rest = node.partition("/")
    number = context.removeprefix("op").partition("_")[0]
    if context.startswith("op") and number.isdigit() and rest:
        return joint.members[int(number)], rest
    return joint.members[-1], node


def owned(pending_node: PendingNode, member: JointMember, name: str) -> PendingNode:
    """Return a draft as one of an operation."""
    return dataclasses.replace(
        pending_node, name=name, owner=member.name, keras_class=member.kind, uses=member.use.uses
    )
