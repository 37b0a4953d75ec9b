"""Files of a few bytes that ask for all the memory are refused before any of it is taken."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf
from keras import layers

from deeplift_tf.errors import DeepLiftError
from tests.support.limited import scored

MOST_BYTES, MOST_SECONDS = 2_000_000_000, 60
Config = dict[str, Any]
Change = Callable[[Config], None]


def model_of(shape: tuple[int | None, ...], *parts: Any, **of_input: Any) -> keras.Model:
    x = inputs = keras.Input(shape, **of_input)
    for layer in parts:
        x = layer(x)
    return keras.Model(inputs, x)


def changed(folder: Path, name: str, model: keras.Model, change: Change) -> Path:
    """Save a model, with another config in its file."""
    path, new = folder / "whole.keras", folder / f"{name}.keras"
    model.save(path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as target:
        config = json.loads(old.read("config.json"))
        change(config)
        for member in old.namelist():
            target.writestr(member, json.dumps(config) if member == "config.json" else old.read(member))
    return new


def setting(layer: int, **values: Any) -> Change:
    """Change settings of one layer."""
    return lambda config: config["config"]["layers"][layer]["config"].update(values)


def enlarged(layer: int, name: str, *further: str) -> Change:
    """Change every number in one setting."""

    def change(config: Config) -> None:
        inner = config["config"]["layers"][layer]["config"]
        for key in further:
            inner = inner[key]
        inner[name] = grown(inner[name])

    return change


def grown(value: Any) -> Any:
    return [grown(each) for each in value] if isinstance(value, list) else 1 << 31


def batch(size: int) -> Change:
    def change(config: Config) -> None:
        config["config"]["layers"][0]["config"]["batch_shape"][0] = size
        config["config"]["layers"][1]["build_config"]["input_shape"][0] = size

    return change


def doubled(depth: int) -> keras.Model:
    model = model_of((3,), layers.Dense(3))
    for _ in range(depth):
        x = keras.Input((3,))
        model = keras.Model(x, model(model(x)))
    return model


def deepened(levels: int) -> Change:
    """Put models that call one another twice around the model of the file, without Keras."""

    def change(config: Config) -> None:
        for level in range(levels):
            inner = json.loads(json.dumps(config))
            outer = json.loads(json.dumps(config))
            outer["config"]["name"] = f"outer_{level}"
            outer["config"]["layers"][1] = {
                **inner,
                "name": "inner",
                "inbound_nodes": outer["config"]["layers"][1]["inbound_nodes"],
            }
            config.clear()
            config.update(outer)

    return change


def many_objects(text: str) -> Change:
    return lambda config: config["config"].update(junk=json.loads(f"[{text}]"))


def lookup(layer: Any) -> keras.Model:
    codes, x = keras.Input((1,), dtype="int32"), keras.Input((5,))
    return keras.Model([codes, x], layers.Concatenate()([layer(codes), x]))


def padded_rows() -> keras.Model:
    x = keras.Input((5,))
    return keras.Model(x, keras.ops.pad(x, [[0, 0], [1, 2]]))


def lora() -> keras.Model:
    model = model_of((5,), layers.Dense(3))
    model.layers[1].enable_lora(2)
    return model


def quantized(mode: str) -> keras.Model:
    model = keras.Sequential([keras.Input((5,)), layers.Dense(4)])
    model.layers[0].quantize(mode)
    return model


SIGNAL, IMAGE = (8, 3), (8, 8, 3)
CASES: dict[str, tuple[Callable[[], keras.Model], Change]] = {
    "lora_rank": (lora, setting(1, lora_rank=1 << 28)),
    "int8_units": (lambda: quantized("int8"), setting(1, units=1 << 30)),
    "embedding": (lambda: model_of((4,), layers.Embedding(7, 3), dtype="int32"), setting(1, input_dim=1 << 30)),
    "stateful": (lambda: model_of((8, 3), layers.LSTM(3, stateful=True), batch_size=2), batch(1 << 24)),
    "repeat": (lambda: model_of((5,), layers.RepeatVector(3)), setting(1, n=1 << 31)),
    "repeat_inside": (
        lambda: model_of(
            (4, 5), layers.TimeDistributed(model_of((5,), layers.RepeatVector(3), layers.GlobalAveragePooling1D()))
        ),
        lambda config: setting(1, n=1 << 31)(config["config"]["layers"][1]["config"]["layer"]),
    ),
    "padding": (lambda: model_of(SIGNAL, layers.ZeroPadding1D(1)), enlarged(1, "padding")),
    "padding_open": (lambda: model_of((None, 3), layers.ZeroPadding1D(1)), enlarged(1, "padding")),
    "padding_image": (lambda: model_of((None, None, 3), layers.ZeroPadding2D(1)), enlarged(1, "padding")),
    "upsampling": (lambda: model_of(SIGNAL, layers.UpSampling1D(2)), setting(1, size=1 << 28)),
    "upsampling_open": (lambda: model_of((None, 3), layers.UpSampling1D(2)), setting(1, size=1 << 29)),
    "resizing": (lambda: model_of(IMAGE, layers.Resizing(4, 4)), setting(1, height=1 << 31)),
    "rows_added": (padded_rows, setting(1, pad_width=[[1 << 28, 0], [1, 2]])),
    "resizing_both": (lambda: model_of(IMAGE, layers.Resizing(4, 4)), setting(1, height=1 << 14, width=1 << 14)),
    "interpolated": (
        lambda: model_of(IMAGE, layers.UpSampling2D(2, interpolation="bilinear")),
        setting(1, size=[1 << 14, 1 << 14]),
    ),
    "transposed": (lambda: model_of(SIGNAL, layers.Conv1DTranspose(2, 2, strides=2)), setting(1, strides=[1 << 29])),
    "strides": (lambda: model_of(IMAGE, layers.Conv2D(2, 2)), setting(1, strides=[1, 1 << 28])),
    "dilation": (lambda: model_of(SIGNAL, layers.Conv1D(2, 2, padding="causal")), setting(1, dilation_rate=[1 << 28])),
    "num_tokens": (lambda: lookup(layers.CategoryEncoding(5, output_mode="one_hot")), setting(1, num_tokens=1 << 31)),
    "one_hot": (lambda: lookup(layers.Hashing(5, output_mode="one_hot")), setting(1, num_bins=1 << 31)),
    "spectrogram": (
        lambda: model_of((64, 1), layers.STFTSpectrogram(frame_length=8, frame_step=4, fft_length=8)),
        setting(1, frame_length=1 << 16, fft_length=1 << 16),
    ),
    "mel": (
        lambda: model_of(
            (64,), layers.MelSpectrogram(num_mel_bins=4, sampling_rate=100, fft_length=8, sequence_stride=4)
        ),
        setting(1, num_mel_bins=1 << 31),
    ),
    "objects": (lambda: model_of((5,), layers.Dense(2)), many_objects(",".join(["{}"] * 5_000_000))),
    "numbers": (lambda: model_of((5,), layers.Dense(2)), many_objects(",".join(["7"] * 5_000_000))),
    "doubled": (lambda: doubled(1), deepened(16)),
}


HARMLESS = {"stateful"}
"""What asks for nothing any more: states start from zero, whatever number of rows the file names."""


class Graphs(tf.Module):
    """Constants that the graph of a SavedModel computes."""

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def fill(self, x: tf.Tensor) -> tf.Tensor:
        return x + tf.reduce_max(tf.fill([2**28, 2], 1.5), 0)

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def many(self, x: tf.Tensor) -> tf.Tensor:
        for value in range(40):
            x += tf.reduce_max(tf.fill([2**24, 2], float(value)), 0)
        return x

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def counted(self, x: tf.Tensor) -> tf.Tensor:
        size = tf.reduce_prod(tf.tile([2], [30]))
        return x + tf.reduce_max(tf.cast(tf.range(size), tf.float32))

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def outer(self, x: tf.Tensor) -> tf.Tensor:
        ones = tf.fill([2**16], 0.5)
        return x + tf.reduce_max(ones[:, None] * ones[None] * 2.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def repeated(self, x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.tile(x[:, None], [1, 2**30, 1]), 1)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 2])])
    def padded(self, x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.pad(x, [[0, 0], [2**30, 0], [0, 0]]), 1)

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def rows(self, x: tf.Tensor) -> tf.Tensor:
        return x + tf.reduce_max(tf.fill([tf.shape(x)[0], 2**30], 1.0), 1, keepdims=True)


GRAPHS = ("fill", "many", "counted", "outer", "repeated", "padded", "rows")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What became of every file, all in one child."""
    folder, files = tmp_path_factory.mktemp("files"), {}
    keras.utils.set_random_seed(0)
    for name, (make, change) in CASES.items():
        files[name] = changed(folder, name, make(), change)
    module = Graphs()
    for name in GRAPHS:
        files[name] = folder / name
        tf.saved_model.save(module, str(files[name]), signatures=getattr(module, name))
    files["plain"] = folder / "whole.keras"
    model_of((5,), layers.Dense(2)).save(files["plain"])
    assert max(path.stat().st_size for path in files.values()) < 200_000
    lines = "".join(f"{json.dumps(str(path))}\n" for path in files.values())
    command = [sys.executable, "-m", "tests.support.limited"]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False, timeout=600)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(files), f"{list(files)[len(found)]} ended the process: {done.stderr[-2000:]}"
    return dict(zip(files, found, strict=True))


