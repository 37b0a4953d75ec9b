"""Scores of images as colours over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.plots.colourbar import colour_bar, ground_of, shared_bars
from deeplift_tf.plots.edges import draw_edges, place_of
from deeplift_tf.plots.figure import given, panels, titled
from deeplift_tf.plots.maps import chosen, lightness, map_of, picture_of, scale_of
from deeplift_tf.plots.sizes import panel_size


class Sign(NamedTuple):
    """What is shown of the sign of a score: colours, and the ends of the scale in units of vmax."""

    cmap: str
    low: float
    high: float


DARKEST = 0.4  # grey in the place of black below colours
MOST_CHANNELS = 4  # of an image: grey, colours, transparency; also the letters of DNA

SIGNS = {
    "all": Sign("RdBu_r", -1, 1),
    "positive": Sign("Reds", 0, 1),
    "negative": Sign("Blues_r", -1, 0),
    "absolute": Sign("Reds", 0, 1),
}


def heatmap(
    scores: np.ndarray | Sequence[np.ndarray],
    images: np.ndarray | Sequence[np.ndarray] | None = None,
    *,
    channels: str = "sum",
    sign: str = "all",
    percentile: float = 99.0,
    vmax: float | str = "shared",
    skew: float = 1.0,
    alpha: float = 0.5,
    edges: bool = False,
    beside: bool = False,
    cmap: Any = None,
    titles: str | Sequence[str] | None = None,
    columns: int = 5,
    size: float | str | None = None,
    colorbar: bool = True,
    ax: Any = None,
) -> tuple[Any, Any]:
    """Draw scores as colours: red for contributions above zero, blue for those below, white for none.

    Parameters
    ----------
    scores : np.ndarray, shape (height, width), (height, width, channels), (N, height, width[, channels]), or sequence
        A sequence holds maps of the first two shapes, which need not be of one size. Three axes are one map of at
        most 4 channels or N maps, whichever fits the images and the sizes; ``scores[None]`` and ``scores[..., None]``
        leave no doubt.
    images : np.ndarray or sequence, optional
        What was scored, likewise: shown in grey below the colours. Any range of values will do.
    channels : "sum", "magnitude" or "largest"
        How the channels become one map; see `map_of`.
    sign : "all", "positive", "negative" or "absolute"
        The part of the scores that is shown. Maps without any below zero are shown from zero on, unless `cmap` is
        given.
    percentile : float
        Full colour is reached at this percentile of the magnitudes; 98 to 99.9 are usual.
    vmax : float, "shared" or "each"
        The magnitude of full colour: a number; "shared", one for all panels, so that they compare; "each", its own.
    skew : float
        A power below 1 lifts faint scores: the colour follows |score/vmax|**skew.
    alpha : float
        How much the colours cover the image: 0 not at all, 1 entirely.
    edges : bool
        Draw the edges of the image over the colours.
    beside : bool
        Draw each image as it is, too, left of its map and under its title.
    cmap : str or matplotlib colormap, optional
    titles : str or sequence of str, optional
        One for each panel.
    columns : int
        Maps in a row.
    size : float or "pixels", optional
        The width of a panel, inches, or as many pixels of the figure as the picture has; by default a map by itself is
        twice as wide as each of several.
    colorbar : bool
        Bars as high as the maps, one for each row of them, or with ``vmax="each"`` for each map.
    ax : matplotlib axes, or sequence of them, optional
        Where to draw; by default a new figure. With `beside` two for each map, the image's first.

    Returns
    -------
    fig : matplotlib.figure.Figure
    ax : matplotlib axes, or np.ndarray of them where there are several

    Raises
    ------
    InputError
        If shapes or options do not fit.
    MissingExtraError
        If matplotlib is not installed.
    """
    chosen("sign", sign, list(SIGNS))
    one, one_image = is_one(scores, images)
    arrays, alone = listed(scores, one), one
    maps = [signed(array if array.ndim == 2 else map_of(array, channels), sign) for array in arrays]
    pictures = [None] * len(maps) if images is None else [picture_of(image) for image in listed(images, one_image)]
    require_matching(maps, pictures)
    if beside and images is None:
        raise InputError("beside: expected images to draw beside the maps; received none")
    names = [titles] if isinstance(titles, str) else list(titles or [""] * len(maps))
    if len(names) != len(maps):
        raise InputError(f"titles: expected {len(maps)}, one for each map; received {len(names)}")
    scales, signs = scales_of(maps, vmax, percentile), signs_of(maps, sign, vmax, cmap)
    each_has = 2 if beside else 1
    count = each_has * len(maps)
    wanted = panel_size(maps, names, size, count)
    fig, axes = panels(count, each_has * columns, wanted) if ax is None else given(ax, count)
    shaded, below = axes[each_has - 1 :: each_has], [below_colours(picture, alpha) for picture in pictures]
    for panel, each, picture, under, shown, scale in zip(shaded, maps, pictures, below, signs, scales, strict=True):
        colours = draw(panel, each, under, norm_of(shown, scale, skew), cmap or shown.cmap, alpha)
        if picture is not None and edges:
            draw_edges(panel, picture, each.shape)
        if colorbar and vmax == "each":
            colour_bar(panel, colours, ground_of([under]))
    if colorbar and vmax != "each":
        in_a_row = columns if ax is None else len(shaded)
        rows = [list(shaded[start : start + in_a_row]) for start in range(0, len(shaded), in_a_row)]
        shared_bars(rows, colours, ground_of(below))
    for panel, picture, title in zip(axes[::each_has], pictures, names, strict=True):
        if beside:
            show(panel, picture)
        titled(panel, title or None)
    return fig, axes[0] if alone and not beside else axes


def listed(arrays: np.ndarray | Sequence[np.ndarray], one: bool) -> list[np.ndarray]:
    """Return arrays as a list of maps or images.

    Parameters
    ----------
    arrays : np.ndarray or sequence of np.ndarray
    one : bool
        Whether an array of three axes is one map of several channels, rather than N maps.
    """
    if isinstance(arrays, list | tuple):
        each = [np.asarray(array) for array in arrays]
    else:
        array = np.asarray(arrays)
        single = array.ndim == 2 or (array.ndim == 3 and one)
        each = list(array) if array.ndim in (3, 4) and not single else [array]
    if not each or any(array.ndim not in (2, 3) for array in each):
        raise InputError(
            "expected shape (height, width), (height, width, channels), (N, height, width), (N, height, width, "
            f"channels), or a list of the first two; received {[array.shape for array in each][:3]}"
        )
    return each


def is_one(scores: Any, images: Any = None) -> tuple[bool, bool]:
    """Return whether scores, and images, of three axes are one map of several channels; else they are N maps.

    Their numbers and sizes have to agree. If both readings do, the shape decides, see `_looks_like_one`.
    """
    guess = (_looks_like_one(scores), _looks_like_one(images))
    if images is None:
        return guess
    fitting = [
        (one, one_image)
        for one in _readings(scores)
        for one_image in _readings(images)
        if _sizes(scores, one) == _sizes(images, one_image)
    ]
    return fitting[0] if len(fitting) == 1 else guess


def _rank(arrays: Any) -> int | None:
    return None if arrays is None or isinstance(arrays, list | tuple) else np.ndim(arrays)


def _readings(arrays: Any) -> list[bool]:
    """Return what an array may be: one map, or several."""
    rank = _rank(arrays)
    return [True, False] if rank == 3 else [rank == 2]


def _sizes(arrays: Any, one: bool) -> list[tuple[int, ...]]:
    """Return the height and width of each map."""
    return [each.shape[:2] for each in listed(arrays, one)]


def _looks_like_one(arrays: Any) -> bool:
    """Whether an array is one map; of three axes, whether the last one looks like channels rather than a width.

    It does if it has at most 4 entries, or if the first two axes alone are as long as each other.
    """
    if _rank(arrays) != 3:
        return _rank(arrays) == 2
    first, second, last = np.shape(arrays)
    if second == last != first:
        return False
    return last <= MOST_CHANNELS or first == second != last


def signed(values: np.ndarray, sign: str) -> np.ndarray:
    """Return the part of a map that is shown."""
    if sign == "absolute":
        return np.abs(values)
    if sign == "all":
        return values
    return np.maximum(values, 0) if sign == "positive" else np.minimum(values, 0)


def require_matching(maps: Sequence[np.ndarray], pictures: Sequence[np.ndarray | None]) -> None:
    """Refuse images that are not those of the maps."""
    if len(pictures) != len(maps):
        raise InputError(f"images: expected {len(maps)}, one for each map; received {len(pictures)}")
    for each, picture in zip(maps, pictures, strict=True):
        if picture is not None and picture.shape[:2] != each.shape:
            raise InputError(
                f"images: expected height and width {each.shape} as the map has; received {picture.shape[:2]}"
            )


def signs_of(maps: Sequence[np.ndarray], sign: str, vmax: float | str, cmap: Any) -> list[Sign]:
    """Return what is shown of the sign in each map: of scores that are never below zero, the part above it."""
    one_sided = [sign == "all" and cmap is None and each.min() >= 0 < each.max() for each in maps]
    if vmax != "each":  # on one scale
        one_sided = [all(one_sided)] * len(maps)
    return [SIGNS["positive" if each else sign] for each in one_sided]


def below_colours(picture: np.ndarray | None, alpha: float) -> np.ndarray | None:
    """Return what lies below the colours: the picture in shades of grey that let red and blue be seen."""
    if picture is None or alpha == 1:
        return None
    return DARKEST + (1 - DARKEST) * lightness(picture)


def scales_of(maps: Sequence[np.ndarray], vmax: float | str, percentile: float) -> list[float]:
    """Return the magnitude of full colour for each map."""
    if vmax == "each":
        return [scale_of([each], percentile) for each in maps]
    if isinstance(vmax, str):
        chosen("vmax", vmax, ["shared", "each"])
        return [scale_of(maps, percentile)] * len(maps)
    if not vmax > 0:
        raise InputError(f"vmax: expected a number above zero, 'shared' or 'each'; received {vmax}")
    return [float(vmax)] * len(maps)


def norm_of(sign: Sign, scale: float, skew: float) -> Any:
    """Return what maps scores to colours; the colour bar shows scores, not powers of them."""
    from matplotlib.colors import FuncNorm, Normalize

    low, high = sign.low * scale, sign.high * scale
    if skew == 1:
        return Normalize(low, high)
    if not skew > 0:
        raise InputError(f"skew: expected a power above zero; received {skew}")

    def power(exponent: float) -> Any:
        return lambda v: np.sign(v) * scale * np.abs(np.asarray(v) / scale) ** exponent

    return FuncNorm((power(skew), power(1 / skew)), low, high)


def show(panel: Any, picture: Any) -> None:
    """Draw an image as it is."""
    panel.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    panel.set_xticks([])
    panel.set_yticks([])


def draw(panel: Any, values: np.ndarray, under: Any, norm: Any, cmap: Any, alpha: float) -> Any:
    """Draw one map, over what lies below it; return what a colour bar is made for."""
    place = place_of(values.shape)
    if under is not None:
        panel.imshow(under, cmap="gray", vmin=0, vmax=1, **place)
    colours = panel.imshow(values, cmap=cmap, norm=norm, alpha=1 if under is None else alpha, **place)
    panel.set_xticks([])
    panel.set_yticks([])
    return colours
