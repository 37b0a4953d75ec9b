"""Scores of sequences as letters, whose heights are the scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.plots.annotations import Annotation, annotate
from deeplift_tf.plots.figure import given, panels, plain
from deeplift_tf.plots.glyphs import draw_letters
from deeplift_tf.sequences.letters import is_one_hot

HIGHLIGHT = "#fdd835"
READABLE = 14  # letters an inch; of more no letter can be read, and each is a bar


def logo(
    scores: np.ndarray | Mapping[str, np.ndarray],
    x: np.ndarray | None = None,
    *,
    start: int = 0,
    end: int | None = None,
    highlight: Sequence[tuple[Any, ...]] = (),
    annotations: Sequence[tuple[Any, ...]] = (),
    place: tuple[str, int] | None = None,
    share_scale: bool = False,
    alphabet: str = "ACGT",
    letters_axis: int = -1,
    title: str | None = None,
    ax: Any = None,
) -> tuple[Any, Any]:
    """Draw a sequence logo, or several under one another.

    Parameters
    ----------
    scores : np.ndarray, shape (length, letters), or mapping of name to such arrays
        Contributions, hypothetical contributions, or those of several targets: each of a mapping is one track, with
        its name beside it.
    x : np.ndarray, shape (length, letters), optional
        The one-hot sequence. With it every position shows one letter, that of x, as high as the sum of the scores
        there; without it every letter has its own score.
    start, end : int
        The part of the sequence that is drawn; positions keep their numbers.
    highlight : sequence of (start, end) or (start, end, label)
        Spans with a coloured ground, end excluded.
    annotations : sequence of (start, end, name) or (start, end, name, strand)
        Named spans drawn as bars below the last track, end excluded; "+" and "-" become arrows.
    place : (str, int), optional
        Chromosome, and the coordinate of the first position, counted from 0 as in BED: the axis shows coordinates of
        the genome then. All spans stay positions of the sequence.
    share_scale : bool
        One vertical scale for all tracks.
    alphabet : str
        The letters, in the order of their axis.
    letters_axis : int
        The axis of the scores, and of x, that holds the letters: -1 or 1, the last; or 0.
    title : str, optional
    ax : matplotlib axes, or sequence of them, optional
        As many as there are tracks.

    Returns
    -------
    fig : matplotlib.figure.Figure
    ax : matplotlib axes, or np.ndarray of them where scores is a mapping

    Raises
    ------
    InputError
        If shapes or spans do not fit.
    MissingExtraError
        If matplotlib is not installed.
    """
    tracks = dict(scores) if isinstance(scores, Mapping) else {"": np.asarray(scores)}
    tracks = {name: turned(track, letters_axis) for name, track in tracks.items()}
    x = None if x is None else letters_of_x(x, letters_axis)
    heights = {name: heights_of(np.asarray(track), x, alphabet) for name, track in tracks.items()}
    length = common_length(heights)
    end = length if end is None else end
    if not 0 <= start < end <= length:
        raise InputError(f"start, end: expected 0 <= start < end <= {length}; received {start}, {end}")
    size = (min(max(0.16 * (end - start), 4.0), 22.0), 1.6)
    fig, axes = panels(len(heights), 1, size) if ax is None else given(ax, len(heights))
    for panel, (name, track) in zip(axes, heights.items(), strict=True):
        draw(panel, track[start:end], start, alphabet)
        for span in highlight:
            mark(panel, span, start, end)
        panel.set_ylabel(plain(name or "contribution", keep="\n"))
    for panel in axes[:-1]:
        panel.tick_params(labelbottom=False)  # the positions are those of the track below
    if share_scale:
        limits = [panel.get_ylim() for panel in axes]
        for panel in axes:
            panel.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    annotate(axes[-1], [Annotation(*span) for span in annotations], start, end)
    number_positions(axes, place)
    if title is not None:
        axes[0].set_title(plain(title), fontsize="medium", pad=14 if any(len(span) > 2 for span in highlight) else None)
    return fig, axes if isinstance(scores, Mapping) else axes[0]


def turned(rows: Any, letters_axis: int) -> np.ndarray:
    """Return scores with the letters on the last axis."""
    array = np.asarray(rows)
    if array.ndim != 2 or letters_axis not in (-2, -1, 0, 1):
        raise InputError(
            f"logo: expected scores and x of two axes, positions and letters, and letters_axis 0 or 1; received shape "
            f"{array.shape} and letters_axis {letters_axis}"
        )
    return array if letters_axis in (-1, 1) else array.T


def letters_of_x(x: Any, letters_axis: int) -> np.ndarray:
    """Return the one-hot sequence with the letters on the last axis."""
    rows = turned(x, letters_axis)
    if is_one_hot(rows.T[None], -1) and not is_one_hot(rows[None], -1):
        other = 0 if letters_axis in (-1, 1) else 1
        raise InputError(
            f"logo: expected x to be one-hot on axis {letters_axis}; axis {other} looks one-hot: letters_axis={other}"
        )
    return rows


def heights_of(scores: np.ndarray, x: np.ndarray | None, alphabet: str) -> np.ndarray:
    """Return the height of each letter at each position."""
    if scores.ndim != 2 or scores.shape[1] != len(alphabet):
        raise InputError(f"scores: expected shape (length, {len(alphabet)}); received {scores.shape}")
    if x is None:
        return scores
    if np.shape(x) != scores.shape:
        raise InputError(f"x: expected shape {scores.shape} as the scores have; received {np.shape(x)}")
    return scores.sum(1, keepdims=True) * np.asarray(x)


def common_length(heights: Mapping[str, np.ndarray]) -> int:
    """Return the length of the tracks, which is the same for all."""
    lengths = {name: len(track) for name, track in heights.items()}
    if len(set(lengths.values())) != 1:
        raise InputError(f"scores: expected tracks of one length; received {lengths}")
    return next(iter(lengths.values()))


def draw(panel: Any, heights: np.ndarray, start: int, alphabet: str) -> None:
    """Draw one track."""
    inches = panel.figure.get_figwidth() * panel.get_position().width
    heights = np.asarray(heights, np.float64)
    draw_letters(panel, heights, start, alphabet, readable=len(heights) <= READABLE * inches)
    panel.spines[["top", "right"]].set_visible(False)
    panel.axhline(0, color="black", linewidth=0.5)


def number_positions(axes: Sequence[Any] | np.ndarray, place: tuple[str, int] | None) -> None:
    """Name the axis of positions: those of the sequence, or coordinates of the genome."""
    axes[-1].set_xlabel("position" if place is None else f"position on {plain(place[0])}")
    for panel in axes:
        panel.xaxis.get_major_locator().set_params(integer=True)
        if place is not None:
            first = place[1]
            panel.xaxis.set_major_formatter(lambda position, _, first=first: f"{first + round(position):,}")


def mark(panel: Any, span: tuple[Any, ...], start: int, end: int) -> None:
    """Colour the ground of a span, and write its label above."""
    first, last = span[0], span[1]
    if not first < last:
        raise InputError(f"highlight: expected start < end; received {span}")
    if last <= start or first >= end:
        return
    panel.axvspan(first - 0.5, last - 0.5, color=HIGHLIGHT, alpha=0.35, zorder=-1, linewidth=0)
    if len(span) > 2:
        middle = (max(first, start) + min(last, end) - 1) / 2
        panel.annotate(
            plain(span[2]),
            (middle, 1),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
            fontsize="small",
        )
