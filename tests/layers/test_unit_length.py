"""Vectors of unit length, with the floor that Keras has for short ones, on every road and from the zero reference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import deeplift_tf as dl
from deeplift_tf.layers.norms import UnitNorm
from tests.support.checks import assert_close_to_largest
from tests.support.installed import exported

ROADS = ["live", "keras", pytest.param("h5", marks=pytest.mark.slow), pytest.param("export", marks=pytest.mark.slow)]
X = np.random.default_rng(0).normal(size=(4, 3, 4)).astype("float32")


def unit(x: np.ndarray, floor: float) -> np.ndarray:
    length = np.sqrt((x * x).sum(-1, keepdims=True))
    return x / np.maximum(length, floor)


def dots(x: np.ndarray) -> np.ndarray:
    return unit(x, 1e-7) @ unit(x, 1e-7).swapaxes(1, 2)


FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]] = {
    "dot": (lambda x: layers.Dot(axes=2, normalize=True)([x, x]), dots),
    "normalize": (lambda x: ops.normalize(x, axis=-1), lambda x: unit(x, 1e-7)),
    "floor": (lambda x: ops.normalize(x, axis=-1, epsilon=0.5), lambda x: unit(x, 0.5)),
    "clipped": (
        lambda x: x / ops.maximum(ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True)), 1.0),
        lambda x: unit(x, 1.0),
    ),
    "layer": (lambda x: layers.UnitNormalization()(x), lambda x: unit(x, 1e-12)),
}


@pytest.mark.parametrize("name", ["dot", *(pytest.param(n, marks=pytest.mark.slow) for n in list(FUNCTIONS)[1:])])
@pytest.mark.parametrize("road", ROADS)
def test_short_vectors_and_the_zero_reference(name: str, road: str, tmp_path: Path) -> None:
    function, expected = FUNCTIONS[name]
    x = keras.Input((3, 4))
    model = keras.Model(x, function(x))
    live = dl.convert(model)
    if road == "live":
        network = live
    elif road == "export":
        network = dl.convert(exported(model, tmp_path / "saved"))
    else:
        model.save(tmp_path / f"model.{road}")
        network = dl.convert(tmp_path / f"model.{road}")
    assert any(isinstance(node.layer, UnitNorm) for node in network.graph.nodes)
    assert all(node.layer.exact for node in network.graph.nodes)
    for size in (1.0, 1e-6, 1e-9):
        y = expected(size * X.astype("float64"))
        np.testing.assert_allclose(network.predict(size * X), y, rtol=2e-5, atol=1e-30)  # float32, three operations
    weights = np.random.default_rng(1).normal(size=y.shape[1:])
    scores = network.compile()(X, target=weights, references=0)
    difference = (expected(X.astype("float64")) * weights).sum((1, 2))
    # parts across the vector are up to 30 times as large as what they sum to; see docs/mathematics.md
    np.testing.assert_allclose(scores.contributions.sum((1, 2)), difference, rtol=1e-3, atol=1e-4)
    assert_close_to_largest(scores.contributions, live.compile()(X, target=weights, references=0).contributions, 1e-4)
