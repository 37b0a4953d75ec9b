"""SavedModel folders and live models of tf_keras, against tf_keras's own predictions."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import deeplift_tf as dl
from deeplift_tf.conversion.readers import read
from deeplift_tf.conversion.readers.graph_model import GraphModel
from deeplift_tf.conversion.readers.keras2 import saved_model as keras2_saved_model
from deeplift_tf.errors import DeepLiftError, ModelFileError, UnsafeModelError, UnsupportedLayerError
from tests.conversion.readers.test_fuzz import DAMAGES, FEW, MANY
from tests.support.saved_models import outputs, rows

tf_keras = pytest.importorskip("tf_keras", reason="needs tf_keras: pip install 'deeplift-tf[legacy]'")
RTOL = 1e-5  # float32; the two versions of Keras may add up in another order


def functional() -> Any:
    """Two inputs, a model inside, used twice, a Sequential inside, an operation outside any layer, two outputs."""
    layers = tf_keras.layers
    left, right, inner = (tf_keras.Input((6, 4), name=name) for name in ("left", "right", "inner"))
    hidden = layers.BatchNormalization(name="norm")(layers.Conv1D(3, 3, activation="relu", name="conv")(inner))
    encoder = tf_keras.Model(inner, layers.GlobalMaxPooling1D(name="pool")(hidden), name="encoder")
    stack = tf_keras.Sequential([layers.Dense(2, name="stacked")], name="stack")
    joined = layers.Concatenate(name="joined")([encoder(left) * 2.0, encoder(right)])
    score = layers.Dense(1, activation="sigmoid", name="score")(joined)
    return tf_keras.Model([left, right], [score, stack(encoder(left))], name="small")


def recurrent() -> Any:
    """Layers whose arrays or arguments have changed since, one of them frozen."""
    layers = tf_keras.layers
    frozen = layers.BatchNormalization(name="frozen")
    frozen.trainable = False
    return tf_keras.Sequential(
        [
            tf_keras.Input((5, 3)),
            layers.Bidirectional(layers.LSTM(2, return_sequences=True, recurrent_activation="hard_sigmoid")),
            frozen,
            layers.GRU(3, return_sequences=True),
            layers.TimeDistributed(layers.Dense(3)),
            layers.LeakyReLU(0.2),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )


def image() -> Any:
    layers = tf_keras.layers
    x = tf_keras.Input((8, 8, 4))
    y = layers.DepthwiseConv2D(3)(layers.Rescaling(0.5)(x))
    y = layers.SeparableConv2D(4, 3)(layers.Conv2DTranspose(3, 2, strides=2)(y))
    return tf_keras.Model(x, layers.GlobalAveragePooling2D()(layers.PReLU(shared_axes=[1, 2])(y)))


def attention() -> Any:
    layers = tf_keras.layers
    query, value = tf_keras.Input((4, 3)), tf_keras.Input((5, 3))
    attended = layers.MultiHeadAttention(2, 3)(query, value)
    return tf_keras.Model([query, value], layers.LayerNormalization()(attended + query))


def unshaped() -> Any:
    """A Sequential that was given data before any input shape."""
    model = tf_keras.Sequential([tf_keras.layers.Dense(3, activation="tanh"), tf_keras.layers.Dense(2)])
    model(np.zeros((2, 4), "float32"))
    return model


MODELS = [
    functional,
    unshaped,
    *(pytest.param(build, marks=pytest.mark.slow) for build in (recurrent, image, attention)),
]


def randomised(model: Any) -> Any:
    random = np.random.default_rng(7)
    model.set_weights([np.abs(random.normal(size=weight.shape)) * 0.5 + 0.1 for weight in model.get_weights()])
    return model


def saved(model: Any, folder: Path) -> Path:
    model.save(folder / "saved", save_format="tf")
    return folder / "saved"


def with_notes_inside(folder: Path) -> Path:
    """The notes of Keras where tf.keras 2.0 to 2.4 kept them: in saved_model.pb."""
    from tensorflow.core.protobuf import saved_model_pb2

    notes = folder / "keras_metadata.pb"
    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    nodes = model.meta_graphs[0].object_graph_def.nodes
    for note in keras2_saved_model.notes_message().FromString(notes.read_bytes()).nodes:
        nodes[note.node_id].user_object.metadata = note.metadata
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    notes.unlink()
    return folder


def same_outputs(model: keras.Model, original: Any) -> None:
    inputs = rows(model)
    expected = original(inputs if len(inputs) > 1 else inputs[0], training=False)
    for found, own in zip(outputs(model, inputs), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(found, own, rtol=RTOL, atol=RTOL * np.abs(own).max())


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
@pytest.mark.slow_for("functional")
def test_saved_and_live_models(build: Callable[[], Any], tmp_path: Path) -> None:
    original = randomised(build())
    folder = saved(original, tmp_path)
    for source in (folder, original, with_notes_inside(folder)):
        model = read(source)
        same_outputs(model, original)
        names = [layer.name for layer in original.layers if layer.weights]
        assert [layer.name for layer in model.layers if layer.weights] == names


def test_weights_for_a_live_model(tmp_path: Path) -> None:
    original, other = randomised(functional()), functional()
    original.save_weights(tmp_path / "weights.h5")
    before = other.get_weights()
    same_outputs(read((other, tmp_path / "weights.h5")), original)
    for kept, own in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(kept, own)


@pytest.mark.slow
def test_optimizer_slots_that_tensorflow_refuses_are_left_alone(tmp_path: Path) -> None:
    original = functional()
    original.compile(tf_keras.optimizers.legacy.Adam(), "mse")
    x = [np.ones((4, 6, 4), "float32"), np.zeros((4, 6, 4), "float32")]
    original.fit(x, [np.ones((4, 1)), np.ones((4, 2))], verbose=0)
    folder = saved(original, tmp_path)
    same_outputs(read(folder), original)


def test_nothing_of_the_graph_runs(tmp_path: Path) -> None:
    original = randomised(unshaped())
    folder = saved(original, tmp_path)
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    model.meta_graphs[0].graph_def.node.add(name="evil", op="WriteFile")
    model.meta_graphs[0].graph_def.ClearField("library")
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    with pytest.raises(Exception, match=r".+"):
        tf.saved_model.load(str(folder))
    same_outputs(read(folder), original)


def test_scores_of_a_folder(tmp_path: Path) -> None:
    original = randomised(unshaped())
    scores = dl.convert(saved(original, tmp_path)).compile()(rows(read(original))[0], target=1)
    assert scores.delta is not None
    assert np.abs(scores.delta).max() <= 1e-4 * np.abs(scores.outputs - scores.reference_outputs).max()


class Doubled(tf_keras.layers.Layer):  # type: ignore[name-defined]
    def call(self, x: Any) -> Any:
        return 2.0 * x


class Mine(tf_keras.Model):  # type: ignore[name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.dense = tf_keras.layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def test_a_custom_layer_is_named_or_taken_from_the_graph(tmp_path: Path) -> None:
    original = tf_keras.Sequential([tf_keras.Input((3,)), Doubled(name="mine")])
    with pytest.raises(UnsafeModelError, match=r"'mine' .*Doubled"):
        read(original)
    assert isinstance(read(saved(original, tmp_path)), GraphModel)


def test_a_lambda_layer_of_a_live_model_keeps_its_function() -> None:
    layers = [tf_keras.Input((3,)), tf_keras.layers.Lambda(lambda x: tf.nn.softplus(x) + 1.0, name="plus")]
    original = tf_keras.Sequential([tf_keras.Input((3,)), tf_keras.Sequential(layers, name="inside")])
    same_outputs(read(original), original)


def test_a_live_model_that_is_not_built() -> None:
    with pytest.raises(ModelFileError, match="expected a model that is built"):
        read(tf_keras.Sequential([tf_keras.layers.Dense(3)], name="early"))


def test_a_subclassed_model_is_told_apart(tmp_path: Path) -> None:
    original = Mine()
    original(np.zeros((2, 3), "float32"))
    with pytest.raises(UnsupportedLayerError, match="only its Python code describes"):
        read(original)
    assert isinstance(read(saved(original, tmp_path)), GraphModel)


def test_words_in_a_table_are_left_to_the_graph(tmp_path: Path) -> None:
    lookup = tf_keras.layers.StringLookup(output_mode="multi_hot", name="words")
    lookup.adapt(["a", "c", "g", "t", "g"])
    model = tf_keras.Sequential([tf_keras.Input((2,), dtype="string"), lookup, tf_keras.layers.Dense(2)])
    folder = saved(model, tmp_path)
    with pytest.raises(UnsupportedLayerError, match=r"those of \['words'\] lie in tables"):
        keras2_saved_model.read_keras2_saved_model(folder, None, True)


@pytest.mark.parametrize("name", ["saved_model.pb", "keras_metadata.pb", "variables/variables.index"])
def test_damaged_folders(name: str, tmp_path: Path) -> None:
    folder = saved(unshaped(), tmp_path)
    whole = (folder / name).read_bytes()
    for content in (whole[: len(whole) // 2], b"\xff" * 100):
        (folder / name).write_bytes(content)
        with pytest.raises(DeepLiftError, match="saved"):
            read(folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(unshaped(), tmp_path_factory.mktemp("whole"))


PARTS = ("saved_model.pb", "keras_metadata.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")


@FEW
@given(name=st.sampled_from(PARTS), change=DAMAGES)
def test_damaged_bytes(whole: Path, name: str, change: Any) -> None:
    damaged(whole, name, change)


@pytest.mark.slow
@MANY
@given(name=st.sampled_from(PARTS), change=DAMAGES)
def test_damaged_bytes_at_length(whole: Path, name: str, change: Any) -> None:
    damaged(whole, name, change)


def damaged(whole: Path, name: str, change: Any) -> None:
    """Read a copy with changed bytes: it ends in a model, in a graph or in a DeepLiftError."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(whole, Path(folder) / "copy"))
        (copy / name).write_bytes(change((copy / name).read_bytes()))
        with contextlib.suppress(DeepLiftError):
            assert isinstance(read(copy), keras.Model | GraphModel)


def test_arrays_that_are_missing(tmp_path: Path) -> None:
    folder = saved(unshaped(), tmp_path)
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(b"")
    with pytest.raises(ModelFileError, match="saved"):
        read(folder)


def test_arrays_that_would_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = saved(unshaped(), tmp_path)
    monkeypatch.setattr("deeplift_tf.conversion.readers.untrusted.limits.EXPANSION_FLOOR_BYTES", 0)
    monkeypatch.setattr("deeplift_tf.conversion.readers.untrusted.limits.MAX_EXPANSION", 0)
    with pytest.raises(ModelFileError, match="bytes declared"):
        read(folder)


def test_notes_of_nonsense(tmp_path: Path) -> None:
    folder = saved(unshaped(), tmp_path)
    notes = keras2_saved_model.notes_message().FromString((folder / "keras_metadata.pb").read_bytes())
    for text in ("{", json.dumps({"class_name": "Sequential", "config": {"layers": 3}}), "[" * 100_000):
        notes.nodes[0].metadata = text
        (folder / "keras_metadata.pb").write_bytes(notes.SerializeToString())
        with pytest.raises(DeepLiftError, match="saved"):
            read(folder)
