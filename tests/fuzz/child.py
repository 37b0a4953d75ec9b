"""Run in a process of its own: use the files named on stdin as a user would, and say what came of each.

A line of JSON is {"kind": ..., "paths": [...]}; the answer {"end": ..., "seconds": ..., "peak": ...}.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.limited import ADDRESSES, forget_peak, peak

TOLERANCE = 1e-3  # relative to the largest prediction: float32, and quantised layers in another order
LARGEST = 1 << 24  # elements of the input that a damaged model is tried with


def inputs_of(network: Any) -> list[np.ndarray] | None:
    """Return two rows for each input; None where a damaged shape is too large to be tried."""
    rng, rows = np.random.default_rng(0), []
    for value in network.graph.inputs:
        shape = [2, *(8 if size is None else size for size in value.shape[1:])]
        if np.prod(shape, dtype=float) > LARGEST or value.dtype.as_numpy_dtype is object:
            return None
        rows.append(rng.integers(0, 2, shape).astype(value.dtype.as_numpy_dtype))
    return rows


def model(paths: list[str]) -> str:
    """Convert and score; predictions are those of Keras, where Keras opens the file."""
    import deeplift_tf as dl

    network = dl.convert(paths[0] if len(paths) == 1 else tuple(paths))
    x = inputs_of(network)
    if x is None:
        return "too large"
    found = network.predict(x)
    found = list(found.values()) if isinstance(found, dict) else [found]
    network.compile()(x, references=0.0, target=(0,) * (found[0].ndim - 1) or 0, output=network.output_names[0])
    expected = predictions_of_keras(paths, x)
    if expected is None:
        return "read"
    for ours, theirs in zip(found, expected, strict=True):
        scale = np.abs(theirs).max() + 1e-6
        if np.isfinite(theirs).all() and not np.abs(ours - theirs).max() <= TOLERANCE * scale:
            return f"wrong prediction: {ours.ravel()[:3]} for {theirs.ravel()[:3]}"
    return "same predictions"


def predictions_of_keras(paths: list[str], x: list[np.ndarray]) -> list[np.ndarray] | None:
    """Return what Keras predicts from the file; None where it does not open it, or does not run."""
    import keras

    if not paths[0].endswith((".keras", ".h5")) or len(paths) > 1:
        return None
    try:
        live = keras.saving.load_model(paths[0], compile=False)
        outputs = live(x if len(x) > 1 else x[0], training=False)
        return [np.asarray(y, "float32") for y in keras.tree.flatten(outputs)]
    except Exception:  # of Keras, at a damaged file: there is nothing to compare with
        return None


def command(arguments: list[str]) -> str:
    """Run a command; its end is success or one line about a mistake."""
    from tests.support.command_line import run

    result = run(*arguments)
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    if result.exit_code not in (0, 2) or "Traceback" in result.output or "error: unexpected " in result.stderr:
        return f"command ended with {result.exit_code}: {result.output[-500:]} {result.exception!r}"
    return "done" if result.exit_code == 0 else f"refused: {lines[-1] if lines else ''}"


def plotted(paths: list[str]) -> str:
    """Draw a row of a file of scores."""
    return command(["plot", paths[0], "-o", f"{paths[0]}.png", "--rows", "0", "--overwrite"])


def reported(paths: list[str]) -> str:
    """Write a page about a file of scores."""
    return command(["report", paths[0], "-o", f"{paths[0]}.html", "--top", "1", "--overwrite"])


def scored(paths: list[str]) -> str:
    """Score with a whole model what the other paths name, by their options."""
    return command(["score", *paths, "--overwrite", "--restart"])


def bigwig(paths: list[str]) -> str:
    """Read all values; a damaged file means the same as the whole one, or is refused."""
    from deeplift_tf.genomics.bigwig_reader import BigWig

    with BigWig(Path(paths[1])) as whole, BigWig(Path(paths[0])) as file:
        for name in file.chroms.keys() & whole.chroms.keys():
            length = whole.chroms[name]
            if not np.array_equal(file.values(name, 0, length), whole.values(name, 0, length), equal_nan=True):
                return f"wrong values on {name}"
    return "same values"


KINDS: dict[str, Callable[[list[str]], str]] = {
    "model": model,
    "plot": plotted,
    "report": reported,
    "score": scored,
    "bigwig": bigwig,
}


def main() -> None:
    """Try each."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    from deeplift_tf.errors import DeepLiftError

    warnings.simplefilter("ignore")
    for line in sys.stdin:
        task = json.loads(line)
        forget_peak()
        start = time.monotonic()
        try:
            end = KINDS[task["kind"]](task["paths"])
        except DeepLiftError as error:
            end = f"refused: {type(error).__name__}: {error}"
        except Exception as error:  # what the test is for
            end = f"traceback: {type(error).__name__}: {error}"
        print("\n" + json.dumps({"end": end, "seconds": time.monotonic() - start, "peak": peak()}), flush=True)


if __name__ == "__main__":
    main()
