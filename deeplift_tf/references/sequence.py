"""References for one-hot sequences: base frequencies, and shuffled letters."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from deeplift_tf.arrays.checks import at_least_one
from deeplift_tf.arrays.rows import slices
from deeplift_tf.errors import ReferencesError
from deeplift_tf.references.euler import follows, last_edges, log_orders, transitions, walks
from deeplift_tf.scoring.reference_sampler import ReferenceSampler
from deeplift_tf.sequences.letters import from_the_end, require_letters
from deeplift_tf.sequences.shuffles import random_numbers

logger = logging.getLogger("deeplift_tf")

TOGETHER = 2**20  # positions of shuffles that are made together: many walks a step at a time, in bounded memory


def uniform_frequencies(letters_axis: int = -1) -> ReferenceSampler:
    """Return the reference in which all letters are equally frequent at every position.

    Parameters
    ----------
    letters_axis : int
        The axis of x that holds the letters.
    """
    return ReferenceSampler(functools.partial(_uniform_frequencies, **letters_on(letters_axis)))


def _uniform_frequencies(x: np.ndarray, letters_axis: int = -1) -> np.ndarray:
    require_letters([x], letters_axis, "uniform_frequencies", ReferencesError)
    return np.full(x.shape, 1 / x.shape[letters_axis], x.dtype if x.dtype.kind == "f" else np.float64)


def gc_content(gc: float | None = None, letters_axis: int = -1) -> ReferenceSampler:
    """Return the reference of base frequencies (1−gc)/2, gc/2, gc/2, (1−gc)/2 for A, C, G, T at every position.

    Parameters
    ----------
    gc : float, optional
        Fraction of G and C. The default takes every sequence's own.
    letters_axis : int
        The axis of x that holds the letters.
    """
    if gc is not None and not 0 <= gc <= 1:
        raise ReferencesError(f"gc_content: expected a fraction from 0 to 1; received {gc}")
    return ReferenceSampler(functools.partial(_gc_content, gc=gc, **letters_on(letters_axis)))


def _gc_content(x: np.ndarray, gc: float | None, letters_axis: int = -1) -> np.ndarray:
    require_letters([x], letters_axis, "gc_content", ReferencesError)
    if x.shape[letters_axis] != 4:
        raise ReferencesError(
            f"gc_content: expected 4 letters, A, C, G, T, on axis {letters_axis} (letters_axis); received {x.shape}"
        )
    x = np.moveaxis(x, letters_axis, -1)
    counts = x.sum(tuple(range(1, x.ndim - 1)), dtype=np.float64)  # (N, 4)
    own = counts[:, 1:3].sum(1) / np.maximum(counts.sum(1), 1)
    half = (own if gc is None else np.full(len(x), gc)) / 2
    frequencies = np.stack([0.5 - half, half, half, 0.5 - half], 1).reshape(len(x), *[1] * (x.ndim - 2), 4)
    found = np.broadcast_to(frequencies, x.shape).astype(x.dtype if x.dtype.kind == "f" else np.float64)
    return np.moveaxis(found, -1, letters_axis)


def shuffle(count: int = 20, seed: int = 0, letters_axis: int = -1) -> ReferenceSampler:
    """Return a maker of sequences with the positions of x in random order.

    Parameters
    ----------
    count : int
        R, how many for each sequence.
    seed : int
    letters_axis : int
        The axis of x that holds the letters.
    """
    return ReferenceSampler(
        functools.partial(
            _shuffle,
            count=at_least_one("count of shuffle", count, ReferencesError),
            seed=seed,
            **letters_on(letters_axis),
        )
    )


def letters_on(axis: int) -> dict[str, Any]:
    """Return the makers' argument for the axis of letters, if that is not the last one."""
    return {} if axis == -1 else {"letters_axis": axis}


def of_sequences(x: np.ndarray, make: Callable[[np.ndarray], np.ndarray], letters_axis: int) -> np.ndarray:
    """Return references, shape (N, R, ...), of rows whose letters stand on any axis.

    Parameters
    ----------
    x : np.ndarray, shape (N, ...)
    make : callable
        Takes sequences, shape (N, length, letters), and returns shape (N, R, length, letters).
    letters_axis : int
    """
    if x.ndim > 2:
        require_letters([x], letters_axis, "shuffles", ReferencesError)
    axis = from_the_end(letters_axis, x.ndim)
    moved = np.moveaxis(x, axis, -1)
    is_line = x.ndim > 2 and sum(size != 1 for size in moved.shape[1:-1]) <= 1
    made = make(np.ascontiguousarray(moved.reshape(len(x), -1, moved.shape[-1])) if is_line else moved)
    return np.moveaxis(made.reshape(*made.shape[:2], *moved.shape[1:]), -1, axis)


def _shuffle(x: np.ndarray, count: int, seed: int, letters_axis: int = -1) -> np.ndarray:
    return of_sequences(x, functools.partial(shuffled, count=count, seed=seed), letters_axis)


