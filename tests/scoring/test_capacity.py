"""What cannot fit into memory is refused before it is taken, counted by hand here."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
from keras import layers

import deeplift_tf as dl
from deeplift_tf.errors import InputError
from deeplift_tf.scoring import capacity

LENGTH, WIDTH = 1000, 4


@functools.cache
def network(length: int | None = LENGTH, count: int = 10) -> dl.Network:
    """A row of nonlinear layers that each make LENGTH times WIDTH numbers, and one that makes one."""
    keras.utils.set_random_seed(0)
    x = y = keras.Input((length, WIDTH))
    for _ in range(count):
        y = layers.Activation("tanh")(layers.Conv1D(WIDTH, 1)(y))
    y = layers.Dense(1, activation="sigmoid", name="end")(layers.GlobalAveragePooling1D()(y))
    return dl.convert(keras.Model(x, y))


def rows(count: int, length: int = LENGTH) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, length, WIDTH)).astype("float32")


@pytest.mark.parametrize("length", [LENGTH, None])
@pytest.mark.slow_for("None")
def test_many_large_values_in_a_row(length: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten values of 16 kB each, kept for the way back: memory for 8 such fits any one of them, and not all."""
    score = network(length).compile()
    kept = 10 * LENGTH * WIDTH + 1
    monkeypatch.setattr(capacity, "memory_bytes", lambda: 4 * kept - 1)
    with pytest.raises(InputError, match=rf"11 nonlinear layers .* {kept} numbers of every row.*not even one row fits"):
        score(rows(1), references=0.0)
    monkeypatch.setattr(capacity, "memory_bytes", lambda: 3 * 4 * kept)
    with pytest.raises(InputError, match=r"a batch of 5 takes .*use a batch_size of at most 3"):
        score(rows(5), references=0.0, batch_size=5)
    assert score(rows(5), references=0.0, batch_size=3).contributions.shape == (5, LENGTH, WIDTH)


def test_only_the_layers_on_the_way_back_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = network()
    monkeypatch.setattr(capacity, "memory_bytes", lambda: 4 * 8 * LENGTH * WIDTH)
    late = [node.name for node in found.graph.nodes][-4]
    assert found.compile(layers=[late])(rows(1), references=0.0).delta.shape == (1,)
    assert found.predict(rows(1)).shape == (1, 1)


def test_references_that_share_an_example_keep_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four references of one example: the example's values are kept once, however the batches are cut."""
    score = network().compile()
    monkeypatch.setattr(capacity, "memory_bytes", lambda: 4 * (25 * LENGTH * WIDTH))
    references = np.random.default_rng(1).normal(size=(1, 4, LENGTH, WIDTH)).astype("float32")
    assert score(rows(1), references=references).contributions.shape == (1, LENGTH, WIDTH)


def test_shorter_inputs_are_not_traced_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found = network(None)
    found.compile()(rows(1), references=0.0)
    known = len(capacity._KNOWN[found.graph])
    found.compile()(rows(1, LENGTH // 2), references=0.0)
    assert len(capacity._KNOWN[found.graph]) == known
    monkeypatch.setattr(capacity, "memory_bytes", lambda: 4 * 9 * LENGTH * WIDTH)
    with pytest.raises(InputError, match="11 nonlinear layers"):
        found.compile()(rows(1, LENGTH - 1), references=0.0)
