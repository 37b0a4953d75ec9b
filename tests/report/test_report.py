from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
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
    rows = re.findall(r"<tbody data-difference=[^>]*><tr><td>(\d+)</td><td>([^<]*)</td>", text)
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


@pytest.mark.slow
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


TABLE = "document.querySelector('section:not([hidden]) table.examples')"
ROWS = f"[...{TABLE}.tBodies].filter(each => !each.hidden).map(each => each.rows[0].cells[0].textContent)"
SCALES = f"[...new Set([...{TABLE}.querySelectorAll('img')].filter(each => !each.hidden).map(each => each.className))]"
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
        button = f"{TABLE}.querySelectorAll('th button')[2]"  # output
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
        seen = page.run(f"[...{TABLE}.tBodies[0].querySelectorAll('span')].map(word => word.textContent)")
        assert seen == [["a", "b", "<i>c"][token] for token in tokens[1]]
        assert page.run("scale.parentElement.hidden") is True  # words have one scale


@pytest.fixture
def of_variants(tmp_path: Path) -> Path:
    """Scores of 3 variants by two targets, each allele by itself too, as `score --variants --alleles` writes them."""
    rng = np.random.default_rng(0)
    reference = np.eye(4, dtype=np.int8)[rng.integers(0, 4, (3, 200))]
    alternative = reference.copy()
    alternative[:, 100] = np.roll(reference[:, 100], 1, -1)
    (tmp_path / "var").mkdir()
    with h5py.File(tmp_path / "var" / "s.h5", "w") as file:
        file["sequences"], file["reference_sequences"] = alternative, reference
        file["names"] = [b"chr1:101:A>C", b"chr1:201:G>T", b"chr2:7:C>CAA"]
        for target, size in (("counts", 1), ("profile", 5)):
            one, two = size * rng.normal(size=(2, 3, 200, 4))
            file[f"contributions/{target}"] = (alternative - reference) * size
            file[f"alleles/reference/{target}"], file[f"alleles/alternative/{target}"] = one, two
            file[f"outputs/{target}"], file[f"reference_outputs/{target}"] = np.array([3.0, 1.0, 2.0]), np.zeros(3)
            file[f"delta/{target}"] = np.full(3, 1e-6 * size)
        file.attrs["arguments"] = json.dumps({"target": 0, "method": "deeplift"})
    return tmp_path / "var" / "s.h5"


def test_targets_are_tabs(of_variants: Path) -> None:
    found = page_of(of_variants)
    page = Page(found)
    tabs = [each for each in page.all("button") if each.get("role") == "tab"]
    panels = [each for each in page.all("section") if each.get("role") == "tabpanel"]
    assert [each["aria-controls"] for each in tabs] == [each["id"] for each in panels] == ["scores-0", "scores-1"]
    assert [each["aria-selected"] for each in tabs] == ["true", "false"]
    assert ["hidden" in each for each in panels] == [False, True]
    assert "3 rows of 200 × 4, counts, profile; largest sum-to-delta error 5e-06" in found
    assert found.count("<p>Magnitude of delta, by the share of rows") == 2
    assert "The delta of a row is that of the worst of its references" in found
    one = Page(page_of(of_variants, "--name", "profile"))
    assert not [each for each in one.all("button") if each.get("role") == "tab"]
    assert len(one.all("section")) == 1


def test_a_variant_is_three_rows(of_variants: Path) -> None:
    """Both alleles and the difference: a picture as high as three logos, and not one."""
    pictures = [
        each for each in Page(page_of(of_variants, "--name", "counts", "--top", 1)).all("img") if each.get("class")
    ]
    (picture,) = pictures
    assert picture["alt"] == "Contributions of chr1:101:A>C, which sum to 3"
    data = base64.b64decode(str(picture["src"]).partition(",")[2])
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))  # of a PNG's header
    assert (width, height) == (990, 459)  # 11 by 3 times 1.7 inches, 90 dots an inch


def test_progress_is_shown_on_a_terminal(of_variants: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deeplift_tf.cli import plot, report

    done: list[tuple[int, int]] = []

    def counted(doing: str, total: int) -> Callable[[int], None]:
        return lambda count: done.append((count, total))

    for module in (plot, report):
        monkeypatch.setattr(module, "counted_on_a_terminal", counted)
    page_of(of_variants, "--top", 2)
    assert done == [(1, 4)] * 4
    done.clear()
    result = run("plot", of_variants, "--name", "counts", "-o", of_variants.parent / "p.png")
    assert result.exit_code == 0, result.stderr
    assert done == [(1, 3)] * 3


@pytest.mark.slow
@pytest.mark.parametrize("width", [1000, 400])
def test_the_page_fits_its_width(of_variants: Path, width: int) -> None:
    long = "a/very/long/name/of/a/file/" * 8
    with h5py.File(of_variants, "a") as file:
        file.attrs["arguments"] = json.dumps({"target": 0, "regions": long, "model": "m.keras"})
    import keras

    layers = keras.layers
    steps = [layers.Conv1D(2, 3, activation="relu", name="a_long_name_of_a_layer"), layers.Flatten(), layers.Dense(2)]
    keras.Sequential([keras.Input((200, 4)), *steps]).save(of_variants.parent / "m.keras")
    page_of(of_variants, "-m", of_variants.parent / "m.keras")
    with opened(of_variants.parent / "r.html") as page:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        page.ask("Emulation.setDeviceMetricsOverride", **size)
        assert page.run("document.documentElement.scrollWidth") <= width
        assert page.run(ROWS) == ["0", "2", "1"]
        page.run("document.getElementById('tab-1').click()")
        assert page.run("document.querySelector('section:not([hidden])').id") == "scores-1"
        assert page.run("shown.textContent") == "3 of 3 examples shown"
        assert page.run("document.documentElement.scrollWidth") <= width
        page.run("document.getElementById('tab-1').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft'}))")
        assert page.run("document.querySelector('section:not([hidden])').id") == "scores-0"
