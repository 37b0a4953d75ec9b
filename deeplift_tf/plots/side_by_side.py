"""Reference, input and attribution side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from deeplift_tf.plots.figure import given, panels, titled
from deeplift_tf.plots.heatmap import heatmap, show
from deeplift_tf.plots.maps import picture_of
from deeplift_tf.plots.sizes import panel_size

TITLES = ("reference", "input", "contributions")


def side_by_side(
    scores: np.ndarray,
    image: np.ndarray,
    reference: np.ndarray,
    *,
    titles: tuple[str, str, str] = TITLES,
    size: float | str | None = None,
    ax: Any = None,
    **of_heatmap: Any,
) -> tuple[Any, Any]:
    """Draw what an image is compared with, the image, and what each pixel contributes to the difference.

    Parameters
    ----------
    scores : np.ndarray, shape (height, width) or (height, width, channels)
    image, reference : np.ndarray, shape (height, width[, channels])
    titles : three of str
    size : float or "pixels", optional
        As for `heatmap`.
    ax : sequence of three matplotlib axes, optional
    **of_heatmap
        Further arguments of `heatmap`, for the third panel; by default its colours cover the image.

    Returns
    -------
    fig : matplotlib.figure.Figure
    ax : np.ndarray of three matplotlib axes
    """
    pictures = [picture_of(each) for each in (reference, image)]
    fig, axes = panels(3, 3, panel_size(pictures, titles, size, 3)) if ax is None else given(ax, 3)
    for panel, picture, title in zip(axes, pictures, titles, strict=False):
        show(panel, picture)
        titled(panel, title)
    heatmap([scores], [image], ax=axes[2], titles=titles[2], **{"alpha": 1.0, **of_heatmap})
    return fig, axes
