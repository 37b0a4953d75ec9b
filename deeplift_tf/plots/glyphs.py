"""Letters of a logo: all of a track as one collection of paths, or bars where letters could not be read."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from deeplift_tf.optional import require

COLOURS = {"A": "#109648", "C": "#255c99", "G": "#f7b32b", "T": "#d62839", "U": "#d62839"}
GROUPS = {"AVLIMPFW": "#333333", "GSTYCNQ": "#109648", "DE": "#d62839", "KRH": "#255c99"}
"""Amino acids by their chemistry: without charge and polarity, polar, acidic, basic."""

WIDTH = 0.92  # of a letter, in positions


def colour_of(letter: str, alphabet: str) -> str:
    """Return the colour of a letter: of bases the usual one, of amino acids that of their group."""
    if len(alphabet) == 4 and set(alphabet) <= set(COLOURS):
        return COLOURS[letter]
    return next((colour for group, colour in GROUPS.items() if letter in group), "#777777")


@functools.cache
def outline(letter: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the outline of a letter that fills the unit square: vertices, shape (V, 2), and what joins them."""
    require("matplotlib", "plots")
    text = require("matplotlib.textpath", "plots").TextPath
    font = require("matplotlib.font_manager", "plots").FontProperties(family="DejaVu Sans", weight="bold")
    path = text((0, 0), letter, size=100, prop=font)
    box = path.get_extents()  # of what is drawn; control points of curves lie beyond it
    return (path.vertices - box.min) / (box.max - box.min), path.codes


def stacked(heights: np.ndarray) -> np.ndarray:
    """Return the lower end of each letter, shape (length, letters).

    Positive ones stand on zero, the largest on top; negative ones hang from it, the largest below.
    """
    order = np.argsort(np.abs(heights), axis=1, kind="stable")
    sorted_ = np.take_along_axis(heights, order, 1)
    up, down = np.cumsum(np.maximum(sorted_, 0), 1), np.cumsum(np.minimum(sorted_, 0), 1)
    ends = np.where(sorted_ > 0, up - sorted_, down)
    bottoms = np.empty_like(heights)
    np.put_along_axis(bottoms, order, ends, 1)
    return bottoms


def draw_letters(panel: Any, heights: np.ndarray, start: int, alphabet: str, readable: bool = True) -> None:
    """Draw the letters of a track into an axes; negative ones stand on their heads.

    Parameters
    ----------
    panel : matplotlib axes
    heights : np.ndarray, shape (length, letters)
    start : int
        The number of the first position.
    alphabet : str
    readable : bool
        Without it every letter is a bar of its colour.
    """
    collections, paths = (require(f"matplotlib.{name}", "plots") for name in ("collections", "path"))
    heights = np.where(np.isfinite(heights), heights, 0.0)
    bottoms = stacked(heights)
    positions, letters = np.nonzero(heights)
    sizes = heights[positions, letters]
    lows, tall = bottoms[positions, letters], np.abs(sizes)
    lefts = positions + start - WIDTH / 2
    colours = [colour_of(alphabet[letter], alphabet) for letter in letters]
    if readable:
        drawn = []
        for left, low, size, high, letter in zip(lefts, lows, sizes, tall, letters, strict=True):
            vertices, codes = outline(alphabet[letter])
            y = vertices[:, 1] if size > 0 else 1 - vertices[:, 1]
            points = np.column_stack([left + WIDTH * vertices[:, 0], low + high * y])
            drawn.append(paths.Path(points, codes))
        collection = collections.PathCollection(drawn, facecolors=colours, edgecolors="none", linewidths=0)
    else:
        left, right = positions + start - 0.5, positions + start + 0.5  # no gaps: they would be lighter lines
        corners = np.stack([[left, lows], [left, lows + tall], [right, lows + tall], [right, lows]]).transpose(2, 0, 1)
        collection = collections.PolyCollection(
            corners, facecolors=colours, edgecolors="none", linewidths=0, antialiaseds=False
        )
    panel.add_collection(collection, autolim=False)
    panel.set_xlim(start - 0.5, start + len(heights) - 0.5)
    panel.set_ylim(*limits(heights))


def limits(heights: np.ndarray) -> tuple[float, float]:
    """Return the vertical ends of a track: those of its letters, never an empty range."""
    low, high = float(np.minimum(heights, 0).sum(1).min()), float(np.maximum(heights, 0).sum(1).max())
    if low == high:
        return -1.0, 1.0
    return low * 1.02, high * 1.02
