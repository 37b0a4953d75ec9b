"""A check on random input whether a graph keeps rows apart: each row's scores must be its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.tf_graph.operation import Value
from deeplift_tf.conversion.tf_graph.shape_inference import ShadowGraph
from deeplift_tf.errors import DeepLiftError, UnsupportedLayerError

OPEN_SIZES = (24, 96, 400, 2000)  # tried in turn for axes whose size is open
WORDS = (b"a", b"b", b"one", b"two", b"the")
GAP = 1e-3  # relative; rounding stays far below
FAILURES = (tf.errors.OpError, ValueError)
SHIFTS = np.array([2.0, -3.0])
Run = Callable[..., list[np.ndarray]]


def mixes_rows(scratch: ShadowGraph, outputs: Sequence[Value]) -> bool:
    """Whether an output of one row changes when another is beside it; False where the graph runs at no size tried.

    Raises
    ------
    UnsupportedLayerError
        If an output has no axis of rows.
    """
    rng = np.random.default_rng(0)
    for size in OPEN_SIZES:
        both = {value: sample(value.spec, size, rng) for value in scratch.inputs}
        try:
            together = scratch.evaluate(outputs, both)
            alone = [
                scratch.evaluate(outputs, {value: x[row : row + 1] for value, x in both.items()}) for row in (0, 1)
            ]
        except DeepLiftError:
            raise
        except (tf.errors.OpError, ValueError):
            continue
        if not all(map(np.ndim, together)):
            raise UnsupportedLayerError("an output is one value for all rows: expected a value for each row")
        return any(differs(y, np.concatenate(parts)) for y, *parts in zip(together, *alone, strict=True))
    return False


def function_mixes_rows(
    function: Callable[..., Any], specs: Sequence[tf.TensorSpec], fixed_rows: int | None = None
) -> bool:
    """Whether a function of tensors makes something else of a row when others are beside it; False where it cannot run.

    Rows are mostly positive and mostly negative in turn: a branch for all rows takes another one for each.

    Parameters
    ----------
    function : callable
    specs : sequence of tf.TensorSpec
    fixed_rows : int, optional
        The number of rows that it takes, where it takes no other.
    """
    rng = np.random.default_rng(0)
    if any(spec.shape.rank is None for spec in specs):
        return False

    def drawn(size: int) -> list[np.ndarray]:
        return [shifted(sample(spec, size, rng, fixed_rows or 2)) for spec in specs]

    def run(*inputs: np.ndarray) -> list[np.ndarray]:
        made = function(*(tf.constant(x, spec.dtype) for x, spec in zip(inputs, specs, strict=True)))
        return [np.asarray(y) for y in keras.tree.flatten(made)]

    for size in OPEN_SIZES:
        both = drawn(size)
        try:
            if fixed_rows is not None:
                return depends_on_others(run, both, drawn(size))
            alone = [run(*(x[row : row + 1] if x.ndim else x for x in both)) for row in (0, 1)]
        except FAILURES:
            continue
        try:
            together = run(*both)
        except FAILURES:  # as two rows do where they meet an axis of three
            return True
        if any(y.ndim and len(y) != 2 for y in together):
            return True
        is_random = any(map(differs, run(*both), together))
        whole = [np.concatenate(parts) if np.ndim(parts[0]) else parts[0] for parts in zip(*alone, strict=True)]
        # what has no rows may be that of one row by itself, as the largest of all is
        apart = any(np.ndim(y) == 0 and differs(y, z) for y, z in zip(*alone, strict=True))
        return not is_random and (apart or any(map(differs, together, whole)))
    return False


def depends_on_others(run: Run, rows: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> bool:
    """Whether the first or the last row of what a function makes changes where all rows but that one do."""
    together, last = run(*rows), len(rows[0]) - 1
    if any(y.ndim and len(y) != last + 1 for y in together):
        return True
    for row in (0, last):
        made = run(*(with_row(x, other, row) for x, other in zip(rows, others, strict=True)))
        if any(differs(y[row : row + 1], z[row : row + 1]) for y, z in zip(together, made, strict=True) if y.ndim):
            return True
    return False


def shifted(x: np.ndarray) -> np.ndarray:
    """Return rows of floats that are mostly positive and mostly negative in turn."""
    if x.dtype.kind != "f" or not x.ndim:
        return x
    return x + np.resize(SHIFTS, len(x)).reshape(-1, *[1] * (x.ndim - 1)).astype(x.dtype)


def with_row(rows: np.ndarray, others: np.ndarray, row: int) -> np.ndarray:
    """Return other rows with one of the given ones among them."""
    changed = others.copy()
    if changed.ndim:
        changed[row] = rows[row]
    return changed


def sample(spec: tf.TensorSpec, size: int, rng: np.random.Generator, rows: int = 2) -> np.ndarray:
    """Return a few rows for an input."""
    if not spec.shape.rank:
        return np.zeros([], spec.dtype.as_numpy_dtype)
    shape = [rows, *(size if axis is None else axis for axis in spec.shape[1:])]
    if spec.dtype.is_floating:
        return rng.normal(size=shape).astype(spec.dtype.as_numpy_dtype)
    if spec.dtype == tf.string:
        return texts(shape, rng)
    return rng.integers(0, 2, shape).astype(spec.dtype.as_numpy_dtype)


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
