"""Texts, indices and masks that are not laid out row by row, such as all words of all rows.

They are no values of the network: what is made of them in the end is computed at once, from what they were made of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from deeplift_tf.conversion.tf_graph.operation import Depends, Value

SPLITTING = """
    DynamicPartition ListDiff NonMaxSuppressionV3 RaggedRange SparseCross SparseReorder StringNGrams StringSplit
    StringSplitV2 UnicodeDecode UnicodeDecodeWithOffsets Unique UniqueV2 UniqueWithCounts UniqueWithCountsV2 Where
"""
LOOSE = frozenset(SPLITTING.split())
"""Operations whose results have a first axis of their own."""

JOINING = "DenseBincount RaggedBincount RaggedTensorToTensor SparseBincount SparseToDense UnsortedSegmentJoin"
RESTORING = frozenset(JOINING.split())
"""Operations that give a row to each row again; whether it is that row's own is tried in the end."""


def settled(values: Iterable[Value], deferred: Collection[Value], known: Collection[Value]) -> list[Value]:
    """Return the values of the network that others are computed from.

    Parameters
    ----------
    values : iterable of Value
    deferred : collection of Value
        Those that are none.
    known : collection of Value
        Those that are the same for all inputs of the model.
    """
    found: dict[Value, None] = {}
    left, done = list(values)[::-1], set[Value]()
    while left:
        value = left.pop()
        if value in done or value.depends == Depends.NOTHING or value in known:
            continue
        done.add(value)
        if value.depends == Depends.SIZES or value in deferred or value.spec.dtype.is_complex:
            left.extend(reversed(value.operation.inputs))
        else:
            found[value] = None
    return list(found)
