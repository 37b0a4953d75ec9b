"""One suite over the table of layers: every layer predicts as Keras does, and its contributions sum to the difference."""

from __future__ import annotations

import functools
from typing import Any

import deeplift_tf as dl
import keras
import numpy as np
import pytest
import tensorflow as tf
from deeplift_tf.conversion.registry import REGISTRY

from tests.keras_models import LAYER_ROWS, Row, outputs_of, random_inputs, randomise

ROWS = {row.id: row for row in LAYER_ROWS}
RULES = ("rescale", "reveal_cancel")


def relative_delta(scores: Any) -> float:
    """Largest sum-to-delta error over the largest difference of the target, which must not be tiny."""
    difference = np.abs(scores.outputs - scores.reference_outputs).max()
    assert difference > 1e-3
    return float(np.abs(scores.delta).max() / difference)


def largest_gap(a: Any, b: Any) -> float:
    """Largest difference between scores, over the largest score."""
    pairs = list(zip(keras.tree.flatten(a), keras.tree.flatten(b), strict=True))
    return max(np.abs(u - v).max() for u, v in pairs) / max(np.abs(v).max() for _, v in pairs)


@functools.cache
def model_of(row_id: str) -> keras.Model:
    return randomise(ROWS[row_id].build(), seed=1)


def sample(row: Row) -> tuple[Any, Any]:
    """Rows of input and a reference for each, in the structure that the model takes."""
    x, references = random_inputs(row, seed=2), random_inputs(row, seed=3)
    return (x, references) if len(x) > 1 else (x[0], references[0])


def check_predictions(row: Row) -> None:
    model, x = model_of(row.id), random_inputs(row, seed=2)
    expected = outputs_of(model, row, x)[0]
    found = dl.convert(model).predict(x if len(x) > 1 else x[0])
    # float32: sums of some hundred terms differ by their order
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def check_completeness(row: Row) -> None:
    x, references = sample(row)
    for rule in RULES:
        scores = {}
        for dtype, limit in (("float32", 1e-4), ("float64", 1e-9 if "exact" in row.tags else 1e-3)):
            network = dl.convert(model_of(row.id), rule=rule, dtype=dtype)
            scores[dtype] = network.compile()(x, references, target=1)
            assert relative_delta(scores[dtype]) <= max(limit, 1e-3 * ("path" in row.tags)), (rule, dtype)
        if "discontinuous" not in row.tags:
            gap = largest_gap(scores["float32"].contributions, scores["float64"].contributions)
            assert gap <= 1e-5, rule


def check_gradient(row: Row) -> None:
    model, (x, references) = model_of(row.id), sample(row)
    scores = dl.convert(model, rule="gradient").compile()(x, references, target=1)

    @functools.partial(tf.function, jit_compile="xla" in row.tags)
    def gradient(parts: list[tf.Tensor]) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(parts)
            y = model(parts if len(parts) > 1 else parts[0], training=False)[:, 1]
        return tape.gradient(y, parts)

    expected = [g.numpy() for g in gradient([tf.constant(part) for part in random_inputs(row, seed=2)])]
    assert largest_gap(scores.multipliers, expected if len(expected) > 1 else expected[0]) <= 1e-5


def check(row: Row) -> None:
    """Everything that the table promises of one layer."""
    check_predictions(row)
    check_completeness(row)
    if "discontinuous" not in row.tags:
        check_gradient(row)


def first_of_each_class() -> list[str]:
    """Return one row for each class of layer, and one for each activation."""
    chosen = {}
    for row in LAYER_ROWS:
        key = row.id if row.layer_class == "Activation" else row.layer_class
        chosen.setdefault(key, row.id)
    return list(chosen.values())


QUICK = first_of_each_class()


@pytest.mark.parametrize("row_id", QUICK)
def test_layer(row_id: str) -> None:
    check(ROWS[row_id])


@pytest.mark.slow
@pytest.mark.parametrize("row_id", [row_id for row_id in ROWS if row_id not in QUICK])
def test_every_option(row_id: str) -> None:
    check(ROWS[row_id])


def test_every_converter_has_a_row() -> None:
    without = {name for name in REGISTRY if not name.startswith("ops.")} - {row.layer_class for row in LAYER_ROWS}
    assert not without
