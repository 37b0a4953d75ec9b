"""In-silico mutagenesis computes only what a mutation changes: the numbers are those of the whole network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import deeplift_tf as dl
from deeplift_tf.scoring import mutants

LENGTH = 26


def profile_model() -> keras.Model:
    """BPNet in small: valid dilated convolutions, each added to its cropped input; two heads."""
    x = keras.Input((LENGTH, 4))
    y = layers.Conv1D(5, 5, activation="relu")(x)
    for rate in (1, 2):
        z = layers.Conv1D(5, 3, dilation_rate=rate, activation="gelu")(y)
        y = layers.Add()([z, layers.Cropping1D(rate)(y)])
    total = layers.Dense(2, name="counts")(layers.GlobalAveragePooling1D()(y))
    return keras.Model(x, [layers.Flatten(name="profile")(layers.Conv1D(1, 3)(y)), total])


def padded() -> keras.Model:
    """Padding of every kind, normalisation, strides at last, and a layer that looks at all."""
    x = keras.Input((LENGTH, 4))
    y = layers.Conv1D(6, 4, padding="same", activation="tanh")(x)
    y = layers.BatchNormalization()(y)
    y = layers.Conv1D(6, 3, padding="causal", dilation_rate=2, groups=2)(layers.ZeroPadding1D((2, 1))(y))
    y = layers.PReLU()(y)  # its slopes differ from position to position
    y = layers.Conv1D(4, 3, strides=2, activation="relu")(y)
    return keras.Model(x, layers.Dense(3, name="tasks")(layers.Flatten()(layers.MaxPooling1D(2)(y))))


def shared_slopes() -> keras.Model:
    x = keras.Input((LENGTH, 4))
    y = layers.PReLU(shared_axes=[1])(layers.Conv1D(6, 3)(x))
    return keras.Model(x, layers.Dense(1)(layers.GlobalMaxPooling1D()(layers.Conv1D(3, 3)(y))))


def wide() -> keras.Model:
    """Windows as wide as the sequence."""
    x = keras.Input((LENGTH, 4))
    y = layers.Conv1D(3, 15, dilation_rate=2, padding="same", activation="relu")(x)
    return keras.Model(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(y)))


def mutated_slowly(predict: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """Every letter at every position by itself, through the whole network."""
    found = np.zeros(x.shape)
    before = predict(x)
    for position in range(x.shape[1]):
        for letter in range(4):
            other = x.copy()
            other[:, position] = np.eye(4)[letter] * x[:, position].sum(-1, keepdims=True)
            found[:, position, letter] = predict(other) - before
    return found


@pytest.mark.parametrize(
    ("build", "output"),
    [
        (profile_model, 1),
        pytest.param(profile_model, 0, marks=pytest.mark.slow),
        (padded, None),
        pytest.param(shared_slopes, None, marks=pytest.mark.slow),
        pytest.param(wide, None, marks=pytest.mark.slow),
    ],
)
def test_mutants_are_those_of_the_whole_network(build: Callable[[], keras.Model], output: int | None) -> None:
    keras.utils.set_random_seed(5)
    model = build()
    rng = np.random.default_rng(6)
    for weight in model.weights:
        weight.assign(weight + 0.3 * rng.random(weight.shape))
    x = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (2, LENGTH))]
    x[1, 9] = 0  # an N stays

    network = dl.convert(model, dtype="float64")
    name = network.output_names[output or 0]

    def predict(rows: np.ndarray) -> np.ndarray:
        found = network.predict(rows)
        return (found[name] if isinstance(found, dict) else found)[:, 0]

    scores = dl.methods.in_silico_mutagenesis(network, x, target=0, output=name, batch_size=14)
    expected = mutated_slowly(predict, x)
    np.testing.assert_allclose(scores.multipliers, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def test_only_what_a_mutation_changes_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No convolution of the trunk sees more than the stretch and what its windows reach."""
    widths: list[tuple[int, int]] = []
    moves = mutants.moves

    def counted(layer: Any, part: mutants.Stretch) -> mutants.Stretch | None:
        found = moves(layer, part)
        if found is not None and layer.kind == "Linear":
            widths.append((part.width, found.width))
        return found

    monkeypatch.setattr(mutants, "moves", counted)
    keras.utils.set_random_seed(0)
    network = dl.convert(profile_model())
    x = np.eye(4, dtype=np.float32)[np.zeros((1, LENGTH), int)]
    dl.methods.in_silico_mutagenesis(network, x, target=0, output="counts")
    assert widths[:3] == [(1, 5), (5, 7), (7, 11)]
