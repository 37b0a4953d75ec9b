"""Models of text and of categories: scored with references of any form, and exported with their tables."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import deeplift_tf as dl
from tests.support.checks import assert_close_to_largest
from tests.support.saved_models import randomised


def text() -> keras.Model:
    words = layers.TextVectorization(max_tokens=20, output_sequence_length=6)
    words.adapt(["the cat sat on the mat", "a dog ran away"])
    value = keras.Input((1,), dtype="string", name="text")
    hidden = layers.GlobalAveragePooling1D()(layers.Embedding(20, 4)(words(value)))
    return randomised(keras.Model(value, layers.Dense(2)(hidden)))


def category() -> keras.Model:
    value = keras.Input((1,), dtype="string", name="word")
    lookup = layers.StringLookup(vocabulary=["cat", "dog", "mat"], output_mode="one_hot")
    return randomised(keras.Model(value, layers.Dense(2)(lookup(value))))


MODELS = [category, pytest.param(text, marks=pytest.mark.slow)]
X = np.array([["cat"], ["dog"], ["a dog sat"]])
SERVED = """
import json, sys
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
(made,) = loaded.signatures["predict"](**{sys.argv[2]: tf.constant(json.loads(sys.argv[3]))}).values()
print(json.dumps(made.numpy().tolist()))
"""


@pytest.mark.parametrize("build", MODELS)
def test_text_is_exported_with_its_tables(build: Callable[[], keras.Model], tmp_path: Path) -> None:
    model = build()
    expected = np.asarray(model(ops.convert_to_tensor(X)))
    model.save(tmp_path / "model.keras")
    network: Any = dl.convert(tmp_path / "model.keras")
    assert_close_to_largest(network.predict(X), expected, rtol=1e-5)
    for references in (0, 0.5, np.array(["mat"])):
        scores = network.compile()(X, references, target=1)
        assert np.abs(scores.delta).max() < 1e-5 and np.abs(scores.contributions).max() > 0.01
    network.compile().export(tmp_path / "served", references=0, target=1)
    arguments = [str(tmp_path / "served"), network.input_names[0], json.dumps(X.tolist())]
    done = subprocess.run([sys.executable, "-c", SERVED, *arguments], capture_output=True, text=True, check=True)
    assert_close_to_largest(np.array(json.loads(done.stdout.splitlines()[-1])), expected, rtol=1e-5)
