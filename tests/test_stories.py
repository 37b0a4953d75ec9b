"""The stories of docs/architecture.md: what is added to the package from outside, by its public registration."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import deeplift_tf as dl
from deeplift_tf.conversion.keras_graph import registry
from deeplift_tf.conversion.readers import file_readers
from deeplift_tf.genomics.formats.table import FORMATS
from deeplift_tf.methods import table
from tests.support.command_line import run

RTOL = 1e-5  # float32


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """Take back what a story registers."""
    users, methods, readers = dict(registry.USERS), dict(table.METHODS), list(file_readers.FILE_READERS)
    formats = dict(FORMATS)
    yield
    FORMATS.clear()
    FORMATS.update(formats)
    registry.USERS.clear()
    registry.USERS.update(users)
    table.METHODS.clear()
    table.METHODS.update(methods)
    file_readers.FILE_READERS[:] = readers


@keras.saving.register_keras_serializable("stories")
class Reversed(layers.Layer):
    """Turns a sequence around, by an operation that nobody else knows."""

    def call(self, x: Any) -> Any:
        """Return the steps of x, shape (N, T, C), from the last to the first."""
        return keras.ops.flip(x, axis=1)


@dataclasses.dataclass(frozen=True, eq=False)
class ReversedSteps(dl.layers.Routing):
    """Steps from the last to the first."""

    def linear(self, x: tf.Tensor) -> tf.Tensor:
        """Return the steps of x, shape (N, T, C), from the last to the first."""
        return tf.reverse(x, [1])


def small_model(*hidden: layers.Layer) -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((4, 3)),
            layers.Conv1D(5, 2, activation="tanh", bias_initializer="normal", name="conv"),
            *hidden,
            layers.Flatten(),
            layers.Dense(2, bias_initializer="normal", name="dense"),
        ]
    )


X, X0 = np.random.default_rng(1).normal(size=(2, 6, 4, 3)).astype("float32")


def test_adding_a_layer() -> None:
    @dl.register("Reversed")
    def reversed_steps(layer: Any, context: dl.ConversionContext) -> Any:
        return context.add(ReversedSteps(), *context.inputs)

    model = small_model(Reversed())
    network = dl.convert(model)
    scores = network.compile()(X, X0, target=1)
    assert {type(node.layer) for node in network.layers.values()} >= {ReversedSteps}
    np.testing.assert_allclose(scores.outputs, model.predict(X, verbose=0)[:, 1], rtol=RTOL)
    difference = scores.outputs - scores.reference_outputs
    np.testing.assert_allclose(scores.contributions.sum((1, 2)), difference, rtol=RTOL, atol=1e-6)


def test_adding_a_rule() -> None:
    def midpoint_slopes(function: Any, value: Any) -> dl.rules.Slopes:
        middle = (value.x + value.reference) / 2
        with tf.GradientTape() as tape:
            tape.watch(middle)
            y = function.value(middle)
        return dl.rules.Slopes(tape.gradient(y, middle))

    midpoint = dl.rules.Rule("midpoint", midpoint_slopes)
    network = dl.convert(small_model(), rule={"conv": midpoint})
    row = next(row for row in network.table() if row.name == "conv")
    assert row.rule == "midpoint"
    kernel, bias = (np.asarray(w, "float64") for w in weights_of("conv"))
    dense, _ = (np.asarray(w, "float64") for w in weights_of("dense"))
    before = [np.stack([a[:, t : t + 2].reshape(6, -1) for t in range(3)], 1) @ kernel.reshape(6, 5) for a in (X, X0)]
    slope = 1 - np.tanh((before[0] + before[1]) / 2 + bias) ** 2
    multipliers = slope * dense[:, 0].reshape(3, 5)
    expected = np.zeros((6, 4, 3))
    for step in range(3):
        expected[:, step : step + 2] += np.einsum("nf,kcf->nkc", multipliers[:, step], kernel)
    found = network.compile()(X, X0, target=0)
    np.testing.assert_allclose(found.multipliers, expected, rtol=1e-4, atol=1e-6)


def weights_of(name: str) -> list[np.ndarray]:
    """Return kernel and bias of a layer of `small_model`, as a model made anew has them."""
    return [np.asarray(weight) for weight in small_model().get_layer(name).get_weights()]


def test_adding_a_file_reader(tmp_path: Path) -> None:
    @dl.register_reader("a model of weights as text", lambda start: start.startswith(b"#weights"))
    def read_text(path: Path, custom_objects: Mapping[str, Any] | None, safe_mode: bool) -> keras.Model:
        rows = np.asarray(json.loads(path.read_text("utf-8").partition("\n")[2]), "float32")
        model = keras.Sequential([keras.Input((rows.shape[0],)), layers.Dense(rows.shape[1], use_bias=False)])
        model.set_weights([rows])
        return model

    weights = np.random.default_rng(2).normal(size=(3, 2)).round(3)
    path = tmp_path / "model.txt"
    path.write_text("#weights\n" + json.dumps(weights.tolist()), "utf-8")
    x = X[:, 0]
    np.testing.assert_allclose(dl.convert(path).predict(x), x @ weights, rtol=1e-4)
    with pytest.raises(ValueError, match="registered already"):
        dl.register_reader("a model of weights as text", lambda start: True)(read_text)


def test_adding_an_output_format(tmp_path: Path) -> None:
    pytest.importorskip("pyfaidx")
    own = tmp_path / "own.py"
    own.write_text(SUMS, "utf-8")
    (tmp_path / "x.fa").write_text(">one\nACGT\n>two\nGGCA\n", "utf-8")
    keras.utils.set_random_seed(0)
    keras.Sequential([keras.Input((4, 4)), layers.Flatten(), layers.Dense(2)]).save(tmp_path / "model.keras")
    asked = ("score", "-m", tmp_path / "model.keras", "-i", tmp_path / "x.fa", "--custom-objects", own)
    result = run(*asked, "--formats", "sums", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    with h5py.File(tmp_path / "out" / "scores.h5") as file:
        expected = (file["sequences"][:] * file["hypothetical"][:]).sum((1, 2))
    np.testing.assert_allclose(np.load(tmp_path / "out" / "target_0.sums.npy"), expected, rtol=RTOL)
    for index in "12":
        assert run(*asked, "--formats", "sums", "--batch-size", 1, "--shard", f"{index}/2", "-o", tmp_path / index)
    merged = run("merge", tmp_path / "merged", tmp_path / "1", tmp_path / "2", "--custom-objects", own)
    assert merged.exit_code == 0, merged.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "merged" / "target_0.sums.npy"), expected)
    result = run(*asked, "--formats", "sum", "-o", tmp_path / "other")
    assert "--formats sum: expected some of modisco, chrombpnet, bpnet, bigwig, sums" in result.stderr
    with pytest.raises(ValueError, match="registered already"):
        dl.genomics.register_format("sums")(lambda folder, scored: None)


SUMS = """
import numpy as np

