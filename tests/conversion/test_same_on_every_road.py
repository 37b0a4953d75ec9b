"""One model live, from its files and from its exports: the same predictions, outputs and contributions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import deeplift_tf as dl
from deeplift_tf.network import Network
from tests.support.checks import assert_close_to_largest
from tests.support.command_line import run
from tests.support.installed import exported, keras_version
from tests.support.keras_models import randomise
from tests.support.saved_models import quantize

RTOL = 1e-5  # of the largest: float32, summed in another order
LENGTH, WIDTH = 6, 4
Build = Callable[[], keras.Model]
MODELS: dict[str, Build] = {}
QUICK: set[str] = set()
SLOWER = {"attention", "bidirectional", "lstm", "tokens"}  # their loops are laid open

pytestmark = pytest.mark.filterwarnings(
    "ignore:taken from x in the pass of the reference.*:deeplift_tf.errors.DeepLiftWarning",
    "ignore:Layer 'flat.*' .* was passed an input with a mask:UserWarning",
    "ignore:no references given.*:deeplift_tf.errors.DeepLiftWarning",
)


def model(quick: bool = False) -> Callable[[Build], Build]:
    """Enter a model, by the name of the function that builds it."""

    def enter(build: Build) -> Build:
        MODELS[build.__name__] = build
        QUICK.update([build.__name__] if quick else [])
        return build

    return enter


def steps(name: str = "x") -> Any:
    return keras.Input((LENGTH, WIDTH), name=name)


def scored(x: Any, y: Any, units: int = 3) -> keras.Model:
    """A model that ends in a hidden layer and an output of some units."""
    y = layers.Dense(5, activation="relu", name="hidden")(layers.Flatten(name="flat")(y))
    return keras.Model(x, layers.Dense(units, name="output")(y))


@model(quick=True)
def softmax_head() -> keras.Model:
    x = steps()
    y = layers.GlobalAveragePooling1D()(layers.Conv1D(5, 3, activation="gelu", name="conv")(x))
    return keras.Model(x, layers.Dense(3, activation="softmax", name="output")(y))


@model()
def two_heads() -> keras.Model:
    x = steps()
    y = layers.Conv1D(5, 3, padding="same", activation="relu", name="conv")(x)
    profile = layers.Conv1D(1, 3, padding="same", name="profile")(y)
    counts = layers.Dense(2, activation="sigmoid", name="counts")(layers.GlobalMaxPooling1D()(y))
    return keras.Model(x, [counts, profile])


@model()
def softplus_head() -> keras.Model:
    x = steps()
    return keras.Model(x, layers.Dense(2, activation="softplus", name="output")(layers.GRU(4, name="gru")(x)))


@model(quick=True)
def gates() -> keras.Model:
    x = steps()
    y = layers.Dense(5, name="before")(x)
    y = ops.where(y > 0.1, y, 0.2 * y) + ops.cast(y > -0.3, "float32") * y
    return scored(x, y)


@model()
def gate_by_a_sum() -> keras.Model:
    x = steps()
    y = layers.Dense(5, name="before")(x)
    return scored(x, ops.where(ops.mean(y, axis=1, keepdims=True) > 0, y, -y))


@model(quick=True)
def product_of_three() -> keras.Model:
    x = steps()
    a, b, c = (layers.Dense(3, name=name)(x) for name in "abc")
    return scored(x, a * b * c)


@model()
def products_of_layers() -> keras.Model:
    x = steps()
    a, b, c, d = (layers.Dense(3, name=name)(x) for name in "abcd")
    first = layers.Multiply(name="first")([a, b])
    return scored(x, layers.Multiply(name="third")([layers.Multiply(name="second")([first, c, d]), a]))


@model()
def products_in_other_layouts() -> keras.Model:
    x = steps()
    a, b = (layers.Dense(3, name=name)(x) for name in "ab")
    gate = layers.Dense(3, activation="sigmoid", name="gate")(layers.GlobalAveragePooling1D(keepdims=True)(x))
    return scored(x, a * b * gate * ops.transpose(ops.transpose(a, (0, 2, 1)) * 2.0, (0, 2, 1)))


@model()
def softmax_over_two_axes() -> keras.Model:
    x = steps()
    y = layers.Softmax(axis=[1, 2], name="both")(layers.Dense(3, name="before")(x))
    z = ops.logsumexp(layers.Dense(3, name="other")(x), axis=(1, 2), keepdims=True)
    return scored(x, y * 9.0 + z)


@model()
def sparsemax_over_steps() -> keras.Model:
    x = steps()
    return scored(x, layers.Activation("sparsemax", name="sparse")(layers.Dense(4, name="before")(x)))


@model(quick=True)
def tokens() -> keras.Model:
    x = keras.Input((LENGTH,), dtype="int32", name="x")
    y = layers.Embedding(9, WIDTH, mask_zero=True, name="embedding")(x)
    return scored(x, layers.LSTM(4, name="lstm")(y))


@model()
def tokens_and_numbers() -> keras.Model:
    x = keras.Input((LENGTH,), dtype="int32", name="words")
    numbers = keras.Input((3,), name="numbers")
    y = layers.GlobalAveragePooling1D()(layers.Embedding(9, WIDTH, mask_zero=True, name="embedding")(x))
    return scored([x, numbers], layers.Concatenate()([y, numbers]))


@model()
def tokens_with_positions() -> keras.Model:
    x = keras.Input((LENGTH,), dtype="int32", name="x")
    y = layers.Embedding(9, WIDTH, name="embedding")(x)
    y = y + layers.Embedding(LENGTH, WIDTH, name="position")(ops.arange(LENGTH))
    return scored(x, layers.LayerNormalization(name="norm")(y))


@model(quick=True)
def layer_norm() -> keras.Model:
    x = steps()
    return scored(x, layers.LayerNormalization(epsilon=1e-12, name="norm")(layers.Dense(5, name="before")(x)))


def _norm(layer: Callable[[], Any]) -> Build:
    def build() -> keras.Model:
        x = steps()
        return scored(x, layer()(layers.Dense(6, name="before")(x)))

    return build


NORMS: dict[str, Callable[[], Any]] = {
    "batch_norm": lambda: layers.BatchNormalization(name="norm"),
    "group_norm": lambda: layers.GroupNormalization(3, name="norm"),
    "instance_norm": lambda: layers.GroupNormalization(-1, name="norm"),
    "unit_norm": lambda: layers.UnitNormalization(name="norm"),
    "norm_of_two_axes": lambda: layers.LayerNormalization(axis=[1, 2], name="norm"),
    "spectral_norm": lambda: layers.SpectralNormalization(layers.Dense(3), name="norm"),
}
if hasattr(layers, "RMSNormalization"):
    NORMS["rms_norm"] = lambda: layers.RMSNormalization(name="norm")
MODELS.update({name: _norm(layer) for name, layer in NORMS.items()})


@model(quick=True)
def attention() -> keras.Model:
    x = steps()
    y = layers.Dense(WIDTH, name="before")(x)
    return scored(x, layers.MultiHeadAttention(2, 3, name="attention")(y, y, use_causal_mask=True))


@model()
def masked_attention() -> keras.Model:
    x = keras.Input((LENGTH,), dtype="int32", name="x")
    y = layers.Embedding(9, WIDTH, mask_zero=True, name="embedding")(x)
    y = layers.Add()([y, layers.MultiHeadAttention(2, 3, name="attention")(y, y)])
    return scored(x, layers.GlobalAveragePooling1D()(layers.LayerNormalization(name="norm")(y)))


@model()
def dot_attention() -> keras.Model:
    x = steps()
    query, value = layers.Dense(3, name="query")(x), layers.Dense(3, name="value")(x)
    y = layers.Attention(use_scale=True, name="attention")([query, value], use_causal_mask=True)
    return scored(x, layers.Concatenate()([y, layers.AdditiveAttention(name="additive")([query, value])]))


@model(quick=True)
def lstm() -> keras.Model:
    x = steps()
    return scored(x, layers.LSTM(4, name="lstm")(x))


@model()
def gru() -> keras.Model:
    x = steps()
    return scored(x, layers.GRU(4, return_sequences=True, name="gru")(x))


@model()
def gru_resetting_before() -> keras.Model:
    x = steps()
    return scored(x, layers.GRU(4, reset_after=False, go_backwards=True, name="gru")(x))


@model()
def simple_rnn() -> keras.Model:
    x = steps()
    return scored(x, layers.SimpleRNN(4, return_sequences=True, name="rnn")(x))


@model(quick=True)
def bidirectional() -> keras.Model:
    x = steps()
    return scored(x, layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(x))


@model()
def masked_lstm() -> keras.Model:
    x = steps()
    y = layers.Masking(name="masking")(layers.ReLU(threshold=0.5)(x))
    return scored(x, layers.LSTM(4, return_sequences=True, name="lstm")(y))


@model(quick=True)
def lookup_of_integers() -> keras.Model:
    x, numbers = keras.Input((LENGTH,), dtype="int64", name="x"), keras.Input((3,), name="numbers")
    y = layers.IntegerLookup(vocabulary=[1, 2, 5, 7], output_mode="multi_hot", name="lookup")(x)
    return scored([x, numbers], layers.Concatenate()([y, numbers]))


@model()
def lookup_of_numbers() -> keras.Model:
    x = keras.Input((LENGTH,), name="x")
    y = layers.Discretization([-0.5, 0.0, 0.5], name="counted")(x)
    y = layers.IntegerLookup(vocabulary=[0, 2, 3], name="lookup")(y)
    return scored(x, layers.Concatenate()([ops.cast(y, "float32"), layers.Dense(3, name="before")(x)]))


@model()
def crossed_categories() -> keras.Model:
    x = keras.Input((LENGTH,), dtype="int32", name="x")
    return scored(x, layers.CategoryEncoding(9, output_mode="count", name="encoding")(x))


@model()
def quantised() -> keras.Model:
    x = steps()
    whole = scored(x, layers.Dense(5, activation="relu", name="before")(x))
    return quantize(whole, "int8")


@model(quick=True)
def nested_and_shared() -> keras.Model:
    left, right = steps("left"), steps("right")
    inner_x = steps("inner_x")
    y = layers.Conv1D(3, 3, activation="relu", name="conv")(inner_x)
    encoder = keras.Model(inner_x, layers.GlobalMaxPooling1D(name="pool")(y), name="encoder")
    stack = keras.Sequential([keras.Input((3,)), layers.Dense(3, activation="tanh", name="stacked")], name="stack")
    product = layers.Multiply()([encoder(left), stack(encoder(right))])
    return scored([left, right], layers.Concatenate()([product, stack(encoder(left))]))


@model(quick=True)
def time_distributed() -> keras.Model:
    x = keras.Input((3, LENGTH, WIDTH), name="x")
    inner = keras.Sequential([keras.Input((LENGTH, WIDTH)), layers.Conv1D(3, 3, activation="relu"), layers.Flatten()])
    y = layers.TimeDistributed(inner, name="each")(x)
    return scored(x, layers.TimeDistributed(layers.Dense(2, activation="silu"), name="then")(y))


@model(quick=True)
def mixed_float16() -> keras.Model:
    x = steps()
    y = layers.Conv1D(5, 3, activation="relu", dtype="mixed_float16", name="conv")(x)
    y = layers.Dense(4, activation="tanh", dtype="mixed_float16", name="before")(y)
    return scored(x, layers.Activation("linear", dtype="float32")(y))


@model()
def mixed_bfloat16() -> keras.Model:
    x = steps()
    y = layers.LayerNormalization(dtype="mixed_bfloat16", name="norm")(x)
    return scored(x, layers.Activation("linear", dtype="float32")(layers.MaxPooling1D(2)(y)))


@model()
def images() -> keras.Model:
    x = keras.Input((8, 8, 3), name="x")
    y = layers.SeparableConv2D(4, 3, dilation_rate=2, padding="same", name="separable")(layers.Rescaling(1 / 3)(x))
    y = layers.MaxPooling2D(3, 2, padding="same")(layers.PReLU(name="prelu")(y))
    y = layers.Conv2DTranspose(3, 3, strides=2, padding="same", name="up")(y)
    return scored(x, layers.ZeroPadding2D(1)(layers.AveragePooling2D(3, 1)(y)))


@model()
def squeeze_and_excite() -> keras.Model:
    x = keras.Input((6, 6, 3), name="x")
    y = layers.Conv2D(4, 3, activation="silu", name="conv")(x)
    gate = layers.Conv2D(4, 1, activation="hard_sigmoid", name="excite")(
        layers.GlobalAveragePooling2D(keepdims=True)(y)
    )
    return scored(x, layers.Multiply()([y, gate]))


def save_keras(whole: keras.Model, folder: Path) -> Path:
    whole.save(folder / "model.keras")
    return folder / "model.keras"


def save_h5(whole: keras.Model, folder: Path) -> Path:
    whole.save(folder / "model.h5")
    return folder / "model.h5"


def save_folder(whole: keras.Model, folder: Path) -> Path:
    whole.save(folder / "parts", zipped=False)
    return folder / "parts"


def save_export(whole: keras.Model, folder: Path) -> Path:
    return Path(exported(whole, folder / "exported"))


def save_module(whole: keras.Model, folder: Path) -> Path:
    """As TensorFlow saves a function of a user's own that calls the model."""
    module = tf.Module()
    module.model = whole
    names = [tensor.name for tensor in whole.inputs]
    specs = [tf.TensorSpec([None, *each.shape[1:]], each.dtype, name=each.name) for each in whole.inputs]

    @tf.function(input_signature=specs)
    def serve(*x: tf.Tensor) -> dict[str, tf.Tensor]:
        made = whole(dict(zip(names, x, strict=True)) if len(x) > 1 else x[0], training=False)
        return {f"output_{index}": y for index, y in enumerate(keras.tree.flatten(made))}

    module.serve = serve
    tf.saved_model.save(module, folder / "saved", signatures={"serving_default": serve})
    return folder / "saved"


