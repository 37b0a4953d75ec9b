"""Colour bars as high as the picture that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

GAP, WIDTH = 0.09, 0.14  # inches, between a panel and its bar, and of the bar
LABEL = "contribution"


def colour_bar(panel: Any, colours: Any, ground: float, label: str = LABEL) -> Any:
    """Draw a bar to the right of a panel, exactly as high as what is drawn in it.

    Parameters
    ----------
    panel : matplotlib axes
    colours : matplotlib image
    ground : float
        Mean lightness of what lies below the colours, 0 to 1: the bar lies on the same.
    label : str

    Returns
    -------
    matplotlib colorbar
    """
    fig = panel.figure
    if fig.get_layout_engine() is not None:  # which makes room for it
        inches = panel.get_window_extent().width / fig.dpi
        place = panel.inset_axes((1 + GAP / inches, 0.0, WIDTH / inches, 1.0))
    else:
        from mpl_toolkits.axes_grid1 import make_axes_locatable

        place = make_axes_locatable(panel).append_axes("right", size="5%", pad=0.08)
    return on_ground(fig.colorbar(colours, cax=place, label=label), ground)


def shared_bars(rows: Sequence[Sequence[Any]], colours: Any, ground: float, label: str = LABEL) -> None:
    """Draw one bar at the end of every row of panels, which have one scale; beside all, where nothing makes room.

    Parameters
    ----------
    rows : sequence of sequences of matplotlib axes
    colours, ground, label
        As for `colour_bar`.
    """
    fig = rows[0][0].figure
    if fig.get_layout_engine() is None and sum(map(len, rows)) > 1:
        on_ground(fig.colorbar(colours, ax=[panel for row in rows for panel in row], label=label, shrink=0.8), ground)
        return
    for row in rows:
        colour_bar(row[-1], colours, ground, label)


def on_ground(bar: Any, ground: float) -> Any:
    """Have the colours of a bar lie on the lightness that those of the map lie on."""
    bar.ax.set_facecolor((ground, ground, ground))
    bar.solids.set_edgecolor("none")
    return bar


def ground_of(pictures: Sequence[np.ndarray | None]) -> float:
    """Return the mean lightness of what lies below maps: that of the pictures, white where there is none."""
    means = [1.0 if each is None else float(np.mean(each)) for each in pictures]
    return float(np.mean(means))
