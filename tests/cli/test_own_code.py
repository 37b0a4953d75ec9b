"""Models with code of the user's own, from the command line."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from deeplift_tf.errors import DeepLiftError
from deeplift_tf.io.scores_file import open_scores
from deeplift_tf.runs.identity import differences, identities, identity_of_code
from deeplift_tf.runs.model import ModelSource
from deeplift_tf.runs.own_code import files_of, own_objects
from tests.cli.test_score import arrays_of
from tests.support.command_line import run

CODE = """
import keras
from beside import doubled  # a module in the same folder
from os import system  # of another place: not offered

class Scaled(keras.layers.Layer):
    def call(self, x):
        return FACTOR * x

FACTOR = 3.0
custom_objects = {"as a lambda": doubled}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of a user's own layer and activation, and the module that defines them."""
    beside = f"beside_{tmp_path.name}"  # Python imports a name once, from whatever folder
    (tmp_path / "layers_of_mine.py").write_text(CODE.replace("beside", beside))
    (tmp_path / f"{beside}.py").write_text("def doubled(x):\n    return 2 * x\n")
    objects = own_objects([str(tmp_path / "layers_of_mine.py")])
    x = keras.Input((3,), name="x")
    y = objects["Scaled"](name="scaled")(keras.layers.Dense(2, activation=objects["doubled"], name="dense")(x))
    keras.Model(x, y).save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(4, 3)).astype("float32"))
    return tmp_path


def test_what_a_file_offers(folder: Path) -> None:
    objects = own_objects([str(folder / "layers_of_mine.py")])
    assert {"Scaled", "doubled", "as a lambda"} <= set(objects)
    assert "system" not in objects
    assert own_objects([str(folder / "layers_of_mine.py")])["Scaled"] is objects["Scaled"]  # imported once


def test_inspect_score_export_and_report(folder: Path) -> None:
    own = ["--custom-objects", folder / "layers_of_mine.py"]
    refused = run("inspect", folder / "model.keras")
    assert refused.exit_code == 2
    assert "custom_objects is --custom-objects FILE.py, or the name of a module" in refused.stderr
    assert "--unsafe" not in refused.stderr  # which would not help: the file holds no code
    inspected = run("inspect", folder / "model.keras", "--check", *own)
    assert inspected.exit_code == 0, inspected.stderr
    assert "Scaled" in inspected.stdout
    out = folder / "scores.h5"
    scored = run("score", "-m", folder / "model.keras", "-i", folder / "x.npy", "-o", out, "--target", "1", *own)
    assert scored.exit_code == 0, scored.stderr
    kernel = ModelSource(folder / "model.keras", custom_objects=(str(folder / "layers_of_mine.py"),)).convert()
    x = np.load(folder / "x.npy")
    with open_scores(out) as file:  # a linear model: the scores are the parts of its output, of a zero bias
        np.testing.assert_allclose(file.contributions[:].sum(1), kernel.predict(x)[:, 1], rtol=1e-4, atol=1e-5)
    exported = run("export", "-m", folder / "model.keras", "-o", folder / "served", *own)
    assert exported.exit_code == 0, exported.stderr
    assert run("report", out, "-o", folder / "page.html").exit_code == 2  # the file of scores brings no code in
    assert run("report", out, "-o", folder / "page.html", *own).exit_code == 0


def test_a_module_by_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of the working directory is found, as Python's -m finds it."""
    monkeypatch.chdir(folder)
    monkeypatch.delitem(sys.modules, "layers_of_mine", raising=False)
    result = run("inspect", "model.keras", "--custom-objects", "layers_of_mine")
    assert result.exit_code == 0, result.stderr
    monkeypatch.delitem(sys.modules, "layers_of_mine")


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("gone.py", None, "expected a Python file or the name of a module; no such file"),
        ("no_such_module_at_all", None, "cannot be imported: No module named.*install it"),
        ("wrong.py", "x = 1 +", "cannot be imported: SyntaxError"),
        ("fails.py", "raise ValueError('mine')", "cannot be imported: ValueError: mine"),
    ],
)
def test_code_that_cannot_be_imported(tmp_path: Path, source: str, code: str | None, message: str) -> None:
    if code is not None:
        (tmp_path / source).write_text(code)
    with pytest.raises(DeepLiftError, match=message):
        own_objects([str(tmp_path / source) if source.endswith(".py") else source])


