"""A reference before and after its output was made uniform, with the probabilities of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.plots.figure import given, panels, plain, titled
from deeplift_tf.plots.heatmap import show
from deeplift_tf.plots.maps import picture_of

NAMED = 12  # classes whose names fit below the bars


def before_after(
    images: Sequence[np.ndarray] | np.ndarray,
    probabilities: Sequence[np.ndarray] | np.ndarray,
    names: Sequence[str] | None = None,
    *,
    titles: Sequence[str] = ("before", "after"),
    ax: Any = None,
) -> tuple[Any, Any]:
    """Draw the start of `dl.references.uniform_output` and what became of it; below each what the network says.

    Parameters
    ----------
    images : two of np.ndarray, shape (height, width[, channels])
    probabilities : two of np.ndarray, shape (classes,)
        The outputs for both.
    names : sequence of str, optional
        Of the classes.
    titles : two of str
    ax : matplotlib axes, shape (2, 2), optional

    Returns
    -------
    fig : matplotlib.figure.Figure
    ax : np.ndarray of matplotlib axes, shape (2, 2)
    """
    outputs = [np.asarray(each) for each in probabilities]
    if len(images) != 2 or len(outputs) != 2 or outputs[0].shape != outputs[1].shape or outputs[0].ndim != 1:
        raise InputError(
            f"before_after: expected two images and two outputs of shape (classes,); received {len(images)} images and "
            f"outputs of shapes {[each.shape for each in outputs]}"
        )
    count = len(outputs[0])
    labels = [str(index) for index in range(count)] if names is None else list(map(plain, names))
    if len(labels) != count:
        raise InputError(f"names: expected {count}, one for each class; received {len(labels)}")
    fig, axes = panels(4, 2, (3.0, 2.4)) if ax is None else given(ax, 4)
    grid = axes.reshape(2, 2)
    for column, (image, output, title) in enumerate(zip(images, outputs, titles, strict=True)):
        show(grid[0, column], picture_of(image))
        titled(grid[0, column], title)
        below = grid[1, column]
        below.bar(np.arange(count), output, color="#2166ac")
        below.axhline(1 / count, color="black", linewidth=0.8, linestyle="--", label="uniform")
        below.set(ylim=(0, 1), ylabel="probability", xlabel="class")
        if count <= NAMED:
            below.set_xticks(range(count), labels, rotation=45 if names is not None else 0)
        below.legend()
    return fig, grid
