"""Memory and speed of runs of 1,000 and of 100,000 rows: ``python -m benchmarks.streaming``.

Each run is a process of its own; what it holds at most is counted from the moment on when the model is read and has
scored its first batch. A run that overlaps reads the next batches and writes the last ones while it scores; one that
does not does one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.memory import peak

SHAPE = (500, 4)
BATCH = 64


def make(folder: Path, counts: Iterable[int]) -> None:
    """Write a model and one file of rows for each number of them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    x = keras.Input(SHAPE)
    y = layers.MaxPooling1D(8)(layers.Conv1D(16, 15, activation="relu")(x))
    y = layers.Conv1D(16, 7, activation="relu")(y)
    keras.Model(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(y))).save(folder / "model.keras")
    rng = np.random.default_rng(0)
    for count in counts:
        out = np.lib.format.open_memmap(folder / f"{count}.npy", "w+", "float32", (count, *SHAPE))
        for start in range(0, count, 1000):
            part = out[start : start + 1000]
            part[...] = rng.normal(size=part.shape)
        out.flush()


def one_by_one(read: Callable[[slice], Any], items: Iterable[slice]) -> Iterator[Any]:
    """Take the place of `ahead`: read when asked to."""
    return (read(item) for item in items)


@contextmanager
def at_once(write: Callable[..., None], flush: Callable[[], None]) -> Iterator[Callable[..., None]]:
    """Take the place of `behind`: write and flush before the caller goes on."""

    def both(*arguments: Any) -> None:
        write(*arguments)
        flush()

    yield both


def measured(folder: Path, count: int, overlap: bool) -> dict[str, float]:
    """Run in this process; return megabytes and rows per second."""
    from deeplift_tf.io.inputs import Rows, open_arrays
    from deeplift_tf.io.reference_rows import ReferenceRows
    from deeplift_tf.runs import run as loop
    from deeplift_tf.runs.engines.local import in_this_process
    from deeplift_tf.runs.model import ModelSource
    from deeplift_tf.runs.output import Output
    from deeplift_tf.runs.request import Request, Scorer
    from deeplift_tf.runs.source import Source

    request = Request(ModelSource(folder / "model.keras"), batch_size=BATCH)
    network = request.model.convert()
    scorer = Scorer(request, network)
    with open_arrays(folder / f"{count}.npy") as arrays:
        rows = Rows(folder, {network.input_names[0]: next(iter(arrays.values()))})
        source = Source(rows, ReferenceRows(0.0, {}, frozenset()))
        scorer(source.read(slice(0, BATCH)).x, 0.0)

        def call() -> None:
            with Output(folder / f"{count}.h5", overwrite=True).open(count, {}) as kept:
                loop.run(source, in_this_process(scorer), kept, range(count), BATCH, lambda done, total: None)

        with ExitStack() as stack:
            for name, serial in {"ahead": one_by_one, "behind": at_once}.items():
                if not overlap:
                    stack.enter_context(patch.object(loop, name, serial))
            start = time.perf_counter()
            held = peak(call)
        return {"MB": held / 1e6, "rows/s": count / (time.perf_counter() - start)}


def main(counts: list[int], repeats: int, folder: Path) -> None:
    """Measure every number of rows, overlapped and not, in turns; print medians."""
    make(folder, counts)
    print(f"{'rows':>8} {'file MB':>8} {'overlapped':>10} {'peak MB':>8} {'rows/s':>8}")
    for count in counts:
        found: dict[bool, list[dict[str, float]]] = {True: [], False: []}
        for _ in range(repeats):
            for overlap in found:
                command = [sys.executable, "-m", "benchmarks.streaming", "--one", str(count), str(int(overlap))]
                done = subprocess.run(
                    [*command, "--folder", str(folder)], check=True, stdout=subprocess.PIPE, text=True
                )
                found[overlap].append(json.loads(done.stdout.splitlines()[-1]))
        for overlap, each in found.items():
            megabytes, rate = (float(np.median([one[name] for one in each])) for name in ("MB", "rows/s"))
            size = (folder / f"{count}.npy").stat().st_size / 1e6
            print(
                f"{count:>8} {size:>8.0f} {'yes' if overlap else 'no':>10} {megabytes:>8.0f} {rate:>8.0f}", flush=True
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(given.folder, int(given.one[0]), given.one[1] == "1")))
    elif given.folder:
        main(given.rows, given.repeats, given.folder)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(given.rows, given.repeats, Path(temporary))
