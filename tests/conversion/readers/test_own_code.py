"""Layers, cells and functions of the user's, with standard parts of Keras inside, read from every kind of file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import deeplift_tf as dl
from deeplift_tf.conversion.readers import read
from deeplift_tf.errors import UnsafeModelError
from tests.support.saved_models import assert_same, layer, randomised, rows, sequential, write_legacy_h5


class MyDense(layers.Dense):
    pass


class MyConv(layers.Conv1D):
    pass


class MyGRUCell(layers.GRUCell):
    pass


@keras.saving.register_keras_serializable("own_code")
class Registered(layers.Dense):
    pass


@keras.saving.register_keras_serializable("own_code")
def registered_tanh(x: Any) -> Any:
    return 1.5 * keras.ops.tanh(x)


def my_tanh(x: Any) -> Any:
    return 1.5 * keras.ops.tanh(x)


class MyCell(layers.Layer):
    """A recurrent cell that says what it was made with, as Keras's own do."""

    def __init__(self, units: int, initializer: Any = "he_normal", regularizer: Any = None, **further: Any) -> None:
        super().__init__(**further)
        self.units = self.state_size = self.output_size = units
        self.initializer, self.regularizer = keras.initializers.get(initializer), keras.regularizers.get(regularizer)

    def build(self, input_shape: Any) -> None:
        shape = (input_shape[-1] + self.units, self.units)
        self.kernel = self.add_weight(shape, self.initializer, regularizer=self.regularizer, name="kernel")
        super().build(input_shape)

    def call(self, x: Any, states: Any) -> Any:
        state = keras.ops.tanh(keras.ops.matmul(keras.ops.concatenate([x, states[0]], -1), self.kernel))
        return state, [state]

    def get_config(self) -> dict[str, Any]:
        initializer = keras.initializers.serialize(self.initializer)
        regularizer = keras.regularizers.serialize(self.regularizer)
        return {
            **super().get_config(),
            "units": self.units,
            "initializer": initializer,
            "regularizer": regularizer,
        }


class Block(layers.Layer):
    """A layer around a layer, with what training needs in its config."""

    def __init__(self, units: int, inner: Any = None, **objects: Any) -> None:
        own = {key: objects.pop(key, None) for key in ("loss", "metric", "seed", "schedule")}
        super().__init__(**objects)
        self.units = units
        self.own = {key: keras.saving.deserialize_keras_object(each) for key, each in own.items()}
        self.inner = layers.deserialize(inner) if inner else layers.Dense(units, "relu", kernel_regularizer="l2")

    def build(self, input_shape: Any) -> None:
        if not self.inner.built:
            self.inner.build(input_shape)
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        return self.inner(x)

    def get_config(self) -> dict[str, Any]:
        own = {key: keras.saving.serialize_keras_object(each) for key, each in self.own.items()}
        return {**super().get_config(), "units": self.units, "inner": layers.serialize(self.inner), **own}


OWN = {each.__name__: each for each in (MyDense, MyConv, MyGRUCell, MyCell, Block, my_tanh)}


def block() -> Any:
    made = Block(3)
    made.own = {
        "loss": keras.losses.Huber(0.5),
        "metric": keras.metrics.MeanSquaredError(),
        "seed": keras.random.SeedGenerator(4),
        "schedule": keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9),
    }
    return made


