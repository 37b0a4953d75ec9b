"""Tokens: scored where they become floats, masked ones left out, words and integers passed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import deeplift_tf as dl
from deeplift_tf.errors import DeepLiftWarning, InputError
from tests.support.sequences import head, randomised, token_model_of


def averaged(x: Any) -> Any:
    return layers.GlobalAveragePooling1D()(layers.Dense(3, activation="tanh")(x))


def test_tokens_are_scored_at_the_embedding_by_default_and_said_so(caplog: pytest.LogCaptureFixture) -> None:
    network = dl.convert(token_model_of(averaged), dtype="float64")
    with caplog.at_level(logging.WARNING, logger="deeplift_tf"):
        score = network.compile()
    assert "scored are the outputs of embedding" in caplog.text
    x = np.array([[3, 4, 5, 0, 0], [1, 2, 3, 4, 5]])
    with pytest.warns(DeepLiftWarning, match="a mask"):
        scores = score(x, np.full((1, 5), 7))
    assert scores.contributions.shape == (2, 5, 4)
    assert scores.delta is not None
    assert np.abs(scores.delta).max() <= 1e-9
    assert np.all(scores.per_token()[0, 3:] == 0)  # masked in x, and so in the reference


def test_integers_beside_floats_take_their_reference() -> None:
    tokens, facts = keras.Input((5,), dtype="int32", name="tokens"), keras.Input((3,), name="facts")
    y = averaged(layers.Embedding(11, 4, name="embedding")(tokens))
    model = randomised(keras.Model([tokens, facts], head(layers.Concatenate()([y, layers.Dense(3)(facts)]))))
    rng = np.random.default_rng(0)
    x = [rng.integers(1, 11, (2, 5)), rng.normal(size=(2, 3))]
    scores = dl.convert(model, dtype="float64").compile()(x, [np.zeros((1, 5), int), np.zeros((1, 3))])
    assert scores.delta is not None and scores.reference_outputs is not None
    assert np.abs(scores.delta).max() <= 1e-9
    own = np.asarray(model([np.zeros((2, 5), int), np.zeros((2, 3))]))[:, 0]
    np.testing.assert_allclose(scores.reference_outputs, own, rtol=1e-5)


def test_an_input_of_floats_that_only_an_embedding_reads_holds_tokens() -> None:
    x = keras.Input((5,))
    model = randomised(keras.Model(x, head(averaged(layers.Embedding(11, 4)(x)))))
    network = dl.convert(model)
    assert set(network.input_dtypes.values()) == {"int32"}
    np.testing.assert_allclose(network.predict(np.ones((2, 5))), np.asarray(model(np.ones((2, 5)))), rtol=1e-5)


def test_words_are_passed_and_scored_at_the_embedding() -> None:
    words = keras.Input((), dtype="string")
    numbers = layers.TextVectorization(output_sequence_length=5, vocabulary=["a", "b", "c"])(words)
    model = randomised(keras.Model(words, head(averaged(layers.Embedding(6, 4, name="embedding")(numbers)))))
    x = np.array(["a b c", "c c a b"], object)
    network = dl.convert(model, dtype="float64")
    np.testing.assert_allclose(network.predict(x), np.asarray(model(keras.ops.convert_to_tensor(x))), rtol=1e-5)
    scores = network.compile("embedding")(x, np.array("a", object)[None])
    assert scores.delta is not None
    assert np.abs(scores.delta).max() <= 1e-9
    assert np.abs(scores.contributions).max() > 0


def test_a_saved_model_of_texts_is_scored_against_empty_ones(tmp_path: Path) -> None:
    numbers = layers.TextVectorization(max_tokens=9, output_sequence_length=5, name="words")
    numbers.adapt(["the cat sat", "the dog sat"])
    words = keras.Input((), dtype="string")
    model = randomised(keras.Model(words, head(averaged(layers.Embedding(9, 4)(numbers(words))))))
    model.save(tmp_path / "texts.keras")
    x = np.array(["the cat sat", "a dog"], object)
    network = dl.convert(tmp_path / "texts.keras", dtype="float64")
    np.testing.assert_allclose(network.predict(x), np.asarray(model(keras.ops.convert_to_tensor(x))), rtol=1e-5)
    scores = network.compile()(x)
    assert scores.per_token().shape == (2, 5)
    assert scores.delta is not None
    assert np.abs(scores.delta).max() <= 1e-9
    assert np.abs(scores.outputs - scores.reference_outputs).min() > 1e-3


def test_a_model_without_floats_anywhere_says_what_to_do() -> None:
    x = keras.Input((3,), dtype="int32")
    with pytest.raises(InputError, match="no input of the model holds floats"):
        dl.convert(keras.Model(x, x + 1)).compile()
