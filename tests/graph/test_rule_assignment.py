"""Which layer follows which rule: by the names of layers and models, and by what stands inside of wrappers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import deeplift_tf as dl
from deeplift_tf.errors import RuleError
from deeplift_tf.network import Network
from tests.support.checks import assert_close_to_largest
from tests.support.installed import exported
from tests.support.keras_models import randomise


def _shared() -> keras.Model:
    """A layer used three times, and a model used twice that holds a layer used twice and one of a common name."""
    x = keras.Input((4,), name="x")
    a = keras.Input((4,), name="a")
    deep = layers.Dense(4, activation="tanh", name="deep")
    inner = keras.Model(a, layers.Dense(4, activation="tanh", name="common")(deep(deep(a))), name="inner")
    shared = layers.Dense(4, activation="tanh", name="shared")
    y = inner(inner(shared(shared(shared(x)))))
    return randomise(keras.Model(x, layers.Dense(2, activation="tanh", name="common")(y)), seed=1)


def _under(network: Network, rule: str) -> set[str]:
    return {row.name for row in network.table() if row.rule == rule}


SHARED = {"shared", "shared/1", "shared/2"}
DEEP = {"inner/deep", "inner/deep/1", "inner/1/deep", "inner/1/deep/1"}
COMMON = {"inner/common", "inner/1/common"}

MEANT: dict[str, set[str]] = {
    "shared": SHARED,
    "shared/0": {"shared"},
    "shared/1": {"shared/1"},
    "deep": DEEP,
    "inner/deep": DEEP,
    "inner/1/deep": {"inner/1/deep", "inner/1/deep/1"},
    "inner/deep/1": {"inner/deep/1", "inner/1/deep/1"},
    "inner/0/deep/1": {"inner/deep/1"},
    "inner": DEEP | COMMON,
    "inner/1": {"inner/1/deep", "inner/1/deep/1", "inner/1/common"},
    "common": {"common"},  # the whole name of one layer, the end of the name of another
    "inner/common": COMMON,
    "Dense": SHARED | DEEP | COMMON | {"common"},
}


@pytest.mark.parametrize("road", ["live", "keras", "h5"])
def test_what_names_mean(road: str, tmp_path: Path) -> None:
    model: Any = _shared()
    if road != "live":
        model.save(tmp_path / f"model.{road}")
        model = tmp_path / f"model.{road}"
    network = dl.convert(model)
    found = {key: _under(network.with_rule({key: "reveal_cancel"}), "reveal_cancel") for key in MEANT}
    assert found == MEANT


def test_the_name_that_says_most_counts() -> None:
    network = dl.convert(_shared(), rule={"shared": "reveal_cancel", "shared/2": "gradient", "Dense": "deconvnet"})
    assert _under(network, "reveal_cancel") == {"shared", "shared/1"} and _under(network, "gradient") == {"shared/2"}
    nested = {"inner": "reveal_cancel", "deep": "gradient", "inner/1/deep/1": "rescale", "default": "deconvnet"}
    network = dl.convert(_shared(), rule=nested)
    assert _under(network, "gradient") == DEEP - {"inner/1/deep/1"} and _under(network, "rescale") == {"inner/1/deep/1"}
    assert _under(network, "reveal_cancel") == COMMON and _under(network, "deconvnet") == SHARED | {"common"}


def test_names_that_mean_nothing_or_several() -> None:
    with pytest.raises(RuleError, match=r"\['shraed'\], but the model has no layer.*like 'shraed' are 'shared'"):
        dl.convert(_shared(), rule={"shraed": "gradient"})
    with pytest.raises(RuleError, match=r"\['shared/3'\]"):
        dl.convert(_shared(), rule={"shared/3": "gradient"})
    x = keras.Input((3,))
    y = x
    for name in ("one", "two"):
        a = keras.Input((3,))
        y = keras.Model(a, layers.Dense(3, activation="relu", name="dense")(a), name=name)(y)
    with pytest.raises(RuleError, match="'dense' is the end of the names of several layers: one/dense, two/dense"):
        dl.convert(keras.Model(x, y), rule={"dense": "gradient"})


def test_rules_of_a_shared_layer_are_those_of_layers_with_the_same_weights() -> None:
    """The oracle: the same network with every use written out as a layer of its own."""
    model, x = _shared(), np.random.default_rng(5).normal(size=(6, 4))
    kernels = [model.get_layer("shared").get_weights()] * 3
    inside = model.get_layer("inner")
    deep, common = (inside.get_layer(name).get_weights() for name in ("deep", "common"))
    kernels += [deep, deep, common] * 2 + [model.get_layer("common").get_weights()]
    a = y = keras.Input((4,))
    for number, (kernel, _) in enumerate(kernels):
        y = layers.Dense(kernel.shape[1], activation="tanh", name=f"d{number}")(y)
    written_out = keras.Model(a, y)
    for layer, weights in zip(written_out.layers[1:], kernels, strict=True):
        layer.set_weights(weights)
    rescale = dl.convert(model, dtype="float64").compile()(x, 0.3, target=1).contributions
    for key, meant in {"shared": [0, 1, 2], "inner/1/deep": [6, 7]}.items():
        names = {f"d{number}": "reveal_cancel" for number in meant}
        found, expected = (
            dl.convert(each, rule=rule, dtype="float64").compile()(x, 0.3, target=1).contributions
            for each, rule in ((model, {key: "reveal_cancel"}), (written_out, names))
        )
        assert_close_to_largest(found, expected, 1e-12, key)
        assert np.abs(found - rescale).max() > 1e-4 * np.abs(rescale).max()


def _mixed() -> keras.Model:
    """A sum of a fully connected layer and a convolution feeds one nonlinearity, the former alone another."""
    x = keras.Input((6, 4), name="x")
    dense, conv = layers.Dense(5, name="dense")(x), layers.Conv1D(5, 3, padding="same", name="conv")(x)
    joined = layers.Activation("relu", name="joined")(layers.Add()([dense, conv]))
    alone = layers.Activation("relu", name="alone")(dense)
    y = layers.Flatten()(layers.Concatenate()([joined, alone]))
    return randomise(keras.Model(x, layers.Dense(2, name="y")(y)), seed=4)


def test_genomics_default_is_rescale_unless_all_that_feeds_a_nonlinearity_is_fully_connected() -> None:
    network = dl.convert(_mixed(), rule="genomics_default")
    rules = {row.name: row.rule for row in network.table()}
    assert (rules["joined"], rules["alone"]) == ("rescale", "reveal_cancel")


def test_genomics_default_scores_as_the_rules_that_it_stands_for() -> None:
    x, references = np.random.default_rng(12).normal(size=(2, 4, 6, 4))
    model = _mixed()
    rules = {"joined": "rescale", "alone": "reveal_cancel"}
    found, expected, other = (
        dl.convert(model, rule=rule, dtype="float64").compile()(x, references, target=1).contributions
        for rule in ("genomics_default", rules, {**rules, "joined": "reveal_cancel"})
    )
    assert_close_to_largest(found, expected, 1e-12)
    assert np.abs(found - other).max() > 1e-3 * np.abs(found).max()


# ------------------------------------------------------------------------------------------------ inside of wrappers


def _parts() -> tuple[keras.Model, keras.Model]:
    """A step with a convolution and fully connected layers, and what stands behind all steps."""
    a = keras.Input((7, 4))
    y = layers.Flatten()(layers.Conv1D(3, 3, activation="relu")(a))
    y = layers.Dense(4)(layers.Dense(5, activation="relu")(y))
    b = keras.Input((3, 4))
    z = layers.Dense(2)(layers.Activation("tanh")(layers.Flatten()(b)))  # fed by the last Dense of each step
    return randomise(keras.Model(a, y), seed=2), randomise(keras.Model(b, z), seed=3)


def _wrapped(step: keras.Model, rest: keras.Model) -> keras.Model:
    x = keras.Input((3, 7, 4))
    return keras.Model(x, rest(layers.TimeDistributed(step)(x)))


def _written_out(step: keras.Model, rest: keras.Model) -> keras.Model:
    x = keras.Input((3, 7, 4))
    steps = [layers.Reshape((1, 4))(step(x[:, index])) for index in range(3)]
    return keras.Model(x, rest(layers.Concatenate(axis=1)(steps)))


@pytest.mark.parametrize("road", ["live", "keras", "export"])
@pytest.mark.slow_but_for("live")
def test_genomics_default_inside_and_behind_time_distributed(road: str, tmp_path: Path) -> None:
    step, rest = _parts()
    x, references = np.random.default_rng(7).normal(size=(2, 4, 3, 7, 4))
    model: Any = _wrapped(step, rest)
    if road == "keras":
        model.save(tmp_path / "model.keras")
        model = tmp_path / "model.keras"
    if road == "export":
        exported(model, tmp_path / "model")
        model = tmp_path / "model"
    written_out = _written_out(step, rest)
    found, expected, rescale = (
        dl.convert(each, rule=rule, dtype="float64").compile()(x, references, target=1)
        for each, rule in ((model, "genomics_default"), (written_out, "genomics_default"), (written_out, "rescale"))
    )
    assert_close_to_largest(found.contributions, expected.contributions, 1e-9, road)
    assert found.delta is not None and np.abs(found.delta).max() < 1e-9
    assert np.abs(found.contributions - rescale.contributions).max() > 1e-2 * np.abs(rescale.contributions).max()


def test_one_rule_reaches_what_is_inside_of_time_distributed() -> None:
    step, rest = _parts()
    x = np.random.default_rng(7).normal(size=(4, 3, 7, 4))
    network = dl.convert(_wrapped(step, rest), rule="genomics_default", dtype="float64")
    assert {row.rule for row in network.table() if row.kind == "TimeDistributed"} == {"rescale, reveal_cancel"}
    for rule in ("rescale", {"TimeDistributed": "reveal_cancel"}):
        found = network.with_rule(rule).compile()(x, 0.1, target=0).contributions
        expected = dl.convert(_wrapped(step, rest), rule=rule, dtype="float64").compile()(x, 0.1, target=0)
        np.testing.assert_array_equal(found, expected.contributions)
    twice = layers.TimeDistributed(layers.TimeDistributed(step))
    y = keras.Input((2, 3, 7, 4))
    deep = dl.convert(keras.Model(y, twice(y)), rule="genomics_default", dtype="float64")
    (x2,) = np.random.default_rng(8).normal(size=(1, 2, 2, 3, 7, 4))
    found = deep.compile()(x2, 0.1, target=(1, 2, 0)).contributions[:, 1, 2]
    alone = dl.convert(step, rule="genomics_default", dtype="float64").compile()(x2[:, 1, 2], 0.1, target=0)
    assert_close_to_largest(found, alone.contributions, 1e-9)
