"""References for one-hot sequences: base frequencies, and the letters in another order."""

from __future__ import annotations

import functools
import logging
import math

import numpy as np

from deeplift_tf.errors import ReferencesError
from deeplift_tf.references.euler import last_edges, log_orders, transitions, walks
from deeplift_tf.references.makers import Maker, checked, generator

logger = logging.getLogger("deeplift_tf")

TOGETHER = 2**19  # positions of shuffles that are made together: what is used again stays in the cache


def uniform_frequencies() -> Maker:
    """Return the reference in which all letters are equally frequent at every position."""
    return Maker(functools.partial(_uniform_frequencies))


def _uniform_frequencies(x: np.ndarray) -> np.ndarray:
    return np.full(x.shape, 1 / x.shape[-1], x.dtype if x.dtype.kind == "f" else np.float64)


def gc_content(gc: float | None = None) -> Maker:
    """Return the reference of base frequencies (1−gc)/2, gc/2, gc/2, (1−gc)/2 for A, C, G, T at every position.

    Parameters
    ----------
    gc : float, optional
        Fraction of G and C. The default takes every sequence's own.
    """
    if gc is not None and not 0 <= gc <= 1:
        raise ReferencesError(f"gc_content: expected a fraction from 0 to 1; received {gc}")
    return Maker(functools.partial(_gc_content, gc=gc))


def _gc_content(x: np.ndarray, gc: float | None) -> np.ndarray:
    if x.shape[-1] != 4:
        raise ReferencesError(f"gc_content: expected 4 letters, A, C, G, T, on the last axis; received {x.shape}")
    counts = x.sum(tuple(range(1, x.ndim - 1)), dtype=np.float64)  # (N, 4)
    own = counts[:, 1:3].sum(1) / np.maximum(counts.sum(1), 1)
    half = (own if gc is None else np.full(len(x), gc)) / 2
    frequencies = np.stack([0.5 - half, half, half, 0.5 - half], 1).reshape(len(x), *[1] * (x.ndim - 2), 4)
    return np.broadcast_to(frequencies, x.shape).astype(x.dtype if x.dtype.kind == "f" else np.float64)


def shuffle(count: int = 20, seed: int = 0) -> Maker:
    """Return a maker of sequences with the positions of x in random order.

    Parameters
    ----------
    count : int
        R, how many for each sequence.
    seed : int
    """
    return Maker(functools.partial(_shuffle, count=checked("shuffle", count), seed=seed))


def _shuffle(x: np.ndarray, count: int, seed: int) -> np.ndarray:
    codes = letter_codes(x)
    orders = [np.argsort(generator(seed, row).random((count, x.shape[1])), 1, kind="stable") for row in codes]
    return np.stack([row[order] for row, order in zip(x, orders, strict=True)])


def dinucleotide_shuffle(count: int = 20, seed: int = 0) -> Maker:
    """Return a maker of random sequences that have every pair of neighbours exactly as often as x has it.

    All orders with the same pairs, the same first and the same last letter are equally likely: a uniform random
    Eulerian path over the graph whose edges are the pairs (Altschul and Erickson 1985), see `euler`. A position that
    holds no letter, N, counts as one more letter. A sequence that has only one such order, a repeat like ACACAC for
    one, is its own shuffle; a warning says so once for each such sequence.

    Parameters
    ----------
    count : int
        R, how many for each sequence.
    seed : int
    """
    return Maker(functools.partial(_dinucleotide_shuffle, count=checked("dinucleotide_shuffle", count), seed=seed))


def _dinucleotide_shuffle(x: np.ndarray, count: int, seed: int) -> np.ndarray:
    codes = letter_codes(x)
    made = np.empty((len(x), count, *x.shape[1:]), x.dtype)
    step = max(1, TOGETHER // (count * x.shape[1]))
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        orders = dinucleotide_orders(codes[rows], x.shape[2] + 1, count, seed)
        orders = orders + np.arange(len(orders))[:, None, None] * x.shape[1]
        x[rows].reshape(-1, x.shape[2]).take(orders, axis=0, out=made[rows], mode="clip")
    return made


def dinucleotide_orders(codes: np.ndarray, letters: int, count: int, seed: int) -> np.ndarray:
    """Return random orders of the positions that keep the counts of pairs.

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
    np.ndarray, shape (N, R, length)
    """
    rows, length = codes.shape
    if length < 3:
        return np.broadcast_to(np.arange(length), (rows, count, length))
    pairs, final = transitions(codes, letters), codes[:, -1]
    for single in np.flatnonzero(log_orders(pairs, final) < math.log(1.5)):
        report_single_order(codes[single].tobytes(), letters)
    choices = np.empty((rows, count, letters))
    keys = np.empty((rows, count, length - 1), np.uint64)
    for row, each in enumerate(codes):
        random = generator(seed, each)
        choices[row] = random.random((count, letters))
        keys[row] = random.integers(2**64, size=keys.shape[1:], dtype=np.uint64)
    return walks(codes, last_edges(pairs, final, choices), keys)


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
        C where a position holds no letter: all zeros, or all letters alike.

    Raises
    ------
    ReferencesError
        When a position is neither.
    """
    if x.ndim != 3 or x.shape[-1] > 254:
        raise ReferencesError(f"shuffles: expected one-hot sequences, shape (N, length, letters); received {x.shape}")
    largest, smallest, total = x.max(-1), x.min(-1), x.sum(-1, dtype=np.float64)
    none = largest == smallest
    letter = (largest == 1) & (total == 1) & (smallest == 0)
    if not (none | letter).all():
        row, position = np.argwhere(~(none | letter))[0]
        raise ReferencesError(
            f"shuffles: expected a one at one letter of each position, or all letters alike; received "
            f"{x[row, position]} at position {position} of row {row}"
        )
    return np.where(none, x.shape[-1], x.argmax(-1)).astype(np.uint8)
