"""Variant effects on predictions: the fold change of counts, and the distance of profiles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from deeplift_tf.genomics.heads import names_head, size_of

EFFECTS = ("logfc", "jsd")


def effects(
    before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int | None, ...]]
) -> dict[str, np.ndarray]:
    """Return the effects of variants, by name, each of shape (N,).

    Parameters
    ----------
    before, after : mapping of str to np.ndarray, shape (N, ...)
        Outputs for the reference and for the alternative allele, by their names.
    shapes : mapping of str to tuple
        Of the outputs; the names of the heads say what they are.

    Returns
    -------
    dict of str to np.ndarray
        logfc, where a head holds logarithms of counts: log2 of their sum over tracks, less that of the reference
        allele. jsd, where one holds the logits of a profile: the Jensen-Shannon distance of the two distributions over
        all positions and strands, from 0 to 1.
    """
    found: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        if names_head("counts", name) and "logfc" not in found:
            found["logfc"] = (log_total(after[name]) - log_total(before[name])) / np.log(2)
        if names_head("profile", name) and size_of(shape) != 1 and "jsd" not in found:
            found["jsd"] = distance(probabilities(before[name]), probabilities(after[name]))
    return {name: values.astype(np.float32) for name, values in found.items()}


def flat(values: np.ndarray) -> np.ndarray:
    """Return outputs as rows of numbers, shape (N, units), in double precision."""
    return np.asarray(values, np.float64).reshape(len(values), -1)


def log_total(logs: np.ndarray) -> np.ndarray:
    """Return the logarithm of the sum of counts whose logarithms are given, shape (N,)."""
    return np.logaddexp.reduce(flat(logs), axis=1)


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the softmax of a profile over all its positions and strands, shape (N, units)."""
    rows = flat(logits)
    powers = np.exp(rows - rows.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def distance(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon distance of distributions, shape (N,): the square root of the divergence in bits."""
    middle = (one + two) / 2
    parts = [np.sum(each * np.log2(each / middle, where=each > 0, out=np.zeros_like(each)), 1) for each in (one, two)]
    return np.sqrt(np.maximum(sum(parts) / 2, 0))
