"""Inline figures of a row's contributions in a page: pictures as data, or coloured words."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from deeplift_tf import plots
from deeplift_tf.io.scores_file import ScoresFile, take
from deeplift_tf.plots.figure import panels, pyplot
from deeplift_tf.plots.stretch import busiest
from deeplift_tf.report.figures import Drawing, features_of, kind_of
from deeplift_tf.report.parts import place_of
from deeplift_tf.report.sentences import sentence

SCALES = {"red and blue": "RdBu_r", "purple and orange": "PuOr_r", "brown and green": "BrBG_r"}


def as_data(fig: Any) -> str:
    """Return a figure as the address of a picture, and close it."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=90)
    pyplot().close(fig)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def histogram(delta: np.ndarray) -> str:
    """Return the distribution of the sum-to-delta error."""
    fig, ax = pyplot().subplots(figsize=(5, 2.2), layout="constrained")
    ax.hist(delta, bins=min(60, max(10, len(delta) // 5)), color="#4c72b0")
    ax.set(xlabel="delta", ylabel="rows")
    return as_data(fig)


def contents_of(file: ScoresFile, rows: Sequence[int], said: Sequence[str], words: Sequence[str] = ()) -> Iterator[str]:
    """Return what shows the contributions of each row, as HTML, one after another.

    Parameters
    ----------
    file : ScoresFile
    rows : sequence of int
    said : sequence of str
        For each row, what a picture of it says to those who do not see it.
    words : sequence of str
        Of tokens; empty where the rows are none.
    """
    if not rows:
        return iter(())  # all were skipped
    if words:
        sentences = [sentence(file, row, words) for row in rows]
        vmax = plots.scale_of([scores for _, scores in sentences], 100)
        return (plots.text_html(*each, vmax=vmax) for each in sentences)
    return (tags(pictures, text) for pictures, text in zip(pictures_of(file, rows), said, strict=True))


def tags(pictures: Sequence[str], said: str) -> str:
    """Return the pictures of a row, one for each colour scale, of which the first is seen."""
    return "".join(
        f'<img class="scale-{index}" alt="{html.escape(said)}" src="{picture}"{" hidden" if index else ""}>'
        for index, picture in enumerate(pictures)
    )


def pictures_of(file: ScoresFile, rows: Sequence[int]) -> Iterator[list[str]]:
    """Return the pictures of each row: one for each colour scale, or one where colours stand for letters or signs."""
    kind = kind_of(file)
    if kind == "variant":
        for row in rows:
            yield [as_data(Drawing("variant").figure([file], [row]))]
        return
    contributions = take(file.contributions, rows)
    x = None if file.x is None else take(file.x, rows)
    if kind == "logo":
        heights = file.sequence_rows(file.contributions, rows)
        letters = [None] * len(rows) if file.x is None else file.sequence_rows(file.x, rows)
        for row, each, x_row in zip(rows, heights, letters, strict=True):
            yield [logo(each, x_row, file.alphabet, file.row_name(row))]
    elif kind == "heatmap":
        vmax = plots.scale_of([plots.map_of(each) if each.ndim == 3 else each for each in contributions])
        for index, each in enumerate(contributions):
            yield [heatmap(each, None if x is None else x[index], vmax, cmap) for cmap in SCALES.values()]
    else:
        for each in features_of(file, rows):
            yield [as_data(plots.bars(each, most=10)[0])]


def logo(contributions: np.ndarray, x: np.ndarray | None, alphabet: str, name: str) -> str:
    """Return the logo of a sequence, or of the part of it with the largest scores."""
    start, end = busiest(contributions)
    width = max(4.0, 0.1 * (end - start))  # as wide as a page: what is scaled down cannot be read
    fig, ax = panels(1, 1, (width, 1.6))
    place = place_of(name, len(contributions))
    plots.logo(contributions, x, start=start, end=end, alphabet=alphabet, place=place, ax=ax)
    return as_data(fig)


def heatmap(contributions: np.ndarray, x: np.ndarray | None, vmax: float, cmap: str) -> str:
    """Return the heat map of an image, on the scale of all, beside the image where that is known."""
    images = None if x is None else [x]
    style: dict[str, Any] = {"alpha": 1, "vmax": vmax, "cmap": cmap, "size": 2.4}
    return as_data(plots.heatmap([contributions], images, beside=x is not None, **style)[0])
