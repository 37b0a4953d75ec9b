"""Letters that do not stand on the last axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf.errors import InputError, ReferencesError
from deeplift_tf.genomics import both_strands, letters_of
from deeplift_tf.sequences.letters import as_model_rows, letters_last
from tests.support.command_line import run

LENGTH = 12
# shapes of a model's input, and where the letters stand in it
LAYOUTS = {
    "channels first": ((4, LENGTH), 1),
    "with a last axis": ((LENGTH, 4, 1), 2),
    "with a last axis, first": ((4, LENGTH, 1), 1),
    "with a first axis": ((1, LENGTH, 4), -1),
    "negative": ((4, LENGTH), -2),
}
LETTERS = np.random.default_rng(0).integers(0, 4, (3, LENGTH))
X = np.eye(4, dtype=np.float32)[LETTERS]


def model(row: tuple[int, ...] = (LENGTH, 4), axis: int = -1) -> Any:
    """One network of sequences, behind layers that bring them into (length, letters)."""
    keras.utils.set_random_seed(0)
    x = keras.Input(row, name="sequence")
    y = keras.layers.Reshape([size for size in row if size != 1])(x)
    first = row != (LENGTH, 4) and next(size for size in row if size != 1) == 4
    y = keras.layers.Permute((2, 1))(y) if first else y
    y = keras.layers.Conv1D(5, 3, activation="relu", name="conv")(y)
    return keras.Model(x, keras.layers.Dense(2, name="head")(keras.layers.Flatten()(y)))


FAST = ("channels first",)


@pytest.fixture(params=[name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in LAYOUTS])
def layout(request: pytest.FixtureRequest) -> tuple[tuple[int, ...], int, np.ndarray]:
    """Shape of a row, axis of letters, and the sequences in that shape."""
    row, axis = LAYOUTS[request.param]
    turned = X.swapaxes(1, 2) if next(size for size in row if size != 1) == 4 else X
    return row, axis, turned.reshape(-1, *row)


def back(values: np.ndarray, row: tuple[int, ...]) -> np.ndarray:
    """Return scores as (N, length, letters), the plain way."""
    flat = values.reshape(len(values), *[size for size in row if size != 1])
    return flat.swapaxes(1, 2) if flat.shape[1] == 4 else flat


def test_layouts_are_turned_and_turned_back(layout: tuple[tuple[int, ...], int, np.ndarray]) -> None:
    row, axis, x = layout
    np.testing.assert_array_equal(letters_last(x, axis, x.ndim), X)
    np.testing.assert_array_equal(as_model_rows(X, axis, (None, *row)), x)
    assert letters_of(x, letters_axis=axis) == letters_of(X)


@pytest.mark.parametrize("references", [0.25, "shuffle"])
@pytest.mark.slow_for("channels first-shuffle")
def test_scores_are_those_of_the_usual_layout(layout: tuple[tuple[int, ...], int, np.ndarray], references: Any) -> None:
    row, axis, x = layout
    makers: list[Any] = [0.25] * 2
    if references == "shuffle":
        makers = [dl.references.dinucleotide_shuffle(3, letters_axis=each) for each in (-1, axis)]
    usual = dl.convert(model()).compile()(X, references=makers[0], target=1, hypothetical=True)
    scores = dl.convert(model(row)).compile()(x, makers[1], 1, hypothetical=True, letters_axis=axis)
    for name in ("contributions", "multipliers", "hypothetical"):
        np.testing.assert_allclose(back(getattr(scores, name), row), getattr(usual, name), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", ["in_silico_mutagenesis", "integrated_gradients", "rescale"])
@pytest.mark.slow_but_for("channels first-rescale")
def test_methods_have_the_scores_of_the_usual_layout(
    layout: tuple[tuple[int, ...], int, np.ndarray], method: str
) -> None:
    row, axis, x = layout
    score = dl.methods.METHODS[method]
    usual = score(dl.convert(model()), X, 0.25, 1, hypothetical=True)
    scores = score(dl.convert(model(row)), x, 0.25, 1, hypothetical=True, letters_axis=axis)
    np.testing.assert_allclose(back(scores.hypothetical, row), usual.hypothetical, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(back(scores.contributions, row), usual.contributions, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["uniform_frequencies", "gc_content", "shuffle", "dinucleotide_shuffle"])
def test_references_are_those_of_the_usual_layout(layout: tuple[tuple[int, ...], int, np.ndarray], name: str) -> None:
    row, axis, x = layout
    make = dl.references.REFERENCES[name]
    usual, made = make()(X), make(letters_axis=axis)(x)
    several = usual.ndim == 4
    flat = made.reshape(-1, *row)
    expected = usual.reshape(-1, LENGTH, 4) if several else usual
    np.testing.assert_allclose(back(flat, row), expected)
    if axis != -1:
        with pytest.raises(ReferencesError, match=rf"on axis -1 .*axis {axis % x.ndim} looks one-hot"):
            make()(x)


def test_another_axis_is_refused_by_name() -> None:
    row, x = (4, LENGTH), X.swapaxes(1, 2)
    network = dl.convert(model(row))
    for call in (
        lambda: network.compile()(x, references=0.25, hypothetical=True),
        lambda: dl.methods.in_silico_mutagenesis(network, x),
        lambda: dl.methods.integrated_gradients(network, x, 0.25, hypothetical=True),
        lambda: letters_of(x),
    ):
        with pytest.raises(InputError, match=r"axis 1 looks one-hot: give `letters_axis=1`"):
            call()
    with pytest.raises(InputError, match="one-hot on no axis"):
        dl.methods.in_silico_mutagenesis(network, np.random.default_rng(0).normal(size=x.shape), letters_axis=1)


@pytest.mark.slow
def test_mutagenesis_by_hand() -> None:
    row, x = (4, LENGTH), X.swapaxes(1, 2)
    keras_model = model(row)
    found = dl.methods.in_silico_mutagenesis(dl.convert(keras_model), x, target=1, letters_axis=1).multipliers
    for position, letter in ((0, 2), (7, 1)):
        mutant = x.copy()
        mutant[:, :, position] = np.eye(4)[letter]
        change = keras_model.predict(mutant, verbose=0)[:, 1] - keras_model.predict(x, verbose=0)[:, 1]
        np.testing.assert_allclose(found[:, letter, position], change, atol=1e-5)


def test_both_strands(layout: tuple[tuple[int, ...], int, np.ndarray]) -> None:
    row, axis, x = layout
    usual = both_strands(dl.convert(model()).compile())(X, references=0.25, target=1)
    both = both_strands(dl.convert(model(row)).compile(), letters_axis=axis)(x, references=0.25, target=1)
    np.testing.assert_allclose(back(both.contributions, row), usual.contributions, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_exported_functions(tmp_path: Path) -> None:
    row, x = (4, LENGTH), X.swapaxes(1, 2)
    references = dl.references.gc_content(letters_axis=1)
    score = dl.convert(model(row)).compile()
    score.export(tmp_path / "s", references, 1, hypothetical=True, letters_axis=1)
    served = tf.saved_model.load(str(tmp_path / "s")).signatures["score"](sequence=tf.constant(x))
    expected = score(x, references, 1, hypothetical=True, letters_axis=1)
    np.testing.assert_allclose(served["hypothetical"], expected.hypothetical, rtol=1e-4, atol=1e-6)
    model(row).save(tmp_path / "m.keras")
    common = ("export", "-m", tmp_path / "m.keras", "--references", "uniform-frequencies", "--target", 1)
    assert run(*common, "-o", tmp_path / "right", "--letters-axis", 1).exit_code == 0
    assert run(*common, "-o", tmp_path / "wrong").exit_code == 0
    right, wrong = (tf.saved_model.load(str(tmp_path / name)).signatures["score"] for name in ("right", "wrong"))
    expected = score(x, 0.25, 1)
    np.testing.assert_allclose(right(sequence=tf.constant(x))["contributions"], expected.contributions, atol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected one-hot letters on the last axis"):
        wrong(sequence=tf.constant(x))


def test_on_the_command_line(layout: tuple[tuple[int, ...], int, np.ndarray], tmp_path: Path) -> None:
    pytest.importorskip("pyfaidx")
    row, axis, x = layout
    model(row).save(tmp_path / "m.keras")
    np.save(tmp_path / "x.npy", x)
    (tmp_path / "x.fa").write_text("".join(f">s{i}\n{each}\n" for i, each in enumerate(letters_of(X))))
    common = ("score", "-m", tmp_path / "m.keras", "--references", "dinucleotide-shuffle:3", "--target", 1)
    usual = dl.convert(model()).compile()(X, dl.references.dinucleotide_shuffle(3), 1, hypothetical=True)
    for given, out in (("x.fa", "dna"), ("x.npy", "arrays.h5")):
        more = ("--letters-axis", axis, *(["--hypothetical"] if out == "arrays.h5" else ["--formats", "modisco"]))
        result = run(*common, "-i", tmp_path / given, "-o", tmp_path / out, *more)
        assert result.exit_code == 0, result.stderr
        with h5py.File(tmp_path / out / "scores.h5" if out == "dna" else tmp_path / out) as scores:
            for name in ("contributions", "hypothetical"):
                values = scores[name][:] if out == "dna" else back(scores[name][:], row)
                np.testing.assert_allclose(values, getattr(usual, name), rtol=1e-4, atol=1e-6)
    if axis == 1 and len(row) == 2:
        for given, out in (("x.fa", "no"), ("x.npy", "no.h5")):
            result = run(*common, "-i", tmp_path / given, "-o", tmp_path / out, "--hypothetical")
            assert (result.exit_code, "axis 1" in result.stderr) == (2, True), result.stderr
        pytest.importorskip("matplotlib")
        result = run("plot", tmp_path / "arrays.h5", "-o", tmp_path / "logo.png", "-i", tmp_path / "x.npy")
        assert result.exit_code == 0, result.stderr


def test_logos(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    import matplotlib.pyplot as plt

    scores = np.random.default_rng(0).normal(size=(LENGTH, 4))
    boxes = []
    for arguments in ((scores, X[0], -1), (scores.T, X[0].T, 0)):
        fig, ax = dl.plots.logo(*arguments[:2], letters_axis=arguments[2])
        boxes.append(ax.get_ylim())
        plt.close(fig)
    np.testing.assert_allclose(*boxes)
    with pytest.raises(InputError, match="axis 0 looks one-hot: letters_axis=0"):
        dl.plots.logo(scores, X[0].T)
