"""Functions of a tf.Module that were saved without a signature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf.conversion.check import check
from deeplift_tf.errors import ModelFileError, UnsupportedLayerError

X = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")


class Module(tf.Module):
    """Two layers; what training=True adds must not be taken."""

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(1)
        self.kernels = [tf.Variable(rng.normal(size=shape), dtype=tf.float32) for shape in ((5, 6), (6, 2))]
        self.shift = tf.constant(rng.normal(size=(2,)), tf.float32)
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a"], [1.0]), 0.0)

    @tf.function
    def __call__(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        hidden = tf.nn.relu(x @ self.kernels[0])
        return hidden @ self.kernels[1] + self.shift + (100.0 if training else 0.0)

    @tf.function
    def heads(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": tf.reduce_sum(x @ self.kernels[0], -1, keepdims=True), "index": tf.argmax(x, -1)}

    @tf.function
    def by_type(self, x: tf.Tensor) -> tf.Tensor:
        return tf.cast(x, tf.float32) @ self.kernels[0]

    @tf.function
    def looked_up(self, x: tf.Tensor) -> tf.Tensor:
        return x * self.table.lookup(tf.constant("a"))


@pytest.fixture(scope="module")
def module() -> Module:
    return Module()


@pytest.fixture(scope="module")
def folder(module: Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = tf.TensorSpec((None, 5), tf.float32, name="x")
    for training in (False, True):
        module.__call__.get_concrete_function(spec, training=training)
    module(X[:2])  # a trace of a fixed size, which the one of any size covers
    module.heads.get_concrete_function(spec)
    for dtype in (tf.float32, tf.float64):
        module.by_type.get_concrete_function(tf.TensorSpec((None, 5), dtype))
    module.looked_up.get_concrete_function(spec)
    path = tmp_path_factory.mktemp("module") / "saved"
    tf.saved_model.save(module, str(path))
    return path


@pytest.mark.parametrize("path", ["folder", "file"])
@pytest.mark.slow_for("folder")
def test_the_most_general_trace_without_training(folder: Path, module: Module, path: str) -> None:
    network = dl.convert(folder if path == "folder" else folder / "saved_model.pb", signature="__call__")
    np.testing.assert_allclose(network.predict(X), module(X).numpy(), rtol=1e-5, atol=1e-5)
    report = check(folder, network, signature="__call__")
    assert report.prediction_error < 1e-5
    assert report.relative_delta is not None
    assert report.relative_delta < 1e-5
    scores = network.compile()(X, target=1)
    np.testing.assert_allclose(
        scores.contributions.sum(1), (module(X) - module(np.zeros_like(X))).numpy()[:, 1], rtol=1e-4, atol=1e-4
    )


def test_functions_of_dicts(folder: Path, module: Module) -> None:
    network = dl.convert(folder, signature="heads")
    assert network.output_names == ("sum",)  # integers have no difference
    np.testing.assert_allclose(network.predict(X), module.heads(X)["sum"].numpy(), rtol=1e-5, atol=1e-5)


def test_traces_of_several_types_are_named_one_by_one(folder: Path, module: Module) -> None:
    with pytest.raises(ModelFileError, match=r"found none; .*`signature` takes too.*'__call__' \(float32"):
        dl.convert(folder)
    with pytest.raises(ModelFileError, match=r"'by_type:0' \(float32 \(None, 5\)\).*'by_type:1' \(float64"):
        dl.convert(folder, signature="by_type")
    network = dl.convert(folder, signature="by_type:0")
    np.testing.assert_allclose(network.predict(X), module.by_type(X).numpy(), rtol=1e-5, atol=1e-5)


def test_a_function_of_a_table_is_refused(folder: Path) -> None:
    with pytest.raises(UnsupportedLayerError, match=r"captures a resource.*Save it with a signature"):
        dl.convert(folder, signature="looked_up")
