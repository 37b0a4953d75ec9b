"""Branches and loops whose course the data decide: one condition for all rows is refused by name, on every road."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import deeplift_tf as dl
from deeplift_tf.errors import UnsupportedLayerError
from tests.support.checks import assert_close_to_largest
from tests.support.installed import exported

Call = Callable[[Any], Any]
FIXED: dict[str, Call] = {
    "cond": lambda x: tf.cond(tf.constant(True), lambda: tf.tanh(x), lambda: -x),
    "keras_cond": lambda x: ops.cond(ops.convert_to_tensor(False), lambda: -x, lambda: ops.tanh(x)),
    "switch_case": lambda x: tf.switch_case(tf.constant(1), [lambda: -x, lambda: tf.tanh(x)]),
    "fori_loop": lambda x: ops.fori_loop(0, 1, lambda i, y: ops.tanh(y), x),
    "while_loop": lambda x: tf.while_loop(lambda i, y: i < 1, lambda i, y: (i + 1, tf.tanh(y)), (0, x))[1],
}
BY_DATA: dict[str, Call] = {
    "cond": lambda x: tf.cond(tf.reduce_mean(x) > 0, lambda: x * 2, lambda: -x),
    "cond_of_integers": lambda x: tf.cond(tf.reduce_sum(tf.cast(x > 0, tf.int32)) > 2, lambda: x * 2, lambda: -x),
    "switch_case": lambda x: tf.switch_case(tf.cast(tf.reduce_sum(x) > 0, tf.int32), [lambda: x * 2, lambda: -x]),
    "while_loop": lambda x: tf.while_loop(lambda y: tf.reduce_max(y) > 0.1, lambda y: (y * 0.5,), (x,))[0],
    "keras_while_loop": lambda x: ops.while_loop(lambda y: ops.max(y) > 0.1, lambda y: (y * 0.5,), (x,))[0],
}
SAMPLE = {"cond"}


def model_of(call: Call) -> keras.Model:
    """Return a model with a function of a user in its middle."""
    keras.utils.set_random_seed(1)
    given = keras.Input((5,))
    made = layers.Lambda(call, output_shape=(5,), name="branching")(given)
    return keras.Model(given, layers.Dense(2, bias_initializer="ones")(made))


def rows(names: dict[str, Call]) -> list[Any]:
    return [name if name in SAMPLE else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", rows(FIXED))
def test_a_course_that_is_fixed_is_followed(name: str, tmp_path: Path) -> None:
    """All of them are tanh in the end, whose scores are m·(tanh x − tanh x⁰) for the weights m behind it."""
    model = model_of(FIXED[name])
    x = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    expected = np.tanh(x) * np.asarray(model.layers[-1].kernel)[:, 0]
    for source in (model, exported(model, tmp_path)):
        network = dl.convert(source)
        assert all(node.layer.exact for node in network.graph.nodes)
        assert_close_to_largest([network.compile()(x, target=0).contributions], [expected], 1e-5)


@pytest.mark.parametrize("name", rows(BY_DATA))
def test_one_condition_for_all_rows_is_refused(name: str, tmp_path: Path) -> None:
    model = model_of(BY_DATA[name])
    for source in (model, exported(model, tmp_path)):
        with pytest.raises(UnsupportedLayerError, match=r"branching.*(on the inputs, or on their open sizes)"):
            dl.convert(source)


def test_an_open_length_says_what_to_do(tmp_path: Path) -> None:
    given = keras.Input((None, 3))
    model = keras.Model(given, layers.Dense(2)(layers.LSTM(4, name="memory")(given)))
    with pytest.raises(UnsupportedLayerError, match=r"memory.*an open number of steps\. Export the model with"):
        dl.convert(exported(model, tmp_path))


@pytest.mark.parametrize("road", ["live", "export"])
@pytest.mark.parametrize("kind", ["cond", "switch_case"])
def test_a_condition_on_the_number_of_rows_is_refused(kind: str, road: str, tmp_path: Path) -> None:
    """No probe of a few rows tells such a condition, so that a path would follow one of its branches in silence."""
    calls: dict[str, Call] = {
        "cond": lambda x: tf.cond(tf.shape(x)[0] > 100, lambda: x * 2, lambda: -x),
        "switch_case": lambda x: tf.switch_case(tf.shape(x)[0] // 100, [lambda: x * 2, lambda: -x]),
    }
    model = model_of(calls[kind])
    with pytest.raises(UnsupportedLayerError, match=r"depends on the number of rows.*batch_size"):
        dl.convert(model if road == "live" else exported(model, tmp_path / "served"))
