"""Small files that would keep the machine busy for hours are refused at once, or take no longer than they need."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import deeplift_tf as dl
from deeplift_tf.conversion.readers.architecture import check_layers
from deeplift_tf.conversion.readers.call_order import in_order
from deeplift_tf.conversion.readers.sequential import at_once
from deeplift_tf.conversion.tf_graph import loops
from deeplift_tf.errors import ModelFileError, UnsupportedLayerError
from tests.support.installed import since_keras


@pytest.mark.parametrize(("kind", "factor"), [("Add", 2.0), ("Average", 1.0)])
@pytest.mark.slow_for("Average-1.0")
def test_a_value_added_to_itself_again_and_again(kind: str, factor: float) -> None:
    """TensorFlow's optimiser would lay out 2^30 summands."""
    x = inputs = keras.Input((2,))
    for _ in range(30):
        x = getattr(layers, kind)()([x, x])
    network = dl.convert(keras.Model(inputs, x))
    values = np.array([[1.0, -3.0], [0.25, 2.0]], np.float32)
    # powers of two are exact in float32
    np.testing.assert_array_equal(network.predict(values), values * np.float32(factor**30))
    scores = network.compile()(values, references=0.0, target=1).contributions
    np.testing.assert_array_equal(scores, values * np.float32(factor**30) * [0, 1])


def test_a_value_beside_itself_again_and_again() -> None:
    """Its optimiser would lay out 2^18 parts, in quadratic time."""
    x = inputs = keras.Input((1,))
    for _ in range(18):
        x = layers.Concatenate()([x, x])
    network = dl.convert(keras.Model(inputs, x))
    values = np.array([[3.0], [-2.0]], np.float32)
    np.testing.assert_array_equal(network.predict(values), np.repeat(values, 1 << 18, axis=1))
    np.testing.assert_array_equal(network.compile()(values, references=1.0, target=77).contributions, values - 1)


class Loops(tf.Module):
    """Loops whose steps are told by whole numbers, by values, or by nothing."""

    def run(self, going: Callable[..., Any], body: Callable[..., Any], x: tf.Tensor) -> tf.Tensor:
        return tf.while_loop(going, lambda i, y: (i + 1, body(y)), [0, x])[1]

    @tf.function(input_signature=[tf.TensorSpec([None, 2])], autograph=False)
    def long(self, x: tf.Tensor) -> tf.Tensor:
        return self.run(lambda i, y: i < 2**30, lambda y: y * 1.5, x)

    @tf.function(input_signature=[tf.TensorSpec([None, 2])], autograph=False)
    def endless(self, x: tf.Tensor) -> tf.Tensor:
        return self.run(lambda i, y: True, lambda y: y * 1.5, x)

    @tf.function(input_signature=[tf.TensorSpec([None, 2])], autograph=False)
    def inside(self, x: tf.Tensor) -> tf.Tensor:
        return self.run(lambda i, y: i < 40, lambda y: self.run(lambda j, z: j < 45, tf.sin, y), x)

    @tf.function(input_signature=[tf.TensorSpec([None, 2])], autograph=False)
    def valued(self, x: tf.Tensor) -> tf.Tensor:
        return x * self.run(lambda i, y: tf.reduce_sum(y) < 9.0, lambda y: y * 1.0, tf.ones([2]))

    @tf.function(input_signature=[tf.TensorSpec([None, 2])], autograph=False)
    def short(self, x: tf.Tensor) -> tf.Tensor:
        twice = self.run(lambda i, y: i < 2, lambda y: y * 3.0, x)
        counted = self.run(lambda i, y: tf.reduce_sum(y) < 13.0, lambda y: y * 2.0, tf.ones([2]))
        return (
            self.run(lambda i, y: i < 2, lambda y: self.run(lambda j, z: j < 2, lambda z: z + 1.0, y), twice)
            * counted[0]
        )


