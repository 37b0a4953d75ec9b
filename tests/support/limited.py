"""Run in a process of its own: convert the files named on stdin and score two rows, and say what came of it.

For each file one line of JSON: the error, None where there is none; seconds; the peak of the memory in bytes.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

ADDRESSES = 16 << 30
"""Bytes of address space, so that a test that fails takes no other process along; TensorFlow maps some of it."""


def peak() -> int:
    """Return the most memory that was resident since `forget_peak`, in bytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def forget_peak() -> None:
    """Count the peak from here on."""
    Path("/proc/self/clear_refs").write_text("5")


def scored(source: Any) -> None:
    """Convert a model and score two rows of it."""
    import deeplift_tf as dl

    network = dl.convert(source)
    x = [
        np.ones([2, *(8 if size is None else size for size in value.shape[1:])], value.dtype.as_numpy_dtype)
        for value in network.graph.inputs
    ]
    outputs = network.predict(x)
    first = next(iter(outputs.values())) if isinstance(outputs, dict) else outputs
    network.compile()(x, references=0.0, target=(0,) * (first.ndim - 1) or 0)


def main() -> None:
    """Try each file."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    import deeplift_tf.conversion  # noqa: F401 - before the first file, which is not charged with it
    from deeplift_tf.errors import DeepLiftError

    warnings.simplefilter("ignore")
    for line in sys.stdin:
        source = json.loads(line)
        forget_peak()
        start, error = time.monotonic(), None
        try:
            scored(source)
        except DeepLiftError as problem:
            error = f"{type(problem).__name__}: {problem}"
        report = {"error": error, "seconds": time.monotonic() - start, "peak": peak()}
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
