"""An exported scoring function under concurrent callers: latency, throughput, errors and memory.

    python -m benchmarks.serving [--seconds 60] [--callers 8] [--rows 1] [--json serving.json]

A convolutional model of sequences is exported, and a second process, which has TensorFlow alone, loads it. Its callers
are threads, each of which sends its next request when it has the answer to the last one. An answer counts as wrong when
it is not the one that the same request got while nobody else was calling.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from pathlib import Path
from typing import Any

import numpy as np

LENGTH = 1000
REQUESTS = 16  # different ones, in turn
WARM_UP = 5  # seconds, in which memory pools fill
DIFFERENT = 1e-5  # of the largest contribution


def export(folder: Path) -> None:
    """Write the scoring function of a small network of sequences, zeros its reference."""
    import keras

    import deeplift_tf as dl

    keras.utils.set_random_seed(0)
    layers = keras.layers
    x = keras.Input((LENGTH, 4), name="x")
    y = layers.MaxPooling1D(4)(layers.Conv1D(64, 21, activation="relu")(x))
    y = layers.MaxPooling1D(4)(layers.Conv1D(64, 11, activation="relu")(y))
    y = layers.Dense(64, activation="relu")(layers.GlobalAveragePooling1D()(y))
    model = keras.Model(x, layers.Dense(8)(y))
    dl.convert(model, rule="genomics_default").compile().export(folder, references=0)


class Caller(threading.Thread):
    """Sends requests, one after the other, until the time is over."""

    def __init__(self, scorer: Any, requests: list[Any], expected: list[np.ndarray], end: float) -> None:
        super().__init__()
        self.scorer, self.requests, self.expected, self.end = scorer, requests, expected, end
        self.latencies = array("d")  # of eight bytes each, which the growth of memory includes
        self.wrong = 0
        self.errors: list[str] = []

    def run(self) -> None:
        """Note how long each answer took, and whether it was right."""
        turn = 0
        while (start := time.monotonic()) < self.end:
            turn = (turn + 1) % len(self.requests)
            try:
                answer = self.scorer(**self.requests[turn])["contributions"].numpy()
            except Exception as error:  # whatever it is, it is counted
                self.errors.append(f"{type(error).__name__}: {error}")
                continue
            self.latencies.append(time.monotonic() - start)
            self.wrong += different(answer, self.expected[turn])


def different(answer: np.ndarray, expected: np.ndarray) -> bool:
    """Whether an answer is not the expected one."""
    return bool(np.abs(answer - expected).max() > DIFFERENT * np.abs(expected).max())


def mebibytes() -> float:
    """Return the memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def load(folder: Path, seconds: float, callers: int, rows: int) -> dict[str, Any]:
    """Return what callers of the function in a folder met, in a process that has TensorFlow alone."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))  # kept: the function does not keep its variables
    scorer = loaded.signatures["score"]
    rng = np.random.default_rng(0)
    letters = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (REQUESTS, rows, LENGTH))]
    requests = [{"x": tf.constant(x), "target": tf.constant([i % 8])} for i, x in enumerate(letters)]
    expected = [scorer(**request)["contributions"].numpy() for request in requests]
    run_callers(scorer, requests, expected, callers, WARM_UP)
    before = mebibytes()
    start = time.monotonic()
    done = run_callers(scorer, requests, expected, callers, seconds)
    took, after = time.monotonic() - start, mebibytes()
    assert "deeplift_tf" not in sys.modules
    latencies = np.array([each for caller in done for each in caller.latencies])
    errors = [each for caller in done for each in caller.errors]
    return {
        "tensorflow": tf.__version__,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "seconds": round(took, 2),
        "callers": callers,
        "rows_in_a_request": rows,
        "requests": len(latencies),
        "requests_in_a_second": round(len(latencies) / took, 1),
        "latency_ms": {f"p{p}": percentile(latencies, p) for p in (50, 95, 99)},
        "errors": len(errors),
        "first_error": errors[0] if errors else None,
        "wrong_answers": sum(caller.wrong for caller in done),
        "memory_mib": {"start": round(before, 1), "end": round(after, 1), "growth": round(after - before, 1)},
    }


def percentile(latencies: np.ndarray, p: int) -> float | None:
    """Return a percentile in milliseconds; None where no request was answered."""
    return round(1000 * float(np.percentile(latencies, p)), 2) if len(latencies) else None


def run_callers(
    scorer: Any, requests: list[Any], expected: list[np.ndarray], callers: int, seconds: float
) -> list[Caller]:
    """Let callers run at the same time; return them when the time is over."""
    end = time.monotonic() + seconds
    threads = [Caller(scorer, requests[i:] + requests[:i], expected[i:] + expected[:i], end) for i in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return threads


def main() -> None:
    """Print the figures as JSON, and write them to a file on demand; exit code 1 where an answer failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--rows", type=int, default=1, help="in a request")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)  # the second process is told where
    asked = parser.parse_args()
    if asked.folder:
        print(json.dumps(load(asked.folder, asked.seconds, asked.callers, asked.rows)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "scorer" / "1"
        export(folder)
        options = [f"--seconds={asked.seconds}", f"--callers={asked.callers}", f"--rows={asked.rows}"]
        command = [sys.executable, "-I", __file__, f"--folder={folder}", *options]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    text = json.dumps(found, indent=2)
    print(text)
    if asked.json:
        asked.json.write_text(text + "\n", encoding="utf-8")
    sys.exit(bool(found["errors"] or found["wrong_answers"]))


if __name__ == "__main__":
    main()
