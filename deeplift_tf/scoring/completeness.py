"""Rows whose contributions miss the difference of the target from its reference by more than rounding explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

MISSED = 0.01  # of the difference: above it a row is counted
ROUNDING = 2e4  # times the float's epsilon and the size of what is summed: differences below it are taken as that large
NAMED = 5  # approximate layers in a message


class Completeness:
    """Counts the rows of a call, or of a run, whose sum-to-delta error is too large.

    Attributes
    ----------
    rows : int
        That were looked at.
    missed : int
        Those of them whose error exceeds `MISSED` of the difference.
    """

    def __init__(self) -> None:
        self.rows = self.missed = 0
        self._worst = (-1.0, 0, 0.0, 0.0)  # relative error, row, delta, difference

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
        axes = delta.ndim
        size = np.abs(outputs) + np.abs(reference_outputs)
        for part in contributions:
            size = size + np.abs(part).sum(tuple(range(axes, part.ndim)))
        difference = np.abs(outputs - reference_outputs)
        allowed = np.maximum(difference, ROUNDING * np.finfo(delta.dtype).eps * size)
        relative = np.where(np.isfinite(delta), np.abs(delta) / np.maximum(allowed, np.finfo(delta.dtype).tiny), np.inf)
        of_rows = relative if axes == 1 else relative.max(0)
        self.rows += len(of_rows)
        self.missed += int((of_rows > MISSED).sum())
        row = int(of_rows.argmax())
        if of_rows[row] > self._worst[0]:
            place = (row,) if axes == 1 else (int(relative[:, row].argmax()), row)
            self._worst = (of_rows[row], first + row, float(delta[place]), float(difference[place]))

    def add_arrays(self, first: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Look at some rows of a run, whose arrays go by their names in its file; those of each target on its own."""
        for name, delta in arrays.items():
            if name != "delta" and not name.startswith("delta/"):
                continue
            label = name.removeprefix("delta")
            prefix = f"contributions{label}"
            parts = [part for key, part in arrays.items() if key == prefix or key.startswith(f"{prefix}/")]
            self.add(first, arrays[f"outputs{label}"], arrays[f"reference_outputs{label}"], delta, parts)

    def warning(self, approximate: Sequence[str]) -> str | None:
        """Return what to say; None where every row is well.

        Parameters
        ----------
        approximate : sequence of str
            Names of the approximate layers of the network.
        """
        if not self.missed:
            return None
        _, row, delta, difference = self._worst
        if approximate:
            further = ["..."] if len(approximate) > NAMED else []
            reason = f"approximate layers: {', '.join([*approximate[:NAMED], *further])}; references nearer to x, or "
            reason += "another target (pre_activation=True), may help"
        else:
            reason = "no layer is approximate, so rounding or a fault; dtype='float64' may help"
        return (
            f"contributions miss the difference from the reference by more than {MISSED:.0%} in {self.missed} of "
            f"{self.rows} rows, most in row {row}: by {delta:.2g}, of a difference of {difference:.2g}. {reason}; "
            "network.check(x, references) names the layer where it arises"
        )
