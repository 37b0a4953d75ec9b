"""Corners of the walk through a graph: large limits, rows that are repeated or moved, statistics of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf.conversion.tf_graph.layouts import regrouped
from deeplift_tf.conversion.tf_graph.rows import differs
from deeplift_tf.errors import TargetError, UnsupportedLayerError
from tests.support.checks import assert_close_to_largest, assert_complete

rng = np.random.default_rng(0)
KERNEL = rng.normal(size=(4, 6)).astype("float32")
TOKEN = rng.normal(size=(1, 1, 4)).astype("float32")
EXPONENTS = np.array([1, 2, 3, 2, 1, 3], "float32")
POSITIONS = tf.constant(rng.normal(size=(64, 4)).astype("float32"))
ROW, ROWS = (4,), (3, 4)

CORNERS: dict[str, tuple[Sequence[int | None], Callable[[Any], Any]]] = {
    "max with -1e9": (ROW, lambda x: tf.maximum(x @ KERNEL, -1e9)),
    "min with 1e9": (ROW, lambda x: tf.minimum(x @ KERNEL, 1e9)),
    "max with the lowest float": (ROW, lambda x: tf.maximum(x @ KERNEL, tf.float32.min)),
    "clip to infinity": (ROW, lambda x: tf.clip_by_value(x @ KERNEL, 0.1, np.inf)),
    "max with more zeros": (ROW, lambda x: tf.reduce_sum(tf.maximum(x[:, None], tf.zeros([1, 3, 4])), 1)),
    "an array of exponents": (ROW, lambda x: tf.pow(x @ KERNEL, EXPONENTS)),
    "a token for every row": (ROWS, lambda x: tf.concat([tf.tile(TOKEN, [tf.shape(x)[0], 1, 1]), x], 1)[:, :2, 0]),
    "ones multiplied and joined": (ROW, lambda x: multiplied_and_joined(x, tf.ones([tf.shape(x)[0], 4]))),
    "stacked with ones": (ROW, lambda x: tf.reduce_sum(tf.stack([x, tf.ones_like(x)], 1) ** 2, 1)),
    "flattened by its rows": (ROWS, lambda x: tf.reshape(x, [tf.shape(x)[0], -1])),
    "flattened in part": ((2, 3, 4), lambda x: tf.reshape(x, [tf.shape(x)[0], -1, 4])[:, 5] @ KERNEL),
    "positions as long as the input": ((None, 4), lambda x: tf.reduce_max((x + POSITIONS[: tf.shape(x)[1]]) ** 2, 1)),
    "positions weighed": ((None, 4), lambda x: tf.reduce_sum(x * (2 - POSITIONS[: tf.shape(x)[1]]), 1)),
    "sums over their length": ((None, 4), lambda x: tf.reduce_sum(x, 1) / tf.cast(tf.shape(x)[1], tf.float32)),
    "causal attention": ((None, 4), lambda x: causal_attention(x)[:, -1]),
    "a branch by number": (ROW, lambda x: tf.switch_case(tf.constant(1), [lambda: x, lambda: tf.nn.relu(x)])),
    "rows moved by einsum": (ROWS, lambda x: tf.transpose(tf.einsum("btd,df->tbf", x, KERNEL), [1, 0, 2])[:, 2]),
}


def causal_attention(x: Any) -> Any:
    size = tf.shape(x)[1]
    seen = tf.linalg.band_part(tf.ones([size, size]), -1, 0)
    return tf.nn.softmax(tf.matmul(x, x, transpose_b=True) - 1e9 * (1 - seen)) @ x


def multiplied_and_joined(x: Any, rows: Any) -> Any:
    return tf.concat([x * rows, rows], 1) @ np.concatenate([KERNEL, KERNEL])


def converted(
    run: Callable[[Any], Any], shape: Sequence[int | None], folder: Path, *variables: tf.Variable
) -> tuple[dl.Network, Any]:
    module = tf.Module()
    module.held = list(variables)
    spec = [tf.TensorSpec([None, *shape], tf.float32)]
    module.run = tf.function(run, input_signature=spec, autograph=False)
    tf.saved_model.save(module, str(folder), signatures=module.run)
    return dl.convert(str(folder)), module.run


@pytest.mark.parametrize("name", CORNERS)
def test_corners_are_exact(name: str, tmp_path: Path) -> None:
    shape, run = CORNERS[name]
    network, model = converted(run, shape, tmp_path)
    rows = np.random.default_rng(1)
    x, references = (rows.normal(size=(5, *(size or 7 for size in shape))).astype("float32") for _ in range(2))
    assert_close_to_largest([network.predict(x)], [model(tf.constant(x)).numpy()], 1e-5, name)
    assert_complete(network.compile()(x, references=references, target=1), 1e-4)


def test_views_of_many_axes_of_one_unit_take_no_time() -> None:
    """They can be grouped in 2^60 ways, none of which fits."""
    ones = [1] * 60
    assert regrouped([None, *ones, 3], range(62), [None, *ones[:40], 2]) is None


def test_variables_that_change_are_refused(tmp_path: Path) -> None:
    """A counter beside the model does no harm; one that it reads does."""
    factor, counter = tf.Variable(2.0), tf.Variable(0)

    def counts(x: Any) -> Any:
        counter.assign_add(1)
        return x * factor

    def changes(x: Any) -> Any:
        factor.assign(5.0)
        return x * factor

    converted(counts, ROW, tmp_path / "counts", factor, counter)
    with pytest.raises(UnsupportedLayerError, match="that it changes while it runs"):
        converted(changes, ROW, tmp_path / "changes", factor)


def test_statistics_of_the_batch_are_refused(tmp_path: Path) -> None:
    def run(x: Any) -> Any:
        return tf.compat.v1.nn.fused_batch_norm(x, [1.0, 2.0], [0.0, 0.0], is_training=True)[0]

    with pytest.raises(UnsupportedLayerError, match="statistics of the batch"):
        converted(run, (3, 3, 2), tmp_path)


def test_rows_that_are_truth_values_or_not_numbers_are_compared() -> None:
    yes, no = np.array([True, False]), np.array([False, False])
    assert differs(yes, no) and not differs(yes, yes)
    nan, other = np.array([np.nan, 1.0]), np.array([np.nan, 2.0])
    assert differs(nan, other) and not differs(nan, nan)


@pytest.mark.parametrize("run", [lambda x: tf.argmax(x, 1), lambda x: tf.reduce_any(x > 0, 1)])
def test_outputs_without_floats_are_no_target(run: Callable[[Any], Any], tmp_path: Path) -> None:
    network, model = converted(run, ROW, tmp_path)
    x = np.random.default_rng(1).normal(size=(5, *ROW)).astype("float32")
    assert np.array_equal(network.predict(x), model(tf.constant(x)).numpy())
    with pytest.raises(TargetError, match="expected an output of floats"):
        network.compile()(x)
