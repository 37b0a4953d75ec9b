from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support.browser import opened
from tests.support.command_line import run
from tests.support.installed import exported

pytest.importorskip("matplotlib")


class Page(HTMLParser):
    """What is in a page: tags with their attributes, and the text of cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    """Scores of 6 small images, without their model."""
    rng = np.random.default_rng(0)
    contributions = rng.normal(size=(6, 5, 5, 1))
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["contributions"] = contributions
        file["outputs"] = np.array([1.0, 9.0, -3.0, 2.0, 0.5, 4.0])
        file["reference_outputs"] = np.zeros(6)
        file["delta"] = rng.normal(size=6) * 1e-6
        file.attrs["arguments"] = json.dumps(
            {"model": "gone.keras", "target": 3, "rule": "<b>rescale</b>", "weights": None}
        )
        file.attrs["versions"] = json.dumps({"deeplift_tf": "0.1.0"})
    return tmp_path / "s.h5"


def page_of(scored: Path, *more: object) -> str:
    out = scored.parent / "r.html"
    result = run("report", scored, "-o", out, "--overwrite", *more)
    assert result.exit_code == 0, result.stderr
    return out.read_text(encoding="utf-8")


def test_the_page_holds_the_largest_differences_first(scored: Path) -> None:
    text = page_of(scored, "--top", 3)
    rows = re.findall(r"<tr data-difference=[^>]*><td>(\d+)</td><td>([^<]*)</td>", text)
    assert rows == [("1", "9"), ("5", "4"), ("2", "-3")]


def test_the_page_needs_nothing_else_and_names_everything(scored: Path) -> None:
    page = Page(page_of(scored))
    sources = [attributes["src"] or "" for attributes in page.all("img")]
    assert len(sources) == 6 * 3 + 1  # three colour scales, and the histogram
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not page.all("link")
    assert all("src" not in attributes for attributes in page.all("script"))
    assert all(attributes.get("alt") for attributes in page.all("img"))
    assert all(attributes.get("aria-label") for attributes in page.all("table"))
    labelled = len(page.all("input")) + len(page.all("select"))
    assert len(page.all("label")) == labelled == 4
    assert page.all("html")[0]["lang"] == "en"


def test_arguments_are_shown_as_text(scored: Path) -> None:
    text = page_of(scored)
    assert "&lt;b&gt;rescale&lt;/b&gt;" in text
    assert "<b>rescale</b>" not in text
    words = Page(text).words
    assert "target" in words
    assert "weights" not in words
    assert "The model file does not lie beside the scores; give it with -m." in words


def test_the_layers_of_the_model(files: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run("score", "-m", files / "one.keras", "-i", files / "x.npy", "-o", tmp_path / "s.h5")
    words = Page(page_of(tmp_path / "s.h5", "--top", 1, "-m", files / "one.keras")).words
    assert {"conv/linear", "Conv1D", "Elementwise", "exact"} <= set(words)
    assert "50 rows of 12 × 4" in " ".join(words)
    assert "conv/linear" not in Page(page_of(tmp_path / "s.h5", "--top", 1)).words
    (tmp_path / "one.keras").write_bytes((files / "one.keras").read_bytes())
    assert "conv/linear" in Page(page_of(tmp_path / "s.h5", "--top", 1)).words


def test_the_model_is_read_as_it_was_for_the_run(scored: Path) -> None:
    import keras

    exported(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), scored.parent / "served")
    lambdas = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: 2 * x)])
    lambdas.save(scored.parent / "lambda.keras")
    with h5py.File(scored, "a") as file:
        file.attrs["arguments"] = json.dumps({"model": str(scored.parent / "served"), "signature": "other"})
    result = run("report", scored, "-o", scored.parent / "r.html")
    assert (result.exit_code, "expected the signature 'other'" in result.stderr) == (2, True)
    with h5py.File(scored, "a") as file:
        file.attrs["arguments"] = json.dumps({"model": str(scored.parent / "lambda.keras"), "unsafe": True})
    result = run("report", scored, "-o", scored.parent / "r.html")
    assert (result.exit_code, "on the command line safe_mode=False is --unsafe" in result.stderr) == (2, True), (
        result.stderr
    )
    assert "Lambda" in Page(page_of(scored, "--unsafe")).words


@pytest.mark.parametrize(
    ("options", "message"),
    [(["-o", "r.txt"], "expected a page ending in .html"), (["-o", "no/r.html"], "its folder does not exist")],
)
def test_one_line_for_a_mistake(
    scored: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(scored.parent)
    result = run("report", scored, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert [path.name for path in scored.parent.iterdir()] == ["s.h5"]


ROWS = "[...examples.tBodies[0].rows].filter(row => !row.hidden).map(row => row.cells[0].textContent)"
SCALES = "[...new Set([...examples.querySelectorAll('img')].filter(each => !each.hidden).map(each => each.className))]"
NAMED = {"button", "textbox", "searchbox", "spinbutton", "combobox", "image", "table", "heading", "columnheader"}


def entering(field: str, value: str) -> str:
    events = "".join(f"{field}.dispatchEvent(new Event('{event}'));" for event in ("input", "change"))
    return f"{field}.value = '{value}'; {events}"


@pytest.mark.slow
def test_in_a_browser(scored: Path) -> None:
    with h5py.File(scored, "a") as file:
        file["names"] = [f"peak_{row % 3}".encode() for row in range(6)]
    page_of(scored)
    with opened(scored.parent / "r.html") as page:
        assert page.run(ROWS) == ["1", "5", "2", "3", "0", "4"]
        button = "examples.querySelectorAll('th button')[2]"  # output
        page.run(f"{button}.click()")
        assert page.run(ROWS) == ["2", "4", "0", "3", "5", "1"]
        page.run(f"{button}.click()")
        assert page.run(ROWS) == ["1", "5", "3", "0", "4", "2"]
        assert page.run(f"{button}.parentElement.getAttribute('aria-sort')") == "descending"
        page.run(entering("least", "2.5"))
        assert page.run(ROWS) == ["1", "5", "2"]
        assert page.run("shown.textContent") == "3 of 6 examples shown"
        page.run(entering("named", "peak_2"))
        assert page.run(ROWS) == ["5", "2"]
        page.run(entering("named", "") + entering("least", "0"))
        assert len(page.run(ROWS)) == 6
        assert page.run(SCALES) == ["scale-0"]
        page.run(entering("scale", "1"))
        assert page.run(SCALES) == ["scale-1"]
        found = page.accessible()
        met = {role for role, _ in found}
        assert {"button", "spinbutton", "searchbox", "combobox", "image", "table"} <= met
        assert [(role, name) for role, name in found if role in NAMED and not name] == []
        assert ("image", "Contributions of peak_1, which sum to 9") in found


@pytest.mark.slow
def test_words_in_a_browser(scored: Path) -> None:
    tokens = np.random.default_rng(0).integers(0, 3, (6, 5)).astype(np.int32)
    np.save(scored.parent / "x.npy", tokens)
    with h5py.File(scored, "a") as file:
        file.move("contributions", "of_images")
        file["contributions"] = np.random.default_rng(1).normal(size=(6, 5, 3))
    (scored.parent / "words.txt").write_text("a\nb\n<i>c")
    page_of(scored, "-i", scored.parent / "x.npy", "--words", scored.parent / "words.txt")
    with opened(scored.parent / "r.html") as page:
        seen = page.run("[...examples.tBodies[0].rows[0].querySelectorAll('span')].map(word => word.textContent)")
        assert seen == [["a", "b", "<i>c"][token] for token in tokens[1]]
        assert page.run("scale.parentElement.hidden") is True  # words have one scale
