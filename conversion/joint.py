"""Operations of keras.ops that stand side by side in a model, taken together: one traced function for all of them.

So that what they compute together is seen, such as `where(x > 0, x, 0)`, which Keras writes as two operations.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from deeplift_tf.conversion.draft import Draft
from deeplift_tf.conversion.graphs.live import graph_of_function
from deeplift_tf.conversion.graphs.road import Road, layers_within
from deeplift_tf.conversion.use import Use
from deeplift_tf.errors import DeepLiftError, UnsupportedLayerError
from deeplift_tf.graph import Edge
from deeplift_tf.layers.reshaping import Identity


class Member(NamedTuple):
    """One use of an operation.

    Attributes
    ----------
    name : str
        Of the operation at this use, with those of the models around it.
    use : Use
        Its inputs are left to the group.
    outputs : tuple of keras.KerasTensor
    """

    name: str
    use: Use
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


def follow(joint: Joint, name: str, use: Use, dtype: tf.DType) -> Road:
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
    road = layers_within(model, dtype, use.inputs, "", [keys[id(tensor)] for tensor in joint.outputs])
    return named(joint, road)


def named(joint: Joint, road: Road) -> Road:
    """Return a road whose nodes have the names of the operations: the result of one goes by its name alone."""
    members = {draft.name: member_of(joint, draft.name) for draft in road.drafts}
    names = {old: f"{member.name}/{rest}" for old, (member, rest) in members.items()}
    seen, repeated, results = dict(road.seen), [], set[str]()
    for number, member in enumerate(joint.members):
        edge = seen.get(f"{number}:0")
        if edge is None:
            continue
        if edge.node in members.keys() - results:
            names[edge.node] = member.name
            results.add(edge.node)
        elif f"{number}:0" in road.outputs:  # the value of another
            repeated.append(Draft(member.name, Identity(), (edge,), member.name, member.kind, 1, member.use.uses))
            seen[f"{number}:0"] = edge._replace(node=member.name, output=0)

    def relabelled(edge: Edge) -> Edge:
        return edge._replace(node=names.get(edge.node, edge.node))

    drafts = [owned(draft, members[draft.name][0], names[draft.name]) for draft in road.drafts] + repeated
    for draft in drafts:
        draft.inputs = tuple(map(relabelled, draft.inputs))
    return road._replace(drafts=drafts, outputs={key: relabelled(seen[key]) for key in road.outputs})


def member_of(joint: Joint, node: str) -> tuple[Member, str]:
    """Return the operation that a node of the graph comes from, and the rest of its name."""
    scope, _, rest = node.partition("/")
    number = scope.removeprefix("op").partition("_")[0]
    if scope.startswith("op") and number.isdigit() and rest:
        return joint.members[int(number)], rest
    return joint.members[-1], node


def owned(draft: Draft, member: Member, name: str) -> Draft:
    """Return a draft as one of an operation."""
    return dataclasses.replace(draft, name=name, owner=member.name, keras_class=member.kind, uses=member.use.uses)