def test_the_code_is_part_of_what_a_run_depends_on(folder: Path) -> None:
    def noted(*sources: str) -> dict[str, object]:
        arguments = {"custom_objects": sources}
        return {"arguments": arguments, "versions": {}, "files": identities(arguments)}

    path = str(folder / "layers_of_mine.py")
    before = noted(path, "numpy")
    assert noted(path, "numpy")["files"]["custom_objects"]["numpy"] == {"version": np.__version__}  # type: ignore[index]
    assert differences(before, noted(path, "numpy")) == []
    assert "`custom_objects` was" in differences(before, noted("numpy"))[0]
    (folder / "layers_of_mine.py").write_text(CODE.replace("3.0", "4.0"))
    assert "is not the file that it was" in differences(before, noted(path, "numpy"))[0]


def test_modules_beside_the_file_are_part_of_it_and_others_are_not(folder: Path) -> None:
    source, (beside,) = folder / "layers_of_mine.py", folder.glob("beside_*.py")
    (folder / "others").mkdir()
    (folder / "others" / "__init__.py").write_text("from others import deep\n")
    (folder / "others" / "deep.py").write_text("")
    (folder / "unread.py").write_text("")
    beside.write_text("import numpy, keras.layers\ndef doubled(x):\n    import others\n    return 2 * x\n")
    before = identity_of_code(str(source))
    (folder / "unread.py").write_text("x = 1")
    assert identity_of_code(str(source)) == before
    for path in (beside, folder / "others" / "__init__.py", folder / "others" / "deep.py"):
        was = path.read_text()
        path.write_text(was + "# changed\n")
        assert identity_of_code(str(source)) != before, path
        path.write_text(was)
    assert identity_of_code(str(source)) == before
    beside.write_text(f"import {beside.stem}, layers_of_mine\n")  # around in a circle
    assert len(files_of(str(source))) == 2


def test_a_module_by_its_name_counts_by_its_contents(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.delitem(sys.modules, "layers_of_mine", raising=False)  # of another test's folder
    importlib.invalidate_caches()
    before = identity_of_code("layers_of_mine")
    assert "sha256" in before
    next(folder.glob("beside_*.py")).write_text("def doubled(x):\n    return 3 * x\n")
    assert identity_of_code("layers_of_mine") != before
    assert identity_of_code("json") == {"version": vars(json)["__version__"]}
    assert identity_of_code("keras") == {"version": keras.__version__}


@pytest.mark.slow
def test_two_workers_of_ray_score_with_code_of_ones_own_to_the_byte(folder: Path) -> None:
    pytest.importorskip("ray")
    np.save(folder / "x.npy", np.random.default_rng(0).normal(size=(200, 3)).astype("float32"))
    own = ["--custom-objects", folder / "layers_of_mine.py", "--batch-size", "8"]
    asked = ["score", "-m", folder / "model.keras", "-i", folder / "x.npy", "--target", "1", *own]
    local = run(*asked, "-o", folder / "local.h5")
    assert local.exit_code == 0, local.stderr
    command = [*asked, "-o", folder / "ray.h5", "--engine", "ray", "--workers", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "deeplift_tf.cli", *map(str, command)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    one, other = (arrays_of(folder / name) for name in ("local.h5", "ray.h5"))
    assert one.keys() == other.keys()
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)


@pytest.mark.slow
def test_another_process_in_another_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a worker of Ray reads it: pickled, and from elsewhere."""
    import pickle

    monkeypatch.chdir(folder)
    model = ModelSource(Path("model.keras"), custom_objects=("layers_of_mine.py", "json"))
    assert model.elsewhere().custom_objects == (str(folder / "layers_of_mine.py"), "json")
    code = "import pickle, sys; print(len(pickle.load(sys.stdin.buffer).convert().graph.nodes))"
    sent = pickle.dumps(model.elsewhere())
    done = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, cwd="/", check=True)
    assert int(done.stdout) >= 2
