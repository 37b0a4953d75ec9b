"""Shuffles that keep pairs of letters: ours, plain Python's and, where it is installed, tangermeme's.

    python benchmarks/dinucleotide.py

tangermeme needs PyTorch. All run on one thread; what counts is processor time, the best of several runs.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable

import numpy as np

CASES = ((1, 1000), (32, 1000), (32, 2114), (1000, 200))
COUNT = 20


def plain(text: str, rng: random.Random) -> str:
    """Return one shuffle, letter by letter: the last exits of the sequence stay, the others are permuted."""
    exits: dict[str, list[str]] = {}
    for letter, following in itertools.pairwise(text):
        exits.setdefault(letter, []).append(following)
    for ways in exits.values():
        last = ways.pop()
        rng.shuffle(ways)
        ways.append(last)
    left = {letter: iter(ways) for letter, ways in exits.items()}
    made = [text[0]]
    for _ in text[1:]:
        made.append(next(left[made[-1]]))
    return "".join(made)


def best(function: Callable[[], object], runs: int = 5) -> float:
    """Return the processor seconds of the fastest run."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def ours(x: np.ndarray) -> Callable[[], object] | None:
    """Return our shuffles of one-hot sequences, where the package is installed."""
    try:
        from deeplift_tf.references import dinucleotide_shuffle
    except ImportError:
        return None
    maker = dinucleotide_shuffle(COUNT)
    return lambda: maker(x)


def tangermeme(x: np.ndarray) -> Callable[[], object] | None:
    """Return tangermeme's shuffles, where it is installed."""
    try:
        import torch
        from tangermeme.ersatz import dinucleotide_shuffle
    except ImportError:
        return None
    torch.set_num_threads(1)
    transposed = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 2, 1)))
    return lambda: dinucleotide_shuffle(transposed, n=COUNT)


def plainly(text: str) -> Callable[[], object]:
    """Return the shuffle in plain Python, from the same seed in every call."""
    return lambda: plain(text, random.Random(0))


def main() -> None:
    """Print microseconds for one shuffle."""
    rng = np.random.default_rng(0)
    print(f"{'sequences':>9} {'length':>6}   microseconds for one of {COUNT} shuffles each")
    for rows, length in CASES:
        codes = rng.integers(0, 4, (rows, length))
        x = np.eye(4, dtype=np.float32)[codes]
        text = "".join("ACGT"[code] for code in codes[0])
        found = {"plain Python": best(plainly(text), 20)}
        for name, maker in (("ours", ours), ("tangermeme", tangermeme)):
            if function := maker(x):
                function()
                found[name] = best(function) / (rows * COUNT)
        print(f"{rows:9} {length:6}   " + ", ".join(f"{name} {1e6 * value:.0f}" for name, value in found.items()))


if __name__ == "__main__":
    main()
