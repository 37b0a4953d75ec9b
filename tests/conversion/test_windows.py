"""Rows that are merged with windows, frames or steps: scores are those of the same model with an axis of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import deeplift_tf as dl
from deeplift_tf.errors import UnsupportedLayerError
from tests.support.installed import exported

SIDE, WINDOW, CHANNELS, HEADS = 4, 2, 6, 2
AREA, WINDOWS = WINDOW**2, (SIDE // WINDOW) ** 2
rng = np.random.default_rng(0)
QKV, OUT = rng.normal(0, 0.5, (CHANNELS, 3 * CHANNELS)), rng.normal(0, 0.5, (CHANNELS, CHANNELS))
BIAS, GAIN = rng.normal(size=(HEADS, AREA, AREA)), rng.uniform(0.5, 1.5, CHANNELS)
MASK = np.where(rng.uniform(size=(WINDOWS, AREA, AREA)) < 0.3, -100.0, 0.0) * (1 - np.eye(AREA))
KERNEL, FRAMES = rng.normal(size=(2, 2, CHANNELS, 3)), (3, 4, 4, CHANNELS)


def constant(array: np.ndarray) -> Any:
    return array.astype("float32")


def windows_of(x: Any) -> Any:
    """(rows, windows, units, channels), the image rolled by one before."""
    x = ops.roll(x, (-1, -1), axis=(1, 2))
    x = ops.reshape(x, (-1, SIDE // WINDOW, WINDOW, SIDE // WINDOW, WINDOW, CHANNELS))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, WINDOWS, AREA, CHANNELS))


def image_of(x: Any) -> Any:
    x = ops.reshape(x, (-1, SIDE // WINDOW, SIDE // WINDOW, WINDOW, WINDOW, CHANNELS))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, SIDE, SIDE, CHANNELS))


def normalised(x: Any) -> Any:
    centred = x - ops.mean(x, -1, keepdims=True)
    return centred * ops.rsqrt(ops.mean(centred * centred, -1, keepdims=True) + 1e-3) * constant(GAIN)


def attention(merged: bool) -> Callable[[Any], Any]:
    """Swin's attention, with or without windows merged into rows."""

    def call(x: Any) -> Any:
        start = (-1,) if merged else (-1, WINDOWS)
        order = list(range(len(start)))
        x = normalised(ops.reshape(windows_of(x), (*start, AREA, CHANNELS)))
        qkv = ops.reshape(ops.matmul(x, constant(QKV)), (*start, AREA, 3, HEADS, CHANNELS // HEADS))
        at = len(start)
        if merged:
            q, k, v = ops.unstack(ops.transpose(qkv, (2, 0, 3, 1, 4)), axis=0)
        else:
            q, k, v = (ops.transpose(qkv[:, :, :, i], (0, 1, 3, 2, 4)) for i in range(3))
        scores = ops.matmul(q * 0.5, ops.transpose(k, (*order, at, at + 2, at + 1))) + constant(BIAS)
        scores = ops.reshape(scores, (-1, WINDOWS, HEADS, AREA, AREA)) + constant(MASK)[None, :, None]
        weights = ops.softmax(ops.reshape(scores, (*start, HEADS, AREA, AREA)), -1)
        y = ops.transpose(ops.matmul(weights, v), (*order, at + 1, at, at + 2))
        y = ops.matmul(ops.reshape(y, (*start, AREA, CHANNELS)), constant(OUT))
        return image_of(y)

    return call


def over_frames(merged: bool) -> Callable[[Any], Any]:
    """A convolution and pooling of every frame."""

    def call(x: Any) -> Any:
        kernel = constant(KERNEL)
        if merged:
            y = tf.nn.conv2d(tf.reshape(x, [-1, *FRAMES[1:]]), kernel, 1, "VALID")
            y = tf.nn.max_pool2d(tf.nn.relu(y), 2, 1, "VALID")
            return tf.reduce_mean(tf.reshape(y, [-1, FRAMES[0], 2, 2, 3]), [2, 3])
        frames = [tf.nn.conv2d(x[:, t], kernel, 1, "VALID") for t in range(FRAMES[0])]
        pooled = [tf.nn.max_pool2d(tf.nn.relu(y), 2, 1, "VALID") for y in frames]
        return tf.stack([tf.reduce_mean(y, [1, 2]) for y in pooled], 1)

    return call


def steps_first(merged: bool) -> Callable[[Any], Any]:
    """Products within each step, time standing before rows."""

    def call(x: Any) -> Any:
        x = tf.reduce_mean(x, 3)
        if not merged:
            return tf.matmul(x, x, transpose_b=True)
        moved = tf.reshape(tf.transpose(x, [1, 0, 2, 3]), [-1, *FRAMES[2:]])
        y = tf.matmul(moved, moved, transpose_b=True)
        return tf.transpose(tf.reshape(y, [FRAMES[0], -1, FRAMES[2], FRAMES[2]]), [1, 0, 2, 3])

    return call


MODELS: dict[str, tuple[Callable[[bool], Callable[[Any], Any]], tuple[int, ...]]] = {
    "attention": (attention, (SIDE, SIDE, CHANNELS)),
    "frames": (over_frames, FRAMES),
    "steps": (steps_first, FRAMES),
}


class Made(keras.layers.Layer):
    """What one of the functions above computes."""

    def __init__(self, name_of: str, merged: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name_of, self.merged = name_of, merged

    def call(self, x: Any) -> Any:
        return MODELS[self.name_of][0](self.merged)(x)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "name_of": self.name_of, "merged": self.merged}


def model_of(name: str, merged: bool) -> keras.Model:
    x = keras.Input(MODELS[name][1])
    return keras.Model(x, keras.layers.Flatten()(Made(name, merged)(x)))


@pytest.mark.parametrize("rule", ["rescale", pytest.param("reveal_cancel", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name", [name if name == "steps" else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]
)
def test_scores_are_those_of_an_axis_of_its_own(name: str, rule: str) -> None:
    values = np.random.default_rng(1)
    x, x0 = values.normal(size=(2, 3, *MODELS[name][1]))
    ours, plain = (dl.convert(model_of(name, merged), rule=rule, dtype="float64") for merged in (True, False))
    assert all(row.exact for row in ours.table())
    target = values.normal(size=ours.predict(x).shape[1:])
    found, expected = (network.compile()(x, x0, target=target) for network in (ours, plain))
    np.testing.assert_allclose(found.outputs, expected.outputs, rtol=1e-9)
    size = np.abs(expected.contributions).max()
    np.testing.assert_allclose(found.contributions, expected.contributions, rtol=0, atol=1e-9 * size)
    assert found.delta is not None and np.abs(found.delta).max() < 1e-9 * size
    alone = ours.compile()(x[1:2], x0[1:2], target=target)
    np.testing.assert_allclose(alone.contributions[0], found.contributions[1], rtol=0, atol=1e-12 * size)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_from_files(name: str, tmp_path: Path) -> None:
    model = model_of(name, True)
    x = np.random.default_rng(1).normal(size=(3, *MODELS[name][1])).astype("float32")
    model.save(tmp_path / "model.keras")
    model.save(tmp_path / "model.h5")
    files = [tmp_path / "model.keras", tmp_path / "model.h5", exported(model, tmp_path / "served")]
    expected = dl.convert(model).compile()(x, 0.0, target=3)
    for path in files:
        network = dl.convert(path, custom_objects={"Made": Made})
        assert all(row.exact for row in network.table())
        found = network.compile()(x, 0.0, target=3)
        np.testing.assert_allclose(found.contributions, expected.contributions, rtol=0, atol=1e-5)


def test_what_mixes_windows_with_rows_is_refused() -> None:
    """A sum along the axis in which rows and windows are merged."""
    x = keras.Input((4, 3, 2))

    def mixing(v: Any) -> Any:
        return tf.reshape(tf.cumsum(tf.reshape(v, [-1, 3, 2])), [-1, 24])

    model = keras.Model(x, keras.layers.Lambda(mixing)(x))
    with pytest.raises(UnsupportedLayerError, match=r"mixes rows|rows beside it"):
        dl.convert(model)
