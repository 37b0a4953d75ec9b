"""Sizes of the panels of maps, inches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.plots.figure import pyplot

ALONE, AMONG = 4.4, 2.2  # width of a map by itself, and of one of several
LINE, MARGIN = 0.2, 0.1  # height of a line of a title, and room between panels
NARROWEST = 1.0
RATIOS = (0.2, 5.0)  # of height to width, beyond which a panel is not drawn to scale


def panel_size(
    maps: Sequence[np.ndarray], titles: Sequence[str], size: float | str | None, panels: int
) -> tuple[float, float]:
    """Return the width and height of the panels of maps.

    Parameters
    ----------
    maps : sequence of np.ndarray, shape (height, width)
    titles : sequence of str
    size : float, "pixels" or None
        The width; or as many pixels of the figure as the widest map has; None: by the number of panels.
    panels : int

    Raises
    ------
    InputError
        If it is no size.
    """
    if size == "pixels":
        widest = max(each.shape[1] for each in maps)
        width = max(NARROWEST, (widest * (1 + 0.05)) / pyplot().rcParams["figure.dpi"])
    elif size is None:
        width = ALONE if panels == 1 else AMONG
    elif isinstance(size, str) or not size > 0:
        raise InputError(f"size: expected a width in inches, or 'pixels'; received {size!r}")
    else:
        width = float(size)
    ratio = float(np.clip(max(each.shape[0] / each.shape[1] for each in maps), *RATIOS))
    lines = max((len(str(title).splitlines()) for title in titles), default=0)
    return width, width * ratio + LINE * lines + MARGIN
