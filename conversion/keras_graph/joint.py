"""Operations of keras.ops that stand side by side in a model, taken together: one traced function for all of them.

So that what they compute together is seen, such as `where(x > 0, x, 0)`, which Keras writes as two operations.
"""

from __future__ import annotations

import dataclasses
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


class Member(NamedTuple):
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
class Joint:
    """Operations in an order in which each follows its inputs.

    Attributes
    ----------
    members : tuple of Member
    inputs, outputs : tuple of keras.KerasTensor
        What others make, and what others read.
    """

    members: tuple[Member, ...]
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
                made = keras.tree.flatten(member.use.call(member.use.operation.call, *given))
                known |= zip(map(id, member.outputs), map(tf.convert_to_tensor, made), strict=True)
        return [known[id(each)] for member in self.members for each in member.outputs]


def follow(joint: Joint, name: str, use: LayerCall, dtype: tf.DType) -> LoweredGraph:
    """Walk through what operations compute together; nodes are named after the operations.

    Raises
    ------
    UnsupportedLayerError, ModelFileError
        Where the graph cannot be laid open.
    """
    try:
        function = tf.function(joint.call, input_signature=list(use.specs), autograph=False).get_concrete_function()
    except DeepLiftError:
        raise
    except Exception as error:  # operations that Keras runs on tensors of known sizes alone
        raise UnsupportedLayerError(f"cannot be traced: {error}") from error
    keys = {
        id(tensor): f"{number}:{place}"
        for number, member in enumerate(joint.members)
        for place, tensor in enumerate(member.outputs)
    }
    places = [f"input_{index}" for index in range(len(use.specs))]
    model = graph_of_function(name, function, places, list(keys.values()))
    lowered = layers_within(model, dtype, use.inputs, "", [keys[id(tensor)] for tensor in joint.outputs])
    return named(joint, lowered)


def named(joint: Joint, lowered: LoweredGraph) -> LoweredGraph:
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


def member_of(joint: Joint, node: str) -> tuple[Member, str]:
    """Return the operation that a node of the graph comes from, and the rest of its name."""
    context, _, rest = node.partition("/")
    number = context.removeprefix("op").partition("_")[0]
    if context.startswith("op") and number.isdigit() and rest:
        return joint.members[int(number)], rest
    return joint.members[-1], node


def owned(pending_node: PendingNode, member: Member, name: str) -> PendingNode:
    """Return a draft as one of an operation."""
    return dataclasses.replace(
        pending_node, name=name, owner=member.name, keras_class=member.kind, uses=member.use.uses
    )