import deeplift_tf as dl


@dl.genomics.register_format("sums")
def sums(folder, scored):
    for target, hypothetical in scored.hypothetical.items():
        np.save(folder / f"{target}.sums.npy", (scored.x[:] * hypothetical[:]).sum((1, 2)))
"""


def test_adding_a_method() -> None:
    @dl.methods.register("half_gradient")
    def half_gradient(
        network: dl.Network, x: Any, references: Any = None, target: Any = 0, **options: Any
    ) -> dl.Scores:
        scores = dl.methods.gradient(network, x, references, target, **options)
        return scores.replace(contributions=scores.contributions / 2)

    network = dl.convert(small_model())
    whole = dl.methods.gradient(network, X)
    result = dl.compare(network, X, methods=["gradient", "half_gradient"])
    half = dl.methods.METHODS["half_gradient"](network, X)
    np.testing.assert_allclose(half.contributions, whole.contributions / 2, rtol=RTOL)
    assert len(result.scores) == 2


def test_every_story_is_told() -> None:
    page = Path(__file__).parents[1] / "docs" / "architecture.md"
    if not page.exists():
        pytest.skip("an installed package: the pages are not there")
    text = page.read_text("utf-8")
    tests: list[Callable[..., None]] = [
        test_adding_a_layer,
        test_adding_a_rule,
        test_adding_a_file_reader,
        test_adding_an_output_format,
        test_adding_a_method,
    ]
    for test in tests:
        assert f"## {test.__name__.removeprefix('test_').replace('_', ' ').capitalize()}" in text