CASES: dict[str, Callable[[], Any]] = {
    "Dense": lambda: MyDense(3, kernel_regularizer="l2", bias_constraint="non_neg", activity_regularizer="l1"),
    "Dense with an initializer": lambda: MyDense(3, kernel_initializer=keras.initializers.VarianceScaling(2.0)),
    "registered Dense": lambda: Registered(3, kernel_regularizer=keras.regularizers.L1L2(0.1, 0.1)),
    "Conv1D": lambda: MyConv(3, 3, kernel_initializer="orthogonal", kernel_constraint="unit_norm"),
    "my cell": lambda: layers.RNN(MyCell(4, regularizer="l2")),
    "GRUCell": lambda: layers.RNN(MyGRUCell(4)),
    "cells": lambda: layers.RNN([MyGRUCell(4), layers.LSTMCell(3)]),
    "both directions": lambda: layers.Bidirectional(layers.RNN(MyGRUCell(4))),
    "a wrapper": lambda: layers.TimeDistributed(MyDense(3)),
    "a block": block,
    "my activation": lambda: layers.Dense(3, activation=my_tanh),
    "my activation in my layer": lambda: MyDense(3, activation=my_tanh),
    "registered activation": lambda: Registered(3, activation=registered_tanh),
    "Lambda of my function": lambda: layers.Lambda(my_tanh),
    "Lambda of an operation": lambda: layers.Lambda(keras.ops.tanh),
    "Lambda of an activation": lambda: layers.Lambda(keras.activations.relu, arguments={"negative_slope": 0.2}),
}


def model_with(case: str) -> keras.Model:
    with keras.saving.custom_object_scope(OWN):
        made = CASES[case]()
        return randomised(keras.Sequential([keras.Input((6, 4)), made, layers.Flatten(), layers.Dense(2)]))


def saved(model: keras.Model, kind: str, folder: Path) -> Any:
    if kind == "json":
        (folder / "model.json").write_text(model.to_json())
        model.save_weights(folder / "model.weights.h5")
        return folder / "model.json", folder / "model.weights.h5"
    model.save(folder / f"model.{kind}")
    return folder / f"model.{kind}"


FIRST = ("Dense", "my cell", "a block", "registered activation")
ROADS = [
    pytest.param(case, kind, marks=[] if case in FIRST or kind == "keras" else pytest.mark.slow)
    for case in CASES
    for kind in ("keras", "h5", "json")
]


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize(("case", "kind"), ROADS)
def test_own_code_with_parts_of_keras(case: str, kind: str, tmp_path: Path) -> None:
    model = model_with(case)
    path = saved(model, kind, tmp_path)
    assert_same(read(path, custom_objects=OWN), model)
    with keras.saving.custom_object_scope(OWN):
        assert_same(read(path), model)


@pytest.mark.parametrize("case", ["Dense", pytest.param("my cell", marks=pytest.mark.slow), "a block"])
@pytest.mark.slow_for("a block")
def test_scores_are_those_of_the_live_model(case: str, tmp_path: Path) -> None:
    model = model_with(case)
    path = saved(model, "keras", tmp_path)
    x = rows(model)[0]
    expected = dl.convert(model).compile()(x, target=1)
    with keras.saving.custom_object_scope(OWN):
        network = dl.convert(path)
    for name in ("contributions", "outputs"):
        found, wanted = (np.asarray(getattr(scores, name)) for scores in (network.compile()(x, target=1), expected))
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", ["keras", "json"])
def test_without_the_code_it_is_refused(kind: str, tmp_path: Path) -> None:
    path = saved(model_with("cells"), kind, tmp_path)
    with pytest.raises(UnsafeModelError, match=r"\(MyGRUCell of .*, a class\)\. Nothing of it was run") as caught:
        read(path)
    assert "safe_mode" not in str(caught.value)
    assert "custom_objects={'MyGRUCell': ...}" in str(caught.value)


OLD_PARTS = {
    "kernel_initializer": {
        "class_name": "VarianceScaling",
        "config": {"scale": 1.0, "mode": "fan_avg", "dtype": "float32"},
    },
    "bias_initializer": {"class_name": "Zeros", "config": {"dtype": "float32"}},
    "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.01}},
    "bias_constraint": {"class_name": "NonNeg", "config": {}},
}


