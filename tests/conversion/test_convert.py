"""From live Keras models to networks: structure, names, rules, converters of users, and refusals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import deeplift_tf as dl
from deeplift_tf.conversion.keras_graph import registry
from deeplift_tf.conversion.keras_graph.context import ConversionContext
from deeplift_tf.errors import RuleError, UnsupportedLayerError
from deeplift_tf.graph.graph import Edge
from deeplift_tf.network import Network
from deeplift_tf.rules.secants import smooth
from tests.support.checks import assert_close_to_largest, assert_complete
from tests.support.keras_models import MODEL_ROWS, Row, outputs_of, random_inputs, randomise

RULES = ("rescale", "reveal_cancel")
ROWS = {row.id: row for row in MODEL_ROWS}


# ------------------------------------------------------------------------------------------------- whole models


@pytest.mark.parametrize("row", MODEL_ROWS, ids=lambda row: row.id)
@pytest.mark.slow_for("same_tensor_twice", "squeeze_excite", "xception_block", "inline_operations")
def test_model_predicts_as_keras_and_contributions_sum_to_the_difference(row: Row) -> None:
    model = randomise(row.build(), seed=1)
    x, x0 = (random_inputs(row, seed) for seed in (2, 3))
    given = x if len(x) > 1 else x[0]
    network = dl.convert(model)
    found = network.predict(given)
    expected = outputs_of(model, row, x)
    parts = [found[name] for name in sorted(found)] if isinstance(found, dict) else [found]
    assert len(parts) == len(expected)
    for part, y in zip(parts, expected, strict=True):
        assert_close_to_largest(part, y, 1e-5)  # float32: sums of some hundred terms in another order

    head = network.output_names[0]
    for rule in RULES:
        double = dl.convert(model, rule=rule, dtype="float64").compile()
        shape = [size or 0 for size in double.network.output_shapes[head][1:]]
        weights = np.random.default_rng(4).normal(size=shape)
        references = x0 if len(x) > 1 else x0[0]
        scores = double(given, references, target=weights, output=head, pre_activation=True)
        assert_complete(scores, 1e-9 if "exact" in row.tags else 1e-3)


def _names(row_id: str) -> list[str]:
    return list(dl.convert(ROWS[row_id].build()).layers)


def test_names_are_those_of_the_model() -> None:
    assert _names("skip_connections") == [
        *("a/linear", "a", "residual", "c/linear", "c", "join", "e/linear", "e", "output")
    ]


def test_names_of_nested_models_stand_before_a_slash() -> None:
    assert {"encoder/dense", "encoder/dense/linear", "encoder/add", "dense", "output"} <= {*_names("nested_functional")}
    assert {"body/conv1d", "body/pool", "output"} <= {*_names("sequential_in_functional")}
    assert {"body/dense", "output"} <= {*_names("sequential_in_sequential")}


def test_a_second_use_of_a_layer_is_counted() -> None:
    assert {"dense", "dense/linear", "dense/1", "dense/1/linear", "subtract"} <= {*_names("shared_layer")}
    assert {"encoder/dense", "encoder/1/dense", "encoder/add", "encoder/1/add"} <= {*_names("shared_model")}


def test_uses_of_a_shared_layer_are_scored_one_by_one() -> None:
    row = ROWS["shared_layer"]
    network = dl.convert(randomise(row.build(), 1), dtype="float64")
    x, x0 = random_inputs(row, 2), random_inputs(row, 3)
    scores = network.compile(["dense", "dense/1"])(x, x0)
    assert_complete(scores, 1e-12)
    swapped = network.compile(["dense", "dense/1"])(x[::-1], x0[::-1])
    # left and right take the same weights and meet in a difference
    assert np.abs(scores.contributions["dense"] - swapped.contributions["dense/1"]).max() > 1e-3
    first, second = (network.layers[name].layer for name in ("dense/linear", "dense/1/linear"))
    assert isinstance(first, dl.layers.Dense) and isinstance(second, dl.layers.Dense)
    np.testing.assert_array_equal(first.kernel.numpy(), second.kernel.numpy())


def test_names_of_inputs_and_outputs() -> None:
    network = dl.convert(ROWS["two_outputs"].build())
    assert network.input_names == ("x",) and network.input_shapes == {"x": (None, 9, 4)}
    assert set(network.output_names) == {"profile", "counts"}
    assert network.output_shapes == {"profile": (None, 9, 1), "counts": (None, 1)}
    assert dl.convert(ROWS["two_inputs"].build()).input_names == ("image", "facts")


def test_an_output_that_is_an_input_and_one_layer_twice() -> None:
    x = keras.Input((3,), name="x")
    y = layers.Dense(2, name="y")(x)
    network = dl.convert(keras.Model(x, [y, x, y]))
    assert len(network.output_names) == len(set(network.output_names)) == 3
    rows = np.ones((2, 3), "float32")
    found = list(network.predict(rows).values())
    np.testing.assert_array_equal(found[1], rows)
    np.testing.assert_array_equal(found[0], found[2])


def test_open_lengths() -> None:
    x = keras.Input((None, 4), name="x")
    y = layers.Conv1D(3, 3, padding="same", activation="relu", name="conv")(x)
    model = randomise(keras.Model(x, layers.Dense(1, name="y")(layers.GlobalMaxPooling1D(name="top")(y))), 1)
    network = dl.convert(model, dtype="float64", rule="reveal_cancel")
    assert network.input_shapes == {"x": (None, None, 4)}
    score = network.compile()
    for length in (5, 9):
        rows, references = np.random.default_rng(length).normal(size=(2, 3, length, 4))
        assert_complete(score(rows, references), 1e-12)
        assert_close_to_largest(network.predict(rows), np.asarray(model(rows)), 1e-5)


def test_weights_are_those_of_the_moment_of_conversion() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="y")])
    network = dl.convert(model)
    before = network.predict(np.ones((1, 3)))
    model.set_weights([w + 1 for w in model.get_weights()])
    np.testing.assert_array_equal(network.predict(np.ones((1, 3))), before)
    assert np.abs(dl.convert(model).predict(np.ones((1, 3))) - before).max() > 0.1


# --------------------------------------------------------------------------------------------------------- rules


def _genomics() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((12, 4), name="x"),
            layers.Conv1D(4, 3, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Activation("relu", name="after_norm"),
            layers.MaxPooling1D(2, name="pool"),
            layers.Activation("tanh", name="after_pool"),
            layers.Flatten(name="flat"),
            layers.Dense(5, name="dense"),
            layers.BatchNormalization(name="norm_dense"),
            layers.Dropout(0.2, name="dropout"),
            layers.PReLU(name="prelu"),
            layers.Dense(3, activation="relu", name="dense_2"),
            layers.Dense(1, activation="sigmoid", name="probability"),
        ]
    )


def _rules(network: Network) -> dict[str, str]:
    return {row.name: row.rule for row in network.table() if row.rule}


def test_genomics_default_follows_what_feeds_a_nonlinearity() -> None:
    # tanh behind pool sees a ReLU first, and no Linear layer through Routing ones alone: Rescale
    assert _rules(dl.convert(_genomics(), rule="genomics_default")) == {
        "conv": "rescale",
        "after_norm": "rescale",
        "after_pool": "rescale",
        "prelu": "reveal_cancel",
        "dense_2": "reveal_cancel",
        "probability": "reveal_cancel",
    }


def test_genomics_default_with_skip_connections() -> None:
    x = keras.Input((6, 4), name="x")
    flat = layers.Flatten(name="flat")(x)
    conv = layers.Flatten(name="flat_conv")(layers.Conv1D(2, 3, name="conv")(x))
    dense = layers.Dense(8, name="dense")(flat)
    both = layers.Activation("relu", name="both")(layers.Add(name="add")([conv, dense]))
    dense_only = layers.Activation("relu", name="dense_only")(
        layers.Add(name="add_2")([dense, layers.Dense(8, name="dense_2")(flat)])
    )
    no_linear = layers.Activation("tanh", name="no_linear")(flat)
    with_input = layers.Activation("relu", name="with_input")(
        layers.Concatenate(name="with_x")([dense, layers.Flatten(name="flat_2")(x)])
    )
    einsum = layers.EinsumDense("ab,bc->ac", 3, activation="relu", name="einsum")(no_linear)
    joined = layers.Concatenate(name="join")([both, dense_only, with_input, einsum])
    network = dl.convert(keras.Model(x, layers.Dense(1, name="y")(joined)), rule="genomics_default")
    assert _rules(network) == {
        "both": "rescale",
        "dense_only": "reveal_cancel",
        "no_linear": "rescale",
        "with_input": "reveal_cancel",  # of the Linear layers that feed it, every one is Dense
        "einsum": "reveal_cancel",
    }


def test_rules_by_layer_by_class_and_by_default() -> None:
    model = _genomics()
    choice = {"conv": "reveal_cancel", "Activation": "gradient", "after_pool": "rescale", "default": "reveal_cancel"}
    assert _rules(dl.convert(model, rule=choice)) == {
        "conv": "reveal_cancel",
        "after_norm": "gradient",
        "after_pool": "rescale",  # the name goes before the class
        "prelu": "reveal_cancel",
        "dense_2": "reveal_cancel",
        "probability": "reveal_cancel",
    }
    without = _rules(dl.convert(model, rule={"PReLU": "reveal_cancel"}))
    assert without["prelu"] == "reveal_cancel" and without["conv"] == "rescale"
    mixed = _rules(dl.convert(model, rule={"conv": "reveal_cancel", "default": "genomics_default"}))
    assert mixed["conv"] == mixed["prelu"] == "reveal_cancel" and mixed["after_norm"] == "rescale"


def test_rules_that_fit_nothing() -> None:
    model = _genomics()
    with pytest.raises(RuleError, match=r"rules are given for \['conv_2', 'LSTM'\], but the model has no layer"):
        dl.convert(model, rule={"conv_2": "rescale", "LSTM": "rescale"})
    with pytest.raises(RuleError, match=r"unknown rule 'rescal'; expected one of rescale, .*genomics_default"):
        dl.convert(model, rule="rescal")
    with pytest.raises(RuleError, match="unknown rule 'lrp'"):
        dl.convert(model, rule={"default": "lrp"})


# ------------------------------------------------------------------------------------------------ users' converters


@keras.saving.register_keras_serializable("deeplift_tf_tests")
class Wave(keras.layers.Layer):
    """sin(w·x), by way of complex numbers, which have no exact rule."""

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(shape[-1],), name="w")

    def call(self, x: Any) -> Any:
        return tf.math.imag(tf.exp(tf.complex(tf.zeros_like(x), x * self.w)))


@keras.saving.register_keras_serializable("deeplift_tf_tests")
class Ripple(Wave):
    """Another class that nobody has heard of."""


def _wavy() -> keras.Model:
    x = keras.Input((5,), name="x")
    y = Wave(name="wave")(layers.Dense(4, name="dense")(x))
    return randomise(keras.Model(x, layers.Dense(1, name="y")(Ripple(name="ripple")(y))), 1)


def wave(layer: Any, context: ConversionContext) -> Edge:
    scaled = context.add(dl.layers.Scale(context.weight(layer.w), context.weight(0.0)))
    return context.add(dl.layers.Elementwise(smooth(tf.sin, "sin")), scaled)


@pytest.fixture
def users() -> Iterator[None]:
    """What a test registers is gone behind it."""
    held = dict(registry.USERS)
    yield
    registry.USERS.clear()
    registry.USERS.update(held)


def test_unknown_layers_are_followed_along_a_path_and_said_to_be_approximate() -> None:
    network = dl.convert(_wavy(), dtype="float64")
    rows = {row.name: row for row in network.table()}
    assert (rows["wave"].kind, rows["wave"].exact) == ("Path", False)
    x, x0 = np.random.default_rng(1).normal(size=(2, 4, 5))
    assert_complete(network.compile()(x, x0), 1e-6)  # a smooth function at moderate displacements


def test_approximate_false_lists_all_layers_at_once() -> None:
    with pytest.raises(UnsupportedLayerError) as caught:
        dl.convert(_wavy(), exact_only=True)
    message = str(caught.value)
    assert "wave (Wave)" in message and "ripple (Ripple)" in message and "dense" not in message
    assert "exact_only=False" in message and "dl.register" in message


class Doubling(keras.layers.Layer):
    """Doubles its input until it is large: a loop whose steps data choose."""

    def call(self, x: Any) -> Any:
        return tf.while_loop(lambda y: tf.reduce_min(tf.abs(y)) < -1.0, lambda y: (2.0 * y,), [x])[0]


class Beta(keras.layers.Layer):
    """A function of one operation that has a derivative, and no exact rule."""

    def call(self, x: Any) -> Any:
        return tf.math.bessel_i0(x) + tf.math.special.dawsn(x)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [(Doubling, r"StatelessWhile.*what runs depends on the inputs"), (Beta, "Dawsn has no exact rule")],
)
def test_exact_only_says_what_stands_in_the_way(layer: Any, reason: str) -> None:
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(2)(layer(name="own")(x)))
    with pytest.raises(UnsupportedLayerError, match=rf"own[^ ]* \(\w+\): .*{reason}"):
        dl.convert(model, exact_only=True)


@pytest.mark.usefixtures("users")
def test_a_registered_converter_makes_a_layer_exact() -> None:
    assert dl.register("Wave", "Ripple")(wave) is wave
    model = _wavy()
    network = dl.convert(model, exact_only=True, dtype="float64")
    rows = {row.name: row for row in network.table()}
    assert rows["wave"].exact and rows["wave"].keras_class == "Wave" and "wave/scale" in rows
    x, x0 = np.random.default_rng(1).normal(size=(2, 4, 5))
    assert_complete(network.compile()(x, x0), 1e-12)
    assert_close_to_largest(network.predict(x), np.asarray(model(x)), 1e-5)
    with pytest.raises(ValueError, match="'Wave' is registered already"):
        dl.register("Wave")(wave)


@pytest.mark.usefixtures("users")
def test_converters_of_one_call_go_before_registered_ones_and_stay_in_it() -> None:
    called = []

    def noted(layer: Any, context: ConversionContext) -> Edge:
        called.append(layer.name)
        return wave(layer, context)

    dl.register("Wave")(wave)
    dl.convert(_wavy(), converters={"Wave": noted, "Ripple": noted}, exact_only=True)
    assert called == ["wave", "ripple"]
    with pytest.raises(UnsupportedLayerError, match="ripple"):
        dl.convert(_wavy(), exact_only=True)
    assert called == ["wave", "ripple"]


def test_a_converter_may_replace_one_of_ours() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="y"), layers.Activation("relu", name="relu")])
    network = dl.convert(model, converters={"Activation": lambda layer, context: context.add(dl.layers.Identity())})
    assert network.layers["relu"].layer.kind == "Routing"


@keras.saving.register_keras_serializable("deeplift_tf_tests")
class Dense(keras.layers.Layer):
    """Of the name of one of Keras's, and yet something else."""

    def call(self, x: Any) -> Any:
        return tf.tanh(x) * 2


