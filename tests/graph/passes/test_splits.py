"""Parts of one value become one split, with the same scores, also where a part is not read or is scored."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

import deeplift_tf as dl
from deeplift_tf.graph.passes import optimize
from deeplift_tf.layers.reshaping import Crop, Split
from deeplift_tf.scoring import programs
from tests.support.keras_models import randomise


def gated(unread: bool = False) -> keras.Model:
    x = keras.Input((6, 5))
    first, second, third = ops.split(layers.Dense(9, name="whole")(x), 3, axis=-1)
    y = ops.sigmoid(first) * ops.tanh(second)
    y = y if unread else y + ops.relu(third)
    return randomise(keras.Model(x, layers.Dense(2)(layers.Flatten()(y))), seed=1)


def kinds(network: dl.Network) -> list[type]:
    graph = network.graph
    return [type(node.layer) for node in optimize(graph, graph.outputs.values()).nodes]


def test_parts_of_one_value_become_one_split() -> None:
    assert kinds(dl.convert(gated())).count(Split) == 1
    assert Crop not in kinds(dl.convert(gated()))


def test_parts_that_leave_a_gap_stay() -> None:
    found = kinds(dl.convert(gated(unread=True)))
    assert Split not in found or Crop not in found  # all parts are there, or none is joined


@pytest.mark.parametrize("unread", [False, True])
@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel", "gradient"])
def test_scores_are_the_same(rule: str, unread: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, references = rng.normal(size=(4, 6, 5)), rng.normal(size=(4, 2, 6, 5))
    model = gated(unread)
    found = dl.convert(model, rule=rule, dtype="float64").compile()(x, references, targets=[0, 1])
    monkeypatch.setattr(programs, "optimize", lambda graph, keep: graph)
    expected = dl.convert(model, rule=rule, dtype="float64").compile()(x, references, targets=[0, 1])
    np.testing.assert_allclose(found.contributions, expected.contributions, rtol=0, atol=1e-12)  # float64's rounding
    assert found.delta is None or rule == "gradient" or np.abs(found.delta).max() < 1e-12
