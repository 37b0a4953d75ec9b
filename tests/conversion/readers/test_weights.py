"""Weights beside an architecture or a live model, folders that Keras writes unzipped, and shards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf.conversion.readers import read
from deeplift_tf.errors import ModelFileError
from tests.support.saved_models import assert_same, randomised, small_model

KERAS = tuple(map(int, keras.__version__.split(".")[:2]))

tf_keras = pytest.importorskip("tf_keras")
SHARD = 150e-9  # GB: a few hundred bytes, so that there are several shards


def rich_model(k: Any) -> Any:
    """Layers of many kinds, a branch, models inside models; for Keras 2 and 3 alike."""
    layers = k.layers
    inner = k.Sequential(
        [k.Input((6,)), layers.Dense(4, name="a"), layers.BatchNormalization(name="b"), layers.Dense(5, name="c")],
        name="inner",
    )
    x = k.Input((7, 3), name="x")
    y = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(x)
    y = layers.GRU(6, return_sequences=True, name="gru")(y)
    z = layers.TimeDistributed(inner, name="repeated")(y)
    y = layers.TimeDistributed(layers.Dense(5, name="once"), name="wrapped")(y)
    y = layers.Add(name="added")([y, z])
    y = layers.MultiHeadAttention(2, 3, name="attention")(y, y)
    y = layers.LayerNormalization(name="norm")(y)
    y = layers.SeparableConv1D(4, 3, name="separable")(y)
    y = layers.PReLU(name="prelu")(y)
    y = layers.Flatten(name="flat")(y)
    end = k.Sequential([k.Input((20,)), layers.Dense(3, name="hidden"), layers.Dense(2, name="out")], name="end")
    return k.Model(x, [end(y), layers.Dense(2, name="late")(y)], name="rich")


def random_weights(model: Any) -> Any:
    rng = np.random.default_rng(5)
    model.set_weights([np.abs(rng.normal(size=weight.shape)) * 0.3 + 0.1 for weight in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def keras2() -> Any:
    return random_weights(rich_model(tf_keras))


def assert_predicts(source: Any, model: Any) -> None:
    """The same outputs as another model; float32 of other kernels."""
    x = np.random.default_rng(1).normal(size=(4, 7, 3)).astype("float32")
    for found, y in zip(read(source)(x, training=False), model(x, training=False), strict=True):
        np.testing.assert_allclose(np.asarray(found), np.asarray(y), rtol=2e-5, atol=2e-6)


def test_a_checkpoint_of_keras_2(keras2: Any, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(keras2.to_json())
    keras2.save_weights(tmp_path / "ck" / "t")
    assert_predicts((tmp_path / "model.json", tmp_path / "ck" / "t"), keras2)


@pytest.mark.parametrize("ending", ["", ".index", ".data-00000-of-00001", "folder"])
def test_the_path_of_a_checkpoint(tmp_path: Path, ending: str) -> None:
    model = random_weights(tf_keras.Sequential([tf_keras.Input((3,)), tf_keras.layers.Dense(2)]))
    (tmp_path / "model.json").write_text(model.to_json())
    model.save_weights(tmp_path / "ck" / "t.v1")
    weights = tmp_path / "ck" if ending == "folder" else tmp_path / "ck" / f"t.v1{ending}"
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    network = dl.convert((tmp_path / "model.json", weights))
    np.testing.assert_allclose(network.predict(x), np.asarray(model(x)), rtol=1e-5)
    scores = network.compile()(x, target=1)
    contributions = x.astype("float64") * model.get_weights()[0][:, 1]  # what a linear model has by definition
    np.testing.assert_allclose(scores.contributions, contributions, rtol=1e-5)


def test_a_checkpoint_into_a_live_model_of_keras_2_and_3(keras2: Any, tmp_path: Path) -> None:
    keras2.save_weights(tmp_path / "ck")
    live = rich_model(keras)
    before = [weight.copy() for weight in live.get_weights()]
    for each in (keras2, live):
        assert_predicts((each, str(tmp_path / "ck")), keras2)
    for old, new in zip(before, live.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)  # the weights went into a copy


@pytest.mark.parametrize("as_part", [False, True])
def test_a_checkpoint_with_an_optimizer(keras2: Any, tmp_path: Path, as_part: bool) -> None:
    layers = [tf_keras.layers.Dense(2), tf_keras.layers.Dense(1)]
    model = random_weights(tf_keras.Sequential([tf_keras.Input((3,)), *layers]))
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    if as_part:
        tf.train.Checkpoint(model=model, optimizer=model.optimizer).save(tmp_path / "ck")
    else:
        model.save_weights(tmp_path / "ck-1")
    (tmp_path / "model.json").write_text(model.to_json())
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    found = dl.convert((tmp_path / "model.json", tmp_path / "ck-1")).predict(x)
    np.testing.assert_allclose(found, np.asarray(model(x)), rtol=1e-5)


def test_layers_are_found_by_their_place_where_keras_3_has_another_order(tmp_path: Path) -> None:
    """In Keras 2 the layers stand in the order in which they were listed, here the long branch last."""
    layers = tf_keras.layers
    x = tf_keras.Input((3,))
    short = layers.Dense(3, name="z_short")(x)
    long = layers.Dense(3, name="b")(layers.Dense(3, name="a")(x))
    model = random_weights(tf_keras.Model(x, layers.Add()([short, long])))
    for copy in (model, random_weights(tf_keras.Model(x, [long, short]))):
        copy.save_weights(tmp_path / "ck")
        (tmp_path / "model.json").write_text(copy.to_json())
        data = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
        found = dl.convert((tmp_path / "model.json", tmp_path / "ck")).predict(data)
        expected = copy(data)
        for y, each in zip(expected, found.values(), strict=True) if isinstance(found, dict) else [(expected, found)]:
            np.testing.assert_allclose(each, np.asarray(y), rtol=1e-5)


def test_checkpoints_of_keras_3_and_of_names_alone(tmp_path: Path) -> None:
    model = randomised(rich_model(keras))
    (tmp_path / "model.json").write_text(model.to_json())
    tf.train.Checkpoint(model=model).write(str(tmp_path / "ck3"))
    assert_predicts((tmp_path / "model.json", tmp_path / "ck3"), model)
    x = keras.Input((3,))
    small = randomised(keras.Model(x, keras.layers.Dense(2, name="dense")(x)))
    arrays = [tf.constant(weight) for weight in small.get_weights()]
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "named"),
        tensor_names=["dense/kernel", "dense/bias"],
        shape_and_slices=["", ""],
        tensors=arrays,
    )
    assert_same(read((small, tmp_path / "named")), small)


def test_checkpoints_that_do_not_fit(keras2: Any, tmp_path: Path) -> None:
    keras2.save_weights(tmp_path / "ck" / "one")
    fewer = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ModelFileError, match=r"the weights do not fit.*expected arrays for 1 layers.*found 10"):
        read((fewer, tmp_path / "ck" / "one"))
    with pytest.raises(ModelFileError, match="found a TensorFlow checkpoint: weights alone"):
        read(tmp_path / "ck" / "one")
    with pytest.raises(ModelFileError, match="found a TensorFlow checkpoint: weights alone"):
        read(tmp_path / "ck")
    keras2.save_weights(tmp_path / "ck" / "two")
    with pytest.raises(ModelFileError, match=r"expected one checkpoint; found 'one', 'two'\. Name one: "):
        read((keras2, tmp_path / "ck"))
    index = tmp_path / "ck" / "one.index"
    index.write_bytes(index.read_bytes()[:100])
    with pytest.raises(ModelFileError, match="a TensorFlow checkpoint that is complete"):
        read((keras2, tmp_path / "ck" / "one"))
    (tmp_path / "ck" / "two.index").rename(tmp_path / "elsewhere")
    (tmp_path / "ck" / "two.index").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelFileError, match="found a link"):
        read((keras2, tmp_path / "ck" / "two"))


def unzipped(model: keras.Model, folder: Path) -> Path:
    import zipfile

    model.save(folder.with_suffix(".keras"))
    with zipfile.ZipFile(folder.with_suffix(".keras")) as archive:
        archive.extractall(folder)
    return folder


def test_a_folder_of_keras(tmp_path: Path) -> None:
    original = small_model()
    assert_same(read(unzipped(original, tmp_path / "model")), original)
    if KERAS >= (3, 7):
        original.save(str(tmp_path / "saved"), zipped=False)
        assert_same(read(str(tmp_path / "saved")), original)


def test_a_folder_of_keras_with_words(tmp_path: Path) -> None:
    lookup = keras.layers.TextVectorization(output_mode="int", output_sequence_length=4, vocabulary=["a", "b", "c"])
    words = keras.Input((1,), dtype="string")
    model = randomised(keras.Model(words, keras.layers.Embedding(6, 2)(lookup(words))))
    found = read(unzipped(model, tmp_path / "words"))
    x = tf.constant([["a c"], ["b z"]])
    np.testing.assert_allclose(np.asarray(found(x)), np.asarray(model(x)), rtol=1e-6)


@pytest.mark.parametrize("place", ["config.json", "model.weights.h5", "assets", "assets/words.txt"])
def test_links_in_a_folder_of_keras_are_refused(tmp_path: Path, place: str) -> None:
    folder = unzipped(small_model(), tmp_path / "model")
    (folder / "assets").mkdir(exist_ok=True)
    path = folder / place
    if path.exists():
        path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere" if (tmp_path / "elsewhere").exists() else "/etc/hostname")
    with pytest.raises(ModelFileError, match="found a link"):
        read(folder)


def sharded(model: keras.Model, path: Path) -> Path:
    """Write weights in shards, by Keras where it can, else as Keras does."""
    if KERAS >= (3, 10):
        model.save_weights(path, max_shard_size=SHARD)
        return path
    model.save_weights(path.with_name("whole.weights.h5"))
    places: dict[str, str] = {}
    with h5py.File(path.with_name("whole.weights.h5")) as whole:
        names: list[str] = []
        whole.visititems(lambda name, each: names.append(name) if isinstance(each, h5py.Dataset) else None)
        for number, name in enumerate(names):
            shard = f"{path.stem.removesuffix('.weights')}_{number % 3:05}.weights.h5"
            with h5py.File(path.with_name(shard), "a") as part:
                part[name] = whole[name][...]
            places[f"/{name.rpartition('/')[0]}"] = shard
    path.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return path


@pytest.fixture
def shards(tmp_path: Path) -> tuple[keras.Model, Path]:
    model = small_model()
    (tmp_path / "model.json").write_text(model.to_json())
    listing = sharded(model, tmp_path / "x.weights.json")
    assert len(list(tmp_path.glob("x_*.weights.h5"))) > 1
    return model, listing


def test_shards(shards: tuple[keras.Model, Path]) -> None:
    model, listing = shards
    assert_same(read((listing.with_name("model.json"), listing)), model)
    other = keras.models.clone_model(model)
    assert_same(read((other, listing)), model)


def test_a_folder_of_keras_with_shards(tmp_path: Path) -> None:
    model = small_model()
    folder = unzipped(model, tmp_path / "model")
    (folder / "model.weights.h5").unlink()
    sharded(model, folder / "model.weights.json")
    assert_same(read(folder), model)


def test_shards_that_are_refused(shards: tuple[keras.Model, Path], tmp_path: Path) -> None:
    model, listing = shards
    text, files = listing.read_text(), sorted(tmp_path.glob("x_*.weights.h5"))
    for name in ("../x_00001.weights.h5", str(files[1]), "a\\b", "..", ""):
        listing.write_text(text.replace(json.dumps(files[1].name), json.dumps(name)))
        with pytest.raises(ModelFileError, match="expected shards that lie beside it"):
            read((model, listing))
    listing.write_text(text)
    files[1].rename(tmp_path / "elsewhere.h5")
    with pytest.raises(ModelFileError, match=f"expected the shard '{files[1].name}' beside it; found no such file"):
        read((model, listing))
    files[1].symlink_to(tmp_path / "elsewhere.h5")
    with pytest.raises(ModelFileError, match="found a link"):
        read((model, listing))
    with pytest.raises(ModelFileError, match="found the list of a model's weights in shards"):
        read(listing)
    listing.write_text("[" * 100_000)
    with pytest.raises(ModelFileError):
        read((model, listing))
    listing.write_text(f'{{"weight_map": [{"{}," * 600_000}0]}}')
    with pytest.raises(ModelFileError, match="at most 500000 objects"):
        read((model, listing))