def saved(folder: Path, name: str) -> str:
    module = Loops()
    tf.saved_model.save(module, str(folder / name), signatures=getattr(module, name))
    return str(folder / name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("long", "runs more than 50 steps"),
        ("endless", "runs steps without an end"),
        ("inside", "runs 45 steps in each of 40 around it, more than 400"),
        ("valued", "runs more than 10 steps counted by other than whole numbers"),
    ],
)
def test_a_loop_is_counted_before_it_is_laid_out(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, value in {"MAX_STEPS": 50, "MAX_ALL_STEPS": 400, "MAX_TRIED_STEPS": 10}.items():
        monkeypatch.setattr(loops, limit, value)
    with pytest.raises(UnsupportedLayerError, match=message):
        dl.convert(saved(tmp_path, name))


def test_steps_of_all_loops_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "MAX_ALL_STEPS", 9)
    with pytest.raises(UnsupportedLayerError, match="more than 9 steps with those of the other loops"):
        dl.convert(saved(tmp_path, "short"))


def test_loops_are_laid_out(tmp_path: Path) -> None:
    network = dl.convert(saved(tmp_path, "short"))
    x = np.array([[1.0, -2.0]], np.float32)
    np.testing.assert_allclose(network.predict(x), (x * 9 + 4) * 8, rtol=1e-6)  # rounding of float32


def test_a_sequential_model_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras's own way from a config is to build it anew after each of its layers."""
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.ReLU()], name="inner")
    model = keras.Sequential([keras.Input((4,), name="first"), layers.Dense(4), inner, layers.Dense(2)], name="outer")
    model.save(tmp_path / "model.keras")
    built: list[str] = []
    whole = keras.Sequential.build

    def build(self: keras.Sequential, *shape: Any) -> None:
        built.append(self.name)
        whole(self, *shape)

    monkeypatch.setattr(keras.Sequential, "build", build)
    read = dl.conversion.readers.read(tmp_path / "model.keras")
    assert type(read) is keras.Sequential and type(read.layers[1]) is keras.Sequential
    assert built.count("outer") <= 2 and built.count("inner") <= 2
    assert read.inputs[0].name == "first"
    x = np.linspace(-1, 1, 8).reshape(2, 4)
    np.testing.assert_allclose(read.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)


def test_a_sequential_model_of_the_users_own_stays_so() -> None:
    config: dict[str, Any] = {
        "class_name": "Sequential",
        "registered_name": "mine>Sequential",
        "module": None,
        "config": {},
    }
    assert at_once(config) == config


def row(count: int) -> dict[str, Any]:
    """Return the architecture of a functional model whose layers stand in a row."""
    names = [f"a{index}" for index in range(count)]
    calls = [[], *([[[name, 0, 0, {}]]] for name in names)]
    parts = [
        {"class_name": "ReLU", "name": name, "config": {"name": name}, "inbound_nodes": nodes}
        for name, nodes in zip(names, calls, strict=False)
    ]
    return {"class_name": "Functional", "config": {"layers": parts}}


def test_layers_in_a_row_beyond_what_keras_can_follow() -> None:
    check_layers(row(900), "file")
    with pytest.raises(ModelFileError, match=r"layers in a row, Python's recursion limit.*; found 5000"):
        check_layers(row(5000), "file")
    sequential = {"class_name": "Sequential", "config": {"layers": [{"config": {"name": str(i)}} for i in range(5000)]}}
    with pytest.raises(ModelFileError, match=r"layers in a row.*; found 5000"):
        check_layers(sequential, "file")


def backwards(config: dict[str, Any]) -> dict[str, Any]:
    """Return an architecture whose layers are listed from the last to the first."""
    inner = config["config"]
    return {**config, "config": {**inner, "layers": inner["layers"][::-1]}}


def test_a_row_is_as_long_when_it_is_listed_backwards() -> None:
    check_layers(backwards(row(900)), "file")
    with pytest.raises(ModelFileError, match=r"layers in a row.*; found 5000"):
        check_layers(backwards(row(5000)), "file")


