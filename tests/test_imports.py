"""Imports point one way, the engine knows no Keras, and optional dependencies wait until they are used."""

from __future__ import annotations

import ast
import functools
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(str(importlib.util.find_spec("deeplift_tf").origin)).parent  # type: ignore[union-attr]

# The floors of the package: a room, a folder or a loose file, may import the rooms of the rows above its own.
ORDER = [
    {"platform", "printable"},
    {"errors"},
    {"argspec", "arrays", "deprecation", "keras_backend", "optional", "pickling", "rules"},
    {"images", "layers", "sequences"},
    {"graph", "plots"},
    {"scoring"},
    {"references", "serving"},
    {"io", "methods", "network"},
    {"conversion", "evaluate", "genomics", "report"},
    {"compat", "runs"},
    {"cli"},
]
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
# The rooms of conversion/: its loose files stand above them.
ROOMS_OF_CONVERSION = [{"readers"}, {"builder"}, {"tf_graph"}, {"keras_graph"}]
RANK_IN_CONVERSION = {name: rank for rank, names in enumerate(ROOMS_OF_CONVERSION) for name in names}
HIGHEST_BELOW_CONVERSION = {"readers": "arrays", "builder": "graph", "tf_graph": "scoring", "keras_graph": "scoring"}
KERAS = {"keras", "tf_keras"}
KERAS_MAY_BE_READ_BY = ("conversion/", "images/preprocessing.py", "cli/demo.py")  # which trains a model
OPTIONAL = {"click", "scipy", "matplotlib", "PIL", "pyfaidx", "pyBigWig", "Bio", "sklearn"}
OPTIONAL |= {"tf_keras", "ray", "hdf5plugin"}


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


@functools.cache
def all_imports() -> list[Import]:
    paths = [path for folder in (ROOT, ROOT / "conversion") for path in folder.rglob("*.py")]
    files = sorted({str(path.relative_to(ROOT)): path for path in paths}.items())
    assert len(files) > 5
    return [each for file, path in files for each in imports_in(path.read_text(encoding="utf-8"), file)]


def against_the_order(each: Import) -> bool:
    if not each.module.startswith("deeplift_tf.") or each.importer == "__init__" or each.when == "typing":
        return False
    if each.importer == each.imported == "conversion":
        return against_the_order_of_conversion(each)
    if each.importer == each.imported or not {each.importer, each.imported} <= set(RANK):
        return False  # test_every_module_has_a_place_in_the_order names those without a place
    return RANK[each.imported] >= RANK[each.importer]


def against_the_order_of_conversion(each: Import) -> bool:
    rooms = [Path(each.file).parts[1], [*each.module.split("."), ""][2]]
    importer, imported = (RANK_IN_CONVERSION.get(room, len(ROOMS_OF_CONVERSION)) for room in rooms)
    return imported > importer


def too_high(each: Import) -> bool:
    """Readers know no layer, and what makes graphs of layers no network: so eleven floors are enough."""
    if not each.file.startswith("conversion/") or each.when == "typing" or not each.module.startswith("deeplift_tf."):
        return False
    highest = HIGHEST_BELOW_CONVERSION.get(Path(each.file).parts[1])
    return highest is not None and each.imported in RANK and RANK[highest] < RANK[each.imported] < RANK["conversion"]


def keras_outside_conversion(each: Import) -> bool:
    parts = each.module.split(".")
    is_keras = parts[0] in KERAS or parts[:2] == ["tensorflow", "keras"]
    return is_keras and not each.file.startswith(KERAS_MAY_BE_READ_BY)


def optional_at_the_top(each: Import) -> bool:
    module = each.module.split(".")[0]
    commands = each.importer == "cli" and each.file != "cli/__init__.py"  # loaded by cli.main, which says what to do
    return each.when == "import" and module in OPTIONAL and not (module == "click" and commands)


def test_every_module_has_a_place_in_the_order() -> None:
    names = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    names -= {"__init__", "__main__"}
    assert names <= set(RANK), f"give these a row in ORDER: {sorted(names - set(RANK))}"


