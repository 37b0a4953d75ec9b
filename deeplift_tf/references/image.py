"""References for images: the blurred image itself."""

from __future__ import annotations

import functools

import numpy as np

from deeplift_tf.errors import ReferencesError
from deeplift_tf.scoring.reference_sampler import ReferenceSampler

REACH = 4.0  # standard deviations after which the Gaussian is cut off


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
    return ReferenceSampler(functools.partial(_blurred, radius=radius, axes=axes))


def _blurred(x: np.ndarray, radius: float, axes: tuple[int, ...] | None) -> np.ndarray:
    spatial = tuple(range(1, x.ndim - 1)) if axes is None else axes
    if not spatial:
        raise ReferencesError(f"blurred: expected images, shape (N, ..., channels); received {x.shape}")
    result = x.astype(np.float64)
    for axis in spatial if radius else ():
        result = np.moveaxis(np.tensordot(result, blur_matrix(x.shape[axis], radius), (axis, 1)), -1, axis)
    return result.astype(x.dtype if x.dtype.kind == "f" else np.float64)


def blur_matrix(size: int, radius: float) -> np.ndarray:
    """Return the weights of every pixel of a line in every pixel of the blurred line, shape (size, size)."""
    reach = int(REACH * radius + 0.5)
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / radius) ** 2)
    weights /= weights.sum()
    folded = (np.arange(size)[:, None] + offsets) % (2 * size)  # d c b a | a b c d | d c b a
    folded = np.where(folded < size, folded, 2 * size - 1 - folded)
    matrix = np.zeros((size, size))
    np.add.at(matrix, (np.arange(size)[:, None], folded), weights)
    return matrix
