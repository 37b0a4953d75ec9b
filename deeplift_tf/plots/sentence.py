"""Words with their scores as colours, as a picture and as HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.plots.figure import alone, plain, titled
from deeplift_tf.plots.maps import scale_of
from deeplift_tf.printable import printable

ABOVE, BELOW = (214, 69, 65), (52, 118, 191)  # red and blue of full colour; black is legible on both
GAP, LINE, FONT, MARGIN = 6, 26, 13, 8  # points


def colours(scores: np.ndarray, vmax: float | None = None) -> list[tuple[int, int, int]]:
    """Return the colour of each score: white for none, red above zero, blue below.

    Parameters
    ----------
    scores : np.ndarray, shape (tokens,)
    vmax : float, optional
        The magnitude of full colour; by default the largest.
    """
    scale = vmax or scale_of([scores], 100)
    shades = []
    for score in scores:
        strength = min(abs(float(score)) / scale, 1.0)
        full = ABOVE if score >= 0 else BELOW
        red, green, blue = (round(255 + strength * (part - 255)) for part in full)
        shades.append((red, green, blue))
    return shades


def checked(tokens: Sequence[str], scores: Any) -> np.ndarray:
    """Return one score for each token; scores of shape (tokens, width) are summed over the embedding."""
    values = np.asarray(scores, np.float64)
    values = values.sum(-1) if values.ndim == 2 else values
    if values.shape != (len(tokens),) or not len(tokens):
        raise InputError(f"scores: expected one for each of {len(tokens)} tokens; received shape {values.shape}")
    return values


def text_html(tokens: Sequence[str], scores: Any, *, vmax: float | None = None) -> str:
    """Return a paragraph of HTML in which every word has the colour of its score.

    Parameters
    ----------
    tokens : sequence of str
    scores : np.ndarray, shape (tokens,) or (tokens, width)
    vmax : float, optional
        The magnitude of full colour; by default the largest.

    Returns
    -------
    str
        The score of a word shows when it is pointed at, and is what a screen reader is told.
    """
    values, tokens = checked(tokens, scores), list(map(printable, tokens))
    words = [
        f'<span style="background:rgb({red},{green},{blue});color:#000;padding:.1em .25em;border-radius:.2em" '
        f'title="{value:+.3g}" aria-label="{html.escape(token, quote=True)} {value:+.3g}">{html.escape(token)}</span>'
        for token, value, (red, green, blue) in zip(tokens, values, colours(values, vmax), strict=True)
    ]
    return f'<p class="scored-text" style="line-height:2">{" ".join(words)}</p>'


def text(
    tokens: Sequence[str],
    scores: Any,
    *,
    vmax: float | None = None,
    width: float = 7.0,
    title: str | None = None,
    ax: Any = None,
) -> tuple[Any, Any]:
    """Draw words, every one on the colour of its score.

    Parameters
    ----------
    tokens : sequence of str
    scores : np.ndarray, shape (tokens,) or (tokens, width)
        Contributions; those of an embedding are summed over its width.
    vmax : float, optional
        The magnitude of full colour; by default the largest.
    width : float
        Inches after which a new line begins, where a figure is made.
    title : str, optional
    ax : matplotlib axes, optional

    Returns
    -------
    fig : matplotlib.figure.Figure
    ax : matplotlib axes
    """
    values, tokens = checked(tokens, scores), list(map(printable, tokens))
    across = width * 72 if ax is None else ax.get_window_extent().width * 72 / ax.figure.dpi
    places, lines = laid_out(tokens, across)
    fig, panel = alone(ax, (width, (lines * LINE + 2 * MARGIN) / 72 + 0.35))
    panel.set(xlim=(0, across), ylim=(lines * LINE + MARGIN, -MARGIN))
    panel.set_axis_off()
    for (x, y, wide), token, (red, green, blue) in zip(places, tokens, colours(values, vmax), strict=True):
        box = {"boxstyle": "round,pad=0.25", "linewidth": 0, "facecolor": (red / 255, green / 255, blue / 255)}
        panel.text(x + wide / 2, y, token, fontsize=FONT, ha="center", va="center", bbox=box, parse_math=False)
    titled(panel, title)
    return fig, panel


def laid_out(tokens: Sequence[str], across: float) -> tuple[list[tuple[float, float, float]], int]:
    """Return where each word goes, (left, middle line, width) in points, and the number of lines."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties()
    x, line = float(MARGIN), 0
    places = []
    for token in tokens:
        wide = TextPath((0, 0), plain(token), size=FONT, prop=font).get_extents().width if token.strip() else FONT / 2
        if x > MARGIN and x + wide > across - MARGIN:
            x, line = float(MARGIN), line + 1
        places.append((x, (line + 0.5) * LINE, wide))
        x += wide + GAP + FONT / 2
    return places, line + 1
