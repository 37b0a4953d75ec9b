"""What every letter would change at every position, as a map of letters by positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.plots.figure import alone, titled
from deeplift_tf.plots.logo import number_positions


def letter_map(
    effects: np.ndarray,
    x: np.ndarray | None = None,
    *,
    start: int = 0,
    end: int | None = None,
    vmax: float | None = None,
    place: tuple[str, int] | None = None,
    alphabet: str = "ACGT",
    title: str | None = None,
    ax: Any = None,
) -> tuple[Any, Any]:
    """Draw a row for each letter and a column for each position, red where the letter raises the target.

    Parameters
    ----------
    effects : np.ndarray, shape (length, letters)
        Hypothetical contributions, as in-silico mutagenesis has them.
    x : np.ndarray, shape (length, letters), optional
        The one-hot sequence. With it each column is less its value at the letter that is there, so that it shows what a
        mutation to each letter changes; a dot marks the letter that is there.
    start, end : int
        The part of the sequence that is drawn; positions keep their numbers.
    vmax : float, optional
        The change of full colour; by default the largest magnitude drawn.
    place : (str, int), optional
        As for `logo`.
    alphabet : str
    title : str, optional
    ax : matplotlib axes, optional

    Returns
    -------
    fig : matplotlib.figure.Figure
    ax : matplotlib axes

    Raises
    ------
    InputError
        When shapes or the part do not fit.
    MissingExtraError
        When matplotlib is not installed.
    """
    effects = np.asarray(effects, np.float64)
    if effects.ndim != 2 or effects.shape[1] != len(alphabet) or (x is not None and np.shape(x) != effects.shape):
        raise InputError(
            f"letter_map: expected effects, and x, of shape (length, {len(alphabet)}); received {effects.shape}"
            + ("" if x is None else f" and {np.shape(x)}")
        )
    end = len(effects) if end is None else end
    if not 0 <= start < end <= len(effects):
        raise InputError(f"start, end: expected 0 <= start < end <= {len(effects)}; received {start}, {end}")
    changes = effects if x is None else effects_of_mutations(effects, np.asarray(x))
    shown = changes[start:end].T
    largest = float(np.abs(np.nan_to_num(shown)).max())
    vmax = vmax or largest or 1.0
    fig, panel = alone(ax, (min(max(0.1 * (end - start), 4.0), 22.0), 1.6))
    extent = (start - 0.5, end - 0.5, len(alphabet) - 0.5, -0.5)
    drawn = panel.imshow(
        shown, cmap="RdBu_r", vmin=-vmax, vmax=vmax, aspect="auto", interpolation="nearest", extent=extent
    )
    if x is not None:
        positions, letters = np.nonzero(np.asarray(x)[start:end])
        panel.scatter(positions + start, letters, s=5, color="black", linewidths=0)
    panel.set_yticks(range(len(alphabet)), list(alphabet))
    panel.set_xlim(start - 0.5, end - 0.5)
    fig.colorbar(drawn, ax=panel, pad=0.01, aspect=12).set_label("change" if x is not None else "contribution")
    number_positions([panel], place)
    titled(panel, title)
    return fig, panel


def effects_of_mutations(effects: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return effects less that of the letter that is there, zero where there is none, shape (length, letters)."""
    there = x.sum(1, keepdims=True) > 0
    return np.where(there, effects - (effects * x).sum(1, keepdims=True), 0.0)