def test_a_class_of_ours_under_the_name_of_keras_is_not_taken_for_it() -> None:
    x = keras.Input((4,), name="x")
    model = keras.Model(x, Dense(name="impostor")(x))
    network = dl.convert(model)
    rows = np.random.default_rng(1).normal(size=(3, 4)).astype("float32")
    assert_close_to_largest(network.predict(rows), np.asarray(model(rows)), 1e-6)


# -------------------------------------------------------------------------------------------------- what is refused


def test_a_model_without_input_shape() -> None:
    with pytest.raises(UnsupportedLayerError, match="has no input shape yet; build it"):
        dl.convert(keras.Sequential([layers.Dense(2)]))


def test_a_model_that_was_never_called() -> None:
    class Subclassed(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    with pytest.raises(UnsupportedLayerError, match=r"\(Subclassed\) has no input shape yet; call it once"):
        dl.convert(Subclassed())


# ------------------------------------------------------------------------------------------------- table and summary


def test_summary_tells_every_layer(capsys: pytest.CaptureFixture[str]) -> None:
    network = dl.convert(_wavy(), rule="reveal_cancel")
    network.summary()
    printed = capsys.readouterr().out
    lines = [re.split(r"\s{2,}", line) for line in printed.splitlines()]
    assert lines[0] == ["layer", "Keras class", "kind", "rule", "output shape"]
    assert lines[2] == ["dense", "Dense", "Linear", "(None, 4)"]
    assert [line[0] for line in lines[2:]] == list(network.layers)
    wavy = next(line for line in lines if line[0] == "wave")
    assert wavy[1:3] == ["Wave", "Path"] and wavy[-2:] == ["(None, 4)", "approximate"]
    said: list[str] = []
    network.summary(print_fn=said.append)
    assert "\n".join(said) == printed.rstrip("\n")
    assert not capsys.readouterr().out


def test_table_of_a_whole_model() -> None:
    table = dl.convert(ROWS["sequential_cnn"].build(), rule="reveal_cancel").table()
    rows = {row.name: row for row in table}
    assert rows["conv2d"][1:] == ("Conv2D", "Elementwise", "reveal_cancel", (None, 8, 8, 4), True)
    assert rows["conv2d/linear"][1:] == ("Conv2D", "Linear", "", (None, 8, 8, 4), True)
    assert rows["pool"].kind == rows["norm"].kind == rows["flatten"].kind == "Routing"
    assert rows["probabilities"].kind == "Secant"
    assert all(row.exact for row in table)
