"""Notebooks of the tutorials, the gallery, and the pages of examples."""

from __future__ import annotations

import ast
import json
import time
import types
from pathlib import Path

import pytest

from deeplift_tf import plots
from tests.support.browser import opened

gallery = pytest.importorskip("docs.gallery", reason="an installed package: the pages are not there")
notebooks = pytest.importorskip("docs.notebooks")

SCRIPT = '''"""A title

A text.
"""

# %%
import io

x = io.StringIO("a")
x.read()

# %% [markdown]
# ## A head
#
# With *words*,
#     and code.

# %%
def f():
    return 1


f()
'''


def test_a_script_becomes_a_notebook() -> None:
    assert notebooks.cells_of(SCRIPT) == [
        ("markdown", "# A title\n\nA text."),
        ("code", 'import io\n\nx = io.StringIO("a")\nx.read()'),
        ("markdown", "## A head\n\nWith *words*,\n    and code."),
        ("code", "def f():\n    return 1\n\n\nf()"),
    ]
    made = notebooks.notebook_of(SCRIPT)
    assert [cell["cell_type"] for cell in made["cells"]] == ["markdown", "code", "markdown", "code"]
    assert len({cell["id"] for cell in made["cells"]}) == 4 and made["nbformat"] == 4


def test_outputs_stand_below_their_cells() -> None:
    made = notebooks.notebook_of(SCRIPT)
    made["cells"][1]["outputs"] = [
        {"output_type": "stream", "name": "stderr", "text": "a warning of TensorFlow"},
        {"output_type": "stream", "name": "stdout", "text": ["93 %\n", "right\n"]},
    ]
    made["cells"][3]["outputs"] = [
        {"output_type": "display_data", "data": {"image/png": "AAEC", "text/plain": "<Figure>"}},
        {"output_type": "execute_result", "data": {"text/html": ["<b>", "1</b>"], "text/plain": "1"}},
    ]
    page, pictures = notebooks.page_of(made, "first")
    assert pictures == {"first-1.png": b"\0\1\2"}
    assert "TensorFlow" not in page and "<Figure>" not in page
    order = ["x.read()", "```text\n93 %\nright\n```", "## A head", "![what the cell draws](first-1.png)", "<b>1</b>"]
    assert [page.index(each) for each in order] == sorted(page.index(each) for each in order)


def test_the_tutorials_are_those_that_are_promised() -> None:
    assert [path.stem for path in notebooks.scripts()][:4] == ["first_steps", "images", "dna", "text"]
    for path in notebooks.scripts():
        cells = notebooks.cells_of(path.read_text("utf-8"))
        assert sum(kind == "code" for kind, _ in cells) > 5
        for kind, text in cells:
            if kind == "code":
                ast.parse(text)


@pytest.mark.slow
@pytest.mark.parametrize("script", notebooks.scripts(), ids=lambda path: path.stem)
def test_tutorials_run_from_the_first_cell_to_the_last(script: Path) -> None:
    """What mkdocs shows; the notebook is kept for it."""
    for needed in ("nbclient", "nbformat", "ipykernel", "sklearn", "matplotlib", "PIL"):
        pytest.importorskip(needed)
    made = notebooks.made(script)
    page, pictures = notebooks.page_of(made, script.stem)
    assert len(pictures) >= 4 and min(map(len, pictures.values())) > 2000
    code = [cell for cell in made["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert "Traceback" not in page and "DeepLiftWarning" not in json.dumps(made)


def test_every_plot_is_in_the_gallery() -> None:
    there = {name for name, value in vars(plots).items() if isinstance(value, types.FunctionType)}
    assert there == {*gallery.PLOTS, *gallery.NO_PICTURES}
    assert all(f"## {name}\n" in gallery.page() for name in gallery.PLOTS)


@pytest.mark.slow
def test_the_gallery_is_drawn() -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    made = gallery.pictures()
    assert list(made) == list(gallery.PLOTS)
    assert all(data.startswith(b"\x89PNG") and len(data) > 1000 for data in made.values())


def test_every_example_has_a_picture_of_few_bytes() -> None:
    pictures = list((notebooks.ROOT / "docs" / "pictures").glob("*.png"))
    assert {path.stem for path in (notebooks.ROOT / "examples").glob("*.py")} == {
        each.stem.split("-")[0] for each in pictures
    }
    assert max(each.stat().st_size for each in pictures) < 200_000
    assert "docs/pictures/quickstart-digits.png" in (notebooks.ROOT / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_a_search_worker_runs_without_a_server(tmp_path: Path) -> None:
    """Browsers start no worker from a folder; docs/js runs it in a frame, its imports first, its messages in order."""
    (tmp_path / "shim.js").write_text((notebooks.ROOT / "docs" / "js" / "iframe-worker.js").read_text("utf-8"))
    (tmp_path / "words.js").write_text("self.words = ['found'];")
    (tmp_path / "worker.js").write_text(
        "importScripts('words.js').then(() => 0);"
        "self.addEventListener('message', event => self.postMessage(words[0] + event.data));"
    )
    (tmp_path / "page.html").write_text(
        "<!doctype html><body><script src='shim.js'></script><script>"
        "window.heard = []; const worker = new Worker('worker.js');"
        "worker.addEventListener('message', event => heard.push(event.data));"
        "worker.onmessage = event => heard.push(event.data + '!');"
        "worker.postMessage(1); setTimeout(() => worker.postMessage(2), 200);</script></body>"
    )
    with opened(tmp_path / "page.html") as page:
        deadline = time.monotonic() + 20
        while len(page.run("heard")) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert page.run("heard") == ["found1", "found1!", "found2", "found2!"]
