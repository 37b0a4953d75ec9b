"""Every name of the package that a page mentions is there, and every public module shows only what is public."""

from __future__ import annotations

import importlib
import re
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import deeplift_tf as dl

ROOT = Path(__file__).parents[1]
PAGES = [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if path.exists()]
NAME = re.compile(r"(?<![\w./-])(dl|deeplift_tf)((?:\.[A-Za-z_]\w*)+)")
FILES = {"py", "md", "typed"}  # deeplift_tf.py is a file
MODULES = sorted(name for name in dir(dl) if isinstance(getattr(dl, name), ModuleType))


def resolved(name: str) -> Any:
    """Return what a dotted name means: the module as far as there are modules, then attributes."""
    parts = name.split(".")
    found: Any = dl
    for index, part in enumerate(parts):
        if isinstance(found, ModuleType) and not hasattr(found, part):
            found = importlib.import_module(".".join(["deeplift_tf", *parts[: index + 1]]))
        else:
            found = getattr(found, part)
    return found


@pytest.mark.skipif(not PAGES, reason="an installed package: the pages are not there")
def test_every_name_in_the_pages_is_there() -> None:
    missing = []
    names = {match[2][1:] for page in PAGES for match in NAME.finditer(page.read_text("utf-8"))}
    for name in sorted(name for name in names if name.rsplit(".", 1)[-1] not in FILES):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", DeprecationWarning)
                resolved(name)
        except (AttributeError, ImportError, DeprecationWarning) as error:
            missing.append(f"{name}: {error}")
    assert len(names) > 20
    assert missing == []


def test_a_name_that_is_not_there_is_seen() -> None:
    with pytest.raises((AttributeError, ImportError)):
        resolved("methods.swirl")
    assert resolved("methods.gradient") is dl.methods.gradient


@pytest.mark.parametrize("name", MODULES)
def test_public_modules_show_what_is_public(name: str) -> None:
    """No helper of another package, no module of the standard library."""
    module = getattr(dl, name)
    shown = {each: getattr(module, each) for each in dir(module) if not each.startswith("_")}
    foreign = [
        each
        for each, value in shown.items()
        if (
            value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None) or "deeplift_tf"
        ).split(".")[0]
        not in ("deeplift_tf", "builtins")
    ]
    assert foreign == []
