"""Random Eulerian paths, many at once: orders of a sequence that keep the count of every pair of neighbours.

A sequence is a path over the graph whose nodes are its letters and whose edges are its pairs, each used once. For a
path that ends at the letter w, the edges by which the other letters are left for the last time form a tree towards w;
given such a tree, all orders of the remaining edges make paths, all different (Altschul and Erickson, Mol. Biol.
Evol. 2, 1985). Trees are drawn in proportion to the edges that they may be made of, letter by letter, from the
determinants that count them (Kirchhoff's theorem), so that no draw is ever rejected.
"""

from __future__ import annotations

import numpy as np

LETTER_BITS = 8  # the highest of a key; the lowest hold the position, those between them are random


def transitions(codes: np.ndarray, letters: int) -> np.ndarray:
    """Return how often each pair of letters stands side by side.

    Parameters
    ----------
    codes : np.ndarray, shape (N, length)
    letters : int

    Returns
    -------
    np.ndarray, shape (N, letters, letters), int64
    """
    rows = np.arange(len(codes))[:, None] * letters**2
    flat = rows + codes[:, :-1].astype(np.int64) * letters + codes[:, 1:]
    return np.bincount(flat.ravel(), minlength=len(codes) * letters**2).reshape(-1, letters, letters)


def tree_matrix(pairs: np.ndarray, final: np.ndarray) -> np.ndarray:
    """Return the matrix whose determinant counts the trees towards the final letter.

    The graph's Laplacian, with the final letter and letters without an edge replaced by rows of the identity.

    Parameters
    ----------
    pairs : np.ndarray, shape (N, letters, letters)
    final : np.ndarray, shape (N,)
    """
    identity = np.eye(pairs.shape[1])
    matrix = pairs.sum(2)[:, :, None] * identity - pairs
    fixed = pairs.sum(2) == 0
    fixed[np.arange(len(pairs)), final] = True
    return np.where(fixed[:, :, None], identity, matrix)


def log_orders(pairs: np.ndarray, final: np.ndarray) -> np.ndarray:
    """Return the logarithm of the number of different sequences with the same pairs and the same ends, shape (N,).

    By the BEST theorem: trees times the orders of the other edges, over the orders of equal pairs.
    """
    left = pairs.sum(2)
    left[np.arange(len(pairs)), final] += 1
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, left.sum(1).max(initial=1) + 1)))])
    trees = np.linalg.slogdet(tree_matrix(pairs, final))[1]
    return trees + log_factorial[np.maximum(left - 1, 0)].sum(1) - log_factorial[pairs].sum((1, 2))


def last_edges(pairs: np.ndarray, final: np.ndarray, choices: np.ndarray) -> np.ndarray:
    """Draw the letters that follow each letter the last time that it is left.

    With A the matrix of the trees, those with the edge from v to u are the fraction pairs[v, u]·(A⁻¹[v, v] − A⁻¹[u, v])
    of all; once the edge is chosen, row v of A becomes that of the edge alone.

    Parameters
    ----------
    pairs : np.ndarray, shape (N, letters, letters)
    final : np.ndarray, shape (N,)
    choices : np.ndarray, shape (N, R, letters)
        Random numbers from 0 to 1.

    Returns
    -------
    np.ndarray, shape (N, R, letters)
        −1 for letters that never occur before another, and for the final one, which is left in any order.
    """
    letters = pairs.shape[1]
    identity = np.eye(letters)
    matrix = np.repeat(tree_matrix(pairs, final)[:, None], choices.shape[1], 1)
    chosen = np.full(choices.shape, -1)
    for letter in range(letters):
        free = (pairs[:, letter].sum(1) > 0) & (final != letter)
        inverse = np.linalg.inv(matrix[free])
        trees = pairs[free, None, letter] * (inverse[..., letter, letter, None] - inverse[..., letter])
        shares = np.cumsum(np.maximum(trees, 0), -1)
        chosen[free, :, letter] = np.argmax(shares > choices[free, :, letter, None] * shares[..., -1:], -1)
        matrix[free, :, letter] = identity[letter] - identity[chosen[free, :, letter]]
    return chosen


def walks(codes: np.ndarray, last: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return the orders of positions in which the edges are walked.

    Parameters
    ----------
    codes : np.ndarray, shape (N, length)
    last : np.ndarray, shape (N, R, letters)
        As `last_edges` draws them.
    keys : np.ndarray, shape (N, R, length − 1), uint64
        Random numbers, one for each edge, which bring those of a letter into order.

    Returns
    -------
    np.ndarray, shape (N, R, length)
        Each a permutation of the positions that begins with the first.
    """
    (rows, count, letters), edges = last.shape, codes.shape[1] - 1
    order = edge_order(codes, last, keys)  # sorted by the letter that an edge leaves
    row = np.arange(rows).reshape(rows, 1, 1)
    follows = codes.astype(np.int64).ravel().take(order + (row * codes.shape[1] + 1))
    lane = np.arange(rows * count).reshape(rows, count, 1)
    at = (follows + lane * letters).ravel()  # for every edge in order: its lane, and the letter that it leads to
    starts = np.cumsum(transitions(codes, letters).sum(2), 1)[:, None] - transitions(codes, letters).sum(2)[:, None]
    pointers = (starts + lane * edges).ravel()  # for every lane and letter: the next edge to take
    here = (codes[:, None, :1] + lane * letters).ravel()
    taken = np.empty((edges, rows * count), np.int64)
    for step in taken:
        pointers.take(here, out=step, mode="clip")  # "clip" alone writes without a buffer
        pointers[here] = step + 1
        at.take(step, out=here, mode="clip")
    walked = np.zeros((rows * count, edges + 1), np.int64)
    walked[:, 1:] = order.ravel().take(taken, mode="clip").T
    walked[:, 1:] += 1
    return walked.reshape(rows, count, edges + 1)


def edge_order(codes: np.ndarray, last: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return the edges of each lane sorted by the letter they leave, in random order, the last one at the end."""
    rows, letters = len(codes), last.shape[2]
    somewhere = np.zeros((rows, letters, letters), np.int64)  # any edge of a pair: equal pairs are interchangeable
    somewhere[np.arange(rows)[:, None], codes[:, :-1], codes[:, 1:]] = np.arange(codes.shape[1] - 1)
    edges = codes.shape[1] - 1
    low = np.uint64(2 ** (edges - 1).bit_length() - 1)
    top = np.uint64(2 ** (64 - LETTER_BITS) - 1)
    keys = keys & (top ^ low)
    n, r, letter = np.nonzero(last >= 0)
    keys[n, r, somewhere[n, letter, last[n, r, letter]]] = top ^ low
    keys |= codes[:, None, :-1].astype(np.uint64) << np.uint64(64 - LETTER_BITS)
    keys |= np.arange(edges, dtype=np.uint64)
    keys.sort(2)
    return (keys & low).astype(np.int64)
