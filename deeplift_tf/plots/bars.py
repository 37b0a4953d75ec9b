"""Contributions of columns as bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.plots.figure import alone, plain, titled

COLOURS = {True: "#b2182b", False: "#2166ac"}  # the ends of the heat map's scale


def bars(
    scores: np.ndarray,
    names: Sequence[str] | None = None,
    *,
    most: int = 20,
    title: str | None = None,
    ax: Any = None,
) -> tuple[Any, Any]:
    """Draw the contributions of one row, the largest first.

    Parameters
    ----------
    scores : np.ndarray, any shape
        Of one row.
    names : sequence of str, optional
        One for each score; by default the index.
    most : int
        How many are drawn.
    title : str, optional
    ax : matplotlib axes, optional

    Returns
    -------
    fig : matplotlib.figure.Figure
    ax : matplotlib axes
    """
    values = np.asarray(scores)
    labels = [str(index[0] if len(index) == 1 else index) for index in np.ndindex(values.shape)]
    labels = list(map(plain, names)) if names is not None else labels
    values = values.ravel()
    if len(labels) != len(values):
        raise InputError(f"names: expected {len(values)}, one for each score; received {len(labels)}")
    order = np.argsort(-np.abs(values), kind="stable")[:most]
    fig, panel = alone(ax, (4.5, 0.9 + 0.25 * len(order)))
    panel.barh(np.arange(len(order)), values[order], color=[COLOURS[bool(values[i] >= 0)] for i in order])
    panel.set_yticks(np.arange(len(order)), [labels[i] for i in order])
    panel.invert_yaxis()
    panel.axvline(0, color="black", linewidth=0.8)
    panel.set_xlabel("contribution")
    panel.locator_params(axis="x", nbins=4)
    titled(panel, title)
    return fig, panel
