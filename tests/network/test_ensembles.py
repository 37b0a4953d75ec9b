"""Several networks as one: its scores are the means of theirs, and it is a network like any other."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.network import Network
from deeplift_tf.network.ensembles import EachFold, FoldScores, folds_of

LENGTH = 20
CLOSE: dict[str, Any] = {"rtol": 0, "atol": 1e-6}  # float32 sums in another order


def profile_model(seed: int) -> Any:
    """Return a model with a profile and a counts head; its layers are named anew in every process."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    x = keras.Input((LENGTH, 4), name=f"sequence_{seed}")
    y = layers.Conv1D(6, 5, activation="relu", name="conv")(x)
    profile = layers.Flatten(name="profile")(layers.Conv1D(1, 3, name="inner")(y))
    return keras.Model(x, [profile, layers.Dense(1, name="counts")(layers.GlobalAveragePooling1D()(y))])


def classes_model(seed: int) -> Any:
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    x = keras.Input((LENGTH, 4))
    y = layers.Flatten()(layers.Conv1D(4, 5, activation="relu", name="conv")(x))
    return keras.Model(x, layers.Dense(3, activation="softmax", name="classes")(y))


@pytest.fixture(scope="module")
def members() -> list[Network]:
    return [dl.convert(profile_model(seed)) for seed in range(3)]


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return np.eye(4, dtype="float32")[np.random.default_rng(0).integers(4, size=(5, LENGTH))]


@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel", "gradient"])
@pytest.mark.slow_but_for("rescale")
def test_scores_are_the_means_of_the_members(members: list[Network], x: np.ndarray, rule: str) -> None:
    network = dl.ensemble(members).with_rule(rule)
    background = np.random.default_rng(1).random((1, 3, LENGTH, 4)).astype("float32")
    for output, target in (("counts", 0), ("profile", 4), ("profile", np.arange(14, dtype="float32"))):
        asked: dict[str, Any] = {"references": background, "target": target, "output": output, "hypothetical": True}
        found = network.compile()(x, **asked)
        each = [member.with_rule(rule).compile()(x, **asked) for member in members]
        for part in ("contributions", "multipliers", "hypothetical", "outputs", "reference_outputs"):
            if getattr(found, part) is not None:
                expected = np.mean([getattr(one, part) for one in each], 0)
                np.testing.assert_allclose(getattr(found, part), expected, rtol=1e-6, atol=1e-6, err_msg=part)


def test_predictions_are_the_means_of_the_models(members: list[Network], x: np.ndarray) -> None:
    models = [profile_model(seed) for seed in range(3)]
    found = dl.ensemble(members).predict(x)
    assert list(found) == ["profile", "counts"]
    for index, name in enumerate(found):
        np.testing.assert_allclose(found[name], np.mean([model(x)[index] for model in models], 0), **CLOSE)


@pytest.mark.parametrize("targets", [None, [2, (7,)]])
@pytest.mark.slow_for("None")
def test_contributions_of_each_member_come_from_one_pass(
    members: list[Network], x: np.ndarray, targets: list[Any] | None
) -> None:
    asked: dict[str, Any] = {"references": 0.25, "output": "profile", "hypothetical": True}
    asked |= {"target": 3} if targets is None else {"targets": targets}
    network = dl.ensemble(members)
    found, whole = FoldScores(network)(x, **asked), network.compile()(x, **asked)
    each = [member.compile()(x, **asked).contributions for member in members]
    np.testing.assert_allclose(found.contributions, np.stack(each, 0 if targets is None else 1), **CLOSE)
    for part in ("multipliers", "hypothetical", "outputs", "reference_outputs", "delta"):
        np.testing.assert_allclose(getattr(found, part), getattr(whole, part), **CLOSE, err_msg=part)


def test_a_target_of_each_member_is_weighted_by_its_own_outputs(members: list[Network], x: np.ndarray) -> None:
    profile = dl.genomics.profile
    found = dl.ensemble(members).compile()(x, 0.25, EachFold(profile), output="profile/folds")
    each = [member.compile()(x, 0.25, profile, output="profile") for member in members]
    np.testing.assert_allclose(found.contributions, np.mean([one.contributions for one in each], 0), **CLOSE)
    np.testing.assert_allclose(found.outputs, np.mean([one.outputs for one in each], 0), rtol=1e-5)
    own = dl.ensemble(members).compile()(x, 0.25, profile, output="profile")
    assert np.abs(own.outputs - found.outputs).max() > 1e-4  # whose weights are the softmax of the mean


