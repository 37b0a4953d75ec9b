"""Edges of pictures as lines over what is drawn in an axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.plots.figure import alone
from deeplift_tf.plots.maps import edges_of, picture_of

BLACK, GREEN = "black", "#1a9850"


def edges(
    images: np.ndarray | Sequence[np.ndarray],
    *,
    threshold: float | None = None,
    colors: str | Sequence[str] = (BLACK, GREEN),
    ax: Any = None,
) -> tuple[Any, Any]:
    """Draw the edges of a picture, or of two on one map: of an input and of its reference.

    Parameters
    ----------
    images : np.ndarray, shape (height, width[, channels]), or sequence of them
        Of one size, in any range of values.
    threshold : float, optional
        Between 0 and 1: only edges as strong as this part of the strong ones are drawn, all of one strength; see
        `deeplift_tf.plots.maps.edges_of`.
    colors : str or sequence of str
        One for each picture.
    ax : matplotlib axes, optional
        What is in it stays below: a heat map, for example.

    Returns
    -------
    fig : matplotlib.figure.Figure
    ax : matplotlib axes

    Raises
    ------
    InputError
        If the pictures differ in size, or there are more of them than colours.
    """
    several: Sequence[np.ndarray] = images if isinstance(images, list | tuple) else [np.asarray(images)]
    pictures = [picture_of(each) for each in several]
    shades = [colors] if isinstance(colors, str) else list(colors)
    if len({each.shape[:2] for each in pictures}) != 1:
        raise InputError(f"images: expected one or more of one size; received {[each.shape for each in pictures]}")
    if len(shades) < len(pictures):
        raise InputError(f"colors: expected {len(pictures)}, one for each picture; received {len(shades)}")
    fig, panel = alone(ax, (4.4, 4.4))
    for picture, shade in zip(pictures, shades, strict=False):
        draw_edges(panel, picture, picture.shape[:2], threshold, shade)
    panel.set_xticks([])
    panel.set_yticks([])
    return fig, panel


def draw_edges(
    panel: Any, picture: np.ndarray, shape: tuple[int, ...], threshold: float | None = None, color: Any = BLACK
) -> None:
    """Draw the edges of a picture over a map of a shape."""
    from matplotlib.colors import to_rgb

    strength = edges_of(picture, threshold)
    lines = np.empty((*strength.shape, 4))
    lines[..., :3], lines[..., 3] = to_rgb(color), strength
    panel.imshow(lines, **place_of(shape))


def place_of(shape: tuple[int, ...]) -> dict[str, Any]:
    """Return where the pixels of a map lie, whatever the number of those that are drawn there."""
    height, width = shape[:2]
    return {"extent": (-0.5, width - 0.5, height - 0.5, -0.5), "interpolation": "nearest"}
