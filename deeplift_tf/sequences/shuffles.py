"""Shuffles of one-hot sequences in TensorFlow operations, and the random numbers that every shuffle is made of.

`references.shuffle` and `references.dinucleotide_shuffle` make the same sequences of the same numbers in NumPy, which
is faster where no graph is needed. The numbers follow from the seed and the content of a row: the same row gets the
same references in any batch, at any place in it, and from an exported function.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.rules.tensors import shape_of

HASH = 0x5EED  # the second half of the seed of the hash's coefficients, apart from those of the draws


def shuffle(x: Any, count: int = 20, seed: int = 0) -> tf.Tensor:
    """Return sequences with the positions of x in random order.

    Parameters
    ----------
    x : tf.Tensor, shape (N, length, C)
    count : int
        R.
    seed : int

    Returns
    -------
    tf.Tensor, shape (N, R, length, C)
    """
    x = tf.convert_to_tensor(x)
    draws = row_draws(_letter_codes(x), count, shape_of(x)[1], seed % 2**63)
    return _in_order(x, tf.argsort(draws, stable=True))


def dinucleotide_shuffle(x: Any, count: int = 20, seed: int = 0) -> tf.Tensor:
    """Return random sequences that have every pair of neighbours exactly as often as x has it.

    Uniform over all such orders with the same first and last letter: a random Eulerian path, see `references.euler`
    for the mathematics. A position without a letter counts as one more letter.

    Parameters
    ----------
    x : tf.Tensor, shape (N, length, C)
        One-hot; anything else fails when it is run.
    count : int
        R.
    seed : int

    Returns
    -------
    tf.Tensor, shape (N, R, length, C)
    """
    x = tf.convert_to_tensor(x)
    with tf.control_dependencies([_assert_one_hot(x)]):
        codes = _letter_codes(x)
    letters, edges = x.shape[2] + 1, shape_of(x)[1] - 1
    draws = row_draws(codes, count, edges + letters, seed % 2**63)
    last = _last_edges(codes, letters, draws[..., edges:])
    return _in_order(x, _walks(codes, last, draws[..., :edges]))


def random_numbers(codes: np.ndarray, count: int, length: int, seed: int) -> np.ndarray:
    """Return the numbers from 0 to 1 that shuffles of sequences are made of.

    Parameters
    ----------
    codes : np.ndarray, shape (N, positions)
        Letters 0, 1, ...; the numbers of a row follow from them and the seed.
    count : int
        R.
    length : int
    seed : int

    Returns
    -------
    np.ndarray, shape (N, R, length), float64
    """
    with tf.device("CPU"):
        return _compiled_draws()(codes.astype(np.int32), count, length, seed % 2**63).numpy()


@functools.cache
def _compiled_draws() -> Any:
    size = tf.TensorSpec([], tf.int32)
    signature = [tf.TensorSpec([None, None], tf.int32), size, size, tf.TensorSpec([], tf.int64)]
    return tf.function(row_draws, input_signature=signature, autograph=False)


def _letter_codes(x: tf.Tensor) -> tf.Tensor:
    """Return the letters as numbers, C where a position holds none; shape (N, length)."""
    none = tf.equal(tf.reduce_max(x, -1), tf.reduce_min(x, -1))  # the operator == would lose the shape
    return tf.where(none, x.shape[-1], tf.argmax(x, -1, output_type=tf.int32))


def _assert_one_hot(x: tf.Tensor) -> Any:
    largest, smallest = tf.reduce_max(x, -1), tf.reduce_min(x, -1)
    letter = (largest == 1) & (smallest == 0) & (tf.reduce_sum(x, -1) == 1)
    fine = tf.reduce_all((largest == smallest) | letter)
    return tf.debugging.Assert(fine, ["dinucleotide_shuffle: expected one-hot sequences, or all letters alike for N"])


def row_draws(codes: tf.Tensor, count: Any, length: Any, seed: Any) -> tf.Tensor:
    """Return random numbers from 0 to 1 for each row, shape (N, count, length), that depend on its content alone."""
    coefficients = _uniform([shape_of(codes)[1]], [seed, HASH], tf.int64)
    hashes = tf.reduce_sum(tf.cast(codes + 1, tf.int64) * coefficients, -1)  # modulo 2⁶⁴
    signature = tf.TensorSpec([size if isinstance(size, int) else None for size in (count, length)], tf.float64)
    return tf.map_fn(lambda h: _uniform([count, length], [h, seed], tf.float64), hashes, fn_output_signature=signature)


def _uniform(shape: list[Any], seed: list[Any], dtype: tf.DType) -> tf.Tensor:
    """Draw by one algorithm on every device: fractions for floats, any value for integers."""
    seeds = tf.stack([tf.cast(part, tf.int64) for part in seed])
    low, high = (0, 1) if dtype.is_floating else (None, None)
    return tf.random.stateless_uniform(shape, seeds, low, high, dtype, alg="philox")


def _in_order(x: tf.Tensor, orders: tf.Tensor) -> tf.Tensor:
    """Return x, shape (N, length, C), in orders of its positions, shape (N, R, length)."""
    made = tf.gather(x, orders, axis=1, batch_dims=1)
    return tf.ensure_shape(made, [x.shape[0], orders.shape[1], *x.shape[1:]])


def _pairs(codes: tf.Tensor, letters: int) -> tf.Tensor:
    """Return how often each pair of letters stands side by side, shape (N, letters, letters)."""
    hot = tf.one_hot(codes, letters, dtype=tf.float64)
    return tf.einsum("nlu,nlv->nuv", hot[:, :-1], hot[:, 1:])


def _last_edges(codes: tf.Tensor, letters: int, choices: tf.Tensor) -> tf.Tensor:
    """Draw the letters that follow each letter the last time that it is left, shape (N, R, letters); −1 for none.

    The trees of these edges are equally likely: letter by letter, with A the matrix whose determinant counts them,
    the edge from v to u is in the fraction pairs[v, u]·(A⁻¹[v, v] − A⁻¹[u, v]) of those that are left.
    """
    pairs, identity = _pairs(codes, letters), tf.eye(letters, dtype=tf.float64)
    left = tf.reduce_sum(pairs, 2)
    free = (left > 0) & tf.not_equal(tf.range(letters), codes[:, -1:])
    matrix = tf.where(free[..., None], tf.linalg.diag(left) - pairs, identity)
    matrix = tf.tile(matrix[:, None], [1, shape_of(choices)[1], 1, 1])
    chosen = []
    for letter in range(letters):
        inverse = tf.linalg.inv(matrix)
        trees = pairs[:, None, letter] * (inverse[..., letter, letter, None] - inverse[..., letter])
        shares = tf.cumsum(tf.nn.relu(trees), axis=-1)
        taken = tf.argmax(shares > choices[..., letter, None] * shares[..., -1:], -1, output_type=tf.int32)
        row = identity[letter] - tf.one_hot(taken, letters, dtype=tf.float64)
        here = free[:, None, letter, None, None] & tf.equal(tf.range(letters), letter)[:, None]
        matrix = tf.where(here, row[..., None, :], matrix)
        chosen.append(tf.where(free[:, None, letter], taken, -1))
    return tf.stack(chosen, -1)


def _edge_order(codes: tf.Tensor, last: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    """Return the edges sorted by the letter that they leave, in random order but the last one at the end."""
    letters, edges = last.shape[-1], tf.range(shape_of(codes)[1] - 1)
    pair = tf.one_hot(codes[:, :-1] * letters + codes[:, 1:], letters**2, True, False)
    somewhere = tf.reduce_max(tf.where(pair, edges[:, None], -1), 1)  # an edge of a pair: equal ones are alike
    towards = tf.gather(last, codes[:, :-1], axis=2, batch_dims=1)  # (N, R, edges)
    chosen = tf.gather(somewhere, codes[:, None, :-1] * letters + tf.maximum(towards, 0), axis=1, batch_dims=1)
    at_the_end = (towards >= 0) & tf.equal(chosen, edges)
    groups = tf.cast(codes[:, None, :-1] * 2, tf.float64)
    return tf.argsort(groups + tf.where(at_the_end, tf.ones_like(keys), keys), stable=True)  # keys < 1


def _walks(codes: tf.Tensor, last: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    """Return the orders of positions in which the edges are walked, shape (N, R, length)."""
    order = _edge_order(codes, last, keys)
    rows, count, edges = shape_of(order)
    letters = last.shape[-1]
    lanes = rows * count
    follows = tf.reshape(tf.gather(codes[:, 1:], order, axis=1, batch_dims=1), [lanes, edges])
    order = tf.reshape(order, [lanes, edges])
    starts = tf.cumsum(tf.cast(tf.reduce_sum(_pairs(codes, letters), 2), tf.int32), axis=1, exclusive=True)

    def step(k: tf.Tensor, here: tf.Tensor, pointers: tf.Tensor, taken: tf.TensorArray) -> tuple[Any, ...]:
        edge = tf.gather(pointers, here, batch_dims=1)
        taken = taken.write(k, tf.gather(order, edge, batch_dims=1))
        return (
            k + 1,
            tf.gather(follows, edge, batch_dims=1),
            pointers + tf.one_hot(here, letters, dtype=tf.int32),
            taken,
        )

    here = tf.reshape(tf.tile(codes[:, :1], [1, count]), [lanes])
    pointers = tf.reshape(tf.tile(starts, [1, count]), [lanes, letters])
    taken = tf.TensorArray(tf.int32, edges + 1, element_shape=[None]).write(0, tf.fill([lanes], -1))
    loop = tf.while_loop(lambda k, *_: k < edges + 1, step, (tf.constant(1), here, pointers, taken))
    return tf.reshape(tf.transpose(loop[-1].stack()) + 1, [rows, count, -1])  # the first position, and where edges lead
