"""Completeness checks: rows whose contributions miss the difference by more than rounding explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from deeplift_tf.argspec import name_in

MISSED = 0.01  # of the difference: above it a row is counted
ROUNDING = 2e4  # times the float's epsilon and the size of what is summed: differences below it are taken as that large
NAMED = 5  # approximate layers in a message
ESTIMATES = ("expected_gradients",)  # complete in expectation only: their delta is what chance leaves

OF_PATHS = "the mean of gradients on the path is too coarse: more points (steps=, quadrature=) come nearer"


class MissedRows(NamedTuple):
    """How many rows miss the difference, and the worst of them.

    Attributes
    ----------
    rows : int
        That were looked at.
    missed : int
        Those of them whose error exceeds `MISSED` of the difference, of any target.
    worst : float
        The largest relative error.
    row, target : int, str
        Where that is; the name of the target is empty where there is one.
    delta, difference : float
        What it comes from.
    """

    rows: int = 0
    missed: int = 0
    worst: float = -1.0
    row: int = 0
    target: str = ""
    delta: float = 0.0
    difference: float = 0.0


NONE = MissedRows()


class Completeness:
    """Counts the rows of a call, or of a run, whose sum-to-delta error is too large.

    Parameters
    ----------
    found : MissedRows
        By those who have counted before.

    Attributes
    ----------
    found : MissedRows
    """

    def __init__(self, found: MissedRows = NONE) -> None:
        self.found = found

    def add(
        self,
        first: int,
        outputs: np.ndarray,
        reference_outputs: np.ndarray,
        delta: np.ndarray,
        contributions: Sequence[np.ndarray],
    ) -> None:
        """Look at some rows.

        Parameters
        ----------
        first : int
            Number of the first of them.
        outputs, reference_outputs, delta : np.ndarray, shape (N,) or (K, N)
        contributions : sequence of np.ndarray, shape (N, ...) or (K, N, ...)
            Of everything that is scored.
        """
        difference, relative = errors_in(outputs, reference_outputs, delta, contributions)
        names = [f"target {index}" for index in range(len(relative))] if delta.ndim > 1 else [""]
        self._count(first, names, relative, np.atleast_2d(delta), np.atleast_2d(difference))

    def add_arrays(self, first: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Look at some rows of a run, whose arrays go by their names in its file; those that were skipped hold NaN."""
        names = [name.removeprefix("delta") for name in arrays if name.partition("/")[0] == "delta"]
        names = [name for name in names if f"outputs{name}" in arrays and f"reference_outputs{name}" in arrays]
        if not names:
            return
        found = []
        for name in names:
            outputs, references, delta = (arrays[f"{part}{name}"] for part in ("outputs", "reference_outputs", "delta"))
            prefix = f"contributions{name}"
            parts = [part for key, part in arrays.items() if key == prefix or key.startswith(f"{prefix}/")]
            found.append((*errors_in(outputs, references, delta, parts), delta, outputs))
        difference, relative, delta, outputs = (
            np.stack([np.ravel(part) for part in each]) for each in zip(*found, strict=True)
        )
        scored = ~np.isnan(outputs).any(0)
        relative[:, ~scored] = -1.0
        self._count(first, [name.removeprefix("/") for name in names], relative, delta, difference, int(scored.sum()))

    def _count(
        self,
        first: int,
        names: Sequence[str],
        relative: np.ndarray,
        delta: np.ndarray,
        difference: np.ndarray,
        rows: int | None = None,
    ) -> None:
        """Count rows, shape (K, N), for K targets."""
        if not relative.size:
            return
        of_rows = relative.max(0)
        found = self.found._replace(
            rows=self.found.rows + (len(of_rows) if rows is None else rows),
            missed=self.found.missed + int((of_rows > MISSED).sum()),
        )
        place = np.unravel_index(relative.argmax(), relative.shape)
        if relative[place] > found.worst:
            target, row = (int(index) for index in place)
            worst, missing, whole = (float(part[place]) for part in (relative, delta, difference))
            found = found._replace(worst=worst, row=first + row, target=names[target], delta=missing, difference=whole)
        self.found = found

    def warning(self, approximate: Sequence[str] | None, hint: str = "") -> str | None:
        """Return what to say; None where every row is well.

        Parameters
        ----------
        approximate : sequence of str or None
            Names of the approximate layers of the network; None where they are not known.
        hint : str
            Of a method whose sums do not rest on the rules of layers, what they do rest on.
        """
        found = self.found
        if not found.missed:
            return None
        where = f"row {found.row}" + (f" of {found.target}" if found.target else "")
        return (
            f"contributions miss the difference from the reference by more than {MISSED:.0%} in {found.missed} of "
            f"{found.rows} rows, most in {where}: by {found.delta:.2g}, of a difference of {found.difference:.2g}. "
            + (hint or reason(approximate))
        )


def reason(approximate: Sequence[str] | None) -> str:
    """Return what may be the cause under the rules of layers, and what to do."""
    if approximate is None:
        return "`deeplift-tf inspect` lists the model's approximate layers, and where the error arises with --check"
    if approximate:
        further = ["..."] if len(approximate) > NAMED else []
        cause = f"approximate layers: {', '.join([*approximate[:NAMED], *further])}; references nearer to x, or "
        cause += "another target (pre_activation=True), may help"
    else:
        cause = "no layer is approximate, so rounding or a fault; dtype='float64' may help"
    return f"{cause}; network.check(x, references) names the layer where it arises"


def errors_in(
    outputs: np.ndarray, reference_outputs: np.ndarray, delta: np.ndarray, contributions: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return |difference| of the outputs, and |delta| over it or over what rounding explains, shape (K, N) or (1, N).

    Where delta or an output is no number, or infinite, the error is infinite.
    """
    axes = delta.ndim
    size = np.abs(outputs) + np.abs(reference_outputs)
    for part in contributions:
        size = size + absolute_sums(part, axes)
    with np.errstate(invalid="ignore"):
        difference = np.abs(outputs - reference_outputs)
    allowed = np.maximum(difference, ROUNDING * np.finfo(delta.dtype).eps * size)
    relative = np.abs(delta) / np.maximum(allowed, np.finfo(delta.dtype).tiny)
    relative = np.where(np.isfinite(delta) & np.isfinite(difference), relative, np.inf)
    return difference, np.atleast_2d(relative)


def absolute_sums(values: np.ndarray, axes: int) -> np.ndarray:
    """Return Σ|v| over all axes but the first ones; of several targets one after the other, as they may be many."""
    if axes > 1:
        return np.stack([absolute_sums(each, axes - 1) for each in values])
    return np.abs(values).sum(tuple(range(1, values.ndim)))


def promised_by(method: str) -> bool:
    """Whether a method, as it is spelled, promises that contributions sum to the difference in every row."""
    return name_in(method) not in ESTIMATES


def hint_of(method: str) -> str:
    """Return what the sums of a method rest on, where that is not the rules of layers; see `Completeness.warning`."""
    return OF_PATHS if name_in(method) == "integrated_gradients" else ""
