"""Long sequences: which part is drawn, where it lies, what is written below, and how long it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from deeplift_tf import plots
from deeplift_tf.errors import InputError
from deeplift_tf.io.scores_file import open_scores
from deeplift_tf.plots.annotations import Annotation, lanes
from deeplift_tf.plots.glyphs import stacked
from deeplift_tf.plots.stretch import busiest
from deeplift_tf.report import Drawing, Part, read_annotations
from tests.support.command_line import run

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
LENGTH = 400


@pytest.fixture(autouse=True)
def _no_figures_left() -> None:
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    """Two windows of chromosome 1, with large scores from 150 and from 290 on."""
    rng = np.random.default_rng(0)
    x = np.eye(4, dtype=np.int8)[rng.integers(0, 4, (2, LENGTH))]
    contributions = x * rng.normal(size=(2, LENGTH, 1)) * 0.01
    contributions[0, 150:170] += x[0, 150:170]
    contributions[1, 290:310] -= x[1, 290:310]
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["contributions"], file["sequences"] = contributions, x
        file["hypothetical"] = rng.normal(size=x.shape)
        file["names"] = [b"chr1:1000-1400", b"chr1:5000-5400"]
    return tmp_path / "s.h5"


def test_the_busiest_stretch_is_that_of_the_largest_sum() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(300, 4))
    sums = [np.abs(scores[start : start + 50].sum(1)).sum() for start in range(251)]
    best = int(np.argmax(sums))
    assert busiest(scores, 50) == (best, best + 50)
    assert busiest(scores[:50], 50) == (0, 50)


def test_parts_by_every_spelling() -> None:
    scores = np.zeros((LENGTH, 4))
    assert Part("all").of(scores) == (0, LENGTH)
    assert Part("span", 20, 60).of(scores) == (20, 60)
    assert Part("summit", 0, 100).of(scores) == (100, 301)
    assert Part("around", 10, 30).of(scores) == (0, 41)
    with pytest.raises(InputError, match="positions 0 to 400; received 390:401"):
        Part("span", 390, 401).of(scores)


def test_each_row_shows_its_busiest_part_in_coordinates_of_the_genome(scores: Path) -> None:
    with open_scores(scores) as file:
        fig = Drawing("logo").figure([file], [0, 1])
    fig.canvas.draw()
    shown = [ax.get_xlim() for ax in fig.axes]
    assert shown[0][0] < 150 < 170 < shown[0][1]
    assert shown[1][0] < 290 < 310 < shown[1][1]
    assert all(high - low == 120 for low, high in shown)
    ticks = {round(tick): label.get_text() for tick, label in zip(*tick_labels(fig.axes[1]), strict=True)}
    assert ticks
    assert all(text == f"{5000 + position:,}" for position, text in ticks.items())
    assert fig.axes[1].get_xlabel() == "position on chr1"


def tick_labels(ax: Any) -> tuple[list[float], list[Any]]:
    return list(ax.get_xticks()), list(ax.get_xticklabels())


def test_hits_lie_under_the_letters_they_are_about(scores: Path, tmp_path: Path) -> None:
    bed = tmp_path / "hits.bed"
    bed.write_text(
        "chrom\tstart\tend\tname\tscore\tstrand\n"
        "chr1\t1150\t1170\tGATA\t9\t+\nchr1\t1160\t1168\tSPI1\t9\t-\nchr2\t1150\t1170\tother\nchr1\t5010\t5020\tfar\n"
    )
    with open_scores(scores) as file:
        fig = Drawing("logo", annotations=[read_annotations(bed)]).figure([file], [0])
    (ax,) = fig.axes
    assert {text.get_text() for text in ax.texts} == {"GATA →", "SPI1 ←"}
    (first, second) = sorted(ax.patches, key=lambda patch: patch.get_x())
    low, high = ax.get_xlim()
    ends = [first.get_x(), first.get_x() + first.get_width()]
    np.testing.assert_allclose(low + (high - low) * np.array(ends), [149.5, 169.5])
    assert second.get_y() + second.get_height() < first.get_y()  # in a lane of its own
    bottoms = [path.get_extents().y0 for path in ax.collections[0].get_paths()]
    assert first.get_y() + first.get_height() < min(bottoms)


def test_names_that_would_lie_over_one_another_get_lanes() -> None:
    spans = [Annotation(0, 10, "a"), Annotation(20, 30, "b"), Annotation(5, 15, "c"), Annotation(31, 33, "a long name")]
    assert lanes(spans, 120) == [0, 0, 1, 1]


def test_a_line_that_is_no_region_is_named(tmp_path: Path) -> None:
    (tmp_path / "hits.bed").write_text("chr1\t5\t9\tx\nchr1\t9\t5\ty\n")
    with pytest.raises(InputError, match=r"hits.bed, line 2: expected chromosome, start, end"):
        read_annotations(tmp_path / "hits.bed")


def test_letters_of_a_position_stand_on_one_another() -> None:
    heights = np.array([[1.0, 3.0, -2.0, -0.5], [0.0, 0.0, 0.0, 2.0]])
    np.testing.assert_allclose(stacked(heights), np.array([[0, 1, -2.5, -0.5], [0, 0, 0, 0]]))


def test_two_thousand_letters_are_one_collection() -> None:
    rng = np.random.default_rng(0)
    x = np.eye(4)[rng.integers(0, 4, 2114)]
    fig, ax = plots.logo(x * rng.normal(size=(2114, 1)), x)
    fig.canvas.draw()
    assert len(ax.collections) == 1 and not ax.patches  # one artist: a patch for each letter took half a minute
    assert len(ax.collections[0].get_paths()) == 2114


def test_the_map_of_mutations_has_what_each_changes() -> None:
    rng = np.random.default_rng(0)
    effects, x = rng.normal(size=(6, 4)), np.eye(4)[[0, 1, 2, 3, 0, 1]]
    _, ax = plots.letter_map(effects, x, start=1, end=5)
    expected = np.array([[effects[i, j] - effects[i, x[i].argmax()] for i in range(1, 5)] for j in range(4)])
    np.testing.assert_allclose(np.asarray(ax.images[0].get_array()), expected)
    np.testing.assert_allclose(ax.collections[0].get_offsets(), [(1, 1), (2, 2), (3, 3), (4, 0)])
    assert [label.get_text() for label in ax.get_yticklabels()] == list("ACGT")
    with pytest.raises(InputError, match=r"expected effects, and x, of shape \(length, 4\)"):
        plots.letter_map(effects[:, :3])


def test_mutagenesis_is_drawn_as_its_map(scores: Path) -> None:
    with h5py.File(scores, "a") as file:
        file.attrs["arguments"] = '{"method": "in-silico-mutagenesis"}'
    with open_scores(scores) as file:
        from deeplift_tf.report import kind_of

        assert kind_of(file) == "map"
        fig = Drawing("map", part=Part("span", 10, 50)).figure([file], [0])
    assert fig.axes[0].get_xlim() == fig.axes[1].get_xlim() == (9.5, 49.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--zoom", "5:9", "--around", "summit", "3"], "expected one of them"),
        (["--zoom", "5-9"], "--zoom: expected START:END; received '5-9'"),
        (["--zoom", "5:401"], "positions 0 to 400; received 5:401"),
        (["--around", "peak", "5"], "expected 'summit' or a position"),
    ],
)
def test_one_line_for_a_mistake(scores: Path, options: list[str], message: str) -> None:
    result = run("plot", scores, "-o", scores.parent / "p.png", *options)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr


def test_from_the_command_line(scores: Path) -> None:
    sizes = []
    for options in ([], ["--around", "summit", "20"], ["--zoom", "all"]):
        out = scores.parent / "p.png"
        result = run("plot", scores, "-o", out, "--overwrite", "--rows", "0", *options)
        assert result.exit_code == 0, result.stderr
        sizes.append(matplotlib.image.imread(out).shape[1])
    assert sizes[1] < sizes[0] < sizes[2]
