from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from deeplift_tf.io.scores_file import open_scores
from deeplift_tf.report.figures import features_of, kind_of
from tests.support.command_line import run

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
    pytest.importorskip("matplotlib")
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


def test_every_option_of_maps_is_taken(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = scores_file(tmp_path / "s.h5", rng.normal(size=(2, 8, 8, 3)))
    np.save(tmp_path / "x.npy", rng.random((2, 8, 8, 3)))
    plain = ("plot", path, "-i", tmp_path / "x.npy", "--overwrite", "-o", tmp_path / "p.png")
    seen = []
    for options in (
        [],
        ["--channels", "largest"],
        ["--sign", "negative"],
        ["--percentile", 80],
        ["--vmax", 0.5],
        ["--vmax", "each"],
        ["--skew", 0.4],
        ["--alpha", 0.4],
        ["--edges"],
        ["--as", "scaled"],
    ):
        result = run(*plain, *options)
        assert result.exit_code == 0, result.stderr
        seen.append(is_picture(tmp_path / "p.png").tobytes())
    assert len(set(seen)) == len(seen)


def test_targets_of_sequences_go_under_one_another(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    x = np.eye(4, dtype=np.int8)[rng.integers(0, 4, (3, 12))]
    tasks = {f"contributions/{name}": rng.normal(size=(3, 12, 4)) for name in ("a", "b")}
    path = tmp_path / "s.h5"
    with h5py.File(path, "w") as file:
        for name, array in {**tasks, "sequences": x, "names": np.array([b"one", b"two", b"chr1:5-17"])}.items():
            file[name] = array
    heights = {}
    for name, options in {"both": [], "one": ["--name", "b"]}.items():
        result = run("plot", path, "-o", tmp_path / f"{name}.png", "--rows", "-1,0", *options)
        assert result.exit_code == 0, result.stderr
        heights[name] = is_picture(tmp_path / f"{name}.png").shape[0]
    assert heights["both"] == 2 * heights["one"]
    with open_scores(path, "b") as scores:
        assert [scores.row_name(row) for row in (0, 2)] == ["one", "chr1:5-17"]


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    """Scores of two rows of tokens at their embedding, the tokens, and what they stand for."""
    scores = np.zeros((2, 4, 3))
    scores[0, 1], scores[1, 0] = 1.0, -0.5
    scores_file(tmp_path / "s.h5", scores)
    np.save(tmp_path / "x.npy", np.array([[2, 3, 0, 0], [3, 2, 2, 1]], np.int32))
    (tmp_path / "words.txt").write_text("\n[UNK]\nvery\ngood<\n")
    return tmp_path


def test_tokens_become_words(sentences: Path) -> None:
    command = ("plot", sentences / "s.h5", "-i", sentences / "x.npy", "--words", sentences / "words.txt", "--overwrite")
    assert run(*command, "-o", sentences / "p.png").exit_code == 0
    drawn = is_picture(sentences / "p.png")
    assert (drawn[..., 0] > drawn[..., 2] + 0.4).any()  # red: good speaks for it in the first sentence
    assert (drawn[..., 2] > drawn[..., 0] + 0.1).any()  # blue: and, half as much, against it in the second
    result = run(*command, "-o", sentences / "p.html")
    assert result.exit_code == 0, result.stderr
    page = (sentences / "p.html").read_text()
    assert re.findall(r'aria-label="([^"]*)"', page) == [
        *("very +0", "good&lt; +3"),  # padding is left out
        *("good&lt; -1.5", "very +0", "very +0", "[UNK] +0"),
    ]


@pytest.mark.parametrize("width", [1, 3, 4], ids=["one", "three", "as-many-as-bases"])
def test_tokens_without_words_are_bars_one_for_each(tmp_path: Path, width: int) -> None:
    """Whatever the width of the embedding: one of four is no logo of bases, one of three no picture."""
    scores = np.random.default_rng(0).normal(size=(2, 5, width))
    scores_file(tmp_path / "s.h5", scores)
    np.save(tmp_path / "x.npy", np.arange(10, dtype=np.int32).reshape(2, 5))
    with open_scores(tmp_path / "s.h5", None, tmp_path / "x.npy") as file:
        assert kind_of(file) == "bars"
        np.testing.assert_allclose(features_of(file, [1, 0]), sums(tmp_path))
    asked = (tmp_path / "s.h5", "-i", tmp_path / "x.npy")
    for command, out in (("plot", "p.png"), ("report", "p.html")):
        result = run(command, *asked, "-o", tmp_path / out)
        assert result.exit_code == 0, result.stderr


def sums(folder: Path) -> np.ndarray:
    """Return the contributions of each token of the second and the first row."""
    with h5py.File(folder / "s.h5") as file:
        return np.stack([file["contributions"][row].sum(-1) for row in (1, 0)])


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        ("a\nb\n", ["-i", "x.npy", "--words", "words.txt"], "there are 2, and a token 3"),
        ("a\nb\nc\nd\n", ["--words", "words.txt"], "the tokens that were scored are not where they were"),
        ("a\n", ["--as", "text"], "say what the tokens stand for"),
    ],
)
def test_tokens_without_words(
    sentences: Path, monkeypatch: pytest.MonkeyPatch, words: str, options: list[str], message: str
) -> None:
    monkeypatch.chdir(sentences)
    Path("words.txt").write_text(words)
    result = run("plot", "s.h5", "-o", "p.png", *options)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "p.html"], "expected a picture ending in .png"),
        (["-o", "p.png", "--vmax", "most"], "expected a number, 'shared' or 'each'"),
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
