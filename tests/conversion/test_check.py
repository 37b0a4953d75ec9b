"""The check of a network against its model finds what it is there to find."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path as FilePath

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf.conversion.check import check, relative_gap
from deeplift_tf.errors import DeepLiftError
from deeplift_tf.graph.graph import Node
from deeplift_tf.layers.dense import Dense
from deeplift_tf.layers.path import Path
from tests.support.installed import exported
from tests.support.keras_models import randomise


@pytest.fixture(scope="module")
def model() -> keras.Model:
    layers = keras.layers
    stack = [
        layers.Dense(6, activation="relu", name="first"),
        layers.Dense(6, activation="tanh", name="second"),
        layers.Dense(3, name="output"),
    ]
    return randomise(keras.Sequential([keras.Input((5,)), *stack]), seed=0)


def with_layer(network: dl.Network, name: str, layer: dl.layers.Layer) -> dl.Network:
    """The network with another layer in one place."""

    def replaced(node: Node) -> Node:
        return dataclasses.replace(node, layer=layer) if node.name == name else node

    nodes = tuple(replaced(node) for node in network.graph.nodes)
    return dl.Network(dataclasses.replace(network.graph, nodes=nodes), network.dtype)


@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel"])
def test_a_right_network_passes(model: keras.Model, rule: str) -> None:
    report = check(model, dl.convert(model, rule=rule))
    assert report.prediction_error < 1e-6  # float32
    assert report.relative_delta is not None
    assert report.relative_delta < 1e-5
    assert report.worst_layer is None


def test_a_layer_that_predicts_otherwise_is_named(model: keras.Model) -> None:
    network = dl.convert(model)
    right = network.layers["second/linear"].layer
    assert isinstance(right, Dense)
    wrong = with_layer(network, "second/linear", dataclasses.replace(right, kernel=right.kernel * 1.01))
    report = check(model, wrong)
    assert report.prediction_error > 1e-4
    assert report.worst_layer == "second"


def test_a_layer_that_loses_contributions_is_named(model: keras.Model) -> None:
    network = dl.convert(model)
    report = check(model, with_layer(network, "second", Path(tf.nn.tanh, nodes=1)))
    assert report.relative_delta is not None
    assert report.relative_delta > 1e-3
    assert report.worst_layer == "second"
    assert any("second" in note for note in report.notes)


def test_rules_without_a_reference_are_not_blamed_for_a_sum(model: keras.Model) -> None:
    report = check(model, dl.convert(model, rule="gradient"))
    assert report.prediction_error < 1e-6
    assert report.relative_delta is None
    assert report.worst_layer is None
    assert report.notes[0].startswith("rules without a reference promise no sum")


def test_outputs_that_do_not_differ_are_not_taken_for_a_rule() -> None:
    x = keras.Input((5,))
    dense = keras.layers.Dense(1, activation="sigmoid", name="output")
    model = keras.Model(x, dense(x))
    dense.set_weights([np.zeros((5, 1)), np.array([200.0])])  # saturated: 1 for every input
    report = check(model, dl.convert(model))
    assert report.relative_delta is None
    assert report.notes[0].startswith("outputs do not differ on random input")


def test_the_way_back_ends_at_embeddings() -> None:
    layers = keras.layers
    tokens = keras.Input((7,), dtype="int32")
    pooled = layers.GlobalAveragePooling1D()(layers.Embedding(5, 4, name="embedding")(tokens))
    model = randomise(keras.Model(tokens, layers.Dense(2, activation="tanh", name="output")(pooled)), seed=0)
    report = check(model, dl.convert(model))
    assert report.prediction_error < 1e-6
    assert report.worst_layer is None


def test_convolutions_in_three_dimensions() -> None:
    """Their derivative outside a compiled function needs the data format said."""
    x = keras.Input((4, 4, 4, 2))
    model = keras.Model(x, keras.layers.Conv3D(3, 2, activation="relu")(x))
    report = check(model, dl.convert(model))
    assert report.prediction_error < 1e-5
    assert report.relative_delta is not None and report.relative_delta < 1e-4


def cropped(cropping: int) -> keras.Model:
    """A model of open length that needs twice the cropping, and a base more: as SpliceAI is built."""
    layers = keras.layers
    x = keras.Input((None, 4))
    y = layers.Conv1D(2, 3, padding="same", activation="relu")(x)
    y = layers.Conv1D(3, 1, activation="softmax")(layers.Cropping1D(cropping)(y))
    return randomise(keras.Model(x, y), seed=3)


@pytest.mark.parametrize("cropping", [20, 5000])
def test_the_least_open_length_that_runs_is_found(cropping: int) -> None:
    model = cropped(cropping)
    report = check(model, dl.convert(model))
    assert report.prediction_error < 1e-5
    assert any(f"was tried at ({2 * cropping + 1}, 4)" in note for note in report.notes)


def test_a_length_that_is_given_is_used() -> None:
    model = cropped(20)
    network = dl.convert(model)
    assert any("tried at (50, 4)" in note for note in check(model, network, length=50).notes)
    with pytest.raises(DeepLiftError, match="does not run on random input of the length 30"):
        check(model, network, length=30)


def test_a_model_that_runs_on_no_length_says_what_to_give() -> None:
    x = keras.Input((None, 4))
    y = keras.layers.Dense(1)(keras.layers.Reshape((5 * 3 * 4,))(x))
    model = keras.Model(x, y)
    network = dl.convert(model)
    with pytest.raises(DeepLiftError, match=r"any length from 1 to \d+ that was tried; give one.*`length`"):
        check(model, network)
    assert check(model, network, length=15).prediction_error < 1e-5


def test_a_dict_of_inputs_and_a_table_of_few_positions() -> None:
    """Lengths above the table's do not run; inputs go in by their keys."""
    layers = keras.layers
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in ("words", "kinds")}
    y = layers.Add()([layers.Embedding(3, 4)(tokens) for tokens in inputs.values()])
    first = layers.Conv1D(3, 2, name="pairs")(y)
    model = randomise(keras.Model(inputs, layers.Reshape((9,))(first)), seed=4)
    network = dl.convert(model)
    assert any("tried at (4,)" in note for note in check(model, network).notes)


