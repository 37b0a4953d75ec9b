from __future__ import annotations

import itertools

import numpy as np
import pytest

from deeplift_tf import plots
from deeplift_tf.errors import InputError
from deeplift_tf.plots.maps import OUTLINE_PIXELS, edges_of, outline, picture_of, sobel

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _no_figures_left() -> None:
    import matplotlib.pyplot as plt

    plt.close("all")


def pixels(fig: object) -> np.ndarray:
    """Return what a figure looks like, shape (height, width, 3), 0 to 1."""
    fig.canvas.draw()  # type: ignore[attr-defined]
    return np.asarray(fig.canvas.buffer_rgba())[..., :3] / 255.0  # type: ignore[attr-defined]


def region(fig: object, ax: object) -> np.ndarray:
    """Return the pixels inside of an axes."""
    drawn = pixels(fig)
    box = ax.get_window_extent()  # type: ignore[attr-defined]
    top = len(drawn) - int(box.y1)
    return drawn[top + 2 : len(drawn) - int(box.y0) - 2, int(box.x0) + 2 : int(box.x1) - 2]


def test_signs_have_their_colours_in_their_places() -> None:
    scores = np.zeros((8, 8))
    scores[:4], scores[4:] = 1, -1
    fig, ax = plots.heatmap(scores, percentile=100)
    drawn = region(fig, ax)
    upper, lower = drawn[: len(drawn) // 3].mean((0, 1)), drawn[-len(drawn) // 3 :].mean((0, 1))
    assert upper[0] > upper[2] + 0.2
    assert lower[2] > lower[0] + 0.2


@pytest.mark.parametrize(
    ("sign", "low", "high"), [("all", -3, 3), ("positive", 0, 3), ("negative", -3, 0), ("absolute", 0, 3)]
)
def test_sign(sign: str, low: float, high: float) -> None:
    scores = np.array([[-3.0, 0.0], [1.0, 3.0]])
    _, ax = plots.heatmap(scores, sign=sign, percentile=100)
    expected = {"all": scores, "absolute": np.abs(scores)}.get(sign, np.clip(scores, low, high))
    np.testing.assert_array_equal(ax.images[0].get_array(), expected)
    assert ax.images[0].get_clim() == (low, high)


def test_all_zero_scores_are_white() -> None:
    fig, ax = plots.heatmap(np.zeros((4, 4, 3)))
    assert region(fig, ax).min() > 0.95


@pytest.mark.parametrize(("channels", "expected"), [("sum", [[-1.0]]), ("magnitude", [[7.0]]), ("largest", [[-4.0]])])
def test_channels(channels: str, expected: list[list[float]]) -> None:
    np.testing.assert_array_equal(plots.map_of(np.array([[[1.0, -4.0, 2.0]]]), channels), expected)


def test_panels_share_a_scale_unless_told_otherwise() -> None:
    scores = np.stack([np.full((2, 2, 1), -1.0), np.full((2, 2, 1), -5.0)])
    _, axes = plots.heatmap(scores)
    assert [ax.images[0].get_clim() for ax in axes] == [(-5, 5), (-5, 5)]
    _, axes = plots.heatmap(scores, vmax="each", titles=["a", "b"])
    assert [ax.images[0].get_clim() for ax in axes] == [(-1, 1), (-5, 5)]
    assert [ax.get_title() for ax in axes] == ["a", "b"]
    _, axes = plots.heatmap(scores, vmax=2.5)
    assert [ax.images[0].get_clim() for ax in axes] == [(-2.5, 2.5)] * 2


def test_a_percentile_keeps_one_pixel_from_deciding() -> None:
    scores = np.ones((20, 20))
    scores[0, 0] = 1000
    assert plots.scale_of([scores], 99) == 1
    assert plots.scale_of([scores], 100) == 1000


def test_skew_lifts_faint_scores_and_the_colour_bar_still_shows_scores() -> None:
    scores = np.array([[0.01, 1.0], [-0.01, -1.0]])
    _, ax = plots.heatmap(scores, skew=0.5, percentile=100)
    norm = ax.images[0].norm
    np.testing.assert_allclose(norm(np.array([-1, -0.01, 0, 0.01, 1])), [0, 0.45, 0.5, 0.55, 1], atol=1e-12)
    np.testing.assert_array_equal(ax.images[0].get_array(), scores)


@pytest.mark.parametrize("image", [np.linspace(0, 1, 12), np.linspace(0, 255, 12), np.linspace(-2.1, 2.6, 12)])
def test_pictures_of_any_range_look_the_same(image: np.ndarray) -> None:
    expected = np.linspace(0, 1, 12).reshape(2, 2, 3)
    np.testing.assert_allclose(picture_of(image.reshape(2, 2, 3)), expected, atol=1e-12)


def test_a_constant_picture_can_be_drawn() -> None:
    for value in (-3.0, 0.0, 1.0, 7.0):
        assert np.isfinite(picture_of(np.full((3, 3), value))).all()
        assert np.isfinite(edges_of(picture_of(np.full((3, 3), value)))).all()


@pytest.mark.parametrize(("size", "drawn"), [(16, 512), (100, 100)])
def test_edges_lie_where_the_picture_changes(size: int, drawn: int) -> None:
    picture = np.zeros((size, size))
    picture[:, size // 2 :] = 1
    strength = edges_of(picture)
    assert strength.shape == (drawn, drawn)
    found = np.flatnonzero(strength.max(0)) / drawn
    assert 0.46 < found.min() < found.max() < 0.54


def test_the_image_is_below_the_colours_and_its_edges_above() -> None:
    image = np.zeros((16, 16, 3))
    image[:, 8:] = 1
    fig, ax = plots.heatmap(np.zeros((16, 16)), image, edges=True, alpha=0.5)
    assert len(ax.images) == 3
    drawn = region(fig, ax).mean(2)
    width = drawn.shape[1]
    left, middle, right = (drawn[:, int(f * width)].mean() for f in (0.2, 0.5, 0.8))
    assert left < right - 0.25  # black, made lighter and half covered by white, and white
    assert middle < right - 0.3


def test_an_image_beside_its_map() -> None:
    images = np.zeros((2, 4, 4, 3))
    images[1, ..., 0] = 1
    fig, axes = plots.heatmap(np.ones((2, 4, 4, 3)), images, beside=True, alpha=1, titles=["a", "b"], percentile=100)
    assert [ax.get_title() for ax in axes] == ["a", "", "b", ""]
    np.testing.assert_array_equal(axes[2].images[0].get_array(), images[1])
    np.testing.assert_array_equal(axes[3].images[-1].get_array(), np.full((4, 4), 3.0))
    black, red, pure = (region(fig, ax).mean((0, 1)) for ax in (axes[0], axes[1], axes[2]))
    assert black.max() < 0.05
    np.testing.assert_allclose(pure, [1, 0, 0], atol=0.05)
    assert red[0] > red[2] + 0.2  # the end of the scale of colours
    with pytest.raises(InputError, match="beside: expected images"):
        plots.heatmap(np.ones((4, 4)), beside=True)


def test_maps_of_different_sizes() -> None:
    _, axes = plots.heatmap([np.ones((3, 4)), np.ones((5, 2, 3))])
    assert [ax.images[0].get_array().shape for ax in axes] == [(3, 4), (5, 2)]


def test_axes_of_the_user() -> None:
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2)
    returned, ax = plots.heatmap(np.ones((2, 3, 3, 1)), ax=axes)
    assert returned is fig
    assert list(ax) == list(axes)
    fig, one = plt.subplots()
    assert plots.heatmap(np.ones((3, 3)), ax=one) == (fig, one)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scores": np.ones(3)}, "expected shape"),
        ({"scores": np.ones((3, 3)), "sign": "both"}, "sign: expected one of 'all'"),
        ({"scores": np.ones((3, 3)), "skew": 0.0}, "skew"),
        ({"scores": np.ones((3, 3)), "vmax": 0.0}, "vmax"),
        ({"scores": np.ones((3, 3)), "percentile": 0.0}, "percentile"),
        ({"scores": np.full((3, 3), np.nan)}, "finite"),
        ({"scores": np.ones((3, 3, 2)), "channels": "mean"}, "channels"),
        ({"scores": np.ones((3, 3)), "images": np.ones((4, 3))}, r"expected height and width \(3, 3\)"),
        ({"scores": np.ones((2, 3, 3, 1)), "titles": ["a"]}, "titles: expected 2"),
    ],
)
def test_what_cannot_be_drawn(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plots.heatmap(**arguments)  # type: ignore[arg-type]


def test_an_image_scaled_by_its_scores() -> None:
    scores = np.zeros((4, 4, 3))
    scores[0, 0], scores[3, 3] = 1, -0.5
    _, ax = plots.scaled_image(scores, np.full((4, 4, 3), 200, np.uint8), percentile=100)
    shown = np.asarray(ax.images[0].get_array())
    np.testing.assert_allclose(shown[0, 0], 200 / 255)
    np.testing.assert_allclose(shown[3, 3], 100 / 255)
    assert shown[1, 1].max() == 0


def test_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "show", lambda: pytest.fail("plt.show was called"))
    before = matplotlib.get_backend()
    plots.heatmap(np.ones((3, 3)))
    plots.bars(np.ones(3))
    plots.text(["a"], [1.0])
    assert matplotlib.get_backend() == before