def test_a_row_of_calls_of_two_layers() -> None:
    """Each reads the other's last call: as long a row as one of as many layers."""
    calls = 3000
    nodes: dict[str, list[Any]] = {
        "a": [[], *([["b", number, 0, {}]] for number in range(calls - 1))],
        "b": [[["a", number, 0, {}]] for number in range(calls)],
    }
    parts = [{"class_name": "ReLU", "name": name, "config": {}, "inbound_nodes": nodes[name]} for name in nodes]
    with pytest.raises(ModelFileError, match=r"layers in a row.*; found 6000"):
        check_layers({"class_name": "Functional", "config": {"layers": parts}}, "file")


@since_keras(3, 8, "a layer that is called again on what a later one made is built again")
def test_layers_listed_backwards_are_put_in_order(tmp_path: Path) -> None:
    """Keras would try n² calls; the predictions, and the weights of each layer, stay."""
    x = keras.Input((4,), name="in")
    y, shared = x, layers.Dense(4, activation="tanh", name="shared")
    for index in range(12):
        y = layers.Dense(4, activation="relu", name=f"a{index}")(shared(y) if index % 4 == 0 else y)
    model = keras.Model(x, layers.Add(name="sum")([y, shared(x)]))
    config = json.loads(model.to_json())
    (tmp_path / "m.json").write_text(json.dumps(backwards(config)))
    model.save_weights(tmp_path / "m.weights.h5")
    ordered = [layer["name"] for layer in in_order(backwards(config))["config"]["layers"]]
    assert ordered.index("in") < ordered.index("shared") < ordered.index("a0") < ordered.index("a11")
    assert in_order(config) == config
    rows = np.linspace(-1, 1, 8).reshape(2, 4).astype("float32")
    network = dl.convert((tmp_path / "m.json", tmp_path / "m.weights.h5"))
    np.testing.assert_allclose(network.predict(rows), model.predict(rows, verbose=0), rtol=1e-5, atol=1e-6)


def test_more_layers_than_can_be_built() -> None:
    wide = {"class_name": "Functional", "config": {"layers": [{"name": "a", "inbound_nodes": []}] * 9000}}
    with pytest.raises(ModelFileError, match="expected at most 8000 layers; found 9000"):
        check_layers(wide, "file")


@pytest.mark.parametrize(("operation", "name"), [("unstack", "num"), ("array_split", "indices_or_sections")])
def test_parts_beyond_reason(operation: str, name: str, tmp_path: Path) -> None:
    """Keras would make a symbolic tensor for each of 2^28 parts."""
    if not hasattr(keras.ops, operation):
        pytest.skip(f"this Keras has no {operation}")
    inputs = keras.Input((4,))
    settings = {"axis": 1, name: 4}
    parts = getattr(keras.ops, operation)(inputs, **settings)
    model = keras.Model(inputs, layers.Concatenate()([keras.ops.reshape(part, (-1, 1)) for part in parts]))
    model.save(tmp_path / "model.keras")
    changed = tmp_path / "changed.keras"
    with zipfile.ZipFile(tmp_path / "model.keras") as old, zipfile.ZipFile(changed, "w") as new:
        for member in old.namelist():
            text = old.read(member)
            new.writestr(member, enlarged(text, name) if member == "config.json" else text)
    with pytest.raises(ModelFileError, match=f"expected settings of at most 4096; found {name}={1 << 28}"):
        dl.convert(str(changed))


def enlarged(text: bytes, name: str) -> str:
    """Return an architecture with another number for a setting, wherever it stands."""

    def change(value: Any) -> Any:
        if isinstance(value, list):
            return [change(each) for each in value]
        if isinstance(value, dict):
            return {key: 1 << 28 if key == name else change(each) for key, each in value.items()}
        return value

    return json.dumps(change(json.loads(text)))
