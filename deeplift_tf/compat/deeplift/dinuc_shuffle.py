"""Shuffles of one sequence that keep its pairs of letters."""

from __future__ import annotations

from typing import Any

import numpy as np

from deeplift_tf.references.sequence import dinucleotide_orders, letter_codes


def dinuc_shuffle(seq: Any, num_shufs: int | None = None, rng: Any = None) -> Any:
    """Return a shuffle of a sequence, or several.

    Parameters
    ----------
    seq : str, or np.ndarray of shape (length, letters)
        Letters, or one-hot rows; a row of zeros is a letter of its own.
    num_shufs : int, optional
        None returns one shuffle alone.
    rng : np.random.RandomState, optional

    Returns
    -------
    str or np.ndarray, or a list of str, or np.ndarray of shape (num_shufs, length, letters)
    """
    random = np.random.RandomState() if rng is None else rng
    if isinstance(seq, str):
        letters, codes = np.unique(list(seq), return_inverse=True)
        width = len(letters)
    else:
        codes, width = letter_codes(np.asarray(seq)[None])[0], np.shape(seq)[1] + 1
    count = 1 if num_shufs is None else num_shufs
    orders = dinucleotide_orders(codes[None].astype(np.uint8), width, count, int(random.randint(2**31 - 1)))[0]
    if isinstance(seq, str):
        shuffled: Any = ["".join(np.array(list(seq))[order]) for order in orders]
    else:
        shuffled = np.stack([np.asarray(seq)[order] for order in orders])
    return shuffled[0] if num_shufs is None else shuffled
