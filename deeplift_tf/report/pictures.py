"""Pictures inside of a page, as data."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from deeplift_tf import plots
from deeplift_tf.io.scores_file import ScoresFile, take
from deeplift_tf.plots.figure import pyplot

SCALES = {"red and blue": "RdBu_r", "purple and orange": "PuOr_r", "brown and green": "BrBG_r"}
LONGEST = 120  # positions of a sequence that are drawn: those around its largest scores


def as_data(fig: Any) -> str:
    """Return a figure as the address of a picture, and close it."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=80)
    pyplot().close(fig)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def histogram(delta: np.ndarray) -> str:
    """Return the distribution of the sum-to-delta error."""
    fig, ax = pyplot().subplots(figsize=(5, 2.2), layout="constrained")
    ax.hist(delta, bins=min(60, max(10, len(delta) // 5)), color="#4c72b0")
    ax.set(xlabel="delta", ylabel="rows")
    return as_data(fig)


def pictures_of(file: ScoresFile, rows: Sequence[int]) -> list[list[str]]:
    """Return the pictures of each row: one for each colour scale, or one where colours stand for letters or signs."""
    contributions = take(file.contributions, rows)
    x = None if file.x is None else take(file.x, rows)
    shape = contributions.shape
    if len(shape) == 3 and shape[-1] == 4:
        return [[logo(each, None if x is None else x[index])] for index, each in enumerate(contributions)]
    if len(shape) in (3, 4):
        vmax = plots.scale_of([plots.map_of(each) if each.ndim == 3 else each for each in contributions])
        return [
            [heatmap(each, None if x is None else x[index], vmax, cmap) for cmap in SCALES.values()]
            for index, each in enumerate(contributions)
        ]
    return [[as_data(plots.bars(each, most=10)[0])] for each in contributions]


def logo(contributions: np.ndarray, x: np.ndarray | None) -> str:
    """Return the logo of a sequence, or of the part of it with the largest scores."""
    heights = np.abs(contributions.sum(-1))
    start = 0
    if len(heights) > LONGEST:
        sums = np.convolve(heights, np.ones(LONGEST), "valid")
        start = int(sums.argmax())
    end = min(start + LONGEST, len(heights))
    return as_data(plots.logo(contributions, x, start=start, end=end)[0])


def heatmap(contributions: np.ndarray, x: np.ndarray | None, vmax: float, cmap: str) -> str:
    """Return the heat map of an image, on the scale of all."""
    return as_data(plots.heatmap(contributions, x, alpha=0.8, vmax=vmax, cmap=cmap, edges=x is not None)[0])
