"""Pages of the documentation that are made from other files: README, examples, reference. A hook of mkdocs.yml."""

from __future__ import annotations

import ast
import json
import logging
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # a hook is run by its file, and finds no others of this folder

from docs import gallery, notebooks

PICTURES = ROOT / "docs" / "pictures"
logger = logging.getLogger("mkdocs.plugins.pages")
PACKAGE = ROOT / "deeplift_tf"
GUIDE = ("references", "choosing", "pitfalls", "glossary")
FIRST = (
    *("mathematics", "methods", "dna", "scale", "serving", "coming_from", "coming_from_genomics"),
    *("coverage", "properties", "architecture"),
)
WHOLE = {
    "README": "index",
    "benchmarks/README": "benchmarks/README",
    "CHANGELOG": "changelog",
    "CONTRIBUTING": "contributing",
}


def on_config(config: Any) -> Any:
    """Put all pages in order: those of docs/ first, whatever else is there after the ones that are named."""
    there = sorted(path.stem for path in (ROOT / "docs").glob("*.md"))
    known = (*FIRST, *GUIDE)
    order = [*(name for name in FIRST if name in there), *(name for name in there if name not in known)]
    config.nav = [
        {"Home": "index.md"},
        {"Tutorials": [f"tutorials/{path.stem}.md" for path in notebooks.scripts()]},
        "gallery.md",
        {"Guide": [f"{name}.md" for name in GUIDE]},
        *(f"{name}.md" for name in order),
        "benchmarks/README.md",
        {"Examples": [{path.stem: f"examples/{path.stem}.md"} for path in examples()]},
        {"Reference": [f"reference/{name}.md" for name in ("main", *modules())]},
        {"Project": ["changelog.md", "contributing.md"]},
    ]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made, and the pictures of benchmarks, tutorials and plots."""
    for name, content in {**made(), **tutorials(), **drawn()}.items():
        files.append(File.generated(config, name, content=content))
    for picture in (ROOT / "benchmarks").rglob("*.png"):
        name = picture.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(picture)))
    return files


def made() -> dict[str, str]:
    """Return the text of every page that is made, by its place."""
    pages = {f"{page}.md": from_the_root((ROOT / f"{name}.md").read_text("utf-8")) for name, page in WHOLE.items()}
    pages |= {f"examples/{path.stem}.md": example(path) for path in examples()}
    pages["reference/main.md"] = reference("dl", PACKAGE / "__init__.py")
    return pages | {f"reference/{name}.md": reference(f"dl.{name}", path) for name, path in modules().items()}


@cache
def tutorials() -> dict[str, str | bytes]:
    """Return the page, the pictures and the notebook of every tutorial, executed, by their places.

    Where what runs notebooks is not installed, the pages have no outputs.
    """
    found: dict[str, str | bytes] = {}
    for script in notebooks.scripts():
        try:
            notebook = notebooks.made(script)
        except ModuleNotFoundError as error:
            logger.info("%s is not executed: %s", script.name, error)
            notebook = notebooks.notebook_of(script.read_text("utf-8"))
        page, pictures = notebooks.page_of(notebook, script.stem)
        found[f"tutorials/{script.stem}.md"] = f"{page}\n[This page as a notebook]({script.stem}.ipynb)\n"
        found[f"tutorials/{script.stem}.ipynb"] = json.dumps(notebook, indent=1)
        found |= {f"tutorials/{name}": picture for name, picture in pictures.items()}
    return found


@cache
def drawn() -> dict[str, str | bytes]:
    """Return the gallery: its page, and the picture of every plot."""
    return {"gallery.md": gallery.page()} | {f"gallery/{name}.png": data for name, data in gallery.pictures().items()}


def from_the_root(text: str) -> str:
    """Return a page of the root with links as they are from docs/."""
    text = re.sub(r"\]\(docs/tutorials/(\w+)\.py\)", r"](tutorials/\1.md)", text)
    return text.replace("](docs/", "](").replace("[LICENSE](LICENSE)", "LICENSE")


def examples() -> list[Path]:
    """Return the scripts that are examples."""
    return sorted((ROOT / "examples").glob("*.py"))


def example(path: Path) -> str:
    """Return a page about a script: what it says of itself, and the script."""
    code = path.read_text("utf-8")
    tree = ast.parse(code)
    title, _, rest = (ast.get_docstring(tree) or "").partition("\n")
    script = "\n".join(code.splitlines()[tree.body[0].end_lineno :]).strip()
    pictures = sorted(PICTURES.glob(f"{path.stem}*.png"))
    shown = [f"![what {path.name} makes](../pictures/{picture.name})" for picture in pictures]
    return "\n\n".join([f"# {title.rstrip('.')}", rest, *shown, f"```python\n{script}\n```"]) + "\n"


def modules() -> dict[str, Path]:
    """Return the modules that `import deeplift_tf as dl` gives, and the file of each."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    found = {name: file_of(module, name) for module, name in imported(tree)}
    return {name: file for name, file in sorted(found.items()) if file.exists()}


def file_of(module: str, name: str) -> Path:
    """Return the file that a name in a module has if it is a module itself."""
    place = ROOT.joinpath(*module.split("."), name)
    folder = place / "__init__.py"
    return folder if folder.exists() else place.with_suffix(".py")


def reference(lead: str, path: Path) -> str:
    """Return a page with everything public in a module, as its docstrings tell it."""
    tree = ast.parse(path.read_text("utf-8"))
    here = ".".join([PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
    elsewhere = (PACKAGE.name, f"{PACKAGE.name}.errors")  # modules, and errors, have pages of their own
    found = {name: f"{module}.{name}" for module, name in imported(tree) if module not in elsewhere}
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    found |= {name: f"{here}.{name}" for name in defined if not name.startswith("_")}
    entries = [f"::: {place}\n    options:\n      heading: {lead}.{name}\n" for name, place in found.items()]
    return "\n".join([f"# {lead}\n\n{ast.get_docstring(tree) or ''}\n", *entries])


def imported(tree: ast.Module) -> list[tuple[str, str]]:
    """Return (module, name) of what a module hands on: ``from module import name as name``."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return [(str(node.module), alias.name) for node in nodes for alias in node.names if alias.asname == alias.name]
