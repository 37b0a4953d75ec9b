"""Integers cast to floats for a while: Keras casts a layer's inputs to floats, and the layer casts them back.

Such floats have no difference of their own: what is scored are the first floats that are computed with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from deeplift_tf.conversion.tf_graph.operation import Depends, Operation, Value

MOVES = frozenset({"ExpandDims", "GatherV2", "Reshape", "Slice", "Squeeze", "StridedSlice", "Transpose"})
"""Operations that leave their first input as it is, but for its place."""

WEIGHING = frozenset({"BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Conv2D", "Conv3D", "Einsum", "MatMul"})
"""Operations that multiply by weights."""

READS_SHAPE = frozenset({"Shape", "Size", "Rank"})


def codes_in(every: Sequence[Operation], outputs: Sequence[Value]) -> set[Value]:
    """Return the floats that are cast from integers, and that nothing reads but casts to integers.

    Parameters
    ----------
    every : sequence of Operation
        Each after its inputs.
    outputs : sequence of Value
        Of the model: read as they are.
    """
    readers, floats = readers_in(every), list[Value]()
    for operation in every:
        made = Value(operation)
        if operation.depends != Depends.INPUTS or not made.is_float:
            continue
        first = operation.inputs[0] if operation.inputs else None
        cast = operation.type == "Cast" and first is not None and first.spec.dtype.is_integer
        if cast or (operation.type in MOVES and first in floats):
            floats.append(made)
    codes: set[Value] = set()
    for value in reversed(floats):
        if value not in outputs and all(keeps(reader, place, codes) for reader, place in readers[value]):
            codes.add(value)
    return {value for value in codes if value.operation.type == "Cast" or value.operation.inputs[0] in codes}


def weighed_in(every: Sequence[Operation]) -> set[Value]:
    """Return the floats cast from truth values among the inputs that go into a product with weights: numbers, no mask.

    Parameters
    ----------
    every : sequence of Operation
        Each after its inputs.
    """
    readers = readers_in(every)

    def is_weighed(value: Value) -> bool:
        return any(
            (reader.type in MOVES and place == 0 and is_weighed(Value(reader)))
            or (
                reader.type in WEIGHING
                and all(other == value or other.depends == Depends.NOTHING for other in reader.inputs)
            )
            for reader, place in readers[value]
        )

    casts = [each for each in every if each.type == "Cast" and each.inputs[0].operation.type == "Placeholder"]
    return {Value(each) for each in casts if each.inputs[0].spec.dtype.is_bool and is_weighed(Value(each))}


def readers_in(every: Sequence[Operation]) -> dict[Value, list[tuple[Operation, int]]]:
    """Return the operations that read each value, and at which place."""
    readers: dict[Value, list[tuple[Operation, int]]] = defaultdict(list)
    for operation in every:
        for place, value in enumerate(operation.inputs):
            readers[value].append((operation, place))
    return readers


def keeps(reader: Operation, place: int, codes: set[Value]) -> bool:
    """Whether an operation takes one of its inputs for an integer."""
    if reader.type in READS_SHAPE or (reader.type == "Cast" and reader.specs[0].dtype.is_integer):
        return True
    return place == 0 and reader.type in MOVES and Value(reader) in codes