def shuffled(x: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return sequences with their positions in random orders, shape (N, R, length, letters)."""
    orders = np.argsort(random_numbers(letter_codes(x), count, x.shape[1], seed), -1, kind="stable")
    return np.stack([row[order] for row, order in zip(x, orders, strict=True)])


def dinucleotide_shuffle(count: int = 20, seed: int = 0, letters_axis: int = -1) -> ReferenceSampler:
    """Return a maker of random sequences that have every pair of neighbours exactly as often as x has it.

    All orders with the same pairs, the same first and the same last letter are equally likely: a uniform random
    Eulerian path over the graph whose edges are the pairs (Altschul and Erickson 1985), see `euler`. A position without
    a letter, N, counts as one more letter; all look like the last of them in their sequence. A sequence with only one
    such order, for example a repeat like ACACAC, is its own shuffle; a warning names each of them once.

    Parameters
    ----------
    count : int
        R, how many for each sequence.
    seed : int
    letters_axis : int
        The axis of x that holds the letters.
    """
    count = at_least_one("count of dinucleotide_shuffle", count, ReferencesError)
    return ReferenceSampler(
        functools.partial(_dinucleotide_shuffle, count=count, seed=seed, **letters_on(letters_axis))
    )


def _dinucleotide_shuffle(x: np.ndarray, count: int, seed: int, letters_axis: int = -1) -> np.ndarray:
    return of_sequences(x, functools.partial(pairs_kept, count=count, seed=seed), letters_axis)


def pairs_kept(x: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return random sequences with the pairs of neighbours of x, shape (N, R, length, letters)."""
    codes, letters = letter_codes(x), x.shape[2] + 1
    made = np.empty((len(x), count, *x.shape[1:]), x.dtype)
    step = max(1, TOGETHER // (count * max(1, x.shape[1])))
    for part in slices(len(x), step):
        for row, shuffled in enumerate(dinucleotide_orders(codes[part], letters, count, seed), part.start):
            looks = np.zeros((letters, x.shape[2]), x.dtype)  # of every letter in this sequence
            looks[codes[row]] = x[row]
            looks.take(shuffled, axis=0, out=made[row], mode="clip")
    return made


def dinucleotide_orders(codes: np.ndarray, letters: int, count: int, seed: int) -> np.ndarray:
    """Return random orders of the letters that keep the counts of pairs.

    Parameters
    ----------
    codes : np.ndarray, shape (N, length)
        Letters 0, 1, ...
    letters : int
    count : int
        R.
    seed : int

    Returns
    -------
    np.ndarray, shape (N, R, length), uint8
    """
    if codes.shape[1] < 3:
        return np.repeat(codes[:, None], count, 1)
    pairs, final = transitions(codes, letters), codes[:, -1]
    for single in np.flatnonzero(log_orders(pairs, final) < math.log(1.5)):
        report_single_order(codes[single].tobytes(), letters)
    edges = codes.shape[1] - 1
    numbers = random_numbers(codes, count, edges + letters, seed)
    last = last_edges(pairs, final, numbers[..., edges:])
    return walks(codes[:, 0], pairs, follows(codes, last, numbers[..., :edges]))


@functools.lru_cache(maxsize=4096)
def report_single_order(codes: bytes, letters: int) -> None:
    """Say that a sequence is its own only shuffle; for each sequence once."""
    start = "".join("ACGTN"[code] if letters == 5 else f"{code} " for code in codes[:24])
    logger.warning(
        "dinucleotide_shuffle: the sequence %s%s (%d positions) has only one order with its pairs of neighbours; its "
        "references equal the sequence itself, and its contributions are zero",
        start.strip(),
        "..." if len(codes) > 24 else "",
        len(codes),
    )


def letter_codes(x: np.ndarray) -> np.ndarray:
    """Return the letters of one-hot sequences as numbers.

    Parameters
    ----------
    x : np.ndarray, shape (N, length, C)

    Returns
    -------
    np.ndarray, shape (N, length), uint8
        C at a position without a letter: all zeros, or all letters alike.

    Raises
    ------
    ReferencesError
        If a position is neither.
    """
    if x.ndim != 3 or x.shape[-1] > 254:
        raise ReferencesError(f"shuffles: expected one-hot sequences, shape (N, length, letters); received {x.shape}")
    channels = np.moveaxis(x, -1, 0)  # few: one after the other is faster than along the axis
    largest, smallest = functools.reduce(np.maximum, channels), functools.reduce(np.minimum, channels)
    none = largest == smallest
    letter = (largest == 1) & (smallest == 0) & (functools.reduce(np.add, (c != 0 for c in channels), 0) == 1)
    if not (none | letter).all():
        row, position = np.argwhere(~(none | letter))[0]
        raise ReferencesError(
            f"shuffles: expected a one at one letter of each position, or all letters alike; received "
            f"{x[row, position]} at position {position} of row {row}"
        )
    codes = np.full(x.shape[:2], x.shape[-1], np.uint8)
    for code, channel in enumerate(channels):
        codes[(channel == 1) & letter] = code
    return codes
