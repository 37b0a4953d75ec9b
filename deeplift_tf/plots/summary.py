"""Which features matter over many rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.plots.bars import COLOURS
from deeplift_tf.plots.figure import alone, plain, titled


def summary(
    scores: np.ndarray,
    names: Sequence[str] | None = None,
    *,
    most: int = 20,
    title: str | None = None,
    ax: Any = None,
) -> tuple[Any, Any]:
    """Draw the mean magnitude of each feature's contributions over all rows, the largest first.

    Each bar is cut in two: what raised the output is red, what lowered it blue.

    Parameters
    ----------
    scores : np.ndarray, shape (N, features), or (N, ...), whose positions are features
    names : sequence of str, optional
        One for each feature; by default its index.
    most : int
        How many are drawn.
    title : str, optional
    ax : matplotlib axes, optional

    Returns
    -------
    fig : matplotlib.figure.Figure
    ax : matplotlib axes
    """
    values = np.asarray(scores, np.float64)
    if values.ndim < 2 or not len(values):
        raise InputError(f"scores: expected those of some rows, shape (N, features); received {values.shape}")
    labels = [str(index[0] if len(index) == 1 else index) for index in np.ndindex(values.shape[1:])]
    labels = list(map(plain, names)) if names is not None else labels
    values = values.reshape(len(values), -1)
    if len(labels) != values.shape[1]:
        raise InputError(f"names: expected {values.shape[1]}, one for each feature; received {len(labels)}")
    above, below = np.maximum(values, 0).mean(0), np.maximum(-values, 0).mean(0)
    order = np.argsort(-(above + below), kind="stable")[:most]
    fig, panel = alone(ax, (5.0, 1.1 + 0.25 * len(order)))
    places = np.arange(len(order))
    panel.barh(places, above[order], color=COLOURS[True], label="raised the output")
    panel.barh(places, below[order], left=above[order], color=COLOURS[False], label="lowered it")
    panel.set_yticks(places, [labels[index] for index in order])
    panel.invert_yaxis()
    panel.set_xlabel(f"mean |contribution| over {len(values)} rows")
    panel.legend(loc="lower right")
    titled(panel, title)
    return fig, panel
