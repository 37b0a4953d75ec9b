"""Imports point one way, the engine knows no Keras, and optional dependencies wait until they are used."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(str(importlib.util.find_spec("deeplift_tf").origin)).parent  # type: ignore[union-attr]

# A module may import those of its own row and of the rows above it.
ORDER = [
    {"printable", "hdf5_heaps"},
    {
        "errors",
        "extras",
        "keras_backend",
        "pickling",
        "tensors",
        "progress",
        "spelled",
        "alphabet",
        "letters",
    },
    {"multipliers", "slopes"},
    {"rules"},
    {"layers"},
    {"graph"},
    {"arrays", "walk", "held", "completeness"},
    {"inner", "capacity"},
    {"folded", "recurrent"},
    {"targets", "target_layer", "references", "rewriting", "xla", "audit", "assignment"},
    {"attribution", "question"},
    {"compiled"},
    {"scoring"},
    {"network"},
    {"methods", "serving"},
    {"evaluate"},
    {"images"},
    {"io", "plots"},
    {"genomics"},
    {"runs"},
    {"report", "compat"},
    {"comparison"},
    {"cli"},
]
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
CONVERSION_MAY_IMPORT = {name for name, rank in RANK.items() if rank <= RANK["network"]}
MAY_IMPORT_CONVERSION = {"methods", "cli", "images", "compat", "runs"}
DOORS = {("scoring", "serving")}  # methods of one line that a user finds where he looks for them
KERAS = {"keras", "tf_keras"}
OPTIONAL = {"click", "rich", "matplotlib", "logomaker", "pandas", "PIL", "pyfaidx", "pyBigWig", "Bio", "sklearn"}
OPTIONAL |= {"tf_keras", "ray"}


class Import(NamedTuple):
    file: str  # relative to the package
    line: int
    module: str  # absolute dotted name
    when: str  # "import", "use" (inside a function) or "typing"

    @property
    def importer(self) -> str:
        return Path(self.file).parts[0].removesuffix(".py")

    @property
    def imported(self) -> str:
        return self.module.split(".")[1]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def names_of(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.module in ("deeplift_tf", "tensorflow"):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return [str(node.module)]


def walk(node: ast.AST, when: str) -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, when
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from walk(child, "use")
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from walk(child, "typing")
        else:
            yield from walk(child, when)


def imports_in(source: str, file: str) -> list[Import]:
    found = []
    for node, when in walk(ast.parse(source), "import"):
        assert not getattr(node, "level", 0), f"{file}:{node.lineno}: a relative import; name the module in full"
        found += [Import(file, node.lineno, name, when) for name in names_of(node)]
    return found


def all_imports() -> list[Import]:
    paths = [path for folder in (ROOT, ROOT / "conversion") for path in folder.rglob("*.py")]
    files = sorted({str(path.relative_to(ROOT)): path for path in paths}.items())
    assert len(files) > 5
    return [each for file, path in files for each in imports_in(path.read_text(encoding="utf-8"), file)]


def against_the_order(each: Import) -> bool:
    if not each.module.startswith("deeplift_tf.") or each.importer == "__init__" or each.when == "typing":
        return False
    if each.importer == each.imported or (each.when == "use" and (each.importer, each.imported) in DOORS):
        return False
    if each.importer == "conversion":
        return each.imported not in CONVERSION_MAY_IMPORT
    if each.imported == "conversion":
        return each.importer not in MAY_IMPORT_CONVERSION
    if not {each.importer, each.imported} <= set(RANK):
        return False  # test_every_module_has_a_place_in_the_order names them
    return RANK[each.imported] > RANK[each.importer]


def keras_outside_conversion(each: Import) -> bool:
    parts = each.module.split(".")
    is_keras = parts[0] in KERAS or parts[:2] == ["tensorflow", "keras"]
    return is_keras and each.importer != "conversion"


def optional_at_the_top(each: Import) -> bool:
    module = each.module.split(".")[0]
    commands = each.importer == "cli" and each.file != "cli/__init__.py"  # loaded by cli.main, which says what to do
    return each.when == "import" and module in OPTIONAL and not (module == "click" and commands)


def test_every_module_has_a_place_in_the_order() -> None:
    names = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    names -= {"__init__", "__main__", "conversion"}
    assert names <= set(RANK), f"give these a row in ORDER: {sorted(names - set(RANK))}"


@pytest.mark.parametrize("wrong", [against_the_order, keras_outside_conversion, optional_at_the_top])
def test_imports(wrong: Callable[[Import], bool]) -> None:
    assert [str(each) for each in all_imports() if wrong(each)] == []


@pytest.mark.parametrize(
    ("file", "source", "wrong"),
    [
        ("rules.py", "from deeplift_tf.layers import base", against_the_order),
        ("layers/dense.py", "from deeplift_tf import network", against_the_order),
        ("network.py", "def f():\n    import deeplift_tf.conversion.walk", against_the_order),
        ("scoring.py", "from deeplift_tf.serving import export", against_the_order),
        ("conversion/walk.py", "from deeplift_tf.cli import main", against_the_order),
        ("scoring.py", "def f():\n    import keras", keras_outside_conversion),
        ("layers/dense.py", "from tensorflow import keras", keras_outside_conversion),
        ("plots/logo.py", "import matplotlib.pyplot as plt", optional_at_the_top),
        ("cli/__init__.py", "import click", optional_at_the_top),
        ("cli/score.py", "class A:\n    import rich", optional_at_the_top),
    ],
)
def test_wrong_imports_are_seen(file: str, source: str, wrong: Callable[[Import], bool]) -> None:
    (each,) = imports_in(source, file)
    assert wrong(each)


def test_right_imports_pass() -> None:
    right = [
        *imports_in("from deeplift_tf.layers.base import Layer", "layers/dense.py"),
        *imports_in("from deeplift_tf.rules import rescale\nimport tensorflow as tf", "layers/dense.py"),
        *imports_in("import keras\nfrom deeplift_tf.scoring import compile", "conversion/check.py"),
        *imports_in("def f():\n    import rich", "cli/inspect.py"),
        *imports_in("if TYPE_CHECKING:\n    import rich", "cli/inspect.py"),
        *imports_in("if TYPE_CHECKING:\n    from deeplift_tf.network import Network", "scoring.py"),
        *imports_in("import click", "cli/inspect.py"),
    ]
    for wrong in (against_the_order, keras_outside_conversion, optional_at_the_top):
        assert not [each for each in right if wrong(each)]


def test_conversion_has_one_name() -> None:
    """A second import under the bare name would fill a second registry of converters."""
    if not (ROOT.parent / "conversion").is_dir():
        pytest.skip("an installed package: the folder conversion/ is reached by its full name alone")
    code = "import sys; sys.path.insert(0, sys.argv[1]); import conversion"
    done = subprocess.run([sys.executable, "-c", code, str(ROOT.parent)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "deeplift_tf.conversion" in done.stderr
    assert "ImportError" in done.stderr
