"""One operation run by TensorFlow, in the dtype of the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from deeplift_tf.conversion.readers.untrusted.saved_model_safety import definition

SPELLED: dict[str, Callable[..., tf.Tensor]] = {}
"""Operations that are computed by others here, from inputs of our own: filled by `lookups`."""


def spells(*kinds: str) -> Callable[[Callable[..., tf.Tensor]], Callable[..., tf.Tensor]]:
    """Register a replacement of some operations."""

    def enter(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
        SPELLED.update(dict.fromkeys(kinds, function))
        return function

    return enter


FLOATS = {tf.float16, tf.bfloat16, tf.float32, tf.float64}


def run(node: Any, inputs: Sequence[tf.Tensor], outputs: int, dtype: tf.DType, version: int) -> list[tf.Tensor]:
    """Add one operation to the graph that is being built, and return what it makes.

    Parameters
    ----------
    node : NodeDef
        Its inputs do not count.
    inputs : sequence of tf.Tensor
    outputs : int
        How many it has.
    dtype : tf.DType
        In which floats are computed; in the operation's own where TensorFlow has no such kernel.
    version : int
        Of the graph that the node comes from.

    Raises
    ------
    ValueError
        If TensorFlow does not accept it.
    """
    if node.op in SPELLED:
        return [SPELLED[node.op](*inputs)]
    own = _float_of(node) or tf.float32
    try:
        if node.op == "Bitcast" and own != dtype:
            raise ValueError("the bits of another dtype are others")
        made = _imported(in_dtype(node, dtype), inputs, outputs, version)
    except ValueError:
        if own == dtype:
            raise
        cast = [tf.cast(x, own) if x.dtype.is_floating else x for x in inputs]
        made = _imported(node, cast, outputs, version)
    return [tf.cast(y, dtype) if y.dtype.is_floating else y for y in made]  # a resized image is always float32


def _imported(node: Any, inputs: Sequence[tf.Tensor], outputs: int, version: int) -> list[tf.Tensor]:
    graph = tf.compat.v1.GraphDef()
    graph.versions.producer = version
    for index, tensor in enumerate(inputs):
        added = graph.node.add(name=f"input_{index}", op="Placeholder")
        added.attr["dtype"].type = tensor.dtype.as_datatype_enum
    added = graph.node.add(name="operation", op=node.op, input=[f"input_{index}" for index in range(len(inputs))])
    for key, value in node.attr.items():
        if not key.startswith("_"):
            added.attr[key].CopyFrom(value)
    places = {f"input_{index}:0": tensor for index, tensor in enumerate(inputs)}
    wanted = [f"operation:{index}" for index in range(outputs)]
    return list(tf.graph_util.import_graph_def(graph, places, wanted, name=""))


def in_dtype(node: Any, dtype: tf.DType) -> Any:
    """Return a copy of a node that computes floats in another dtype."""
    changed = type(node).FromString(node.SerializeToString())
    enums = {each.as_datatype_enum for each in FLOATS}
    for attribute in definition(node.op).attr:  # a graph leaves out what is the default, float32 mostly
        if attribute.type == "type" and attribute.name not in node.attr and attribute.default_value.type in enums:
            changed.attr[attribute.name].type = dtype.as_datatype_enum
    for attribute in changed.attr.values():
        if attribute.WhichOneof("value") == "type" and attribute.type in enums:
            attribute.type = dtype.as_datatype_enum
        types = attribute.list.type
        for index, each in enumerate(types):
            types[index] = dtype.as_datatype_enum if each in enums else each
    return changed


def type_settings(node: Any, outputs: bool = False) -> list[str]:
    """Return for each input (or output) of a node which setting says its dtype; an empty text where none does."""
    known = definition(node.op)
    found: list[str] = []
    for argument in known.output_arg if outputs else known.input_arg:
        count = int(node.attr[argument.number_attr].i) if argument.number_attr else 1
        found += [argument.type_attr] * (
            len(node.attr[argument.type_list_attr].list.type) if argument.type_list_attr else count
        )
    return found


def value_places(node: Any) -> tuple[int, ...]:
    """Return the inputs whose dtype is that of the outputs, and can be floats: values, where others are settings."""
    made = set(type_settings(node, outputs=True))
    if len(made) != 1 or "" in made:
        return ()
    (name,) = made
    (setting,) = [each for each in definition(node.op).attr if each.name == name]
    allowed = setting.allowed_values.list.type
    if allowed and tf.float32.as_datatype_enum not in allowed:
        return ()
    return tuple(index for index, each in enumerate(type_settings(node)) if each == name)


def of_floats(node: Any, dtype: tf.DType) -> Any:
    """Return a copy of a node whose values are floats, where they were integers or truth values."""
    changed = type(node).FromString(node.SerializeToString())
    changed.attr[type_settings(node, outputs=True)[0]].type = dtype.as_datatype_enum
    return changed


def _float_of(node: Any) -> tf.DType | None:
    """Return the dtype of floats that a node names."""
    named = [attribute.type for attribute in node.attr.values() if attribute.WhichOneof("value") == "type"]
    found = [tf.as_dtype(each) for each in named if each]
    return next((each for each in found if each in FLOATS), None)
