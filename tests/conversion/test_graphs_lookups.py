"""Exports of models that look things up: words, categories, tokens; and of images that are resized."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import deeplift_tf as dl
from deeplift_tf.errors import InputError, UnsupportedLayerError
from tests.support.checks import assert_close_to_largest
from tests.support.installed import exported, keras_version

WORDS = np.array([["a", "b", "q"], ["c", "c", "a"]], dtype=object)
SENTENCES = np.array([["the cat sat"], ["dogs bark at the cat"], ["unknown"]], dtype=object)
Made = tuple[Any, Any, Any]


def looked_up(layer: Any, x: np.ndarray, table: int = 0, **embedding: Any) -> Made:
    """Return an input, what a layer makes of it, as rows of a table where one is asked for, and data."""
    given = keras.Input(x.shape[1:], dtype="string" if x.dtype == object else x.dtype.name)
    made = layer(given)
    return given, layers.Embedding(table, 3, **embedding)(made) if table else made, x


def words(mode: str = "int", **options: Any) -> Any:
    return layers.StringLookup(vocabulary=["a", "b", "c"], output_mode=mode, **options)


def numbers(mode: str = "int") -> Any:
    return layers.IntegerLookup(vocabulary=[10, 20, 30], output_mode=mode)


def sentences(mode: str = "int", **options: Any) -> Any:
    layer = layers.TextVectorization(output_mode=mode, **options)
    layer.adapt(SENTENCES[:, 0])
    return layer


def crossed() -> Made:
    first, second = keras.Input((1,), dtype="string"), keras.Input((1,), dtype="string")
    made = layers.Embedding(5, 3)(layers.HashedCrossing(5)((first, second)))
    return [first, second], made, [WORDS[:, :1], WORDS[:, 1:2]]


def truths() -> Made:
    given = keras.Input((4,), dtype="bool")
    return given, layers.Dense(3)(given), np.random.default_rng(0).integers(0, 2, (3, 4)).astype(bool)


IDS = np.array([[10, 20, 7], [30, 30, 10]])
CODES = np.array([[0, 5, 5], [2, 3, 1]], dtype="int32")
MODELS: dict[str, Callable[[], Made]] = {
    "words": lambda: looked_up(words(), WORDS, 4),
    "words_multi_hot": lambda: looked_up(words("multi_hot"), WORDS),
    "words_one_hot": lambda: looked_up(words("one_hot"), WORDS[:, :1]),
    "words_count": lambda: looked_up(words("count"), WORDS),
    "words_tf_idf": lambda: looked_up(words("tf_idf", idf_weights=[1.0, 2.0, 0.5]), WORDS),
    "numbers": lambda: looked_up(numbers(), IDS, 4),
    "numbers_multi_hot": lambda: looked_up(numbers("multi_hot"), IDS),
    "sentences": lambda: looked_up(sentences(output_sequence_length=5), SENTENCES, 20),
    "sentences_multi_hot": lambda: looked_up(sentences("multi_hot"), SENTENCES),
    "sentences_tf_idf": lambda: looked_up(sentences("tf_idf"), SENTENCES),
    "hashed": lambda: looked_up(layers.Hashing(5), WORDS, 5),
    "crossed": crossed,
    "codes_one_hot": lambda: looked_up(layers.CategoryEncoding(6, output_mode="one_hot"), CODES[:, :1]),
    "codes_multi_hot": lambda: looked_up(layers.CategoryEncoding(6, output_mode="multi_hot"), CODES),
    "codes_count": lambda: looked_up(layers.CategoryEncoding(6, output_mode="count"), CODES),
    "truths": truths,
}
SAMPLE = {"words", "codes_multi_hot", "truths"}


def model_of(inputs: Any, made: Any) -> keras.Model:
    """Return a small net behind what a layer made."""
    keras.utils.set_random_seed(1)
    hidden = layers.Dense(5, activation="relu", bias_initializer="random_normal")(layers.Flatten()(made))
    return keras.Model(inputs, layers.Dense(2, bias_initializer="ones")(hidden))


def scored(contributions: Any) -> list[np.ndarray]:
    """Return the contributions of the inputs that have any."""
    return [part for part in keras.tree.flatten(contributions) if part is not None]


def assert_same(model: keras.Model, x: Any, folder: Path) -> None:
    """Check that an export predicts and scores as the live model does, and is as exact."""
    live, network = dl.convert(model), dl.convert(exported(model, folder))
    assert_close_to_largest([network.predict(x)], [live.predict(x)], 1e-5)
    assert_close_to_largest([live.predict(x)], [np.asarray(model(x))], 1e-5)
    expected, found = (each.compile()(x, target=0) for each in (live, network))
    assert_close_to_largest([found.reference_outputs], [expected.reference_outputs], 1e-5)
    first, second = (scored(each.contributions) for each in (found, expected))
    assert_close_to_largest(first, second, 1e-5)
    assert found.delta is not None
    assert np.abs(found.delta).max() < 1e-5
    assert all(node.layer.exact for node in network.graph.nodes)


@pytest.mark.filterwarnings("ignore::deeplift_tf.errors.DeepLiftWarning")
@pytest.mark.parametrize("name", [n if n in SAMPLE else pytest.param(n, marks=pytest.mark.slow) for n in MODELS])
@pytest.mark.slow_but_for("codes_multi_hot")
def test_what_is_looked_up(name: str, tmp_path: Path) -> None:
    if name.startswith("codes_") and keras_version < (3, 8):
        pytest.skip("this Keras makes one-hot codes of each number first, which are the first floats of an export")
    inputs, made, x = MODELS[name]()
    assert_same(model_of(inputs, made), x, tmp_path)


def test_a_check_fills_the_tables(tmp_path: Path) -> None:
    """The graph that TensorFlow runs for comparison has its words, too."""
    given, made, _ = looked_up(words(), WORDS, 4)
    network = dl.convert(exported(model_of(given, made), tmp_path))
    assert network.check(WORDS).passed


@pytest.mark.parametrize("dtype", ["int32", "float32"])
@pytest.mark.slow_for("int32")
def test_tokens_out_of_range_are_named(dtype: str, tmp_path: Path) -> None:
    """Keras counts negative tokens from the end of the table; here both ends are errors, as they are live."""
    given = keras.Input((4,), dtype=dtype, name="tokens")
    model = model_of(given, layers.Embedding(6, 3)(given))
    score = dl.convert(exported(model, tmp_path)).compile()
    for wrong in (-1, 6):
        x = np.array([[0, 1, 5, 2], [3, wrong, 1, 1]], dtype)
        with pytest.raises(InputError, match=rf"'tokens': expected tokens from 0 to 5; row 1 holds {wrong}"):
            score(x)


def test_texts_as_long_as_the_longest_beside_them(tmp_path: Path) -> None:
    """Without a length of its own a row is filled up to that of its batch, and means over it differ."""
    given, made, _ = looked_up(sentences(), SENTENCES, 20)
    model = model_of(given, layers.GlobalAveragePooling1D()(made))
    with pytest.raises(UnsupportedLayerError, match="depends on the rows beside it"):
        dl.convert(exported(model, tmp_path))


def test_seeds_of_augmentation_are_named(tmp_path: Path) -> None:
    """Keras exports augmentation as it is in training: the graph draws anew in every call."""
    given = keras.Input((6, 5, 3))
    model = model_of(given, layers.RandomFlip()(given))
    with pytest.raises(UnsupportedLayerError, match=r"random_flip.*seeds.*in training"):
        dl.convert(exported(model, tmp_path))


def test_states_are_named(tmp_path: Path) -> None:
    given = keras.Input(batch_shape=(2, 6, 3))
    model = model_of(given, layers.LSTM(4, stateful=True)(given))
    with pytest.raises(UnsupportedLayerError, match=r"lstm.*state.*stateful=False"):
        dl.convert(exported(model, tmp_path))


RESIZED = [(kind, antialias) for kind in ("bilinear", "bicubic", "lanczos3", "lanczos5") for antialias in (False, True)]


@pytest.mark.parametrize(
    ("kind", "antialias"),
    [each if each == ("bicubic", False) else pytest.param(*each, marks=pytest.mark.slow) for each in RESIZED],
)
def test_resized_images_are_a_matrix_for_each_axis(kind: str, antialias: bool, tmp_path: Path) -> None:
    """RevealCancel tells positive weights from negative ones, so that both matrices have to be known."""
    if "antialias" not in inspect.signature(layers.Resizing).parameters:
        pytest.skip("this Keras has no Resizing with antialias")
    given = keras.Input((8, 6, 3))
    model = model_of(given, layers.Resizing(5, 9, interpolation=kind, antialias=antialias)(layers.ReLU()(given)))
    x = np.random.default_rng(0).normal(size=(2, 8, 6, 3)).astype("float32")
    assert_same(model, x, tmp_path)
    both = [dl.convert(each, rule="reveal_cancel").compile()(x, target=0) for each in (model, str(tmp_path))]
    assert_close_to_largest([both[1].contributions], [both[0].contributions], 1e-4)


def test_images_of_open_size_are_resized_by_the_operation_itself(tmp_path: Path) -> None:
    given = keras.Input((None, None, 3))
    made = layers.GlobalMaxPooling2D()(ops.image.resize(given, (5, 9), interpolation="bicubic"))
    x = np.random.default_rng(0).normal(size=(2, 8, 6, 3)).astype("float32")
    assert_same(model_of(given, made), x, tmp_path)
