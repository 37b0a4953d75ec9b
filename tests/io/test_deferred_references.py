"""References by name, as makers and as arrays."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.errors import DeepLiftError, ReferencesError
from deeplift_tf.io.deferred_references import DeferredReferences, named_references

ROWS = np.random.default_rng(0).normal(size=(30, 6, 5, 3)).astype(np.float32)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as files:
        yield files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("references")
    np.save(path / "rows.npy", ROWS)
    np.savez_compressed(path / "both.npz", image=ROWS, dose=ROWS[:, 0, 0])
    np.save(path / "wanted.npy", [0.2, 0.5, 0.3])
    return path


@pytest.fixture(scope="module")
def network() -> dl.Network:
    keras.utils.set_random_seed(0)
    image = keras.Input((6, 5, 3), name="image")
    y = keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(image))
    return dl.convert(keras.Model(image, y))


@pytest.fixture(scope="module")
def two_inputs() -> dl.Network:
    image, dose = keras.Input((6, 5, 3), name="image"), keras.Input((3,), name="dose")
    y = keras.layers.Concatenate()([keras.layers.Flatten()(image), dose])
    return dl.convert(keras.Model([image, dose], keras.layers.Dense(2)(y)))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("dinucleotide-shuffle:20", dl.references.dinucleotide_shuffle(20, seed=3)),
        ("dinucleotide_shuffle", dl.references.dinucleotide_shuffle(seed=3)),
        ("shuffle:count=4,seed=9", dl.references.shuffle(4, seed=9)),
        ("blurred:1.5", dl.references.blurred(1.5)),
        ("blurred:2,axes=1", dl.references.blurred(2.0, axes=(1,))),
        ("gc-content", dl.references.gc_content()),
        ("constant:-2", dl.references.constant(-2.0)),
        ("uniform-frequencies", dl.references.uniform_frequencies()),
    ],
)
def test_makers(given: str, expected: dl.references.ReferenceSampler, stack: ExitStack) -> None:
    made = named_references(given, 3, stack)
    assert isinstance(made, dl.references.ReferenceSampler)
    assert (made.make.func, made.make.keywords) == (expected.make.func, expected.make.keywords)


def asked(given: str, network: dl.Network, stack: ExitStack) -> Any:
    found = named_references(given, 3, stack)
    assert isinstance(found, DeferredReferences)
    return found.made(network)


def test_data_sets(folder: Path, network: dl.Network, stack: ExitStack) -> None:
    def made(given: str) -> Any:
        return asked(given, network, stack)

    mean = ROWS.astype(np.float64).mean(0)
    np.testing.assert_allclose(made(f"mean:{folder}/rows.npy")["image"], mean, rtol=1e-12)
    channels = made(f"channel-mean:{folder}/rows.npy")["image"]
    np.testing.assert_allclose(channels, np.broadcast_to(mean.mean((0, 1)), mean.shape), rtol=1e-12)
    sample = made(f"background-sample:{folder}/rows.npy,4")["image"]
    np.testing.assert_array_equal(sample, dl.references.background_sample(ROWS, 4, seed=3))
    others = made(f"another-example:{folder}/rows.npy,count=2")
    expected = dl.references.another_example(ROWS, 2, seed=3)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(others))(ROWS[:5]), expected(ROWS[:5]))


def test_every_input_has_its_own(folder: Path, two_inputs: dl.Network, stack: ExitStack) -> None:
    made = asked(f"mean:{folder}/both.npz", two_inputs, stack)
    np.testing.assert_allclose(made["dose"], ROWS[:, 0, 0].astype(np.float64).mean(0), rtol=1e-12)
    sample = asked(f"background-sample:{folder}/both.npz,4", two_inputs, stack)
    np.testing.assert_array_equal(sample["dose"], sample["image"][:, :, 0, 0])  # the same rows of both
    with pytest.raises(ReferencesError, match=r"another_example\(seed=3\): expected a model of one input"):
        asked(f"another-example:{folder}/both.npz", two_inputs, stack)
    with pytest.raises(DeepLiftError, match="missing 'image', 'dose'"):
        asked(f"mean:{folder}/rows.npy", two_inputs, stack)


def test_uniform_output(folder: Path, network: dl.Network, stack: ExitStack) -> None:
    arguments = f"uniform-output:{folder}/start.npy,distribution={folder}/wanted.npy,steps=200,share=0.999"
    np.save(folder / "start.npy", ROWS[0])
    found = asked(arguments, network, stack)["image"]
    np.testing.assert_allclose(network.predict(found[None])[0], [0.2, 0.5, 0.3], atol=0.02)
    np.testing.assert_array_equal(asked("uniform-output:steps=1", network, stack)["image"], 0)  # uniform there


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("shuffle:2.5", "expected shuffle[:COUNT][,seed=SEED]; received 'shuffle:2.5': count is an integer"),
        ("constant", "expected constant:VALUE; received 'constant': value is missing"),
        ("uniform-frequencies:3", "expected uniform-frequencies; received"),
        ("gc-content:2", "expected a fraction from 0 to 1"),
        ("blurred:-1", "expected a radius of at least 0"),
        ("mean", "expected mean:FILE; received 'mean': data is missing"),
        ("mean:nowhere.npy", "references: nowhere.npy: no such file"),
        ("another-example:rows.npy,0", "count of another_example: expected at least 1; received 0"),
        ("background-sample:rows.npy,31", "expected a count from 1 to 30, the rows; received 31"),
        ("mean:small.npy", "small.npy: input 'image': expected shape (None, 6, 5, 3); received (2, 5)"),
        ("uniform-output:loss=hinge", "expected a loss among max_deviation"),
        ("uniform-output:steps=0", "steps of uniform_output: expected at least 1; received 0"),
    ],
)
def test_what_does_not_fit(given: str, message: str, folder: Path, network: dl.Network, stack: ExitStack) -> None:
    np.save(folder / "small.npy", np.zeros((2, 5)))
    for name in ("rows.npy", "small.npy"):
        given = given.replace(name, str(folder / name))
    with pytest.raises(DeepLiftError) as caught:
        found = named_references(given, 0, stack)
        assert isinstance(found, DeferredReferences)
        found.made(network)
    assert message in str(caught.value)


def test_what_is_no_name(stack: ExitStack) -> None:
    assert named_references("references.npy", 0, stack) is None
    assert named_references("0.5", 0, stack) is None
