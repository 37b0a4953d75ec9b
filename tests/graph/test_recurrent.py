"""Recurrent layers: exact under every rule, whatever the length, with masks, states and directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import deeplift_tf as dl
from deeplift_tf.graph import backward_loop
from tests.support.sequences import check, model_of, sample, token_model_of


@keras.saving.register_keras_serializable("deeplift_tf_tests")
class SmallCell(keras.layers.Layer):
    """A user's cell."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = self.state_size = units

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], self.units))
        self.recurrent = self.add_weight(shape=(self.units, self.units))

    def call(self, x: Any, states: Any) -> Any:
        h = ops.tanh(ops.matmul(x, self.kernel) + ops.matmul(states[0], self.recurrent))
        return h, [h]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def handed_over(x: Any) -> Any:
    """The states of one layer are those that another starts from."""
    _, *states = layers.LSTM(3, return_state=True)(x)
    return layers.LSTM(3)(0.5 * x, initial_state=states)


def images(x: Any) -> Any:
    return layers.Reshape((5, 2, 2, 1))(x)


MODELS: dict[str, Callable[[Any], Any]] = {
    "lstm": lambda x: layers.LSTM(3)(x),
    "gru": lambda x: layers.GRU(3, return_sequences=True)(x),
    "simple_rnn": lambda x: layers.SimpleRNN(3)(x),
    "states": handed_over,
    "stacked": lambda x: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], return_sequences=True)(x),
    "users_cell": lambda x: layers.RNN(SmallCell(3))(x),
    "bidirectional": lambda x: layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x),
    "masked": lambda x: layers.LSTM(3, return_sequences=True)(layers.Masking()(layers.ReLU(threshold=2.0)(x))),
    "conv_lstm_2d": lambda x: layers.ConvLSTM2D(2, 2, padding="same")(images(x)),
    "time_distributed": lambda x: layers.Activation("relu")(
        layers.TimeDistributed(layers.Conv1D(2, 2))(layers.Reshape((5, 2, 2))(x))
    ),
}
OPTIONS: dict[str, Callable[[Any], Any]] = {
    "lstm_sequences": lambda x: layers.LSTM(3, return_sequences=True)(x),
    "lstm_implementation_1": lambda x: layers.LSTM(3, implementation=1, recurrent_activation="hard_sigmoid")(x),
    "lstm_backwards": lambda x: layers.LSTM(3, go_backwards=True, return_sequences=True)(x),
    "gru_reset_before": lambda x: layers.GRU(3, reset_after=False, return_sequences=True)(x),
    "bidirectional_sum": lambda x: layers.Bidirectional(layers.GRU(3), merge_mode="sum")(x),
    "bidirectional_ave": lambda x: layers.Bidirectional(layers.GRU(3), merge_mode="ave")(x),
    "bidirectional_mul": lambda x: layers.Bidirectional(layers.GRU(3), merge_mode="mul")(x),
    "bidirectional_none": lambda x: layers.Add()(layers.Bidirectional(layers.GRU(3), merge_mode=None)(x)),
    "bidirectional_masked": lambda x: layers.Bidirectional(layers.LSTM(2, return_sequences=True))(
        layers.Masking()(layers.ReLU(threshold=2.0)(x))
    ),
    "zero_output_for_mask": lambda x: layers.LSTM(2, return_sequences=True, zero_output_for_mask=True)(
        layers.Masking()(layers.ReLU(threshold=2.0)(x))
    ),
    "conv_lstm_1d": lambda x: layers.ConvLSTM1D(2, 2, return_sequences=True)(layers.Reshape((5, 4, 1))(x)),
    "conv_lstm_3d": lambda x: layers.ConvLSTM3D(2, 1)(layers.Reshape((5, 2, 2, 1, 1))(x)),
    "time_distributed_dense": lambda x: layers.TimeDistributed(layers.Dense(3, activation="tanh"))(x),
    "time_distributed_model": lambda x: layers.TimeDistributed(
        keras.Sequential([layers.Reshape((2, 2)), layers.Conv1D(3, 2, activation="relu"), layers.Flatten()])
    )(x),
}


QUICK = ("users_cell", "masked", "time_distributed")
# Keras warns where a layer behind a masked one lets go of the mask; that is how these models are meant
pytestmark = pytest.mark.filterwarnings("ignore:Layer '.*' .of type:UserWarning")


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.slow_for("masked")
def test_recurrent(name: str) -> None:
    check(model_of(MODELS[name]))


@pytest.mark.slow
@pytest.mark.parametrize("rule, dtype", [("rescale", "float64"), ("reveal_cancel", "float32"), ("rescale", "float32")])
@pytest.mark.parametrize("name", MODELS)
def test_rules_and_dtypes(name: str, rule: str, dtype: str) -> None:
    check(model_of(MODELS[name]), rule, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*(name for name in MODELS if name not in QUICK), *OPTIONS])
def test_option(name: str) -> None:
    check(model_of((MODELS | OPTIONS)[name]))


def test_the_gradient_rule_is_the_gradient() -> None:
    model = model_of(MODELS["masked"])
    x, references = sample(model)
    scores = dl.convert(model, rule="gradient").compile()(x, references, target=1)
    with tf.GradientTape() as tape:
        tensor = tf.constant(x)
        tape.watch(tensor)
        y = model(tensor)[:, 1]
    expected = np.asarray(tape.gradient(y, tensor))
    assert np.abs(scores.multipliers - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.slow
def test_length_is_open() -> None:
    check(model_of(lambda x: layers.LSTM(3)(x), steps=None), steps=9)


def test_tokens_are_scored_at_the_embedding_and_masked_ones_get_nothing() -> None:
    model = token_model_of(lambda x: layers.LSTM(3)(x))
    tokens = check(model).per_token()  # (targets, rows, steps); tokens 3 and 4 of row 0 are masked
    assert np.all(tokens[:, 0, 3:] == 0)
    assert np.all(tokens[:, 1:] != 0)


@pytest.mark.slow
def test_a_nested_model_sees_the_mask_of_its_input() -> None:
    check(token_model_of(lambda x: keras.Sequential([layers.LSTM(3, return_sequences=True), layers.GRU(2)])(x)))


@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel"])
@pytest.mark.parametrize("name", ["lstm", "masked", "bidirectional"])
def test_blocks_of_steps_do_not_change_scores(name: str, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(MODELS[name])
    rng = np.random.default_rng(3)
    x, references = (rng.normal(size=(3, *lead, *model.inputs[0].shape[1:])) for lead in ((), (2,)))
    whole = dl.convert(model, rule=rule, dtype="float64").compile()(x, references, targets=[0, 1])
    monkeypatch.setattr(backward_loop, "BLOCK", 1)
    monkeypatch.setattr(backward_loop, "SHORTEST", 2)
    blocks = dl.convert(model, rule=rule, dtype="float64").compile()(x, references, targets=[0, 1])
    np.testing.assert_allclose(blocks.contributions, whole.contributions, rtol=0, atol=1e-13)  # float64's rounding
