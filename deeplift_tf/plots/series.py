"""A time series on the colours of its scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.plots.colourbar import colour_bar
from deeplift_tf.plots.figure import given, panels, plain, titled
from deeplift_tf.plots.maps import scale_of

ROOM = 0.08  # above and below the line, as a part of its range


def series(
    scores: np.ndarray,
    x: np.ndarray,
    names: Sequence[str] | None = None,
    *,
    times: np.ndarray | None = None,
    vmax: float | None = None,
    title: str | None = None,
    ax: Any = None,
) -> tuple[Any, Any]:
    """Draw the channels of a time series under one another, each on stripes with the colours of its scores.

    Parameters
    ----------
    scores, x : np.ndarray, shape (steps,) or (steps, channels)
    names : sequence of str, optional
        Of the channels.
    times : np.ndarray, shape (steps,), optional
        When each step is, evenly spaced; by default its number.
    vmax : float, optional
        The magnitude of full colour; by default the 99th percentile, one for all channels.
    title : str, optional
    ax : matplotlib axes, or one for each channel, optional

    Returns
    -------
    fig : matplotlib.figure.Figure
    ax : np.ndarray of matplotlib axes, one for each channel
    """
    colours, lines = (np.asarray(each, np.float64) for each in (scores, x))
    if colours.shape != lines.shape or lines.ndim not in (1, 2):
        raise InputError(
            f"series: expected scores and x of one shape, (steps,) or (steps, channels); received {colours.shape} and "
            f"{lines.shape}"
        )
    colours, lines = colours.reshape(len(colours), -1), lines.reshape(len(lines), -1)
    when = np.arange(len(lines)) if times is None else np.asarray(times)
    if when.shape != (len(lines),):
        raise InputError(f"times: expected shape {(len(lines),)}, one for each step; received {when.shape}")
    channels = lines.shape[1]
    labels = [f"channel {index}" for index in range(channels)] if names is None else list(map(plain, names))
    if len(labels) != channels:
        raise InputError(f"names: expected {channels}, one for each channel; received {len(labels)}")
    scale = vmax or scale_of([colours])
    fig, axes = panels(channels, 1, (7.0, 1.6)) if ax is None else given(ax, channels)
    half = (when[-1] - when[0]) / max(1, len(when) - 1) / 2 or 0.5
    for panel, values, line, label in zip(axes, colours.T, lines.T, labels, strict=True):
        room = ROOM * (np.ptp(line) or 1.0)
        box = (when[0] - half, when[-1] + half, line.min() - room, line.max() + room)
        style = {"cmap": "RdBu_r", "vmin": -scale, "vmax": scale, "interpolation": "nearest"}
        shown = panel.imshow(values[None], extent=box, aspect="auto", **style)
        panel.plot(when, line, color="black", linewidth=1.2)
        panel.set(ylabel=label, xlim=box[:2], ylim=box[2:])
        colour_bar(panel, shown, 1.0, label="" if channels > 1 else "contribution")
    axes[-1].set_xlabel("step" if times is None else "time")
    titled(axes[0], title)
    return fig, axes
