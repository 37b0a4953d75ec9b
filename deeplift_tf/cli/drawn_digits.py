"""Digits drawn from a font, each a little different: the data of the demonstration, which needs no download."""

from __future__ import annotations

from typing import Any

import numpy as np

from deeplift_tf.optional import require

SIZE = 12  # pixels
FINER = 3  # places in a pixel, along each axis, whose mean it is
FONTS = ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono")
"""Fonts that come with matplotlib."""


def drawn_digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw digits at random places, turned and stretched a little, with some noise.

    Parameters
    ----------
    count : int
    seed : int

    Returns
    -------
    x : np.ndarray, shape (count, 12, 12, 1)
        From 0, paper, to 1, ink; float32.
    y : np.ndarray, shape (count,)
        The digits; each about as often as the others.
    """
    rng = np.random.default_rng(seed)
    shapes = [[outline(str(digit), font) for font in FONTS] for digit in range(10)]
    y = rng.permutation(np.arange(count) % 10)
    x = np.stack([drawn(shapes[digit][rng.integers(len(FONTS))], rng) for digit in y])
    return np.clip(x + rng.normal(0, 0.05, x.shape), 0, 1)[..., None].astype(np.float32), y


def outline(text: str, font: str) -> Any:
    """Return the outline of a text, of height one around the origin."""
    properties = require("matplotlib.font_manager", "plots").FontProperties(family=font)
    path = require("matplotlib.textpath", "plots").TextPath((0, 0), text, size=1, prop=properties)
    low, high = path.get_extents().get_points()
    move = require("matplotlib.transforms", "plots").Affine2D().translate(*(-(low + high) / 2))
    return path.transformed(move.scale(1 / (high - low)[1]))


def drawn(shape: Any, rng: np.random.Generator) -> np.ndarray:
    """Return the share of each pixel that lies inside of an outline, which is moved, turned and stretched at random."""
    turn = require("matplotlib.transforms", "plots").Affine2D().rotate(rng.normal(0, 0.12))
    width, height = rng.uniform(0.55, 0.85, 2) * SIZE
    placed = shape.transformed(turn.scale(width, height).translate(*(SIZE / 2 + rng.uniform(-1, 1, 2))))
    steps = (np.arange(SIZE * FINER) + 0.5) / FINER
    places = np.stack(np.meshgrid(steps, steps[::-1]), -1).reshape(-1, 2)
    rings = require("matplotlib.path", "plots").Path
    inside = [rings(ring).contains_points(places) for ring in placed.to_polygons()]
    ink = np.logical_xor.reduce(inside)  # a ring inside of another is a hole
    return ink.reshape(SIZE, FINER, SIZE, FINER).mean((1, 3))
