"""Models of every format from the command line."""

from __future__ import annotations

import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplift_tf.io.scores_file import open_scores
from deeplift_tf.platform.digests import contents
from deeplift_tf.runs.identity import identity
from tests.support.command_line import run
from tests.support.installed import exported
from tests.support.keras_models import randomise


@pytest.fixture(scope="module")
def model() -> keras.Model:
    x = keras.Input((3,), name="x")
    return randomise(keras.Model(x, keras.layers.Dense(2, name="dense")(x)), seed=1)


@pytest.fixture
def sources(model: keras.Model, tmp_path: Path) -> dict[str, list[str]]:
    """Arguments of the command line for the same model in several formats."""
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        archive.extractall(tmp_path / "folder")
    exported(model, tmp_path / "served")
    (tmp_path / "model.json").write_text(model.to_json())
    tf.train.Checkpoint(model=model).write(str(tmp_path / "ck"))
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(4, 3)).astype("float32"))
    return {
        "folder": ["-m", str(tmp_path / "folder")],
        "saved_model.pb": ["-m", str(tmp_path / "served" / "saved_model.pb")],
        "checkpoint": ["-m", str(tmp_path / "model.json"), "--weights", str(tmp_path / "ck")],
    }


def scored(arguments: list[str], folder: Path, *others: str) -> np.ndarray:
    result = run("score", *arguments, "-i", folder / "x.npy", "--target", "1", "-o", folder / "scores.h5", *others)
    assert result.exit_code == 0, result.stderr
    with open_scores(folder / "scores.h5") as file:
        found: np.ndarray = file.contributions[:]
        return found


@pytest.mark.parametrize("name", ["folder", "saved_model.pb", "checkpoint"])
def test_score(sources: dict[str, list[str]], model: keras.Model, tmp_path: Path, name: str) -> None:
    expected = np.load(tmp_path / "x.npy") * model.get_weights()[0][:, 1]  # by definition, of a linear model
    np.testing.assert_allclose(scored(sources[name], tmp_path), expected, rtol=1e-5)


def test_weights_that_are_not_there(sources: dict[str, list[str]], tmp_path: Path) -> None:
    result = run("inspect", tmp_path / "model.json", "--weights", tmp_path / "other")
    assert result.exit_code == 2
    assert "other' does not exist" in result.stderr


def test_the_identity_of_what_a_path_leads_to(sources: dict[str, list[str]], tmp_path: Path) -> None:
    """Every file that belongs to a model counts, however the path names it."""
    paths = {
        tmp_path / "ck": tmp_path / "ck.data-00000-of-00001",
        tmp_path / "served" / "saved_model.pb": tmp_path / "served" / "variables" / "variables.index",
        tmp_path / "x.weights.json": tmp_path / "x_00000.weights.h5",
    }
    (tmp_path / "x_00000.weights.h5").write_bytes(b"1")
    (tmp_path / "x.weights.json").write_text('{"weight_map": {"/a": ["x_00000.weights.h5", "gone.weights.h5"]}}')
    for path, part in paths.items():
        before = identity(path)
        part.write_bytes(part.read_bytes() + b"1")
        assert part in contents(path)
        assert identity(path) != before
    (tmp_path / "x.weights.json").write_text("[1]")
    assert contents(tmp_path / "x.weights.json") == [tmp_path / "x.weights.json"]
