"""Letters and one-hot arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deeplift_tf.errors import InputError

LETTERS = "ACGT"


def one_hot(sequences: Sequence[str], upper_case: bool = False) -> np.ndarray:
    """Return sequences as one-hot rows; N, and whatever else is not A, C, G or T, becomes a row of zeros.

    Parameters
    ----------
    sequences : sequence of str
        All of one length.
    upper_case : bool
        Count a, c, g and t, which mark repeats in most genomes, as bases. Without it they become rows of zeros too.

    Returns
    -------
    np.ndarray, shape (N, length, 4), int8

    Raises
    ------
    InputError
        When the lengths differ.
    """
    lengths = {len(sequence) for sequence in sequences}
    if len(lengths) > 1:
        raise InputError(f"sequences: expected one length; received {sorted(lengths)[:5]}")
    table = np.zeros((256, len(LETTERS)), np.int8)
    for index, letter in enumerate(LETTERS):
        table[ord(letter), index] = 1
        table[ord(letter.lower()), index] = upper_case
    codes = [np.frombuffer(sequence.encode("ascii", "replace"), np.uint8) for sequence in sequences]
    return table[np.stack(codes)] if codes else np.zeros((0, 0, len(LETTERS)), np.int8)


def letters_of(x: np.ndarray) -> list[str]:
    """Return the letters of one-hot sequences, N where there is none.

    Parameters
    ----------
    x : np.ndarray, shape (N, length, 4)
    """
    codes = np.where(x.max(-1) == x.min(-1), len(LETTERS), x.argmax(-1))
    alphabet = np.frombuffer((LETTERS + "N").encode(), np.uint8)
    return [alphabet[row].tobytes().decode() for row in codes]
