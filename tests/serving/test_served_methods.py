"""Every method that is one TensorFlow function is exported, with one target and with several, as Python computes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf.errors import MethodError, TargetError
from deeplift_tf.scoring.score import Score
from tests.support import served_models as models
from tests.support.command_line import run
from tests.support.served import close


@pytest.fixture(scope="module")
def score() -> Score:
    keras.utils.set_random_seed(5)
    return dl.convert(models.two_inputs().model, rule="rescale").compile()


def answer(path: Path, **request: Any) -> dict[str, np.ndarray]:
    served = tf.saved_model.load(str(path)).signatures["score"]
    return {name: value.numpy() for name, value in served(**request).items()}


X = models.two_inputs().x
ASKED = {name: tf.constant(value) for name, value in X.items()}
METHODS = {
    "rescale": {},
    "reveal_cancel": {},
    "gradient": {},
    "gradient_times_input": {},
    "guided_backprop": {},
    "deconvnet": {},
    "integrated_gradients": {"steps": 10, "quadrature": "midpoint"},
}


@pytest.mark.parametrize("name", METHODS)
def test_a_method(score: Score, tmp_path: Path, name: str) -> None:
    spelled = f"{name.replace('_', '-')}:10,midpoint" if METHODS[name] else name
    found = answer(score.export(tmp_path / "1", 0.25, 2, method=spelled), **ASKED)
    expected = dl.methods.METHODS[name](score.network, X, 0.25, 2, **METHODS[name])
    for part, value in expected.contributions.items():
        close(found[f"contributions_{part}"], value, err_msg=part)
        close(found[f"multipliers_{part}"], expected.multipliers[part], err_msg=part)
    close(found["outputs"], expected.outputs)
    assert ("delta" in found) == (expected.delta is not None)
    if expected.delta is not None:
        close(found["delta"], expected.delta)
        close(found["reference_outputs"], expected.reference_outputs)


def test_integrated_gradients_with_references_of_each_request(score: Score, tmp_path: Path) -> None:
    """And with a target of each request; the sum is the difference, but for the quadrature."""
    path = score.export(tmp_path / "1", method="integrated_gradients:30")
    references = {f"references_{name}": tf.constant(value[::-1].copy()) for name, value in X.items()}
    found = answer(path, **ASKED, **references, target=tf.constant([1]))
    sums = sum(found[f"contributions_{name}"].sum(1) for name in X)
    np.testing.assert_allclose(sums, found["outputs"] - found["reference_outputs"], atol=2e-6)
    backwards = {name: value[::-1].copy() for name, value in X.items()}
    expected = dl.methods.integrated_gradients(score.network, X, backwards, 1, steps=30)
    close(found["contributions_genes"], expected.contributions["genes"])


def test_gradients_need_no_references(score: Score, tmp_path: Path) -> None:
    served = tf.saved_model.load(str(score.export(tmp_path / "1", method="gradient"))).signatures["score"]
    assert set(served.structured_input_signature[1]) == {"genes", "dose", "target"}


def test_an_average_over_references(tmp_path: Path) -> None:
    keras.utils.set_random_seed(5)
    score = dl.convert(models.conv().model).compile()
    x, background = models.one_hot(4, 12, seed=7), models.one_hot(3, 12, seed=8)
    path = score.export(tmp_path / "1", background, targets=[2, 0], method="integrated-gradients:9")
    found = answer(path, dna=tf.constant(x))
    expected = dl.methods.integrated_gradients(score.network, x, background[None], steps=9, targets=[2, 0])
    close(found["contributions"], np.moveaxis(expected.contributions, 0, 1))
    assert expected.reference_outputs is not None
    close(found["reference_outputs"], expected.reference_outputs.T)


@pytest.mark.parametrize(
    "targets",
    [[0, 2, 1], [2], ["predicted", 1], [np.array([1.0, -1.0, 0.0]), lambda y: tf.nn.softmax(y)]],
    ids=["indices", "one", "predicted", "weights"],
)
def test_several_targets(score: Score, tmp_path: Path, targets: list[Any]) -> None:
    found = answer(score.export(tmp_path / "1", 0, targets=targets), **ASKED)
    expected = score(X, 0, targets=targets)
    close(found["contributions_genes"], np.moveaxis(expected.contributions["genes"], 0, 1))
    for part in ("outputs", "reference_outputs", "delta"):
        close(found[part], getattr(expected, part).T, err_msg=part)


def two_heads() -> keras.Model:
    x = keras.Input((6, 4), name="dna")
    hidden = keras.layers.Conv1D(5, 3, padding="same", activation="relu", name="conv")(x)
    profile = keras.layers.Conv1D(1, 3, padding="same", name="profile")(hidden)
    counts = keras.layers.Dense(1, name="counts")(keras.layers.GlobalAveragePooling1D()(hidden))
    return keras.Model(x, {"profile": keras.layers.Flatten(name="flat")(profile), "counts": counts})


@pytest.mark.slow
def test_targets_of_two_heads_on_the_command_line(tmp_path: Path) -> None:
    keras.utils.set_random_seed(5)
    two_heads().save(tmp_path / "model.keras")
    common = ("-m", tmp_path / "model.keras", "--references", "zeros")
    done = run("export", *common, "-o", tmp_path / "1", "--targets", "profile,counts")
    assert done.exit_code == 0, done.output
    x = models.one_hot(3, 6)
    np.save(tmp_path / "x.npy", x)
    found = answer(tmp_path / "1", dna=tf.constant(x))
    assert found["contributions"].shape == (3, 2, 6, 4)
    for place, target in enumerate(("profile", "counts")):
        alone = run("export", *common, "-o", tmp_path / f"alone{place}", "--target", target)
        assert alone.exit_code == 0, alone.output
        expected = answer(tmp_path / f"alone{place}", dna=tf.constant(x))
        for name, value in expected.items():
            close(found[name][:, place], value, err_msg=f"{target}: {name}")
    both = run("export", *common, "-o", tmp_path / "2", "--targets", "0", "--target", "1")
    assert both.exit_code == 2 and "--targets" in both.output


def test_tokens_have_sums(tmp_path: Path) -> None:
    keras.utils.set_random_seed(5)
    case = models.tokens()
    score = dl.convert(case.model).compile()
    found = answer(score.export(tmp_path / "1", 0, targets=[0, 1]), tokens=tf.constant(case.x["tokens"]))
    expected = score(case.x["tokens"], 0, targets=[0, 1]).per_token()
    assert found["per_token"].shape == (6, 2, 8)
    close(found["per_token"], np.moveaxis(expected, 0, 1))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": "occlusion"}, MethodError, "a TensorFlow function.*integrated-gradients.*received 'occlusion'"),
        ({"method": "integrated_gradients:0"}, ValueError, "steps: expected at least 1"),
        ({"method": "integrated_gradients:5,simpson"}, ValueError, "quadrature: expected one of gauss_legendre"),
        ({"targets": [0, None]}, TargetError, "each to be baked in"),
        ({"targets": [0], "target": 1}, TargetError, "either target= or targets="),
        ({"targets": []}, TargetError, "at least one"),
        ({"targets": [0, 1], "output": ["head"]}, TargetError, "one for each of 2 targets; received 1"),
        ({"targets": [0, 3]}, TargetError, "0 to 2"),
    ],
)
def test_what_cannot_be_exported(
    score: Score, tmp_path: Path, arguments: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        score.export(tmp_path / "1", 0, **arguments)
    assert not list(tmp_path.iterdir())
