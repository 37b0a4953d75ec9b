"""Whether a graph keeps rows apart, tried on random input: each row's scores are its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.tf_graph.operation import Value
from deeplift_tf.conversion.tf_graph.shape_inference import ShadowGraph
from deeplift_tf.errors import UnsupportedLayerError

OPEN_SIZES = (24, 96, 400, 2000)  # tried in turn for axes whose size is open
WORDS = (b"a", b"b", b"one", b"two", b"the")
GAP = 1e-3  # relative; rounding stays far below


def mixes_rows(scratch: ShadowGraph, outputs: Sequence[Value]) -> bool:
    """Whether an output of one row changes when another is beside it; False where the graph runs at no size tried.

    Raises
    ------
    UnsupportedLayerError
        When an output has no axis of rows.
    """
    rng = np.random.default_rng(0)
    for size in OPEN_SIZES:
        both = {value: sample(value, size, rng) for value in scratch.inputs}
        try:
            together = scratch.evaluate(outputs, both)
            alone = [
                scratch.evaluate(outputs, {value: x[row : row + 1] for value, x in both.items()}) for row in (0, 1)
            ]
        except (tf.errors.OpError, ValueError):
            continue
        if not all(map(np.ndim, together)):
            raise UnsupportedLayerError("an output is one value for all rows: expected a value for each row")
        return any(differs(y, np.concatenate(parts)) for y, *parts in zip(together, *alone, strict=True))
    return False


def function_mixes_rows(function: Callable[..., Any], specs: Sequence[tf.TensorSpec]) -> bool:
    """Whether a function makes something else of one row when another is beside it; False where it runs at no size.

    One row is mostly positive, the other mostly negative: a branch for all rows takes another one for each.
    """
    rng, shift = np.random.default_rng(0), np.array([2.0, -3.0])
    if any(spec.shape.rank in (None, 0) for spec in specs):
        return False
    for size in OPEN_SIZES[:2]:
        both = [drawn(spec, size, rng) for spec in specs]
        moved = [x + shift.reshape(-1, *[1] * (x.ndim - 1)).astype(x.dtype) if x.dtype.kind == "f" else x for x in both]
        try:
            together = tf.nest.flatten(function(*map(tf.constant, moved)))
            alone = [
                tf.nest.flatten(function(*(tf.constant(x[row : row + 1]) for x in moved))) for row in range(len(shift))
            ]
        except (tf.errors.OpError, ValueError):
            continue
        parts = zip(together, *alone, strict=True)
        return any(differs(*(each.numpy() for each in (y, tf.concat(rows, 0)))) for y, *rows in parts if y.shape.rank)
    return False


def sample(value: Value, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return two rows for an input."""
    return drawn(value.spec, size, rng)


def drawn(spec: tf.TensorSpec, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return two rows: normal numbers, a few words, or zeros and ones."""
    shape = [2, *(size if axis is None else axis for axis in spec.shape[1:])]
    if spec.dtype == tf.string:
        return texts(shape, rng)
    dtype = spec.dtype.as_numpy_dtype
    return rng.normal(size=shape).astype(dtype) if spec.dtype.is_floating else rng.integers(0, 2, shape).astype(dtype)


def texts(shape: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Return texts of one to four words."""
    count = int(np.prod(shape))
    words = [b" ".join(rng.choice(WORDS, rng.integers(1, 5)).tolist()) for _ in range(count)]
    return np.array(words, object).reshape(shape)


def differs(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether two values differ by more than rounding, or in their shapes; where both are NaN they do not."""
    if found.shape != expected.shape or found.dtype.kind not in "biuf":
        return found.shape != expected.shape or bool(np.any(found != expected))
    a, b = (np.nan_to_num(each.astype("float64")) for each in (found, expected))
    return bool(np.abs(a - b).max(initial=0) > GAP * max(np.abs(b).max(initial=0), 1e-12))
