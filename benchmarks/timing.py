"""Things to be timed, and the clock: all of them in turn, round after round, so that none has a quiet hour alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

LONG = 3.0  # seconds of one thing after which it is not repeated any more


class Thing(NamedTuple):
    """Something that takes time.

    Attributes
    ----------
    call : callable
        Takes nothing; ends when its result lies in numpy arrays.
    pairs : int
        Examples, or (example, reference) pairs, that it computes.
    error : callable, optional
        Takes the result; returns how wrong it is, relative to what it has to add up to.
    """

    call: Callable[[], Any]
    pairs: int
    error: Callable[[Any], float] | None = None


def interleaved(things: Mapping[str, Thing], repeats: int) -> dict[str, dict[str, Any]]:
    """Call each thing once to check it, then all of them in turn.

    Returns
    -------
    dict
        For each name: pairs, error (or None), first (seconds of the first call, tracing included), seconds (of each
        repeat); or failed, with what the first call raised.
    """
    found = {name: _first(thing) for name, thing in things.items()}
    working = {name: thing for name, thing in things.items() if "failed" not in found[name]}
    for _ in range(repeats):
        for name, thing in working.items():
            seconds = found[name]["seconds"]
            if sum(seconds) < LONG:
                seconds.append(_seconds(thing.call)[0])
    return found


def _first(thing: Thing) -> dict[str, Any]:
    try:
        first, result = _seconds(thing.call)
        error = thing.error(result) if thing.error else None
    except Exception as problem:  # another package's refusal is a finding
        reason = str(problem).strip().split("\n")[-1].strip()  # the last line: TensorFlow tells the way there first
        return {"pairs": thing.pairs, "failed": f"{type(problem).__name__}: {reason}"[:200]}
    return {"pairs": thing.pairs, "error": error, "first": first, "seconds": []}


def _seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def missed(contributions: np.ndarray, differences: np.ndarray) -> float:
    """Return by how much contributions miss the differences: max |ΣC − Δt| / max |Δt|.

    Parameters
    ----------
    contributions : np.ndarray, shape (N, ...)
    differences : np.ndarray, shape (N,)
    """
    contributions = np.asarray(contributions, np.float64)
    sums = contributions.reshape(len(contributions), -1).sum(1)
    return float(np.abs(sums - differences).max() / np.abs(differences).max())


def apart(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference of two arrays relative to the largest value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def median_apart(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the median over rows of the largest difference relative to the largest value of the row."""
    return float(np.median([apart(row, other) for row, other in zip(found, expected, strict=True)]))


def mean_difference(outputs: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return f(x) less the mean over references, shape (N, ...), from values of shape (N, ...) and (N·R, ...)."""
    grouped = np.asarray(references, np.float64).reshape(len(outputs), -1, *outputs.shape[1:])
    return np.asarray(outputs, np.float64) - grouped.mean(1)


def each_missed(contributions: Sequence[np.ndarray], differences: Sequence[np.ndarray]) -> float:
    """Return the worst over several targets of `missed`."""
    return max(missed(c, d) for c, d in zip(contributions, differences, strict=True))