def test_a_network_compares_itself_with_the_model_as_keras_runs_it(model: keras.Model, tmp_path: FilePath) -> None:
    x = np.random.default_rng(0).normal(size=(6, 5))
    model.save(tmp_path / "model.keras")
    exported(model, tmp_path / "served")
    for source in (model, tmp_path / "model.keras", tmp_path / "served"):
        network = dl.convert(source, check=True).with_rule("reveal_cancel")
        report = network.check(x, 0.5)
        assert report.passed and report.prediction_error < 1e-5 and report.layers == {}
        assert list(report.errors) == [
            "random input of scale 1",
            "random input of scale 0.01",
            "random input of scale 100",
            "x",
            "references",
        ]
        assert report.relative_delta is not None and report.relative_delta < 1e-4
        assert pickle.loads(pickle.dumps(network)).predict(x).shape == (6, 3)
    with pytest.raises(DeepLiftError, match=r"not made by dl\.convert"):
        dl.Network(network.graph).check()


def test_a_difference_far_from_the_normal_range_is_found(model: keras.Model) -> None:
    x = keras.Input((5,))
    clipped = keras.Model(x, keras.layers.Dense(2, name="end")(keras.layers.ReLU(max_value=50.0, name="clip")(x)))
    network = dl.convert(clipped)
    wrong = with_layer(network, "clip", dl.convert(keras.Sequential([x, keras.layers.ReLU()])).graph.nodes[-1].layer)
    report = check(clipped, wrong)
    assert report.errors["random input of scale 1"] < 1e-6
    assert report.errors["random input of scale 100"] > 1e-2 and not report.passed
    assert list(report.layers) == ["clip", "end"] and report.worst_layer == "clip"
    changed = check(clipped, network)
    assert changed.passed


def test_weights_that_change_after_conversion_are_seen(model: keras.Model) -> None:
    changing = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2, name="only")])
    network = dl.convert(changing)
    changing.layers[0].kernel.assign(2 * changing.layers[0].kernel)
    report = network.check()
    assert not report.passed and list(report.layers) == ["only"]


def test_a_file_that_keras_cannot_load_is_said(tmp_path: FilePath, model: keras.Model) -> None:
    (tmp_path / "model.json").write_text(model.to_json())
    model.save_weights(tmp_path / "model.weights.h5")
    report = dl.convert((tmp_path / "model.json", tmp_path / "model.weights.h5")).check()
    assert report.passed and any("Compared is the model as this package reads it" in note for note in report.notes)


def test_a_gap_to_what_is_no_number_is_infinite() -> None:
    nan, one = np.array([np.nan, 1.0]), np.array([1.0, 1.0])
    assert relative_gap(nan, one) == relative_gap(one, nan) == np.inf
    assert relative_gap(nan, nan) == 0
    assert relative_gap(nan, np.array([np.nan, 2.0])) == 0.5
    assert relative_gap(one * np.inf, one * np.inf) == 0 and relative_gap(one, one * np.inf) == np.inf


def test_pictures_of_integers_are_compared_with_what_predict_computes() -> None:
    """Outside of a graph Keras rounds resized pictures of uint8 to integers."""
    x = keras.Input((8, 8, 3), dtype="uint8")
    y = keras.layers.Resizing(4, 4)(x)
    y = keras.layers.Dense(2)(keras.layers.Flatten()(keras.layers.Rescaling(1 / 127.5)(y)))
    resized = randomise(keras.Model(x, y), seed=2)
    pictures = np.random.default_rng(3).integers(0, 256, (4, 8, 8, 3)).astype("uint8")
    network = dl.convert(resized)
    assert network.check(pictures).passed
    np.testing.assert_allclose(network.predict(pictures), resized.predict(pictures, verbose=0), rtol=1e-5, atol=1e-5)
