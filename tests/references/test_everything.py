"""Everything in `dl.references` can be given as references, in every place that takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.errors import DeepLiftError, DeepLiftWarning, ReferencesError
from deeplift_tf.references import REFERENCES
from tests.support.keras_models import randomise

LENGTH = 6
X = np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(0, 4, (3, LENGTH))]
DATA = np.eye(4, dtype=np.float32)[np.random.default_rng(1).integers(0, 4, (8, LENGTH))]
MAKE = {
    "zeros": lambda make, network: make(),
    "constant": lambda make, network: make(0.25),
    "mean": lambda make, network: make(DATA),
    "channel_mean": lambda make, network: make(DATA),
    "blurred": lambda make, network: make(1.0),
    "another_example": lambda make, network: make(DATA, count=2),
    "background_sample": lambda make, network: make(DATA, 3),
    "uniform_frequencies": lambda make, network: make(),
    "gc_content": lambda make, network: make(),
    "shuffle": lambda make, network: make(2),
    "dinucleotide_shuffle": lambda make, network: make(2),
    "uniform_output": lambda make, network: make(network, X, steps=20),
}


@pytest.fixture(scope="module")
def network() -> dl.Network:
    layers = keras.layers
    stack = [
        keras.Input((LENGTH, 4), name="x"),
        layers.Conv1D(3, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(2, activation="softmax"),
    ]
    return dl.convert(randomise(keras.Sequential(stack), 0))


def test_there_is_an_example_of_everything() -> None:
    public = {name for name in vars(dl.references) if not name.startswith("_") and name[0].islower()}
    modules = {"forms", "image", "makers", "sequence", "simple", "euler", "table"}
    assert set(MAKE) == set(REFERENCES) == public - modules - {"normalize_references"}


@pytest.mark.parametrize("name", MAKE)
def test_everything_can_be_given_as_references(network: dl.Network, name: str) -> None:
    made = MAKE[name](REFERENCES[name], network)
    score = network.compile()
    scores = score(X, made)
    assert scores.delta is not None
    assert np.abs(scores.delta).max() < 1e-5
    for others in (score([X], [made]), score({"x": X}, {"x": made})):
        found = others.contributions["x"] if isinstance(others.contributions, dict) else others.contributions[0]
        np.testing.assert_allclose(found, scores.contributions, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKE)
def test_methods_comparisons_and_strands_take_everything(network: dl.Network, name: str) -> None:
    made = MAKE[name](REFERENCES[name], network)
    score = network.compile()
    scores = score(X, made)
    assert scores.reference_outputs is not None
    by_path = dl.methods.integrated_gradients(network, X, made, steps=8)
    assert by_path.reference_outputs is not None
    np.testing.assert_allclose(by_path.reference_outputs, scores.reference_outputs, atol=1e-5)
    compared = dl.compare(network, X, ["rescale"], [made])
    np.testing.assert_allclose(next(iter(compared.scores.values())).contributions, scores.contributions, atol=1e-5)
    assert np.isfinite(dl.genomics.both_strands(score)(X, made).contributions).all()


@pytest.mark.slow
def test_a_search_is_baked_into_an_export(network: dl.Network, tmp_path: Path) -> None:
    found = dl.references.uniform_output(network, np.zeros((LENGTH, 4)), steps=20)
    network.compile().export(tmp_path / "s", found, 0)
    import tensorflow as tf

    served = tf.saved_model.load(str(tmp_path / "s")).signatures["score"](x=tf.constant(X))
    np.testing.assert_allclose(served["contributions"], network.compile()(X, found).contributions, atol=1e-6)


def test_one_reference_for_all_rows_of_a_search(network: dl.Network) -> None:
    found = dl.references.uniform_output(network, np.zeros((LENGTH, 4)), steps=20)
    score = network.compile()
    np.testing.assert_array_equal(score(X, found).contributions, score(X, found.reference).contributions)
    assert "UniformOutput(reference of shape (6, 4)" in repr(found)


@pytest.mark.parametrize("name", ["zeros", "blurred", "uniform_frequencies", "gc_content", "dinucleotide_shuffle"])
def test_functions_need_not_be_called(network: dl.Network, name: str) -> None:
    score, make = network.compile(), REFERENCES[name]
    np.testing.assert_array_equal(score(X, make).contributions, score(X, make()).contributions)
    np.testing.assert_array_equal(score([X], [make]).contributions[0], score(X, make()).contributions)


@pytest.mark.parametrize("name", ["mean", "constant", "another_example", "uniform_output"])
def test_functions_that_need_arguments_say_so(network: dl.Network, name: str) -> None:
    with pytest.raises(ReferencesError, match=f"{name} makes them when it is called: {name}\\("):
        network.compile()(X, REFERENCES[name])


def relu_network(bias: float, units: int = 8) -> Any:
    """A classifier whose ReLU units all stand at `bias` where x is zero; its output there is not uniform."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((5,)), layers.Dense(units, activation="relu"), layers.Dense(3, activation="softmax")]
    )
    model.layers[0].set_weights([model.layers[0].get_weights()[0], np.full(units, bias)])
    model.layers[1].set_weights([model.layers[1].get_weights()[0], np.array([1.0, 0.0, -1.0])])
    return model


