"""Letters and one-hot arrays."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.sequences.alphabet import Alphabet
from deeplift_tf.sequences.letters import letters_last, require_letters

logger = logging.getLogger("deeplift_tf")

MANY = 0.01  # of all letters; more that are read as N are said


def one_hot(
    sequences: str | Sequence[str],
    upper_case: bool | None = None,
    *,
    soft_masked_as_n: bool = False,
    alphabet: str | Alphabet = "dna",
    names: str | Sequence[str] | None = None,
) -> np.ndarray:
    """Return sequences as one-hot rows; N becomes a row of zeros, and so do IUPAC's other letters for several bases.

    Letters in lower case, which mark repeats in most genomes, count as those in upper case; U is T. A warning says how
    many letters were read as N if they are over 1 %.

    Parameters
    ----------
    sequences : str or sequence of str
        All of one length; one str is one sequence.
    upper_case : bool, optional
        The older name of the opposite of `soft_masked_as_n`.
    soft_masked_as_n : bool
        Read letters in lower case as N.
    alphabet : str
        "dna", "rna", "protein", or letters in the order of the model's channels.
    names : str or sequence of str, optional
        Of the sequences, for messages.

    Returns
    -------
    np.ndarray, shape (N, length, letters), int8

    Raises
    ------
    InputError
        If the lengths differ, or a letter is not one of the alphabet; names the sequence and the position.
    """
    sequences = [sequences] if isinstance(sequences, str) else sequences
    names = [names] if isinstance(names, str) else names
    letters, masked = Alphabet.of(alphabet), soft_masked_as_n or upper_case is False
    channels = letters.channels(sequences, masked, names)
    say_unknown(int((channels == len(letters)).sum()), channels.size, f"{len(sequences)} sequences", masked)
    return of_channels(channels, len(letters))


def of_channels(channels: np.ndarray, count: int) -> np.ndarray:
    """Return one-hot rows, shape (N, length, count), int8, from the channel of each letter; zeros from `count` on."""
    return np.eye(count + 1, count, dtype=np.int8)[channels]


def say_unknown(unknown: int, letters: int, where: str, soft_masked_as_n: bool) -> bool:
    """Say how many letters were read as N, if they are many; return whether they are."""
    if unknown <= MANY * letters:
        return False
    cause = "; letters in lower case among them (soft_masked_as_n)" if soft_masked_as_n else ""
    logger.warning(
        "%d of %d letters (%.1f %%) of %s were read as N, rows of zeros%s",
        *(unknown, letters, 100 * unknown / letters, where, cause),
    )
    return True


def letters_of(x: np.ndarray, alphabet: str | Alphabet = "dna", letters_axis: int = -1) -> list[str]:
    """Return the letters of one-hot sequences, N (of proteins X) where there is none.

    Parameters
    ----------
    x : np.ndarray, shape (N, length, letters)
    alphabet : str
        As for `one_hot`.
    letters_axis : int
        The axis of x that holds the letters.

    Raises
    ------
    InputError
        If x is not one-hot there.
    """
    known, rank = Alphabet.of(alphabet), np.ndim(x)
    require_letters([np.asarray(x)], letters_axis, "letters_of")
    x = letters_last(np.asarray(x), letters_axis, rank)
    if x.shape[-1] != len(known):
        raise InputError(
            f"letters_of: expected {len(known)} letters, {known}, on axis {letters_axis}; received {x.shape[-1]}"
        )
    codes = np.where(x.max(-1) == x.min(-1), len(known), x.argmax(-1))
    letters = np.frombuffer((known.letters + ("N" if known.nucleotides else "X")).encode(), np.uint8)
    return [letters[row].tobytes().decode() for row in codes]
