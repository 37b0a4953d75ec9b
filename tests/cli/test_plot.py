from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.cli.running import run

pytest.importorskip("matplotlib")
image = pytest.importorskip("matplotlib.image")


def scores_file(path: Path, contributions: np.ndarray, **others: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in {"contributions": contributions, **others}.items():
            file[name] = array
    return path


def is_picture(path: Path) -> np.ndarray:
    """Return the pixels of a picture that is not empty."""
    drawn = image.imread(path)
    assert drawn[..., :3].std() > 0.01
    return drawn


def test_from_a_model_to_a_picture(files: Path, tmp_path: Path) -> None:
    pytest.importorskip("logomaker")
    result = run("score", "-m", files / "one.keras", "-i", files / "x.npy", "-o", tmp_path / "s.h5", "--hypothetical")
    assert result.exit_code == 0, result.stderr
    result = run(
        "plot", tmp_path / "s.h5", "-o", tmp_path / "p.png", "--rows", "0,3", "--highlight", "2:5", "--hypothetical"
    )
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'p.png'}\n"), result.stderr
    four = is_picture(tmp_path / "p.png")
    run("plot", tmp_path / "s.h5", "-o", tmp_path / "two.png", "--rows", "0,3")
    assert four.shape[0] > 1.8 * is_picture(tmp_path / "two.png").shape[0]


@pytest.mark.parametrize("shape", [(3, 8, 8, 1), (3, 8, 8, 3), (3, 8, 7), (3, 12), (3,)])
def test_any_shape_has_its_picture(tmp_path: Path, shape: tuple[int, ...]) -> None:
    scores = np.random.default_rng(0).normal(size=shape)
    path = scores_file(tmp_path / "s.h5", scores, outputs=np.arange(3.0), reference_outputs=np.zeros(3))
    result = run("plot", path, "-o", tmp_path / "p.png")
    assert result.exit_code == 0, result.stderr
    is_picture(tmp_path / "p.png")


def test_what_was_scored_is_below_the_colours(tmp_path: Path) -> None:
    path = scores_file(tmp_path / "s.h5", np.zeros((2, 8, 8, 1)))
    x = np.zeros((2, 8, 8, 1))
    x[:, :, 4:] = 1
    np.save(tmp_path / "x.npy", x)
    assert run("plot", path, "-o", tmp_path / "plain.png").exit_code == 0
    assert run("plot", path, "-o", tmp_path / "over.png", "-i", tmp_path / "x.npy").exit_code == 0
    assert is_picture(tmp_path / "over.png").mean() < is_picture(tmp_path / "plain.png").mean() - 0.02


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "p.txt"], "expected a picture ending in .png"),
        (["-o", "there.png"], "exists already"),
        (["-o", "p.png", "--rows", "7"], "has 2 rows, and none of those asked for"),
        (["-o", "p.png", "--rows", "a"], "expected rows like 0,5,9 or 0:8"),
        (["-o", "p.png", "--name", "tail"], "expected contributions"),
        (["-o", "p.png", "-i", "x.npy"], "expected one array of shape (2, 8, 4)"),
        (["-o", "p.png", "--highlight", "3"], "expected START:END"),
    ],
)
def test_one_line_for_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    scores_file(tmp_path / "s.h5", np.ones((2, 8, 4)))
    (tmp_path / "there.png").write_bytes(b"")
    np.save(tmp_path / "x.npy", np.ones((2, 7, 4)))
    result = run("plot", "s.h5", *options)
    assert result.exit_code == 2
    assert message in result.stderr.splitlines()[-1]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["s.h5", "there.png", "x.npy"]


def test_a_file_that_holds_no_scores(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["weights"] = np.ones(3)
    result = run("plot", tmp_path / "other.h5", "-o", tmp_path / "p.png")
    assert result.exit_code == 2
    assert "expected contributions, as `deeplift-tf score` writes them; found weights" in result.stderr
