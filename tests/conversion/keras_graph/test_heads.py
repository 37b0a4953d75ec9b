"""Names that a user gives to outputs and layers: keys of a dict, nested models, the last part of a name."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.errors import LayerNameError
from tests.support.keras_models import randomise

X = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
layers = keras.layers


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Two heads by key, made by layers of other names; a nested model of one output and one of two."""
    a = keras.Input((4,), name="a")
    hidden = layers.Dense(4, activation="relu", name="inside")(a)
    encoder = keras.Model(a, layers.Dense(3, activation="tanh", name="code")(hidden), name="encoder")
    b = keras.Input((3,), name="b")
    outputs = {"mean": layers.Dense(2, name="first")(b), "spread": layers.Dense(2, name="second")(b)}
    pair = keras.Model(b, outputs, name="pair")
    x = keras.Input((5,), name="x")
    coded = encoder(layers.Dense(4, name="stem")(x))
    found = pair(coded)
    joined = layers.Add(name="joined")([found["mean"], found["spread"]])
    heads = {"profile": layers.Dense(2, name="dense_p")(joined), "counts": layers.Dense(1, name="dense_c")(coded)}
    return randomise(keras.Model(x, heads), seed=1)


@pytest.fixture(scope="module", params=["live", ".keras", ".h5"])
def network(request: pytest.FixtureRequest, model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> dl.Network:
    if request.param == "live":
        return dl.convert(model)
    path = tmp_path_factory.mktemp("models") / f"model{request.param}"
    model.save(path)
    return dl.convert(path)


@pytest.mark.slow_but_for(".h5")
def test_heads_go_by_their_keys(network: dl.Network, model: keras.Model) -> None:
    assert set(network.output_names) == {"counts", "profile"}
    expected, found = model.predict(X, verbose=0), network.predict(X)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-6)  # float32
    score = network.compile()
    np.testing.assert_allclose(score(X, output="profile", target=1).outputs, expected["profile"][:, 1], rtol=1e-5)
    same = score(X, output="dense_p", target=1)  # the layer's own name is a name too
    np.testing.assert_array_equal(same.contributions, score(X, output="profile", target=1).contributions)


def test_a_nested_model_means_its_output(network: dl.Network, model: keras.Model) -> None:
    expected = np.asarray(keras.Model(model.inputs, model.get_layer("dense_c").input)([X]))
    score = network.compile()
    for name in ("encoder", "encoder/code", "code"):
        np.testing.assert_allclose(score(X, output=name, target=2).outputs, expected[:, 2], rtol=1e-5)
    hidden = network.compile(layers="encoder")(X, output="counts")
    code = network.compile("encoder/code")(X, output="counts")
    np.testing.assert_array_equal(hidden.contributions, code.contributions)
    assert hidden.delta is not None
    assert np.abs(hidden.delta).max() < 1e-5


def test_outputs_of_a_nested_model_go_by_their_keys(network: dl.Network) -> None:
    assert network.edge("pair/mean") == network.edge("pair/first") == network.edge("mean")
    assert network.edge("pair/spread") == network.edge("second")


def test_the_closest_names_are_listed(network: dl.Network) -> None:
    with pytest.raises(LayerNameError, match="no layer is named 'encodr'; the closest are 'encoder', "):
        network.compile(layers="encodr")
    with pytest.raises(LayerNameError, match=r"output: no layer is named 'count'; .*'counts'.*the outputs are"):
        network.compile()(X, output="count")


def test_a_last_part_of_several_names_is_refused() -> None:
    x = keras.Input((3,))
    parts = [keras.Sequential([keras.Input((3,)), layers.Dense(2, name="dense")], name=name) for name in ("one", "two")]
    network = dl.convert(keras.Model(x, layers.Add(name="sum")([part(x) for part in parts])))
    with pytest.raises(LayerNameError, match="'dense' is the end of several names: one/dense, two/dense; give one"):
        network.compile(layers="dense")
    assert network.edge("one").node == "one/dense"


def test_nested_models_that_are_used_twice_have_a_name_for_each_use() -> None:
    part = randomise(keras.Sequential([keras.Input((3,)), layers.Dense(3, name="dense")], name="part"), seed=2)
    x = keras.Input((3,))
    network = dl.convert(keras.Model(x, part(part(x))))
    assert network.edge("part") != network.edge("part/1")
    assert network.edge("part/1") == next(iter(network.graph.outputs.values()))


def test_keys_of_a_dict_inside_a_dict_and_of_one_tensor_twice() -> None:
    x = keras.Input((3,))
    y = layers.Dense(2, name="dense")(x)
    network = dl.convert(keras.Model(x, {"b": {"z": y, "a": layers.ReLU(name="relu")(y)}, "a": [y]}))
    assert network.output_names == ("a/0", "b/a", "b/z")


def test_lists_keep_the_names_of_their_layers(tmp_path: Path) -> None:
    x = keras.Input((3,))
    model = keras.Model(x, [layers.Dense(2, name="one")(x), layers.Dense(2, name="two")(x)])
    model.save(tmp_path / "model.keras")
    assert dl.convert(tmp_path / "model.keras").output_names == dl.convert(model).output_names == ("one", "two")
