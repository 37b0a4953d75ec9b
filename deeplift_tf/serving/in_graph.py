"""References that TensorFlow operations make from x: the makers of `dl.references` that can be exported."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import ReferencesError
from deeplift_tf.rules.tensors import shape_of
from deeplift_tf.sequences.letters import CLOSE
from deeplift_tf.sequences.shuffles import dinucleotide_shuffle, row_draws, shuffle

REACH = 4.0  # standard deviations after which a Gaussian is cut off, as in `dl.references.blurred`


def filled(x: tf.Tensor, number: Any) -> tf.Tensor:
    """Return one reference for all rows, shape (1, 1, ...), that holds a number everywhere; of texts the empty one."""
    if x.dtype == tf.string and not tf.is_tensor(number):
        number = ""
    return tf.fill([1, 1, *shape_of(x)[1:]], tf.cast(number, x.dtype) if x.dtype != tf.string else number)


def _checked(x: tf.Tensor, what: str) -> tf.Tensor:
    """Return x, which fails when it is run if it is not one-hot on its last axis."""
    sums = tf.reduce_sum(x, -1)
    fine = tf.reduce_all((tf.abs(sums - 1) <= CLOSE) | (sums == 0)) & tf.reduce_all(x >= 0)
    with tf.control_dependencies([tf.debugging.Assert(fine, [f"{what}: expected one-hot letters on the last axis"])]):
        return tf.identity(x)


def _uniform_frequencies(x: tf.Tensor) -> tf.Tensor:
    return filled(_checked(x, "uniform_frequencies"), 1 / x.shape[-1])


def _gc_content(x: tf.Tensor, gc: float | None) -> tf.Tensor:
    if x.shape[-1] != 4:
        raise ReferencesError(f"gc_content: expected 4 letters, A, C, G, T, on the last axis; received {x.shape}")
    x = _checked(x, "gc_content")
    counts = tf.reduce_sum(x, list(range(1, x.shape.rank - 1)), keepdims=True)  # (N, 1, ..., 4)
    own = tf.reduce_sum(counts[..., 1:3], -1, keepdims=True) / tf.maximum(tf.reduce_sum(counts, -1, keepdims=True), 1)
    half = (own if gc is None else tf.fill(tf.shape(own), tf.constant(gc, x.dtype))) / 2
    return tf.broadcast_to(tf.concat([0.5 - half, half, half, 0.5 - half], -1), tf.shape(x))


def _blurred(x: tf.Tensor, radius: float, axes: tuple[int, ...] | None) -> tf.Tensor:
    """Return images blurred by a Gaussian; beyond the border the image is mirrored."""
    spatial = tuple(range(1, x.shape.rank - 1)) if axes is None else axes
    if not spatial:
        raise ReferencesError(f"blurred: expected images, shape (N, ..., channels); received {x.shape}")
    result = x
    for axis in spatial if radius else ():
        matrix = tf.cast(_blur_matrix(shape_of(x)[axis], radius), x.dtype)
        ahead = tf.tensordot(result, matrix, [[axis], [1]])
        order = [*range(axis % x.shape.rank), x.shape.rank - 1, *range(axis % x.shape.rank, x.shape.rank - 1)]
        result = tf.ensure_shape(tf.transpose(ahead, order), x.shape)
    return result


def _blur_matrix(size: Any, radius: float) -> tf.Tensor:
    """Return the weights of every pixel of a line in every pixel of the blurred line, shape (size, size)."""
    reach = int(REACH * radius + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / radius) ** 2)
    folded = (tf.range(size)[:, None] + tf.range(-reach, reach + 1)) % (2 * size)  # d c b a | a b c d | d c b a
    folded = tf.where(folded < size, folded, 2 * size - 1 - folded)
    return tf.einsum("ptq,t->pq", tf.one_hot(folded, size, dtype=tf.float64), weights / weights.sum())


def _another_example(x: tf.Tensor, examples: Any, count: int, seed: int) -> tf.Tensor:
    """Return other examples, drawn without repetition for each row from its content, never the row itself."""
    pool = tf.constant(np.asarray(examples[:]), x.dtype)
    if not x.shape[1:].is_compatible_with(pool.shape[1:]):
        raise ReferencesError(f"another_example: expected examples of shape {x.shape[1:]}; received {pool.shape[1:]}")
    bits = tf.bitcast(x + 0, {4: tf.int32, 8: tf.int64}[x.dtype.size])  # of -0 those of 0
    codes = tf.reshape(bits, [shape_of(x)[0], int(np.prod(pool.shape[1:]))])
    keys = row_draws(codes, 1, int(pool.shape[0]), seed % 2**63)[:, 0]

    def others(row_and_keys: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        row, key = row_and_keys
        same = tf.reduce_all(tf.equal(pool, row), list(range(1, pool.shape.rank)))
        enough = tf.reduce_sum(tf.cast(~same, tf.int32)) >= count
        message = [f"another_example: expected at least {count} examples besides the row"]
        with tf.control_dependencies([tf.debugging.Assert(enough, message)]):
            return tf.gather(pool, tf.argsort(key + 2 * tf.cast(same, key.dtype))[:count])

    made = tf.map_fn(others, (x, keys), fn_output_signature=tf.TensorSpec([count, *pool.shape[1:]], x.dtype))
    return made[:, 0] if count == 1 else made


IN_GRAPH: dict[str, Callable[..., tf.Tensor]] = {
    "zeros": functools.partial(filled, number=0),
    "constant": lambda x, value: filled(x, value),
    "uniform_frequencies": _uniform_frequencies,
    "gc_content": _gc_content,
    "shuffle": lambda x, count, seed: shuffle(_checked(x, "shuffle"), count, seed),
    "dinucleotide_shuffle": dinucleotide_shuffle,
    "blurred": _blurred,
    "another_example": _another_example,
}
