"""A target means the same place on both strands."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf.errors import InputError, TargetError
from deeplift_tf.genomics import both_strands, counts, profile
from tests.support.command_line import run

LENGTH = 60
X = np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(0, 4, (3, LENGTH))]


def pointwise(channels: int = 1, flat: bool = False, squeeze: bool = False) -> Any:
    """A head whose every position sees its own letter alone, with weights that are the same on both strands.

    With two channels, each is what the other is on the other strand.
    """
    x = keras.Input((LENGTH, 4), name="sequence")
    conv = keras.layers.Conv1D(channels, 1, name="conv")
    y = conv(x)
    kernel = {
        1: np.array([[1.0], [3.0], [3.0], [1.0]]),
        2: np.array([[1.0, 7.0], [2.0, 5.0], [5.0, 2.0], [7.0, 1.0]]),
        3: np.outer([8.0, 7.0, 7.0, 8.0], [1, 2, 3]),
    }[channels]
    conv.set_weights([kernel[None], np.zeros(channels)])
    y = keras.layers.Flatten(name="flat")(y) if flat else y
    y = keras.ops.squeeze(y, -1) if squeeze else y
    return keras.Model(x, y)


def places(contributions: np.ndarray) -> set[int]:
    return {int(position) for position in np.argwhere(np.abs(contributions).sum(-1))[:, -1]}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("position", [0, 20, -1])
def test_a_position_is_one_place_of_the_genome(channels: int, position: int) -> None:
    both = both_strands(dl.convert(pointwise(channels)).compile())
    scores = both(X, references=0.0, target=(position, 0))
    assert places(scores.contributions) == {position % LENGTH}
    weights = [8, 7, 7, 8] if channels > 1 else [1, 3, 3, 1]
    np.testing.assert_allclose(scores.outputs, X[:, position] @ weights)


def test_strands_change_places_where_the_head_is_stranded() -> None:
    score = dl.convert(pointwise(2)).compile()
    scores = both_strands(score, stranded=True)(X, references=0.0, target=(20, 1))
    assert places(scores.contributions) == {20}
    np.testing.assert_allclose(scores.outputs, X[:, 20] @ [7, 5, 2, 1])  # the same on both strands
    apart = both_strands(score, stranded=False)(X, references=0.0, target=(20, 1))
    np.testing.assert_allclose(apart.outputs, X[:, 20] @ [4, 3.5, 3.5, 4])  # the mean of two different outputs
    with pytest.raises(TargetError, match="may be the two strands"):
        both_strands(score)(X, references=0.0, target=(20, 1))


def test_several_targets_and_weights() -> None:
    score = dl.convert(pointwise(1)).compile()
    region = np.zeros((LENGTH, 1), np.float32)
    region[10:13] = 1
    rows = np.zeros((3, LENGTH, 1), np.float32)
    for row in range(3):
        rows[row, 5 + row] = 1
    scores = both_strands(score)(X, references=0.0, targets=[(20, 0), region, rows, counts])
    assert [places(each) for each in scores.contributions] == [{20}, {10, 11, 12}, {5, 6, 7}, set(range(LENGTH))]
    assert [places(each[None]) for each in scores.contributions[2]] == [{5}, {6}, {7}]


@pytest.mark.parametrize("target", [counts, profile, lambda y: tf.ones_like(y) / 2])
@pytest.mark.parametrize("flat", [False, True])
def test_callables_on_whole_heads_stay(target: Any, flat: bool) -> None:
    score = dl.convert(pointwise(1, flat)).compile()
    both = both_strands(score)(X, references=0.25, target=target)
    np.testing.assert_allclose(both.contributions, score(X, references=0.25, target=target).contributions, atol=1e-6)


@pytest.mark.parametrize("model", [pointwise(flat=True), pointwise(squeeze=True)], ids=["flatten", "squeeze"])
@pytest.mark.parametrize("target", [20, np.array([1, 2, 3]), np.eye(LENGTH, dtype=np.float32)[3], "predicted"])
def test_an_index_into_a_flattened_profile_is_refused(model: Any, target: Any) -> None:
    both = both_strands(dl.convert(model).compile())
    with pytest.raises(TargetError, match=r"profile laid flat.*`output`"):
        both(X, references=0.0, target=target)
    # the way out that the message names
    assert places(both(X, references=0.0, target=(20, 0), output="conv").contributions) == {20}
    assert np.isfinite(both(X, references=0.0, target=np.ones(LENGTH, np.float32)).contributions).all()


def classes(units: int) -> Any:
    keras.utils.set_random_seed(3)
    x = keras.Input((LENGTH, 4), name="sequence")
    y = keras.layers.Conv1D(6, 5, activation="relu")(x)
    y = keras.layers.Dense(units, name="logits")(keras.layers.Flatten()(y))
    return keras.Model(x, keras.layers.Softmax(name="probabilities")(y))


@pytest.mark.parametrize("units", [2, 5])
def test_classes_stay_and_the_predicted_one_is_the_same_on_both_strands(units: int) -> None:
    network = dl.convert(classes(units))
    score = network.compile()
    own, other = network.predict(X), network.predict(X[:, ::-1, ::-1])
    assert (own.argmax(1) != other.argmax(1)).any()
    chosen = (own + other).argmax(1)
    both = both_strands(score)
    found = both(X, references=0.25, target="predicted")
    by_index = both(X, references=0.25, target=chosen)
    np.testing.assert_array_equal(found.contributions, by_index.contributions)
    np.testing.assert_allclose(found.outputs, ((own + other) / 2).max(1), rtol=1e-5)
    several = both(X, references=0.25, targets=["predicted", 1])
    np.testing.assert_allclose(several.contributions[0], found.contributions, rtol=1e-4, atol=1e-7)


def test_what_has_no_position_axis_that_is_known_is_refused() -> None:
    x = keras.Input((LENGTH, 4))
    y = keras.layers.Reshape((10, 3))(keras.layers.Dense(30)(keras.layers.Flatten()(x)))
    with pytest.raises(TargetError, match="made of a vector"):
        both_strands(dl.convert(keras.Model(x, y)).compile())(X, references=0.0, target=(3, 0))


def test_axes_are_followed_through_transposes() -> None:
    x = keras.Input((LENGTH, 4))
    y = keras.layers.Permute((2, 1))(pointwise(3)(x))
    scores = both_strands(dl.convert(keras.Model(x, y)).compile())(X, references=0.0, target=(0, 20))
    assert places(scores.contributions) == {20}


def test_methods_need_their_network() -> None:
    network = dl.convert(pointwise(1))
    for both in (
        both_strands(partial(dl.methods.gradient_times_input, network)),
        both_strands(lambda *a, **k: dl.methods.gradient_times_input(network, *a, **k), network),
    ):
        assert places(both(X, target=(20, 0)).contributions) == {20}
    with pytest.raises(TargetError, match="expected the network"):
        both_strands(lambda *a, **k: network.compile()(*a, **k))(X, target=(20, 0))


def test_what_is_no_strand_of_dna() -> None:
    network = dl.convert(pointwise(1))
    with pytest.raises(InputError, match="hidden layers have no complement"):
        both_strands(network.compile("conv"))
    x = keras.Input((LENGTH, 5))
    five = dl.convert(keras.Model(x, keras.layers.Conv1D(1, 1)(x))).compile()
    with pytest.raises(InputError, match="letters A, C, G, T on axis -1"):
        both_strands(five)(np.zeros((2, LENGTH, 5)), references=0.0, target=(0, 0))


def test_covariates_beside_the_sequence_are_not_turned() -> None:
    x, dose = keras.Input((LENGTH, 4), name="sequence"), keras.Input((3,), name="dose")
    y = keras.layers.Dense(1)(keras.layers.Concatenate()([keras.layers.GlobalAveragePooling1D()(x), dose]))
    model = keras.Model([x, dose], y)
    given = np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)
    kernel = model.layers[-1].get_weights()[0][:, 0]
    scores = both_strands(dl.convert(model).compile())([X, given], references=0.0)
    np.testing.assert_allclose(scores.contributions[1], given * kernel[4:], rtol=1e-5)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strands")
    for name, model in {"one": pointwise(1), "two": pointwise(2), "flat": pointwise(1, flat=True)}.items():
        model.save(folder / f"{name}.keras")
    letters = np.array(list("ACGT"))[X.argmax(-1)]
    (folder / "x.fa").write_text("".join(f">s{i}\n{''.join(row)}\n" for i, row in enumerate(letters)))
    return folder


@pytest.mark.parametrize(
    ("model", "options", "expected"),
    [
        ("one", ["--target", "20,0"], {20}),
        ("two", ["--target", "20,1", "--stranded"], {20}),
        ("two", ["--target", "20,1"], "may be the two strands"),
        ("flat", ["--target", "20"], "profile laid flat"),
        ("flat", ["--target", "20,0", "--output", "conv"], {20}),
        ("one", ["--target", "20,0", "--method", "gradient-times-input"], {20}),
        ("flat", ["--targets", "counts,profile"], None),
    ],
)
def test_on_the_command_line(files: Path, tmp_path: Path, model: str, options: list[str], expected: Any) -> None:
    pytest.importorskip("pyfaidx")
    out = tmp_path / "out"
    command = ("score", "-m", files / f"{model}.keras", "-i", files / "x.fa", "-o", out, "--reverse-complement")
    result = run(*command, "--formats", "modisco", "--batch-size", 2, *options)
    if isinstance(expected, str):
        assert (result.exit_code, expected in result.stderr.splitlines()[-1]) == (2, True), result.stderr
        assert not out.exists()
        return
    assert result.exit_code == 0, result.stderr
    if expected:
        with h5py.File(out / "scores.h5") as scores:
            assert places(scores["contributions"][:]) == expected
