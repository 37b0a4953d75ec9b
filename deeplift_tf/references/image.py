"""References for images: the blurred image itself."""

from __future__ import annotations

import functools

import numpy as np

from deeplift_tf.errors import ReferencesError
from deeplift_tf.optional import require
from deeplift_tf.scoring.reference_sampler import ReferenceSampler

REACH = 4.0  # standard deviations after which the Gaussian is cut off
NEEDED = "scipy.ndimage"


def blurred(radius: float = 3.0, axes: tuple[int, ...] | None = None) -> ReferenceSampler:
    """Return a maker of images blurred by a Gaussian; beyond the border the image is mirrored.

    Parameters
    ----------
    radius : float
        Standard deviation in pixels; zero leaves the image as it is.
    axes : tuple of int, optional
        Spatial axes of a batch. The default is all but the first, of rows, and the last, of channels.
    """
    if radius < 0:
        raise ReferencesError(f"blurred: expected a radius of at least 0 pixels; received {radius}")
    require(NEEDED, "references")  # say so before a model is read
    return ReferenceSampler(functools.partial(_blurred, radius=radius, axes=axes))


def _blurred(x: np.ndarray, radius: float, axes: tuple[int, ...] | None) -> np.ndarray:
    spatial = tuple(range(1, x.ndim - 1)) if axes is None else axes
    if not spatial:
        raise ReferencesError(f"blurred: expected images, shape (N, ..., channels); received {x.shape}")
    sigma = np.zeros(x.ndim)
    sigma[list(spatial)] = radius
    result = require(NEEDED, "references").gaussian_filter(x.astype(np.float64), sigma, truncate=REACH)
    return result.astype(x.dtype if x.dtype.kind == "f" else np.float64)