measured = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is measured on Linux")


@pytest.mark.parametrize("name", ["lora_rank", "int8_units", "repeat_inside", "padding_open", "objects", "doubled"])
@pytest.mark.slow_for("objects")
def test_sizes_beyond_reason_are_an_error(tmp_path: Path, name: str) -> None:
    make, change = CASES[name]
    with pytest.raises(DeepLiftError, match="expected"):
        scored(str(changed(tmp_path, name, make(), change)))


def test_a_constant_beyond_reason_is_an_error(tmp_path: Path) -> None:
    module = Graphs()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.fill)
    with pytest.raises(DeepLiftError, match="expected constants of about the size of the weights"):
        scored(str(tmp_path / "model"))


@measured
@pytest.mark.slow
@pytest.mark.parametrize("name", [*CASES, *GRAPHS])
def test_a_file_that_asks_for_more_than_it_holds(reports: dict[str, dict[str, Any]], name: str) -> None:
    report = reports[name]
    assert report["peak"] < MOST_BYTES and report["seconds"] < MOST_SECONDS, report
    assert (report["error"] is None) == (name in HARMLESS), report


@measured
@pytest.mark.slow
def test_a_whole_file_is_scored(reports: dict[str, dict[str, Any]]) -> None:
    assert reports["plain"]["error"] is None
