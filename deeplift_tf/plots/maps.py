"""Normalisation of scores and pictures of any range to what can be drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.optional import require

SMALL = 64  # pixels; a picture of fewer has an outline in place of edges
OUTLINE_PIXELS = 512  # to which it is enlarged for that

CHANNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sum": lambda scores: scores.sum(-1),
    "magnitude": lambda scores: np.abs(scores).sum(-1),
    "largest": lambda scores: np.take_along_axis(scores, np.abs(scores).argmax(-1)[..., None], -1)[..., 0],
}


def chosen(name: str, value: str, options: Sequence[str]) -> str:
    """Return a value that has to be one of several."""
    if value not in options:
        raise InputError(f"{name}: expected one of {', '.join(map(repr, options))}; received {value!r}")
    return value


def map_of(scores: np.ndarray, channels: str = "sum") -> np.ndarray:
    """Return one number for each pixel.

    Parameters
    ----------
    scores : np.ndarray, shape (..., height, width, channels)
    channels : str
        "sum" keeps the sum of the contributions; "magnitude" is the sum of their magnitudes, "largest" the one of
        largest magnitude, with its sign.

    Returns
    -------
    np.ndarray, shape (..., height, width)
    """
    return CHANNELS[chosen("channels", channels, list(CHANNELS))](np.asarray(scores))


def scale_of(maps: Sequence[np.ndarray] | np.ndarray, percentile: float = 99.0) -> float:
    """Return the magnitude of full colour: a percentile of all magnitudes, so that a few pixels do not decide it.

    Parameters
    ----------
    maps : sequence of np.ndarray
        Of any shapes; together they share one scale.
    percentile : float
        From 0 to 100.

    Returns
    -------
    float
        Larger than zero, even where all scores are zero.
    """
    if not 0 < percentile <= 100:
        raise InputError(f"percentile: expected a number above 0 and up to 100; received {percentile}")
    magnitudes = np.concatenate([np.abs(np.asarray(each, np.float64)).ravel() for each in maps])
    if not np.isfinite(magnitudes).all():
        raise InputError("scores: expected finite numbers to draw; received NaN or infinity")
    scale = float(np.percentile(magnitudes, percentile)) or float(magnitudes.max())
    return scale or 1.0


def picture_of(image: np.ndarray) -> np.ndarray:
    """Return an image with values from 0 to 1 that looks as it was meant to.

    Values from 0 to 1 and from 0 to 255 are taken for what they are; anything else, normalised or negative, is spread
    from its smallest to its largest value.

    Parameters
    ----------
    image : np.ndarray, shape (height, width) or (height, width, channels)
        With 3 channels it is red, green and blue; of any other number the mean is shown.

    Returns
    -------
    np.ndarray, shape (height, width) or (height, width, 3)
    """
    array = np.asarray(image, np.float64)
    if array.ndim not in (2, 3):
        raise InputError(f"image: expected shape (height, width) or (height, width, channels); received {array.shape}")
    if array.ndim == 3 and array.shape[-1] != 3:
        array = array.mean(-1)
    low, high = float(array.min()), float(array.max())
    if low >= 0 and high <= 1:
        return array
    if low >= 0 and high <= 255 and (np.asarray(image).dtype.kind in "iu" or high > 64):
        return array / 255
    return (array - low) / (high - low or 1.0)


def lightness(picture: np.ndarray) -> np.ndarray:
    """Return a picture in shades of grey, shape (height, width)."""
    return picture if picture.ndim == 2 else picture @ np.array([0.299, 0.587, 0.114])


def edges_of(picture: np.ndarray, threshold: float | None = None) -> np.ndarray:
    """Return how strong the edges of a picture are, 0 to 1, shape (height, width) of the picture or enlarged.

    Parameters
    ----------
    picture : np.ndarray, shape (height, width) or (height, width, 3)
    threshold : float, optional
        Between 0 and 1. Edges of this part of the strength of the strong ones are drawn, and no fainter ones; without
        it faint edges are faint. In a picture of few pixels it is the lightness at which the line runs, from that of
        the darkest pixel to that of the lightest; without it the middle.
    """
    if threshold is not None and not 0 < threshold < 1:
        raise InputError(f"threshold: expected a number between 0 and 1; received {threshold}")
    grey = lightness(picture)
    if max(grey.shape) < SMALL:
        return outline(grey, 0.5 if threshold is None else threshold)
    strength = sobel(grey)
    return strength**1.5 if threshold is None else (strength >= threshold).astype(float)


def sobel(grey: np.ndarray) -> np.ndarray:
    """Return the magnitude of the gradient by Sobel's filters, relative to that of the strong edges."""
    filters = require("scipy.ndimage", "plots")
    strength = np.hypot(*(filters.sobel(grey, axis, mode="nearest") for axis in (0, 1)))
    return np.clip(strength / (np.percentile(strength, 98) or 1.0), 0, 1)


def outline(grey: np.ndarray, threshold: float) -> np.ndarray:
    """Return the line between the darker and the lighter part of a picture of few pixels, enlarged."""
    factor = -(-OUTLINE_PIXELS // max(grey.shape))
    grey = require("scipy.ndimage", "plots").zoom(grey, factor, order=1, mode="nearest", grid_mode=True)
    light = grey > grey.min() + threshold * (grey.max() - grey.min())
    line = np.zeros(grey.shape)
    width = OUTLINE_PIXELS // 64
    for axis in (0, 1):
        for step in range(1, width):
            moved = np.roll(light, step, axis) != light
            index = [slice(None), slice(None)]
            index[axis] = slice(step, None)  # what came round from the other end is no edge
            line[tuple(index)] = np.maximum(line[tuple(index)], moved[tuple(index)])
    return line
