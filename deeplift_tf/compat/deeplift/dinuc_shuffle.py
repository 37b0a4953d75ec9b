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
    each = np.array(list(seq)) if isinstance(seq, str) else np.asarray(seq)
    if isinstance(seq, str):
        looks, codes = np.unique(each, return_inverse=True)  # of every letter
    else:
        codes = letter_codes(each[None])[0]
        looks = np.zeros((each.shape[1] + 1, each.shape[1]), each.dtype)
        looks[codes] = each
    count = 1 if num_shufs is None else num_shufs
    orders = dinucleotide_orders(codes[None].astype(np.uint8), len(looks), count, int(random.randint(2**31 - 1)))[0]
    shuffled = ["".join(looks[order]) for order in orders] if isinstance(seq, str) else looks[orders]
    return shuffled[0] if num_shufs is None else shuffled
