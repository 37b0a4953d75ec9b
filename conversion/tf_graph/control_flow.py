"""Handlers of operations that compute nothing: constants, variables, calls, branches, and lists of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.readers.untrusted.limits import MAX_STEPS
from deeplift_tf.conversion.tf_graph.inlining import (
    Entry,
    Inlining,
    LoopFrame,
    TensorListItems,
    VariableRead,
    handles,
    setting,
)
from deeplift_tf.conversion.tf_graph.operation import Depends, Value
from deeplift_tf.errors import UnsupportedLayerError

CLOSED = (
    ". Export the model with its length fixed (a copy with keras.Input((length, ...)) and the same weights), or "
    "convert the Keras model itself, live or from its .keras file"
)
"""What to do about a recurrent layer over an open length."""


class RowCountError(UnsupportedLayerError):
    """What an operation computes depends on how many rows are given: no path can follow that either."""


@handles("Const")
def constant(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """A constant of the file."""
    tensor = node.attr["value"].tensor
    spec = tf.TensorSpec(tf.TensorShape(tensor.tensor_shape), tensor.dtype)
    if (spec.shape.num_elements() or 0) > tensor.ByteSize():  # one number stands for all
        flat.scratch.take(node.name, spec.shape.num_elements())
        return [flat.scratch.constant(node.name, tf.make_ndarray(tensor))]
    return [flat.scratch.stored(node.name, tf.make_ndarray(tensor))]


@handles("Placeholder", "VarHandleOp", "Variable", "VariableV2")
def held(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """A variable, or a tensor that a live function has captured."""
    if node.op == "VarHandleOp" or node.attr["dtype"].type == tf.resource.as_datatype_enum:
        return [VariableRead(node.name)]
    if node.op == "Placeholder" and node.name not in flat.model.values:
        raise UnsupportedLayerError(f"operation {node.name!r}: expected a value for this input, which is not named")
    return [flat.held(node.name)]


@handles("ReadVariableOp", "ResourceGather")
def read(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """The value of a variable, or rows of it."""
    if not isinstance(inputs[0], VariableRead) or inputs[0].node not in flat.model.values:
        raise UnsupportedLayerError(f"operation {node.name!r} ({node.op}): expected a variable whose value is known")
    value = flat.held(inputs[0].node)
    if node.op == "ReadVariableOp":
        return [value]
    axis = flat.scratch.constant(f"{node.name}/axis", np.int32(0))
    indices = flat.value(inputs[1], node.name)
    kinds = {"Tparams": value.spec.dtype, "Tindices": indices.spec.dtype, "Taxis": tf.int32}
    return list(flat.new("GatherV2", [value, indices, axis], node.name, **kinds))


@handles(
    "CheckNumerics",
    "CheckNumericsV2",
    "DisableCopyOnRead",
    "EnsureShape",
    "GuaranteeConst",
    "Identity",
    "IdentityN",
    "PlaceholderWithDefault",
    "PreventGradient",
    "ReadVariableXlaSplitND",
    "Snapshot",
    "StopGradient",
    "ShapeGuard",
)
def same(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """What goes in comes out."""
    return inputs


@handles("Cast")
def cast(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """Floats stay in the dtype of the network."""
    (entry,) = inputs
    target = tf.as_dtype(setting(node, "DstT"))
    if isinstance(entry, Value) and entry.is_float and target.is_floating:
        return inputs
    value = flat.value(entry, node.name)
    return list(flat.new("Cast", [value], node.name, SrcT=value.spec.dtype, DstT=target))


@handles("PartitionedCall", "StatefulPartitionedCall")
def call(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """A function of the library."""
    return flat.call(frame, node.attr["f"].func.name, inputs)


@handles("If", "StatelessIf")
def branch(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """The branch that a constant chooses."""
    name = "then_branch" if is_true(flat, node, inputs[0]) else "else_branch"
    return flat.call(frame, node.attr[name].func.name, inputs[1:])


@handles("Case", "StatelessCase")
def case(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """The branch that a constant counts to, the last one for all other numbers."""
    branches, chosen = node.attr["branches"].list.func, number(flat, node, inputs[0])
    return flat.call(frame, branches[chosen if 0 <= chosen < len(branches) else -1].name, inputs[1:])


@handles("Switch")
def switch(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """TensorFlow 1: the value goes to one of two places."""
    return [None, inputs[0]] if is_true(flat, node, inputs[1]) else [inputs[0], None]


@handles("Merge")
def merge(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """TensorFlow 1: the value comes from where there is one."""
    places = [index for index, entry in enumerate(inputs) if entry is not None]
    if len(places) != 1:
        raise UnsupportedLayerError(f"operation {node.name!r} (Merge): expected one branch that runs")
    return [inputs[places[0]], flat.scratch.constant(f"{node.name}/index", np.int32(places[0]))]


def is_true(flat: Inlining, node: Any, entry: Entry) -> bool:
    """Return a condition that must not depend on the inputs.

    Raises
    ------
    UnsupportedLayerError
        If it does.
    """
    value = flat.value(entry, node.name)
    check_row_count(flat, node, value)
    if value.depends != Depends.NOTHING:
        raise UnsupportedLayerError(
            f"operation {node.name!r} ({node.op}): what runs depends on the inputs, or on their open sizes. One "
            "condition for all rows makes each depend on the others: choose row by row, with where; a loop needs a "
            "number of steps that is fixed"
        )
    flat.decisive.append(value)
    return bool(flat.scratch.array(value))


def check_row_count(flat: Inlining, node: Any, value: Value) -> None:
    """Refuse a branch that the number of rows chooses, and a loop over rows: no other size is open.

    Raises
    ------
    RowCountError
        Of a branch.
    UnsupportedLayerError
        Of a loop, which a path can follow.
    """
    closed = all(None not in each.spec.shape[1:] for each in flat.inputs)
    if value.depends == Depends.SIZES and closed and node.op == "TensorListReserve":
        raise UnsupportedLayerError(
            f"operation {node.name!r} ({node.op}): a loop over the rows, as of tf.map_fn. Expected operations on all "
            "rows at once: write it with tf.vectorized_map, or as a function of the whole batch"
        )
    if value.depends == Depends.SIZES and closed and node.op in ("Case", "If", "StatelessCase", "StatelessIf"):
        raise RowCountError(
            f"operation {node.name!r} ({node.op}): what runs depends on the number of rows, so scores would depend on "
            "batch_size. Expected one function for any number of rows: leave the condition out, or decide before the "
            "model is built"
        )


def number(flat: Inlining, node: Any, entry: Entry) -> int:
    """Return an integer that must not depend on the inputs."""
    value = flat.value(entry, node.name)
    check_row_count(flat, node, value)
    if value.depends != Depends.NOTHING:
        raise UnsupportedLayerError(
            f"operation {node.name!r} ({node.op}): a place, a choice or a number of steps depends on the inputs, or on "
            f"their open sizes{CLOSED}"
        )
    flat.decisive.append(value)
    return int(flat.scratch.array(value))


def listed(node: Any, entry: Entry) -> tuple[Value | None, ...]:
    """Return the items of a list of tensors."""
    if not isinstance(entry, TensorListItems):
        raise UnsupportedLayerError(f"operation {node.name!r} ({node.op}): expected a list of tensors")
    return entry.items


@handles("TensorListReserve", "EmptyTensorList")
def reserve(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """A list of nothing yet."""
    if node.op == "EmptyTensorList":
        return [TensorListItems(())]
    size = number(flat, node, inputs[1])
    if not 0 <= size <= MAX_STEPS:
        raise UnsupportedLayerError(f"operation {node.name!r} ({node.op}): a list of {size} tensors")
    return [TensorListItems((None,) * size)]


@handles("TensorListFromTensor")
def unstacked(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """Each item along the first axis."""
    value = flat.value(inputs[0], node.name)
    size = value.spec.shape[0]
    if size is None or size > MAX_STEPS:
        raise UnsupportedLayerError(f"operation {node.name!r} ({node.op}): {size or 'an open number of'} steps{CLOSED}")
    return [TensorListItems(tuple(flat.new("Unpack", [value], node.name, num=size, axis=0, T=value.spec.dtype)))]


@handles("TensorListGetItem")
def item(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """One item."""
    return [listed(node, inputs[0])[number(flat, node, inputs[1])]]


@handles("TensorListSetItem")
def set_item(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """A list with one item replaced."""
    items = list(listed(node, inputs[0]))
    items[number(flat, node, inputs[1])] = flat.value(inputs[2], node.name)
    return [TensorListItems(tuple(items))]


@handles("TensorListPushBack")
def push(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """A list with one item more."""
    return [TensorListItems((*listed(node, inputs[0]), flat.value(inputs[1], node.name)))]


@handles("TensorListLength")
def length(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """How many items."""
    return [flat.scratch.constant(node.name, np.int32(len(listed(node, inputs[0]))))]


@handles("TensorListStack")
def stack(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """All items along a new first axis."""
    items = [flat.value(each, node.name) for each in listed(node, inputs[0])]
    return list(flat.new("Pack", items, node.name, N=len(items), axis=0, T=items[0].spec.dtype))