def test_no_modules_import_one_another() -> None:
    """Imports inside of functions count, too."""
    arrows: dict[str, set[str]] = {}
    modules = {module_of(each.file) for each in all_imports()}
    for each in all_imports():
        if each.when != "typing" and each.module in modules:
            arrows.setdefault(module_of(each.file), set()).add(each.module)
    assert circle_in(arrows) is None


def module_of(file: str) -> str:
    """Return the dotted name of a file; of a package its own, so that what imports only the package is no circle."""
    parts = Path(file).with_suffix("").parts
    return ".".join(("deeplift_tf", *parts))


def circle_in(arrows: dict[str, set[str]]) -> list[str] | None:
    """Return modules of which each imports the next, the last the first; None if there are none such."""
    left = dict(arrows)
    while left:
        done = [name for name, others in left.items() if not others & set(left) - {name}]
        if not done:
            return sorted(left)
        for name in done:
            del left[name]
    return None


def test_a_circle_is_seen() -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": set()}) is None
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("wrong", [against_the_order, too_high, keras_outside_conversion, optional_at_the_top])
def test_imports(wrong: Callable[[Import], bool]) -> None:
    assert [str(each) for each in all_imports() if wrong(each)] == []


@pytest.mark.parametrize(
    ("file", "source", "wrong"),
    [
        ("rules/rules.py", "from deeplift_tf.layers import base", against_the_order),
        ("layers/dense.py", "from deeplift_tf import network", against_the_order),
        ("network.py", "def f():\n    import deeplift_tf.conversion.check", against_the_order),
        ("scoring/score.py", "def f():\n    from deeplift_tf.serving import export", against_the_order),
        ("conversion/check.py", "from deeplift_tf.cli import main", against_the_order),
        ("scoring/score.py", "def f():\n    import keras", keras_outside_conversion),
        ("layers/dense.py", "from tensorflow import keras", keras_outside_conversion),
        ("conversion/tf_graph/fusion.py", "from deeplift_tf.conversion.keras_graph import casts", against_the_order),
        (
            "conversion/readers/untrusted/archive.py",
            "from deeplift_tf.io.npy import DAMAGED",
            too_high,
        ),
        ("conversion/tf_graph/points.py", "from deeplift_tf.network import Network", too_high),
        ("evaluate/curves.py", "from deeplift_tf.conversion.convert import convert", against_the_order),
        ("plots/logo.py", "import matplotlib.pyplot as plt", optional_at_the_top),
        ("cli/__init__.py", "import click", optional_at_the_top),
        ("cli/score.py", "class A:\n    import matplotlib", optional_at_the_top),
    ],
)
def test_wrong_imports_are_seen(file: str, source: str, wrong: Callable[[Import], bool]) -> None:
    (each,) = imports_in(source, file)
    assert wrong(each)


def test_right_imports_pass() -> None:
    right = [
        *imports_in("from deeplift_tf.layers.base import Layer", "layers/dense.py"),
        *imports_in("from deeplift_tf.rules.rules import rescale\nimport tensorflow as tf", "layers/dense.py"),
        *imports_in("import keras\nfrom deeplift_tf.scoring.score import Score", "conversion/check.py"),
        *imports_in("def f():\n    import matplotlib", "cli/inspect.py"),
        *imports_in("if TYPE_CHECKING:\n    import matplotlib", "cli/inspect.py"),
        *imports_in("if TYPE_CHECKING:\n    from deeplift_tf.network import Network", "scoring/score.py"),
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


@pytest.mark.parametrize("folder", ["deeplift_tf", "conversion", "docs", "scripts", "examples"])
def test_nothing_but_tests_imports_tests(folder: str) -> None:
    if not (ROOT.parent / "pyproject.toml").is_file():
        pytest.skip("an installed package")
    files = [path for path in (ROOT.parent / folder).rglob("*.py") if "build" not in path.parts]
    assert files
    found = [each for path in files for each in imports_in(path.read_text(encoding="utf-8"), str(path))]
    assert [str(each) for each in found if each.module.split(".")[0] == "tests"] == []
