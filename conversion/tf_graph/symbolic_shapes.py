"""Arithmetic of shapes that are known in part: which sizes a graph computes with, as far as they are no number of rows.

A product over the last axes of a shape is a number even where the number of rows is open; TensorFlow's own inference
does not see that.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deeplift_tf.conversion.tf_graph.operation import plain

Partial = np.ndarray
"""Of Python integers, and None where a size is open."""


def either(function: Callable[[Any, Any], Any]) -> Callable[..., Partial]:
    """Return an operation of two arrays whose result is open where one of them is."""
    return lambda node, a, b: np.frompyfunc(lambda u, v: None if u is None or v is None else function(u, v), 2, 1)(a, b)


def gathered(node: Any, values: Partial, indices: Partial, axis: Partial | None = None) -> Partial:
    """Return some sizes."""
    return values[np.asarray(indices, int)]


def sliced(node: Any, values: Partial, begin: Partial, end: Partial, step: Partial) -> Partial:
    """Return a slice of sizes, or one of them."""
    masks = {name: plain(node.attr[name]) or 0 for name in ("begin_mask", "end_mask", "shrink_axis_mask")}
    start, stop = int(begin[0]), int(end[0])
    if masks["shrink_axis_mask"]:
        return np.asarray(values[start], object)
    return values[slice(None if masks["begin_mask"] else start, None if masks["end_mask"] else stop, int(step[0]))]


def multiplied(node: Any, values: Partial, axes: Partial) -> Partial:
    """Return the product of all sizes."""
    open_sizes = any(value is None for value in values.ravel())
    return np.asarray(None if open_sizes else int(np.prod([int(v) for v in values.ravel()], dtype=np.int64)), object)


def stacked(node: Any, *values: Partial) -> Partial:
    """Return sizes side by side."""
    return np.array([value.item() for value in values], object)


def joined(node: Any, *values: Partial) -> Partial:
    """Return lists of sizes one after another."""
    return np.concatenate(values[:-1])


ARITHMETIC: dict[str, Callable[..., Partial]] = {
    "Add": either(operator.add),
    "AddV2": either(operator.add),
    "Cast": lambda node, values: values,
    "ConcatV2": joined,
    "ExpandDims": lambda node, values, axis: values.reshape(1) if values.ndim == 0 else values,
    "FloorDiv": either(operator.floordiv),
    "GatherV2": gathered,
    "Maximum": either(max),
    "Minimum": either(min),
    "Mul": either(operator.mul),
    "Pack": stacked,
    "Prod": multiplied,
    "Squeeze": lambda node, values: values.reshape(()) if values.size == 1 else values,
    "StridedSlice": sliced,
    "Sub": either(operator.sub),
}


def computed(node: Any, inputs: Sequence[Partial | None]) -> Partial | None:
    """Return what an operation makes of sizes; None where it is none of these, or some are not known at all."""
    known = [values for values in inputs if values is not None]
    if node.op not in ARITHMETIC or len(known) < len(inputs):
        return None
    try:
        return np.asarray(ARITHMETIC[node.op](node, *known), object)
    except (TypeError, ValueError, IndexError, ZeroDivisionError):  # more axes than sizes have: left to TensorFlow
        return None
