"""Random Eulerian paths, many at once: shuffled sequences with the same count of every neighbouring pair.

A sequence is a path over the graph whose nodes are its letters and whose edges are its pairs, each used once. For a
path that ends at the letter w, the edges by which the other letters are left for the last time form a tree towards w;
given such a tree, all orders of the remaining edges make paths, all different (Altschul and Erickson, Mol. Biol.
Evol. 2, 1985). Trees are drawn letter by letter, in proportion to the edges that may form them, from the determinants
that count them (Kirchhoff's theorem), so no draw is ever rejected.
"""

from __future__ import annotations

import itertools

import numpy as np

STEPS = 64  # of walks that are in memory together


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


def follows(codes: np.ndarray, last: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return where edges lead, sorted by the letter that they leave, in random order but for the last.

    Parameters
    ----------
    codes : np.ndarray, shape (N, length)
    last : np.ndarray, shape (N, R, letters)
        As `last_edges` draws them.
    keys : np.ndarray, shape (N, R, length − 1)
        Random numbers from 0 to 1, one for each edge: edges that leave the same letter are sorted by them.

    Returns
    -------
    np.ndarray, shape (N, R, length − 1)
        Places of letters, see `places_of`.
    """
    rows, _, letters = last.shape
    leave, to = codes[:, :-1].astype(np.int64), codes[:, 1:].astype(np.int64)
    somewhere = np.zeros((rows, letters, letters), np.int64)  # an edge of every pair, the last: equal ones are alike
    np.maximum.at(somewhere, (np.arange(rows)[:, None], leave, to), np.arange(leave.shape[1]))
    n, r, letter = np.nonzero(last >= 0)
    keys = leave[:, None] * 2 + keys
    chosen = somewhere[n, letter, last[n, r, letter]]
    keys[n, r, chosen] = letter * 2 + 1  # behind all others
    order = np.argsort(keys, -1)  # no two numbers are equal, but by a chance of 10⁻⁹: what is stable is twice as slow
    return np.take_along_axis(to[:, None], order, -1) + places_of(*last.shape)


def places_of(rows: int, count: int, letters: int) -> np.ndarray:
    """Return the place of the first letter of every lane among the letters of all lanes, shape (N, R, 1)."""
    return np.arange(0, rows * count * letters, letters).reshape(rows, count, 1)


def walks(first: np.ndarray, pairs: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the letters that are met on walking the edges, each letter's in their order; all walks a step at a time.

    Parameters
    ----------
    first : np.ndarray, shape (N,)
        Letters that the walks begin with.
    pairs : np.ndarray, shape (N, letters, letters)
    edges : np.ndarray, shape (N, R, length − 1)
        As `follows` returns them.

    Returns
    -------
    np.ndarray, shape (N, R, length), uint8
    """
    rows, count, steps = edges.shape
    left = pairs.sum(2)
    places = places_of(rows, count, left.shape[1])
    edges_before = np.arange(0, edges.size, steps).reshape(places.shape)
    pointers = ((np.cumsum(left, 1) - left)[:, None] + edges_before).ravel()  # for every place: the next edge to take
    letters = np.empty((rows * count, steps + 1), np.uint8)
    places = places.reshape(-1, 1)
    met = np.empty((STEPS + 1, rows * count), np.int64)
    met[-1] = np.repeat(first, count) + places[:, 0]
    letters[:, 0] = np.repeat(first, count)
    edge = np.empty(rows * count, np.int64)
    for start in range(1, steps + 1, STEPS):
        met[0] = met[-1]
        stop = min(start + STEPS, steps + 1)
        for here, there in itertools.pairwise(met[: stop - start + 1]):
            pointers.take(here, out=edge, mode="clip")  # "clip" alone writes without a buffer
            edges.take(edge, out=there, mode="clip")
            edge += 1
            pointers[here] = edge
        np.subtract(met[1 : stop - start + 1].T, places, out=letters[:, start:stop], casting="unsafe")
    return letters.reshape(rows, count, steps + 1)
