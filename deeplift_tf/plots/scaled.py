"""Images with intensities scaled by the scores (Sundararajan et al. 2017, figure 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.plots.figure import alone, titled
from deeplift_tf.plots.heatmap import is_one
from deeplift_tf.plots.maps import map_of, picture_of, scale_of


def scaled_image(
    scores: np.ndarray,
    image: np.ndarray,
    *,
    channels: str = "magnitude",
    percentile: float = 99.0,
    title: str | None = None,
    ax: Any = None,
) -> tuple[Any, Any]:
    """Draw an image in which every pixel is as bright as its score is large; the rest is black.

    Parameters
    ----------
    scores : np.ndarray, shape (height, width) or (height, width, channels)
    image : np.ndarray, shape (height, width) or (height, width, channels)
    channels : "sum", "magnitude" or "largest"
        How the channels become one map; see `map_of`.
    percentile : float
        Scores from this percentile on leave the pixel as bright as it is.
    title : str, optional
    ax : matplotlib axes, optional

    Returns
    -------
    fig : matplotlib.figure.Figure
    ax : matplotlib axes
    """
    if not is_one(scores, image)[0]:
        raise InputError(
            f"scores: expected those of one image, shape (height, width) or (height, width, channels); received "
            f"{np.shape(scores)}, the maps of several"
        )
    values = np.abs(scores if np.ndim(scores) == 2 else map_of(scores, channels))
    weights = np.clip(values / scale_of([values], percentile), 0, 1)
    picture = picture_of(image)
    fig, panel = alone(ax, (3.2, 3.2))
    panel.imshow(picture * (weights if picture.ndim == 2 else weights[..., None]), cmap="gray", vmin=0, vmax=1)
    panel.set_xticks([])
    panel.set_yticks([])
    titled(panel, title)
    return fig, panel
