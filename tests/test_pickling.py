"""Scoring objects pickle and deep-copy, and a copy scores the same to the bit; traces are refused."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf import pickling
from deeplift_tf.errors import DeepLiftError, InputError
from deeplift_tf.rules.rules import RULES
from tests.support.installed import exported
from tests.support.keras_models import randomise

L = keras.layers
X = np.random.default_rng(0).normal(size=(4, 6, 4)).astype("float32")


@keras.saving.register_keras_serializable("pickled")
class Twisted(keras.layers.Layer):
    """A user's own layer: its operations become layers, or a path."""

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x: Any) -> Any:
        return tf.nn.silu(x * self.scale) + tf.math.bessel_i0e(x)  # the latter has no rule of its own


def convolutional() -> keras.Model:
    x = keras.Input((6, 4), name="x")
    y = L.MaxPooling1D()(L.Conv1D(5, 2, activation="relu", name="conv")(x))
    y = L.LayerNormalization()(L.Dense(6, activation="gelu")(y))
    y = L.Add()([y, L.MultiHeadAttention(2, 3)(y, y)])
    y = L.PReLU(name="last")(L.Dense(4, activation="hard_silu")(L.Flatten()(y)))
    return keras.Model(x, L.Dense(3, activation="softmax", name="out")(y))


def recurrent() -> keras.Model:
    x = keras.Input((6, 4), name="x")
    y = L.Bidirectional(L.LSTM(3, return_sequences=True))(x)
    y = L.TimeDistributed(L.Dense(3, activation="mish"))(L.GRU(3, return_sequences=True)(y))
    return keras.Model(x, L.Dense(3, name="out")(L.GlobalAveragePooling1D()(y)))


def own() -> keras.Model:
    x = keras.Input((6, 4), name="x")
    return keras.Model(x, L.Dense(3, name="out")(L.Flatten()(Twisted(name="twisted")(x))))


MODELS: dict[str, Callable[[], keras.Model]] = {"convolutional": convolutional, "recurrent": recurrent, "own": own}


@pytest.fixture(
    scope="module",
    params=[
        "own",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("convolutional", "recurrent", "exported")),
    ],
)
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dl.Network:
    model = randomise(MODELS.get(request.param, convolutional)(), seed=3)
    if request.param == "exported":
        return dl.convert(exported(model, tmp_path_factory.mktemp("served")), signature="serve")
    return dl.convert(model, rule="reveal_cancel" if request.param == "convolutional" else "rescale")


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def assert_equal(found: dl.Scores, expected: dl.Scores) -> None:
    for one, other in zip(found.arrays().values(), expected.arrays().values(), strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("copied", [pickled, copy.deepcopy])
@pytest.mark.slow_for("own-pickled")
def test_copies_score_the_same_to_the_bit(network: dl.Network, copied: Callable[[Any], Any]) -> None:
    score = network.compile()
    expected = score(X, references=0.25, target=1)
    assert_equal(copied(score)(X, references=0.25, target=1), expected)
    np.testing.assert_array_equal(copied(network).predict(X), network.predict(X))
    assert [row._asdict() for row in copied(network).table()] == [row._asdict() for row in network.table()]


def test_layers_scores_and_rules(network: dl.Network) -> None:
    for node in network.graph.nodes:
        found = pickled(node.layer)
        assert type(found) is type(node.layer)
        assert pickled(node).name == node.name
    for rule in RULES.values():
        assert pickled(rule) == rule
    scores = network.compile()(X, references=0.25)
    assert_equal(pickled(scores), scores)


def scored_there(parts: tuple[dl.Score, Any]) -> np.ndarray:
    """What a process of its own computes."""
    score, references = parts
    found: np.ndarray = score(X, references=references, target=1).contributions
    return found


@pytest.mark.slow
def test_another_process() -> None:
    score = dl.convert(randomise(own(), seed=3)).compile()
    references = dl.references.blurred(1)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (found,) = pool.map(scored_there, [(score, 0.25)])
        np.testing.assert_array_equal(found, score(X, references=0.25, target=1).contributions)
    assert pickled(references) is not None


def test_functions_that_lead_back_to_themselves() -> None:
    def outer(factor: float) -> Callable[[int], float]:
        def power(n: int, *, start: float = 1.0) -> float:
            return start if n == 0 else factor * power(n - 1)

        return power

    found = pickle.loads(pickling.dumped(outer(3.0)))
    assert found(4) == 81.0


def test_what_another_python_has_written_is_refused() -> None:
    with pytest.raises(DeepLiftError, match=r"found what Python 3\.6 did\. Convert the model again"):
        pickling.restored((3, 6), b"")
    with pytest.raises(DeepLiftError, match=r"cannot be pickled: .*Convert the model again in the other process"):
        pickling.dumped(sys.stderr)


def test_traces_are_refused(network: dl.Network) -> None:
    score = network.compile()
    message = r"inside of tf\.function or tf\.data\.Dataset\.map.*score\.export\(folder\)"
    for run in (lambda x: score(x, references=0.0), network.predict):
        with pytest.raises(InputError, match=message):
            tf.function(run, autograph=False)(tf.constant(X))
        with pytest.raises(Exception, match=message):  # AutoGraph may wrap it in an error of its own
            tf.data.Dataset.from_tensor_slices(X).batch(2).map(run)
    assert score(tf.constant(X), references=0.0).contributions.shape == X.shape  # a tensor with values is an array


def test_the_way_that_the_refusal_names_works(tmp_path: Path) -> None:
    score = dl.convert(randomise(convolutional(), seed=3)).compile()
    folder = score.export(tmp_path / "served", references=0.0, target=1)
    served = tf.saved_model.load(str(folder)).signatures["score"]
    (found,) = tf.data.Dataset.from_tensors(X).map(lambda x: served(x=x)["contributions"])
    np.testing.assert_allclose(found, score(X, references=0.0, target=1).contributions, rtol=1e-4, atol=1e-6)
