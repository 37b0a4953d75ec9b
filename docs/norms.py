"""Measure how often contributions through norms miss in float32, and write the table of docs/mathematics.md.

`python -m docs.norms` takes a few minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from deeplift_tf.layers.base import Step
from deeplift_tf.layers.norms import Norm, UnitNorm
from deeplift_tf.rules.multipliers import Difference, Pairing
from deeplift_tf.rules.rules import RESCALE

PAGE = Path(__file__).with_name("mathematics.md")
START, END = "<!-- norms -->\n", "<!-- /norms -->\n"
ROWS, SIZES = 10_000, (1, 2, 3, 16, 64, 1024)
EPSILONS = (0.0, 1e-12, 1e-6, 1e-3)
ALLOWED = 1e-4  # of the difference
ROUNDING = 2.0**-24  # half a unit in the last place of float32

KINDS: dict[str, Callable[[float], Norm]] = {
    "layer": lambda epsilon: Norm((-1,), epsilon, True),
    "RMS": lambda epsilon: Norm((-1,), epsilon, False),
    "unit": lambda epsilon: UnitNorm((-1,)),
}


def main() -> None:
    """Write the table between its marks."""
    before, _, rest = PAGE.read_text("utf-8").partition(START)
    after = rest.partition(END)[2]
    PAGE.write_text(before + START + "\n".join(["", *lines(), "", ""]) + END + after, "utf-8")


def lines() -> Iterator[str]:
    """Return the lines of the table."""
    yield "| norm | ε | reference | " + " | ".join(f"n = {n}" for n in SIZES) + " |"
    yield "|---" * (3 + len(SIZES)) + "|"
    for kind in KINDS:
        for epsilon in EPSILONS if kind != "unit" else (0.0,):
            for reference in ("zero", "row"):
                if kind == "unit" or epsilon or reference == "row":
                    cells = [cell(kind, epsilon, reference, n) for n in SIZES]
                    yield f"| {kind} | {epsilon:g} | {reference} | " + " | ".join(cells) + " |"


def cell(kind: str, epsilon: float, reference: str, n: int) -> str:
    """Return the shares of rows that miss, in per cent: in float32, and of float64 rounded to float32."""
    if kind == "layer" and n == 1:
        return ""  # constant
    layer, rng = KINDS[kind](epsilon), np.random.default_rng(0)
    x, x0, m = rng.normal(size=(3, ROWS, n)).astype("float32").astype("float64")
    x0 = x0 if reference == "row" else np.zeros_like(x)
    y, y0 = (layer.forward(tf.constant(each)).numpy() if each.any() else each for each in (x, x0))
    difference = (m * (y - y0)).sum(-1)
    bound = ALLOWED * np.abs(difference) + ROUNDING * (np.abs(m) * (np.abs(y) + np.abs(y0))).sum(-1)
    shares = []
    for dtype in (tf.float32, tf.float64):
        back = multipliers(layer, x, x0, m, dtype).astype("float32").astype("float64")
        shares.append(100 * (np.abs((back * (x - x0)).sum(-1) - difference) > bound).mean())
    return " / ".join(f"{share:.2f}" for share in shares)


def multipliers(layer: Norm, x: np.ndarray, x0: np.ndarray, m: np.ndarray, dtype: tf.DType) -> np.ndarray:
    """Return Mᵀm of each row."""
    value = Difference(*(tf.constant(each, dtype) for each in (x, x0)))
    (back,) = layer.secant_transpose(Step((value,), (value,), Pairing(), RESCALE), tf.constant(m, dtype))
    return np.asarray(back)


if __name__ == "__main__":
    main()
