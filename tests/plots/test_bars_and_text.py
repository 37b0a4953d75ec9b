from __future__ import annotations

import re
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf import plots
from deeplift_tf.errors import InputError, MissingExtraError
from deeplift_tf.plots.maps import edges_of

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _no_figures_left() -> None:
    import matplotlib.pyplot as plt

    plt.close("all")


def test_bars_are_sorted_by_magnitude() -> None:
    _, ax = plots.bars(np.array([1.0, -5.0, 0.5, 3.0]), ["a", "b", "c", "d"], most=3)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "d", "a"]
    assert [bar.get_width() for bar in ax.patches] == [-5, 3, 1]
    assert ax.patches[0].get_facecolor() != ax.patches[1].get_facecolor()


def test_bars_of_any_shape_are_named_by_their_index() -> None:
    _, ax = plots.bars(np.array([[1.0, 2.0], [3.0, 4.0]]), most=1)
    assert ax.get_yticklabels()[0].get_text() == "(1, 1)"
    with pytest.raises(InputError, match="names: expected 3"):
        plots.bars(np.ones(3), ["a"])


def test_words_are_coloured_by_their_scores() -> None:
    page = plots.text_html(["good", "bad", "the"], [2.0, -2.0, 0.0])
    red, blue, white = ([int(n) for n in rgb] for rgb in re.findall(r"rgb\((\d+),(\d+),(\d+)\)", page))
    assert red[0] > red[2] + 100
    assert blue[2] > blue[0] + 100
    assert white == [255, 255, 255]
    assert 'aria-label="bad -2"' in page


def test_words_are_data_in_html() -> None:
    page = plots.text_html(['<script>"&'], [1.0])
    assert "<script>" not in page
    assert "&lt;script&gt;&quot;&amp;" in page


def test_scores_of_an_embedding_are_summed() -> None:
    assert plots.text_html(["a", "b"], [[1.0, 2.0], [0.0, -1.0]]) == plots.text_html(["a", "b"], [3.0, -1.0])


def test_the_picture_of_a_sentence_holds_its_words() -> None:
    words = ["costs", "$5", "or", "$6"] * 12
    fig, ax = plots.text(words, np.linspace(-1, 1, 48), width=4, title="a sentence")
    fig.canvas.draw()
    assert [word.get_text() for word in ax.texts] == words
    inside = ax.get_window_extent()
    boxes = [word.get_window_extent() for word in ax.texts]
    assert all(inside.x0 <= box.x0 and box.x1 <= inside.x1 for box in boxes)
    assert len({round(box.y0) for box in boxes}) > 3
    for left, right in pairwise(boxes):
        assert left.x1 <= right.x0 or abs(left.y0 - right.y0) > 5, "words overlap"


def test_as_many_scores_as_words() -> None:
    for draw in (plots.text, plots.text_html):
        with pytest.raises(InputError, match="expected one for each of 2 tokens"):
            draw(["a", "b"], [1.0])


def test_a_missing_dependency_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=re.escape("pip install 'deeplift-tf[plots]'")):
        plots.bars(np.ones(3))


class _NoScipy:
    """A finder of modules that finds no SciPy."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name.partition(".")[0] == "scipy":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.parametrize(
    ("extra", "use"),
    [
        ("references", lambda: dl.references.blurred(2)),
        ("evaluate", lambda: dl.evaluate.rank_correlation(np.eye(2), np.eye(2))),
        ("plots", lambda: edges_of(np.eye(64))),
        ("plots", lambda: edges_of(np.eye(4))),
    ],
)
def test_without_scipy_the_extra_is_named(extra: str, use: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "scipy"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_NoScipy(), *sys.meta_path])
    with pytest.raises(
        MissingExtraError, match=re.escape(f"scipy is not installed; run: pip install 'deeplift-tf[{extra}]'")
    ):
        use()


def test_titles_break_into_lines_and_ticks_do_not_touch() -> None:
    fig, ax = plots.bars(np.array([-0.0031, 0.0008]), title="row 0\nΔt = +0.4\x07")
    assert ax.get_title() == "row 0\nΔt = +0.4\\x07"
    fig.canvas.draw()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels() if label.get_text()]
    assert len(boxes) >= 2
    seen = [box for box in boxes if ax.bbox.x0 <= (box.x0 + box.x1) / 2 <= ax.bbox.x1]
    assert all(left.x1 < right.x0 for left, right in pairwise(seen))
