"""Notebooks of the tutorials: made from plain scripts, executed, and shown as pages of the site.

    python -m docs.notebooks [NAME ...]

makes tutorials/NAME.ipynb, executed, of docs/tutorials/NAME.py. A script's docstring is the first cell; ``# %%`` begins
a cell of code, ``# %% [markdown]`` one of text, in comments. Notebooks that are newer than their scripts and than the
package are kept. Needs the extra ``docs``.
"""

from __future__ import annotations

import ast
import base64
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "docs" / "tutorials"
MADE = ROOT / "tutorials"
LIMIT = 600  # seconds for a cell
FIRST = ("first_steps", "images", "dna", "text")

Notebook = dict[str, Any]


def scripts() -> list[Path]:
    """Return the scripts of the tutorials, in the order in which they are read."""
    there = {path.stem: path for path in sorted(SCRIPTS.glob("*.py"))}
    return [there[name] for name in FIRST if name in there] + [there[name] for name in there if name not in FIRST]


def cells_of(code: str) -> list[tuple[str, str]]:
    """Return the cells of a script: kind, "markdown" or "code", and text."""
    tree = ast.parse(code)
    first = ast.get_docstring(tree)
    rest = "\n".join(code.splitlines()[tree.body[0].end_lineno if first else 0 :])
    cells = [("markdown", f"# {first}")] if first else []
    for part in re.split(r"^# %%", rest, flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        if head.strip() == "[markdown]":
            body = "\n".join(re.sub(r"^# ?", "", line) for line in body.splitlines())
            cells.append(("markdown", body.strip()))
        else:
            cells.append(("code", body.strip()))
    return [cell for cell in cells if cell[1]]


def notebook_of(code: str) -> Notebook:
    """Return the notebook of a script, not executed, in the format of Jupyter, version 4."""
    cells: list[dict[str, Any]] = []
    for index, (kind, text) in enumerate(cells_of(code)):
        cell: dict[str, Any] = {"id": f"cell{index}", "cell_type": kind, "metadata": {}, "source": text}
        cells.append(cell | ({"outputs": [], "execution_count": None} if kind == "code" else {}))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}


def execute(notebook: Notebook) -> Notebook:
    """Run a notebook from its first cell to its last, in the folder above the package; an error ends it."""
    import nbformat
    from nbclient import NotebookClient

    made = nbformat.from_dict(notebook)
    NotebookClient(made, timeout=LIMIT, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    return json.loads(json.dumps(made))


def made(script: Path) -> Notebook:
    """Return the executed notebook of a script: the one that is there, if nothing that it is made of has changed."""
    path = MADE / f"{script.stem}.ipynb"
    sources = [script, *(ROOT / "deeplift_tf").rglob("*.py"), *(ROOT / "conversion").rglob("*.py")]
    if path.exists() and path.stat().st_mtime > max(each.stat().st_mtime for each in sources):
        return json.loads(path.read_text("utf-8"))
    notebook = execute(notebook_of(script.read_text("utf-8")))
    MADE.mkdir(exist_ok=True)
    path.write_text(json.dumps(notebook, indent=1) + "\n", encoding="utf-8")
    return notebook


def page_of(notebook: Notebook, name: str) -> tuple[str, dict[str, bytes]]:
    """Return a notebook as a page of Markdown, and its pictures by their names."""
    parts, pictures = [], dict[str, bytes]()
    for cell in notebook["cells"]:
        text = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                continue
            data = output.get("data", {})
            if "image/png" in data:
                picture = f"{name}-{len(pictures) + 1}.png"
                pictures[picture] = base64.b64decode(data["image/png"])
                parts.append(f"![what the cell draws]({picture})")
            elif "text/html" in data:
                parts.append(f'<div class="output">{joined(data["text/html"])}</div>')
            elif found := joined(data.get("text/plain", output.get("text", ""))).rstrip():
                parts.append(f"```text\n{found}\n```")
    return "\n\n".join(parts) + "\n", pictures


def joined(text: str | list[str]) -> str:
    """Return the text of an output."""
    return text if isinstance(text, str) else "".join(text)


def main() -> None:
    """Make the notebooks that are named, or all."""
    for script in scripts():
        if script.stem in (sys.argv[1:] or [each.stem for each in scripts()]):
            made(script)
            print((MADE / f"{script.stem}.ipynb").relative_to(ROOT))


if __name__ == "__main__":
    main()
