"""Sizes of the constants that a graph computes, known before they are computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import ModelFileError

NOT_LARGER = """
    Bincount DecodePaddedRaw DecodeRaw DynamicPartition ListDiff NonMaxSuppression NonMaxSuppressionV2
    NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5 NonMaxSuppressionWithOverlaps RaggedTensorToSparse
    SparseConcat SparseSlice StringNGrams StringSplit StringSplitV2 UnicodeDecode UnicodeDecodeWithOffsets Unique
    UniqueV2 UniqueWithCounts UniqueWithCountsV2 Where
"""
"""Operations that make as many elements as their inputs allow, and no more than those have elements or letters."""

JOINING = ("ReduceJoin", "StringFormat", "UnsortedSegmentJoin")
"""Operations that put all the texts of an array into one."""

REPLACING = ("RegexReplace", "StaticRegexReplace")
WRITING = ("Encode", "SerializeTensor", "UnicodeEncode")
"""Operations that write an array of numbers as one text: these, and those that start so."""

SPARE_LENGTH = 64
"""Bytes of a number that is written as a text."""


def elements_of(name: str, node: Any, inputs: Sequence[np.ndarray], specs: Sequence[tf.TensorSpec]) -> int:
    """Return how many elements a constant has at most, two bytes of text counting as one.

    Parameters
    ----------
    name : str
        The operation, for messages.
    node : NodeDef
    inputs : sequence of array
    specs : sequence of tf.TensorSpec
        Of the results, as far as TensorFlow knows them from the inputs.

    Raises
    ------
    ModelFileError
        If nothing tells the size but the computation itself, which may fill the memory.
    """
    sizes = [spec.shape.num_elements() for spec in specs]
    if None in sizes and node.op not in NOT_LARGER.split():
        raise ModelFileError(
            f"operation {name!r} ({node.op}): expected a constant whose size is known before it is computed; found "
            f"the shapes {[str(spec.shape) for spec in specs]}. Save the model with the result in its place"
        )
    most = sum(max(array.size, _letters(array)) * max(array.ndim, 1) for array in inputs)
    found = sum(most if size is None else size for size in sizes)
    if any(spec.dtype == tf.string for spec in specs):
        found *= 1 + longest_text(node, inputs) // 2  # texts are copied from step to step
    return found


def longest_text(node: Any, inputs: Sequence[np.ndarray]) -> int:
    """Return how many bytes a text has at most that an operation makes."""
    if node.op.startswith(WRITING):
        return SPARE_LENGTH + sum(max(array.nbytes, _letters(array)) for array in inputs)
    texts = [array for array in inputs if array.dtype.kind in "OS"]
    if node.op in REPLACING:
        rewrite = node.attr["rewrite"].s if "rewrite" in node.attr else texts[-1].item()
        return (1 + _longest(texts[0])) * (1 + len(rewrite))
    return SPARE_LENGTH + sum(map(_letters if node.op in JOINING else _longest, texts))


def _longest(texts: np.ndarray) -> int:
    return max(map(len, texts.ravel().tolist()), default=0)


def _letters(array: np.ndarray) -> int:
    """Return the bytes of all texts of an array; none of one of numbers."""
    return sum(map(len, array.ravel().tolist())) if array.dtype.kind in "OS" else 0