@pytest.mark.parametrize(
    ("shape", "images", "maps"),
    [
        ((5, 28, 28), None, 5),
        ((5, 28, 20), None, 5),
        ((28, 28, 28), None, 28),
        ((1, 9, 7), None, 1),
        ((10, 4, 4), None, 10),
        ((8, 7, 3), None, None),
        ((7, 9, 1), None, None),
        ((8, 8, 64), None, None),  # the channels of a hidden layer
        ((5, 8, 9), (5, 8, 9, 3), 5),
        ((5, 8, 9), (5, 8, 9), 5),
        ((3, 8, 3), (3, 8, 3, 1), 3),  # the images decide
        ((6, 8, 12), (6, 8, 3), None),
        ((6, 8, 12), (6, 8), None),
        ((5, 8, 9, 3), (5, 8, 9), 5),
        ((8, 9), (8, 9, 3), None),
    ],
)
def test_maps_of_several_pictures_are_as_many_panels(
    shape: tuple[int, ...], images: tuple[int, ...] | None, maps: int | None
) -> None:
    scores = np.random.default_rng(0).normal(size=shape)
    _, ax = plots.heatmap(scores, None if images is None else np.random.default_rng(1).random(images), columns=7)
    drawn = [ax] if maps is None else list(ax)
    assert len(drawn) == (maps or 1)
    several = scores if maps else scores[None]
    for panel, expected in zip(drawn, several, strict=True):
        summed = expected if expected.ndim == 2 else expected.sum(-1)
        np.testing.assert_allclose(panel.images[-1].get_array(), summed)


