"""Figures and axes in the matplotlib backend that the user has chosen."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.optional import require
from deeplift_tf.printable import printable

LETTER = 5.6  # points, the mean width of one in a title of medium size
SHORTEST = 12  # letters of a line


def pyplot() -> Any:
    """Return matplotlib.pyplot.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    require("matplotlib", "plots")
    return require("matplotlib.pyplot", "plots")


def panels(count: int, columns: int, size: tuple[float, float]) -> tuple[Any, np.ndarray]:
    """Return a new figure with panels in rows; those that are left over in the last row are removed.

    Parameters
    ----------
    count : int
    columns : int
        At most so many in a row.
    size : (float, float)
        Width and height of a panel, inches.

    Returns
    -------
    fig : matplotlib.figure.Figure
    axes : np.ndarray, shape (count,)
    """
    columns = max(1, min(columns, count))
    rows = math.ceil(count / columns)
    fig, grid = pyplot().subplots(
        rows, columns, squeeze=False, figsize=(size[0] * columns, size[1] * rows), layout="constrained"
    )
    axes = grid.ravel()
    for spare in axes[count:]:
        spare.remove()
    return fig, axes[:count]


def given(ax: Any, count: int) -> tuple[Any, np.ndarray]:
    """Return the figure of axes that the caller has made, and the axes, shape (count,).

    Raises
    ------
    InputError
        If there are more or fewer of them.
    """
    axes = np.ravel(np.asarray(ax, dtype=object))
    if len(axes) != count:
        raise InputError(f"ax: expected {count} axes, one for each panel; received {len(axes)}")
    return axes[0].figure, axes


def alone(ax: Any, size: tuple[float, float]) -> tuple[Any, Any]:
    """Return the figure and the one axes to draw in: those given, or new ones."""
    fig, axes = panels(1, 1, size) if ax is None else given(ax, 1)
    return fig, axes[0]


def titled(ax: Any, title: str | None) -> None:
    """Give an axes its title, in lines that are not wider than it; None leaves it without."""
    if title is not None:
        ax.set_title("\n".join(wrapped(plain(title, keep="\n"), ax)), fontsize="medium")


def wrapped(text: str, ax: Any) -> list[str]:
    """Return a title in lines that fit the width of an axes, as it is before its figure is laid out."""
    points = ax.get_window_extent().width * 72 / ax.figure.dpi
    most = max(SHORTEST, int(points / LETTER))
    return [part for line in text.split("\n") for part in folded(line, most)]


def folded(line: str, most: int) -> list[str]:
    """Return a line in parts of so many letters, cut behind spaces and underscores; a longer word is cut anywhere."""
    parts = [""]
    for piece in re.split(r"(?<=[ _])", line):
        if parts[-1] and len(parts[-1]) + len(piece.rstrip()) > most:
            parts.append("")
        parts[-1] += piece
        while len(parts[-1].rstrip()) > most:
            parts[-1:] = [parts[-1][:most], parts[-1][most:]]
    return [part.rstrip() for part in parts]


def plain(text: object, keep: str = "") -> str:
    """Return a text as it may be drawn: its control characters written out, and a $ that starts no formula."""
    return printable(text, keep=keep).replace("$", r"\$")
