"""References on the command line that need a data set or the model."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.cli import help
from deeplift_tf.methods import METHODS
from tests.support.command_line import run


def score(files: Path, out: Path, references: str, *others: object) -> tuple[np.ndarray, str]:
    result = run(
        "score", "-m", files / "one.keras", "-i", files / "x.npy", "-o", out, "--references", references, *others
    )
    assert result.exit_code == 0, result.stderr
    with h5py.File(out) as file:
        return file["contributions"][:], result.stderr


def test_a_data_set(files: Path, tmp_path: Path) -> None:
    network, x = dl.convert(files / "one.keras"), np.load(files / "x.npy")
    found, _ = score(files, tmp_path / "mean.h5", f"mean:{files / 'x.npy'}")
    expected = network.compile()(x, x.astype(np.float64).mean(0)).contributions
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    others, _ = score(files, tmp_path / "other.h5", f"another-example:{files / 'x.npy'},2", "--seed", 5)
    expected = network.compile()(x, dl.references.another_example(x, 2, seed=5)).contributions
    np.testing.assert_allclose(others, expected, atol=1e-5 * np.abs(expected).max())


def test_uniform_output_says_how_far_it_came(files: Path, tmp_path: Path) -> None:
    _, said = score(files, tmp_path / "uniform.h5", "uniform-output:0.5,steps=150,share=0.999")
    assert "note: uniform_output: largest deviation of a probability" in said and "mean squared change" in said
    with h5py.File(tmp_path / "uniform.h5") as file:
        np.testing.assert_allclose(file["reference_outputs"][:], 0.5, atol=0.02)


def test_pictures(tmp_path: Path) -> None:
    import keras

    pillow = pytest.importorskip("PIL.Image")
    pictures = np.random.default_rng(0).integers(0, 256, (3, 6, 5, 3), dtype=np.uint8)
    (tmp_path / "set").mkdir()
    for index, picture in enumerate(pictures):
        pillow.fromarray(picture).save(tmp_path / "set" / f"{index}.png")
    keras.Sequential([keras.Input((6, 5, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]).save(tmp_path / "m.keras")
    score = dl.convert(tmp_path / "m.keras").compile()
    for given, reference in (
        (f"channel-mean:{tmp_path / 'set'}", np.broadcast_to(pictures.mean((0, 1, 2)), (6, 5, 3))),
        (str(tmp_path / "set" / "1.png"), pictures[1]),
    ):
        command = ("score", "-m", tmp_path / "m.keras", "-i", tmp_path / "set", "-o", tmp_path / "s.h5", "--overwrite")
        result = run(*command, "--preprocess", "unit", "--references", given)
        assert result.exit_code == 0, result.stderr
        expected = score(pictures / 255, reference / 255).contributions
        with h5py.File(tmp_path / "s.h5") as file:
            np.testing.assert_allclose(file["contributions"][:], expected, atol=1e-5 * np.abs(expected).max())


def test_baked_into_an_export(files: Path, tmp_path: Path) -> None:
    import tensorflow as tf

    x = np.load(files / "x.npy")
    for given, reference in (
        (f"mean:{files / 'x.npy'}", x.mean(0)),
        (f"background-sample:{files / 'x.npy'},3", dl.references.background_sample(x, 3)),
    ):
        out = tmp_path / given.partition(":")[0]
        result = run("export", "-m", files / "one.keras", "-o", out, "--references", given, "--target", 1)
        assert result.exit_code == 0, result.stderr
        found = tf.saved_model.load(str(out)).signatures["score"](x=tf.constant(x))["contributions"]
        expected = dl.convert(files / "one.keras").compile()(x, reference, 1).contributions
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    drawn = run(  # by the export itself, so other examples than here: tests/serving has what they are
        "export",
        "-m",
        files / "one.keras",
        "-o",
        tmp_path / "drawn",
        "--references",
        f"another-example:{files / 'x.npy'}",
    )
    assert drawn.exit_code == 0, drawn.stderr


def test_help_names_them_all() -> None:
    for name in METHODS:
        assert name.replace("_", "-") in help.METHODS
    for name in dl.references.REFERENCES:
        assert name.replace("_", "-") in help.REFERENCES