def test_before_the_softmax_the_mean_is_that_of_the_logits(x: np.ndarray) -> None:
    members = [dl.convert(classes_model(seed)) for seed in range(2)]
    network = dl.ensemble(members)
    found = network.compile()(x, 0.25, 1, pre_activation=True)
    each = [member.compile()(x, 0.25, 1, pre_activation=True) for member in members]
    np.testing.assert_allclose(found.contributions, np.mean([one.contributions for one in each], 0), **CLOSE)
    np.testing.assert_allclose(found.outputs, np.mean([one.outputs for one in each], 0), rtol=1e-5)
    after = network.compile()(x, 0.25, 1)
    np.testing.assert_allclose(after.outputs, np.mean([member.predict(x)[:, 1] for member in members], 0), rtol=1e-5)


def test_layers_stand_under_the_number_of_their_fold(members: list[Network], x: np.ndarray) -> None:
    network = dl.ensemble(members)
    assert folds_of(network) == 3
    assert folds_of(members[0]) == 0
    found = network.compile("fold1/conv")(x, 0.25, output="counts").contributions
    alone = members[1].compile("conv")(x, 0.25, output="counts").contributions
    np.testing.assert_allclose(found, alone / 3, **CLOSE)
    with pytest.raises(dl.errors.LayerNameError, match="fold0/conv, fold1/conv, fold2/conv"):
        network.compile("conv")
    mixed = network.with_rule({"fold2": "gradient"})
    rules = {row.name: row.rule for row in mixed.table() if row.name.endswith("/conv")}
    assert rules == {"fold0/conv": "rescale", "fold1/conv": "rescale", "fold2/conv": "gradient"}


def test_an_ensemble_is_checked_pickled_and_exported(members: list[Network], x: np.ndarray, tmp_path: Path) -> None:
    import tensorflow as tf

    network = dl.ensemble(members)
    report = network.check()
    assert report.passed
    assert {name.partition(",")[0] for name in report.errors} == {"fold0", "fold1", "fold2"}
    again = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(again.predict(x)["profile"], network.predict(x)["profile"])
    network.compile().export(tmp_path / "1", 0.25, 3, output="profile")
    served = tf.saved_model.load(str(tmp_path / "1")).signatures["score"](tf.constant(x))
    expected = network.compile()(x, 0.25, 3, output="profile").contributions
    (name,) = [name for name, value in served.items() if value.shape == x.shape and "contributions" in name]
    np.testing.assert_allclose(served[name], expected, **CLOSE)


def other(shape: tuple[int, ...] = (LENGTH, 4), units: int = 1, name: str = "counts") -> Network:
    import keras

    x = keras.Input(shape, name="sequence")
    return dl.convert(keras.Model(x, keras.layers.Dense(units, name=name)(keras.layers.Flatten()(x))))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: [], "expected networks, as dl.convert makes them; received none"),
        (lambda: [classes_model(0)], "received Functional"),
        (
            lambda: [other(), other((7, 4))],
            "fold 1 differs from fold 0: its inputs are .*7, 4.* fold 0 .*20, 4",
        ),
        (lambda: [other(), other(units=2)], "its outputs are .*None, 2.* those of fold 0 .*None, 1"),
        (lambda: [other(), other(), dl.convert(profile_model(0))], "fold 2 differs from fold 0: its outputs are"),
        (lambda: [other(), dl.convert(classes_model(0), dtype="float64")], "computes in float64, fold 0 in float32"),
    ],
)
def test_members_that_differ_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(dl.DeepLiftError, match=message):
        dl.ensemble(make())


def test_a_spread_needs_several_models_of_floats(members: list[Network]) -> None:
    with pytest.raises(dl.DeepLiftError, match="expected several models, of several folds; received one"):
        FoldScores(members[0])