@pytest.mark.parametrize(
    "bias", [0.0, pytest.param(-0.02, marks=pytest.mark.slow), pytest.param(-0.3, marks=pytest.mark.slow)]
)
def test_searches_leave_the_kinks_of_relu(bias: float) -> None:
    network = dl.convert(relu_network(bias))
    found = dl.references.uniform_output(network, 0.0, steps=200, share=0.999)
    assert found.deviation_at_start.max() > 0.3
    assert found.deviation.max() < 0.02
    again = dl.references.uniform_output(network, 0.0, steps=200, share=0.999)
    np.testing.assert_array_equal(found.reference, again.reference)
    other = dl.references.uniform_output(network, 0.0, steps=200, share=0.999, seed=1)
    assert not np.array_equal(found.reference, other.reference)


def test_rows_are_searched_each_on_its_own() -> None:
    network = dl.convert(relu_network(0.0))
    starts = np.stack([np.zeros(5), np.full(5, 0.3), np.arange(5) / 5])
    together = dl.references.uniform_output(network, starts, steps=60).reference
    for row, start in enumerate(starts):
        alone = dl.references.uniform_output(network, start[None], steps=60).reference[0]
        np.testing.assert_allclose(together[row], alone, atol=1e-4)


def test_a_search_that_does_not_move_warns() -> None:
    dead = dl.convert(relu_network(-1e6))  # no noise switches a unit on
    with pytest.warns(DeepLiftWarning, match=r"1 of 1 rows did not move from their start.*give another start"):
        found = dl.references.uniform_output(dead, 0.0, steps=20)
    np.testing.assert_array_equal(found.reference, np.zeros(5))


def test_a_start_that_is_uniform_stays(recwarn: pytest.WarningsRecorder) -> None:
    model = relu_network(0.0)
    model.layers[1].set_weights([model.layers[1].get_weights()[0], np.zeros(3)])
    found = dl.references.uniform_output(dl.convert(model), 0.0, steps=20)
    np.testing.assert_array_equal(found.reference, np.zeros(5))
    assert not [each for each in recwarn if issubclass(each.category, DeepLiftWarning)]


def test_the_warning_and_the_seed_on_the_command_line(tmp_path: Path) -> None:
    from tests.support.command_line import run

    relu_network(0.0).save(tmp_path / "m.keras")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32))
    command = ("score", "-m", tmp_path / "m.keras", "-i", tmp_path / "x.npy", "-o", tmp_path / "s.h5")
    result = run(*command, "--references", "uniform-output:start=0,steps=50", "--seed", 3)
    assert result.exit_code == 0, result.stderr
    assert issubclass(ReferencesError, DeepLiftError)
