"""Arithmetic compiled by XLA: the same scores, few sizes of batches, and none of it in an export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import deeplift_tf as dl
from deeplift_tf.graph.passes import xla
from deeplift_tf.layers.kinds import through_windows
from deeplift_tf.scoring.batches import Batch
from tests.support.keras_models import randomise

N, R = 5, 3


def _model() -> keras.Model:
    return randomise(
        keras.Sequential(
            [
                keras.Input((20, 4)),
                layers.Conv1D(6, 3, use_bias=False),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.MaxPooling1D(2),
                layers.Conv1D(6, 3, activation="silu"),
                layers.Flatten(),
                layers.Dense(5),
                layers.PReLU(),
                layers.Dense(5, activation="tanh"),
                layers.Dense(3),
            ]
        ),
        seed=0,
    )


X = np.random.default_rng(0).normal(size=(N, 20, 4)).astype("float32")
X0 = np.random.default_rng(1).normal(size=(N, R, 20, 4)).astype("float32")
QUESTIONS: dict[str, dict[str, Any]] = {
    "shared": {"references": X0[0, 0]},
    "one each": {"references": X0[:, 0]},
    "several each, several targets": {"references": X0, "targets": [0, 2], "hypothetical": True},
    "several for all, in parts": {"references": X0[:1], "batch_size": 2},
}


@pytest.fixture(scope="module")
def network() -> dl.Network:
    return dl.convert(_model())


@pytest.mark.parametrize(
    ("rule", "question"),
    [
        ("rescale", "shared"),
        ("rescale", "several for all, in parts"),
        ("reveal_cancel", "one each"),
        ("reveal_cancel", "several each, several targets"),
        ("guided_backprop", "shared"),
    ],
)
@pytest.mark.slow_but_for("guided_backprop-shared", "rescale-shared")
def test_scores_are_the_same(network: dl.Network, rule: str, question: str) -> None:
    under, asked = network.with_rule(rule), QUESTIONS[question]
    found, expected = under.compile(jit_compile=True)(X, **asked), under.compile()(X, **asked)
    largest = np.abs(expected.contributions).max()
    for name, value in expected.arrays().items():
        if value is not None:
            # float32: products and sums are fused, so each rounds once in place of twice
            np.testing.assert_allclose(getattr(found, name), value, rtol=1e-5, atol=1e-5 * largest, err_msg=name)


def test_rows_do_not_depend_on_their_batch(network: dl.Network) -> None:
    score = network.compile(jit_compile=True)
    whole = score(X, X0[:, 0]).contributions
    largest = np.abs(whole).max()
    for size in (1, 2):
        np.testing.assert_allclose(score(X, X0[:, 0], batch_size=size).contributions, whole, atol=1e-5 * largest)


def test_layers_with_one_function_and_shape_share_a_kernel(
    network: dl.Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[xla.Kernels] = []

    class Watched(xla.Kernels):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr(xla, "Kernels", Watched)
    model = keras.Sequential([keras.Input((4,)), *(layers.Dense(4, activation="relu") for _ in range(3))])
    dl.convert(model, rule="reveal_cancel").compile(jit_compile=True)(X[:, 0], 0.0)
    (kernels,) = made
    (kernel,) = kernels._made.values()
    assert b"XlaMustCompile" in kernel.function_def.SerializeToString()


@pytest.mark.parametrize(("rows", "whole", "filled"), [(1, 32, 1), (3, 32, 4), (9, 32, 16), (20, 20, 20), (17, 20, 20)])
def test_batches_are_filled(rows: int, whole: int, filled: int) -> None:
    x, weights = np.arange(rows)[:, None], np.ones((1, 1, 3))
    part = Batch(slice(0, rows), slice(0, 1), slice(0, 1), (x,), (x[:1, None],), weights).filled(whole)
    assert part.x[0].shape == (filled, 1)
    assert part.x[0][rows:].tolist() == [[rows - 1]] * (filled - rows)
    assert part.references[0].shape == (1, 1, 1)
    assert part.weights.shape == (1, 1, 3)


def test_each_row_keeps_its_reference_and_its_weights() -> None:
    x, weights = np.arange(3)[:, None], np.arange(6).reshape(2, 3, 1)
    part = Batch(slice(0, 3), slice(0, 1), slice(0, 2), (x,), (x[:, None],), weights).filled(32)
    assert part.references[0].tolist() == [[[0]], [[1]], [[2]], [[2]]]
    assert part.weights[:, :, 0].tolist() == [[0, 1, 2, 2], [3, 4, 5, 5]]


def test_exports_have_none_of_it(network: dl.Network, tmp_path: Path) -> None:
    score = network.compile(jit_compile=True)
    path = score.export(tmp_path / "1", references=0.0, target=0)
    assert b"XlaMustCompile" not in (path / "saved_model.pb").read_bytes()
    served = tf.saved_model.load(str(path)).signatures["score"](tf.constant(X))
    expected = score(X, 0.0).contributions
    np.testing.assert_allclose(served["contributions"], expected, atol=1e-5 * np.abs(expected).max())


POOLED = {
    "1D": ((13, 3), [layers.Conv1D(4, 3, activation="relu"), layers.MaxPooling1D(3, padding="same")]),
    "2D": ((9, 8, 3), [layers.Conv2D(4, 3, activation="relu6"), layers.MaxPooling2D((2, 3))]),
    "scaled": (
        (8, 8, 3),
        [layers.Conv2D(4, 3, activation="tanh"), layers.BatchNormalization(), layers.MaxPooling2D(2)],
    ),
    "3D": ((6, 5, 4, 2), [layers.Conv3D(3, 2, activation="relu"), layers.MaxPooling3D(2)]),
}


@pytest.mark.parametrize("references", ["zeros", "one each"])
@pytest.mark.parametrize("name", POOLED)
def test_pooling_is_one_kernel_with_the_same_scores(
    name: str, references: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, between = POOLED[name]
    model = randomise(keras.Sequential([keras.Input(shape), *between, layers.Flatten(), layers.Dense(2)]), seed=1)
    x = np.random.default_rng(0).normal(size=(5, *shape)).astype("float32")
    given: Any = 0.0 if references == "zeros" else x[::-1].copy()
    run: list[Any] = []
    call = xla.Kernels.__call__

    def noted(self: xla.Kernels, arithmetic: Any, *rest: Any) -> Any:
        run.append(arithmetic)
        return call(self, arithmetic, *rest)

    monkeypatch.setattr(xla.Kernels, "__call__", noted)
    network = dl.convert(model)
    found, expected = network.compile(jit_compile=True)(x, given), network.compile()(x, given)
    assert through_windows in run
    largest = np.abs(expected.contributions).max()
    np.testing.assert_allclose(found.contributions, expected.contributions, rtol=0, atol=1e-6 * largest)  # float32
    assert found.delta is not None and np.abs(found.delta).max() < 1e-5
