"""Tables indexed by an input: rows are gathered; as in Keras, negative indices count from the end."""

from __future__ import annotations

from typing import NamedTuple

from deeplift_tf.conversion.tf_graph.operation import Depends, Operation, Value
from deeplift_tf.conversion.tf_graph.shape_inference import ShadowGraph


class TokenInput(NamedTuple):
    """An input of the model that names rows, and how many rows there are."""

    tokens: Value
    rows: int


def table_of(operation: Operation, scratch: ShadowGraph) -> TokenInput | None:
    """Return the table from which an operation takes rows for the tokens of an input; None where it does no such thing.

    Parameters
    ----------
    operation : Operation
    scratch : ShadowGraph
        Knows constants, and the inputs of the model.
    """
    if operation.type != "GatherV2" or operation.setting("batch_dims"):
        return None
    values, tokens, axis = operation.inputs
    rows = values.spec.shape[0] if values.spec.shape.rank else None
    if values.depends != Depends.NOTHING or axis.depends != Depends.NOTHING or scratch.array(axis).any() or not rows:
        return None
    while tokens not in scratch.inputs:
        before = uncounted(tokens, scratch, rows)
        if before is None or not before.spec.dtype.is_integer:
            return None
        tokens = before
    return TokenInput(tokens, rows) if tokens.spec.dtype.is_integer else None


def uncounted(tokens: Value, scratch: ShadowGraph, rows: int) -> Value | None:
    """Return tokens before they were cast, or before negative ones were counted from the end of a table."""
    operation = tokens.operation
    if operation.type == "Cast":
        return operation.inputs[0]
    if operation.type != "SelectV2":
        return None
    negative, counted, plain = operation.inputs
    parts = [(negative.operation, "Less", 0), (counted.operation, "AddV2", rows)]
    fits = all(
        part.type == kind
        and part.inputs[0] == plain
        and part.inputs[1].depends == Depends.NOTHING
        and (scratch.array(part.inputs[1]) == number).all()
        for part, kind, number in parts
    )
    return plain if fits else None
