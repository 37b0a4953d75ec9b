"""The demonstration needs nothing beyond what is installed, and says what is missing where it is not."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from deeplift_tf import __version__
from deeplift_tf.cli.drawn_digits import drawn_digits
from deeplift_tf.cli.versions import version_of
from tests.support.command_line import run

image = pytest.importorskip("matplotlib.image")

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.slow
def test_the_demonstration(tmp_path: Path) -> None:
    done = run("demo", "-o", tmp_path / "demo")
    assert done.exit_code == 0, done.output
    found = re.search(r"trained: ([\d.]+) % of 500 digits", done.output)
    assert found and float(found[1]) > 95
    assert f"$ deeplift-tf score -m {tmp_path / 'demo' / 'digits.keras'}" in done.output
    left = {path.name for path in (tmp_path / "demo").iterdir()}
    assert left == {"digits.keras", "digits.npy", "digits.png", "scores.h5", "scores.h5.json"}
    with h5py.File(tmp_path / "demo" / "scores.h5") as file:
        delta, difference = file["delta"][:], file["outputs"][:] - file["reference_outputs"][:]
    assert np.abs(delta).max() < 1e-4 * np.abs(difference).max()  # float32
    drawn = image.imread(tmp_path / "demo" / "digits.png")[..., :3]
    lower = drawn[len(drawn) // 2 :]
    assert (lower[..., 0] > lower[..., 2] + 0.4).mean() > 0.01  # red pixels
    assert (lower[..., 2] > lower[..., 0] + 0.3).mean() > 0.005  # blue pixels


def test_drawn_digits() -> None:
    x, y = drawn_digits(200, seed=1)
    assert x.shape == (200, 12, 12, 1) and x.dtype == np.float32
    assert np.bincount(y).tolist() == [20] * 10
    assert x.min() >= 0 and x.max() <= 1
    ink = x.mean((1, 2, 3))
    assert 0.08 < ink[y == 1].mean() < ink[y == 8].mean() < 0.6
    centre = x[:, 5:7, 5:7].mean((1, 2, 3))
    assert centre[y == 0].mean() < 0.3 < centre[y == 8].mean()  # a hole, and where two of them meet
    again, _ = drawn_digits(200, seed=1)
    np.testing.assert_array_equal(again, x)
    assert not np.array_equal(drawn_digits(200, seed=2)[0], x)


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run("demo", "-o", tmp_path / "demo")
    assert done.exit_code == 2
    assert done.output.strip() == "error: matplotlib is not installed; run: pip install 'deeplift-tf[plots]'"
    assert not (tmp_path / "demo").exists()


def test_the_version_names_what_scores_depend_on() -> None:
    done = run("--version")
    assert done.exit_code == 0
    versions = f"TensorFlow {version_of('tensorflow')}, Keras {version_of('keras')}, Python {sys.version.split()[0]}"
    assert done.output == f"deeplift-tf {__version__} ({versions})\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.shell_completion import get_completion_class

    from deeplift_tf.cli.commands import commands

    kind = get_completion_class(shell)
    assert kind is not None
    completion = kind(commands, {}, "deeplift-tf", "_DEEPLIFT_TF_COMPLETE")
    assert "_DEEPLIFT_TF_COMPLETE=" in completion.source_template % completion.source_vars()
    assert {each.value for each in completion.get_completions([], "ex")} == {"export"}
    assert "--warmup" in {each.value for each in completion.get_completions(["export"], "--")}


@pytest.mark.skipif(not README.exists(), reason="README.md is in the checkout")
def test_the_page_names_the_variable_of_each_shell() -> None:
    text = README.read_text("utf-8")
    assert "_DEEPLIFT_TF_COMPLETE" in text and all(f"{shell}_source" in text for shell in ("bash", "zsh", "fish"))
