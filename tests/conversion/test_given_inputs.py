"""Shapes that Keras takes for an input, and tokens that no table has a row for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import deeplift_tf as dl
from deeplift_tf.errors import InputError, ReferencesError
from tests.support.checks import assert_close_to_largest
from tests.support.saved_models import randomised


def column() -> keras.Model:
    value = keras.Input((1,), name="column")
    return randomised(keras.Model(value, layers.Dense(2, activation="tanh")(value)))


def pictures() -> keras.Model:
    value = keras.Input((8, 8, 1), name="pictures")
    return randomised(keras.Model(value, layers.Dense(2)(layers.Flatten()(layers.Conv2D(3, 3)(value)))))


@pytest.mark.parametrize(
    ("build", "shape", "own"),
    [(column, (6,), (6, 1)), (pictures, (6, 8, 8), (6, 8, 8, 1))],
)
def test_a_last_axis_of_one_unit_may_be_left_out(build: Any, shape: Any, own: Any) -> None:
    model = build()
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    network = dl.convert(model)
    assert_close_to_largest(network.predict(x, 4), model.predict(x, verbose=0), rtol=1e-5)
    score = network.compile()
    expected = score(x.reshape(own), np.ones(own[1:]), target=1)
    assert_close_to_largest(score(x, np.ones(own[1:]), target=1).contributions, expected.contributions, rtol=1e-6)
    each = score(x, np.roll(x, 1, 0).reshape(own), target=1, batch_size=4)
    found = score(x, np.roll(x, 1, 0), target=1, batch_size=4)
    assert_close_to_largest(found.contributions, each.contributions, rtol=1e-6)


def test_a_single_example_is_still_told_apart() -> None:
    with pytest.raises(InputError, match=re.escape("received (8, 8, 1) (a single example needs a leading axis")):
        dl.convert(pictures()).predict(np.zeros((8, 8, 1), "float32"))
    value = keras.Input((None, None))
    open_sizes = dl.convert(keras.Model(value, layers.Activation("tanh")(value)))
    with pytest.raises(InputError, match=re.escape("received (6, 3)")):
        open_sizes.predict(np.zeros((6, 3), "float32"))


def tokens(dtype: str = "int32") -> keras.Model:
    value = keras.Input((4,), dtype=dtype, name="words")
    return randomised(keras.Model(value, layers.Dense(2)(layers.Flatten()(layers.Embedding(9, 3)(value)))))


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32"])
@pytest.mark.parametrize("wrong", [9, -1, 10**6])
def test_tokens_out_of_range(dtype: str, wrong: int, tmp_path: Path) -> None:
    network = dl.convert(tokens(dtype))
    x = np.random.default_rng(0).integers(0, 9, (5, 4))
    network.predict(x)
    bad = x.copy()
    bad[3, 2] = wrong
    said = rf"words.*expected tokens from 0 to 8; row 3 holds {wrong}"
    with pytest.raises(InputError, match=said):
        network.predict(bad)
    with pytest.raises(InputError, match=said):
        network.compile()(bad, 0, target=0)
    with pytest.raises(ReferencesError, match=said):
        network.compile()(x, bad, target=0)
    with pytest.raises(ReferencesError, match=rf"words.*from 0 to 8.*holds {wrong}"):
        network.compile()(x, wrong, target=0)
    with pytest.raises(ReferencesError, match=rf"words.*from 0 to 8.*holds {wrong}"):
        network.compile().export(tmp_path / "served", references=bad[3], target=0)


def test_indices_out_of_range_in_other_layers() -> None:
    value = keras.Input((3,), dtype="int32")
    table = np.eye(5, dtype="float32")
    model = keras.Model(value, layers.Flatten()(keras.ops.take(table, value, axis=0)))
    network = dl.convert(model)
    with pytest.raises(InputError, match="expected tokens from 0 to 4; row 0 holds 7"):
        network.predict(np.array([[0, 1, 7]]))
    with pytest.raises(InputError, match="expected tokens from 0 to 4; row 0 holds 7"):
        network.compile()(np.array([[0, 1, 7]]), 0, target=0)