def test_maps_that_do_not_fit_the_images() -> None:
    with pytest.raises(InputError, match="images: expected"):
        plots.heatmap(np.zeros((5, 8, 9)), np.zeros((4, 8, 9, 3)))
    with pytest.raises(InputError, match="scores: expected those of one image"):
        plots.scaled_image(np.zeros((5, 28, 28)), np.zeros((28, 28)))


def test_a_map_by_itself_is_large_and_a_size_can_be_chosen() -> None:
    scores = np.random.default_rng(0).normal(size=(20, 40))
    fig, ax = plots.heatmap(scores)
    assert region(fig, ax).shape[1] > 330  # of 440 pixels, which the colour bar shares
    few, axes = plots.heatmap(np.stack([scores, scores]))
    assert region(few, axes[0]).shape[1] < 230
    large, ax = plots.heatmap(scores, size=7.0)
    assert large.get_figwidth() == 7.0 and region(large, ax).shape[1] > 560
    own, ax = plots.heatmap(np.zeros((300, 500)), size="pixels", colorbar=False)
    assert 490 <= region(own, ax).shape[1] + 4 <= 530
    with pytest.raises(InputError, match="size: expected a width in inches, or 'pixels'; received 'large'"):
        plots.heatmap(scores, size="large")


@pytest.mark.parametrize("shape", [(20, 40), (40, 20)])
@pytest.mark.parametrize("laid_out", [True, False])
def test_bars_are_as_high_as_the_maps(shape: tuple[int, int], laid_out: bool) -> None:
    import matplotlib.pyplot as plt

    own = None if laid_out else plt.subplots()[1]
    fig, ax = plots.heatmap(np.random.default_rng(0).normal(size=shape), ax=own)
    fig.canvas.draw()
    bar = ax.child_axes[0] if laid_out else fig.axes[1]
    map_, beside = (each.get_window_extent() for each in (ax, bar))
    np.testing.assert_allclose((beside.y0, beside.y1), (map_.y0, map_.y1), atol=1)
    assert beside.x0 > map_.x1 and beside.x1 < fig.bbox.x1


def test_rows_of_maps_have_a_bar_each() -> None:
    _, axes = plots.heatmap(np.random.default_rng(0).normal(size=(5, 6, 6, 1)), columns=2)
    assert [len(ax.child_axes) for ax in axes] == [0, 1, 0, 1, 1]
    _, axes = plots.heatmap(np.random.default_rng(0).normal(size=(3, 6, 6, 1)), columns=2, vmax="each")
    assert [len(ax.child_axes) for ax in axes] == [1, 1, 1]