ROADS = {"keras": save_keras, "h5": save_h5, "folder": save_folder, "export": save_export, "module": save_module}
FILES = ("keras", "h5", "folder")


def has_road(name: str, road: str) -> bool:
    """Whether a model can go a road: an export of integers computes with the rounding of activations."""
    return not (name == "quantised" and road not in FILES) and not (road == "folder" and keras_version < (3, 8))


def sample(whole: Any, rows: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    made = {}
    for tensor in whole.inputs:
        shape = (rows, *tensor.shape[1:])
        integers = "int" in tensor.dtype
        made[tensor.name] = (
            random.integers(0, 9, shape).astype(tensor.dtype)
            if integers
            else random.normal(size=shape).astype("float32")
        )
    return made


def results(network: Network, whole: keras.Model) -> Iterator[tuple[str, list[np.ndarray]]]:
    """What is compared, each with a word for it."""
    x, rows = sample(whole, 3, 1), sample(whole, 3, 2)
    zeros = {name: np.zeros_like(part) for name, part in x.items()}
    score, output = network.compile(), network.output_names[0]
    assert set(network.input_names) == set(x)
    yield "predictions", [np.asarray(y) for y in keras.tree.flatten(network.predict(x))]
    target = 0 if len(network.graph.shape(network.graph.outputs[output])) == 2 else (0, 0)
    for word, given, before in (
        ("zeros", x, zeros),
        ("rows", x, rows),
        ("one", {name: part[:1] for name, part in x.items()}, {name: part[:1] for name, part in rows.items()}),
    ):
        scores = score(given, before, target=target, output=output)
        yield f"outputs, {word}", [scores.outputs, scores.reference_outputs]
        yield f"contributions, {word}", [np.asarray(part) for part in keras.tree.flatten(scores.contributions)]


@functools.cache
def built(name: str) -> keras.Model:
    keras.utils.set_random_seed(0)
    keras.backend.clear_session()
    whole = MODELS[name]()
    return whole if name == "quantised" else randomise(whole, 1)


@functools.cache
def live_results(name: str) -> dict[str, list[np.ndarray]]:
    return dict(results(dl.convert(built(name)), built(name)))


def marks_of(name: str, road: str) -> list[pytest.MarkDecorator]:
    """Return how often a case runs: exports take seconds each, so that most of them are for a sweep."""
    if name in QUICK - SLOWER:
        return [] if road == "export" else [pytest.mark.slow]
    return [pytest.mark.slow] if road in ("keras", "h5") else [pytest.mark.slow, pytest.mark.sweep]


CASES = [
    pytest.param(name, road, marks=marks_of(name, road)) for name in MODELS for road in ROADS if has_road(name, road)
]


@pytest.mark.parametrize(("name", "road"), CASES)
@pytest.mark.slow_but_for("softmax_head-export")
def test_same(name: str, road: str, tmp_path: Path) -> None:
    path = ROADS[road](built(name), tmp_path)
    network = dl.convert(path)
    expected = live_results(name)
    for word, found in results(network, built(name)):
        assert_close_to_largest(found, expected[word], RTOL, f"{word}, from {road}")


@pytest.mark.parametrize("road", ["keras", pytest.param("export", marks=pytest.mark.slow)])
def test_same_from_the_command_line(road: str, tmp_path: Path) -> None:
    whole = built("product_of_three")
    path = ROADS[road](whole, tmp_path)
    x = sample(whole, 3, 1)["x"]
    np.save(tmp_path / "x.npy", x)
    options = ("--references", "zeros", "--target", 0, "-o", tmp_path / "scores.h5")
    result = run("score", "-m", path, "-i", tmp_path / "x.npy", *options)
    assert result.exit_code == 0, result.stderr
    expected = live_results("product_of_three")
    with h5py.File(tmp_path / "scores.h5") as file:
        found = [np.asarray(file[word]) for word in ("outputs", "reference_outputs")]
        assert_close_to_largest(found, expected["outputs, zeros"], RTOL)
        assert_close_to_largest([file["contributions"][:]], expected["contributions, zeros"], RTOL)
