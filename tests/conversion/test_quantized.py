"""Quantised models, live and from files, models with LoRA, and models of low precision."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import deeplift_tf as dl
from deeplift_tf.errors import DeepLiftWarning, UnsupportedLayerError
from tests.support.checks import assert_close_to_largest, assert_complete
from tests.support.installed import keras_version, since_keras
from tests.support.saved_models import quantize, randomised

HAS_INT4 = keras_version >= (3, 12)

Array = np.ndarray[Any, Any]


def dense() -> keras.Model:
    value = keras.Input((6,))
    return keras.Model(value, layers.Dense(2)(layers.Dense(5, activation="tanh")(value)))


def einsum() -> keras.Model:
    value = keras.Input((4, 6))
    hidden = layers.EinsumDense("abc,cde->abde", output_shape=(4, 2, 3), bias_axes="de")(value)
    return keras.Model(value, layers.Dense(3)(layers.Flatten()(hidden)))


def tokens() -> keras.Model:
    value = keras.Input((5,), dtype="int32")
    return keras.Model(value, layers.Dense(2)(layers.Flatten()(layers.Embedding(9, 4)(value))))


def attention() -> keras.Model:
    value = keras.Input((5, 6))
    return keras.Model(value, layers.Dense(2)(layers.Flatten()(layers.MultiHeadAttention(2, 3)(value, value))))


def nested() -> keras.Model:
    value = keras.Input((6,))
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(4, activation="relu"), layers.Dense(3)])
    return keras.Model(value, layers.Dense(1)(inner(value)))


def after_convolution() -> keras.Model:
    value = keras.Input((8, 3))
    return keras.Model(value, layers.Dense(2)(layers.Flatten()(layers.Conv1D(4, 3, activation="relu")(value))))


def in_both_directions() -> keras.Model:
    value = keras.Input((5, 6))
    return keras.Model(value, layers.Dense(2)(layers.Bidirectional(layers.LSTM(3))(value)))


@keras.saving.register_keras_serializable("tests")
class HoldsDense(layers.Layer):
    """A layer of a user with a quantised one inside."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = layers.Dense(5, activation="tanh")

    def build(self, shape: Any) -> None:
        self.inner.build(shape)
        super().build(shape)

    def call(self, x: Any) -> Any:
        return 2.0 * self.inner(x)


def own_layer() -> keras.Model:
    value = keras.Input((6,))
    return keras.Model(value, layers.Dense(2)(HoldsDense()(value)))


MODELS = [dense, einsum, tokens, attention, nested, after_convolution, in_both_directions, own_layer]


def rows_for(model: keras.Model, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    if "int" in model.inputs[0].dtype:
        return rng.integers(0, 9, (40, *model.inputs[0].shape[1:]))
    return rng.normal(size=(40, *model.inputs[0].shape[1:])).astype("float32")


def predicted(model: keras.Model, x: Array) -> Array:
    return np.asarray(model(x, training=False), "float32")


def without_quantized_activations(model: keras.Model) -> None:
    for layer in model._flatten_layers():
        if getattr(layer, "inputs_quantizer", None) is not None:
            layer.inputs_quantizer = None


def some_slow(quick: list[Any], slow: list[Any]) -> list[Any]:
    return [*quick, *(pytest.param(each, marks=pytest.mark.slow) for each in slow)]


MODES = some_slow(["int8"], ["int4", "float8"])
EVERY = some_slow([dense], MODELS[1:])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("build", EVERY)
def test_a_live_quantised_model_predicts_as_keras_does(build: Callable[[], keras.Model], mode: str) -> None:
    """To the rounding of activations: 1/254 of a layer's largest input in int8, 1/16 of each in float8."""
    if mode == "int4" and not HAS_INT4:
        pytest.skip("this Keras has no int4")
    model = quantize(randomised(build()), mode)
    x = rows_for(model)
    before = [np.asarray(variable) for variable in model.variables]
    network = dl.convert(model)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), value, err_msg=variable.path)
    rounding = {"int8": 0.02, "int4": 0.02, "float8": 0.08}[mode]
    assert_close_to_largest(network.predict(x), predicted(model, x), rtol=rounding)
    assert {row.exact for row in network.table()} == {True}
    assert_complete(network.compile()(x, 0, target=0, batch_size=16), rtol=1e-4)
    if mode != "float8" and keras_version >= (3, 13):  # before, and of float8, Keras always rounds activations
        without_quantized_activations(model)
        assert_close_to_largest(network.predict(x), predicted(model, x), rtol=1e-5)


READABLE = [
    nested,
    einsum,
    after_convolution,
    in_both_directions,
]  # Keras cannot load layers with quantised ones inside