def test_maps_that_are_never_negative_start_at_zero() -> None:
    maps = [np.full((2, 2), 3.0), np.full((2, 2), -1.0)]
    _, ax = plots.heatmap(maps[0])
    assert ax.images[0].get_clim() == (0, 3) and ax.images[0].get_cmap().name == "Reds"
    _, ax = plots.heatmap(maps[0], cmap="PuOr_r")  # of two ends, chosen by the user
    assert ax.images[0].get_clim() == (-3, 3)
    _, axes = plots.heatmap(maps)
    assert [each.images[0].get_clim() for each in axes] == [(-3, 3)] * 2
    _, axes = plots.heatmap(maps, vmax="each")
    assert [each.images[0].get_clim() for each in axes] == [(0, 3), (-1, 1)]


@pytest.mark.parametrize("lightness", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("alpha", [0.3, 0.5, 1.0])
def test_colours_of_the_map_are_those_of_the_bar(lightness: float, alpha: float) -> None:
    scores = np.full((8, 8), 0.5)
    scores[4:] = -0.5
    fig, ax = plots.heatmap(scores, np.full((8, 8), lightness), alpha=alpha, vmax=1.0)
    drawn, bar = region(fig, ax), region(fig, ax.child_axes[0])
    middle, quarter = bar.shape[1] // 2, len(bar) // 4
    np.testing.assert_allclose(drawn[5, 5], bar[quarter, middle], atol=0.03)  # some steps of 256 colours
    np.testing.assert_allclose(drawn[-5, 5], bar[-quarter, middle], atol=0.03)


def test_long_titles_wrap() -> None:
    fig, axes = plots.heatmap(np.ones((3, 4, 4)), titles=["a title of a row, which is wide: Δt = 3\nsecond"] * 3)
    fig.canvas.draw()
    assert axes[0].get_title().count("\n") >= 2 and axes[0].get_title().endswith("\nsecond")
    for left, right in itertools.pairwise(axes):
        assert left.title.get_window_extent().x1 < right.title.get_window_extent().x0


def test_edges_of_two_pictures_on_one_map() -> None:
    images = [np.zeros((80, 80)), np.zeros((80, 80))]
    images[0][:40], images[1][:, :40] = 1, 1
    _, ax = plots.heatmap(np.zeros((80, 80)))
    fig, same = plots.edges(images, threshold=0.5, colors=["black", "#00ff00"], ax=ax)
    assert same is ax and len(ax.images) == 3
    drawn = pixels(fig)
    assert (drawn.sum(-1) < 0.1).any() and (np.abs(drawn - [0, 1, 0]).max(-1) < 0.05).any()
    assert set(np.unique(edges_of(picture_of(images[0]), 0.5))) == {0, 1}
    ramp = np.linspace(0, 1, 20)[None] * np.ones((20, 1))
    dark, light = (np.argmax(edges_of(ramp, level)[0] > 0) for level in (0.2, 0.8))
    np.testing.assert_allclose([dark, light], [0.2 * 512, 0.8 * 512], atol=30)
    for arguments, message in (
        ({"images": [np.zeros((3, 3)), np.zeros((4, 3))]}, "one or more of one size"),
        ({"images": images, "colors": "black"}, "expected 2, one for each picture; received 1"),
        ({"images": images, "threshold": 1.5}, "threshold: expected a number between 0 and 1"),
    ):
        with pytest.raises(InputError, match=message):
            plots.edges(**arguments)


def test_words_with_underscores_are_cut_behind_them() -> None:
    from deeplift_tf.plots.figure import folded

    assert folded("integrated_gradients", 15) == ["integrated_", "gradients"]
    assert folded("row 3, class 7", 8) == ["row 3,", "class 7"]
    assert folded("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert folded("", 4) == [""]


def test_sobel_is_the_length_of_the_gradient_over_three_lines() -> None:
    grey = np.random.default_rng(4).random((9, 7))
    padded = np.pad(grey, 1, mode="edge")
    smooth, step = np.array([1, 2, 1]), np.array([-1, 0, 1])
    strength = np.zeros(grey.shape)
    for row, column in np.ndindex(grey.shape):
        around = padded[row : row + 3, column : column + 3]
        strength[row, column] = np.hypot(step @ around @ smooth, smooth @ around @ step)
    expected = np.clip(strength / np.percentile(strength, 98), 0, 1)
    np.testing.assert_allclose(sobel(grey), expected, rtol=1e-6)


def test_an_outline_is_drawn_between_the_middles_of_pixels() -> None:
    """A step from 0 to 1 between two columns crosses one half midway between their middles."""
    grey = np.zeros((8, 8))
    grey[:, 4:] = 1
    line = outline(grey, 0.5)
    assert line.shape == (OUTLINE_PIXELS, OUTLINE_PIXELS)
    columns = np.flatnonzero(line.any(0))
    assert columns[0] == OUTLINE_PIXELS // 2 and len(columns) == OUTLINE_PIXELS // 64 - 1
    assert (line == line[:1]).all()
