"""Sequence logos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deeplift_tf.plots.figure import pyplot
from deeplift_tf.plots.logo import logo

Spans = Mapping[str, Sequence[tuple[int, int]]]


def plot_weights(
    array: np.ndarray, figsize: tuple[float, float] = (20, 2), highlight: Spans | None = None, **others: Any
) -> tuple[Any, Any]:
    """Draw a logo in a figure of its own; unlike deeplift's it shows nothing by itself, and returns (fig, ax).

    Parameters
    ----------
    array : np.ndarray, shape (length, 4), (4, length) or (1, length, 4)
    figsize : (float, float)
    highlight : mapping of colour to spans (start, end), optional
    **others
        height_padding_factor, length_padding, subticks_frequency, colors, plot_funcs: without effect.
    """
    fig, ax = pyplot().subplots(figsize=figsize, layout="constrained")
    plot_weights_given_ax(ax, array, highlight=highlight, **others)
    return fig, ax


def plot_weights_given_ax(ax: Any, array: np.ndarray, highlight: Spans | None = None, **others: Any) -> None:
    """Draw a logo in axes; the parameters are those of `plot_weights`."""
    known = {"height_padding_factor", "length_padding", "subticks_frequency", "colors", "plot_funcs"}
    if set(others) - known:
        raise TypeError(f"plot_weights takes no argument {', '.join(sorted(set(others) - known))}")
    heights = np.squeeze(np.asarray(array))
    heights = heights.T if heights.shape[0] == 4 and heights.shape[1] != 4 else heights
    logo(heights, ax=ax)
    for colour, spans in (highlight or {}).items():
        for start, end in spans:
            ax.axvspan(start - 0.5, end - 0.5, color=colour, alpha=0.25, zorder=-1, linewidth=0)