@pytest.mark.parametrize("build", some_slow([dense], [tokens, *READABLE]))
def test_quantised_live_and_from_file(build: Callable[[], keras.Model], tmp_path: Path) -> None:
    model = quantize(randomised(build()), "int8")
    model.save(tmp_path / "model.keras")
    live, read = dl.convert(model), dl.convert(tmp_path / "model.keras")
    x = rows_for(model)
    assert_close_to_largest(read.predict(x), live.predict(x), rtol=1e-6)
    assert [row.kind for row in read.table()] == [row.kind for row in live.table()]
    found, expected = (network.compile()(x, 0, target=0).contributions for network in (read, live))
    assert_close_to_largest(found, expected, rtol=1e-5)


def test_a_quantised_layer_that_cannot_be_copied_is_refused() -> None:
    class Given(layers.Layer):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def call(self, x: Any) -> Any:
            return self.inner(x)

    value = keras.Input((6,))
    model = quantize(keras.Model(value, Given(layers.Dense(5))(value)), "int8")
    with pytest.raises(UnsupportedLayerError, match=r"Given is quantised and cannot be copied.*get_config"):
        dl.convert(model)

    class Whole(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = layers.Dense(5)

        def call(self, x: Any) -> Any:
            return self.inner(x)

    model = Whole()
    model(np.zeros((1, 6), "float32"))
    with pytest.raises(UnsupportedLayerError, match=r"Whole is quantised and cannot be copied"):
        dl.convert(quantize(model, "int8"))


def test_what_keras_gets_wrong_over_time_is_said() -> None:
    value = keras.Input((5, 6))
    model = randomised(keras.Model(value, layers.TimeDistributed(layers.Dense(3))(value)))
    x = rows_for(model)
    expected = predicted(model, x)
    with pytest.warns(DeepLiftWarning, match="TimeDistributed reads the integers"):
        network = dl.convert(quantize(model, "int8"))
    assert_close_to_largest(network.predict(x), expected, rtol=0.02)


def with_lora(model: keras.Model) -> keras.Model:
    rng = np.random.default_rng(3)
    for layer in model._flatten_layers():
        if hasattr(layer, "enable_lora") and layer.variables:
            layer.enable_lora(2)
            for variable in layer.variables:
                if "lora" in variable.name:
                    variable.assign(rng.normal(size=variable.shape))
    return model


@pytest.mark.parametrize("build", some_slow([tokens], [dense, einsum, attention, after_convolution, own_layer]))
def test_layers_with_lora(build: Callable[[], keras.Model], tmp_path: Path) -> None:
    plain = randomised(build())
    x = rows_for(plain)
    without = predicted(plain, x)
    model = with_lora(plain)
    expected = predicted(model, x)
    assert np.abs(expected - without).max() > 0.1 * np.abs(without).max()
    network = dl.convert(model)
    assert {row.exact for row in network.table()} == {True}
    assert_close_to_largest(network.predict(x), expected, rtol=1e-5)
    model.save(tmp_path / "model.keras")
    read = dl.convert(tmp_path / "model.keras", custom_objects={"tests>HoldsDense": HoldsDense})
    assert_close_to_largest(read.predict(x), expected, rtol=1e-5)


@since_keras(3, 13, "activations of quantised layers that are not rounded")
@pytest.mark.parametrize("build", some_slow([dense], [einsum, tokens]))
def test_quantised_layers_with_lora(build: Callable[[], keras.Model]) -> None:
    model = with_lora(quantize(randomised(build()), "int8"))
    x = rows_for(model)
    network = dl.convert(model)
    without_quantized_activations(model)
    assert_close_to_largest(network.predict(x), predicted(model, x), rtol=1e-5)


@pytest.mark.parametrize("policy", some_slow(["mixed_float16"], ["float16", "bfloat16", "mixed_bfloat16", "float64"]))
def test_live_models_of_other_precision(policy: str) -> None:
    """Compute in the network's own dtype, layers within layers too: equal to the same weights in float32."""
    value = keras.Input((5, 6), dtype="float32")
    hidden = layers.MultiHeadAttention(2, 3, dtype=policy)(value, value)
    hidden = layers.LayerNormalization(dtype=policy)(hidden)
    hidden = layers.TimeDistributed(layers.Dense(3, activation="relu", dtype=policy), dtype=policy)(hidden)
    model = randomised(keras.Model(value, layers.Dense(2, dtype=policy)(layers.Flatten(dtype=policy)(hidden))))
    network, x = dl.convert(model), rows_for(model)
    rounding = {"float64": 1e-5}.get(policy, 2**-6 if "bfloat16" in policy else 2**-9)  # a few roundings of the dtype
    assert_close_to_largest(network.predict(x), predicted(model, x), rtol=rounding)
    assert_complete(network.compile()(x, 0, target=0), rtol=1e-4)