@pytest.mark.parametrize("name", ["MyDense", "some_package>MyDense"])
def test_parts_without_a_module(name: str, tmp_path: Path) -> None:
    """As Keras 2 wrote the parts of a user's layer."""
    first = layer(name, "mine", units=3, activation="linear", use_bias=True, batch_input_shape=[None, 4], **OLD_PARTS)
    first["config"].pop("batch_input_shape")
    start = layer("InputLayer", "start", batch_input_shape=[None, 4])
    kernel = np.arange(12, dtype="f").reshape(4, 3)
    weights = {"mine": [("kernel", kernel), ("bias", np.ones(3, "f"))]}
    path = write_legacy_h5(tmp_path / "old.h5", sequential(start, first), weights, "2.4.0")
    np.testing.assert_array_equal(read(path, custom_objects=OWN).get_weights()[0], kernel)


def test_a_function_goes_by_its_own_name(tmp_path: Path) -> None:
    """Keras before 3.7 wrote no package; a registration under another name is nobody's function."""
    path = saved(model_with("registered activation"), "json", tmp_path)
    config = json.loads(path[0].read_text())
    function = config["config"]["layers"][1]["config"]["activation"]
    function.update(config="registered_tanh", registered_name="own_code>registered_tanh")
    path[0].write_text(json.dumps(config))
    assert_same(read(path), model_with("registered activation"))
    function.update(config="mystery")
    path[0].write_text(json.dumps(config))
    with pytest.raises(UnsafeModelError, match=r"mystery of .*, a function"):
        read(path)


def test_own_class_before_that_of_keras(tmp_path: Path) -> None:
    class Dense(layers.Dense):
        pass

    model = randomised(keras.Sequential([keras.Input((4,)), layers.Dense(3, name="first")]))
    for kind in ("keras", "json"):
        found = read(saved(model, kind, tmp_path), custom_objects={"Dense": Dense})
        assert type(found.layers[0]) is Dense
        assert_same(found, model)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_class_that_goes_by_another_name_in_h5(tmp_path: Path) -> None:
    query = keras.Input((6, 4))
    attended = layers.GroupQueryAttention(2, 4, 2)(query, query)
    model = randomised(keras.Model(query, layers.Dense(1)(attended)))
    path = saved(model, "h5", tmp_path)
    with h5py.File(path) as file:
        assert '"GroupedQueryAttention"' in file.attrs["model_config"]
    assert_same(read(path), model, rtol=1e-5)
    assert_same(read(saved(model, "keras", tmp_path)), model, rtol=1e-5)


def convnext(depths: list[int]) -> keras.Model:
    """ConvNeXt with few channels."""
    settings = {"weights": None, "include_top": False, "include_preprocessing": False, "input_shape": (32, 32, 3)}
    made = keras.src.applications.convnext.ConvNeXt(depths, [4, 4, 6, 6], drop_path_rate=0.1, **settings)
    return randomised(keras.Model(made.input, layers.Dense(2)(layers.Flatten()(made.output))))


@pytest.mark.slow
def test_classes_of_keras_outside_of_its_layers(tmp_path: Path) -> None:
    model = convnext([1, 1, 1, 1])
    for kind in ("keras", "json"):
        found = read(saved(model, kind, tmp_path))
        assert {"LayerScale", "StochasticDepth"} <= {type(part).__name__ for part in found.layers}
        assert_same(found, model, rtol=1e-5)


@pytest.mark.slow
def test_convnext_tiny(tmp_path: Path) -> None:
    model = keras.applications.ConvNeXtTiny(weights=None, input_shape=(64, 64, 3), classes=3)
    model.save(tmp_path / "model.keras")
    assert_same(read(tmp_path / "model.keras"), model, rtol=1e-5)
    network = dl.convert(tmp_path / "model.keras")
    x = np.random.default_rng(2).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    scores = network.compile()(x, target=1)
    assert scores.delta is not None and scores.reference_outputs is not None
    assert abs(scores.delta[0]) < 1e-3 * abs(scores.outputs[0] - scores.reference_outputs[0])
