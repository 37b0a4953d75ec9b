"""One suite over the table of layers: each predicts as Keras does, and its contributions sum to the difference."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf.conversion.keras_graph.registry import REGISTRY
from tests.support.installed import since_keras
from tests.support.keras_models import LAYER_ROWS, Row, outputs_of, random_inputs, randomise

ROWS = {row.id: row for row in LAYER_ROWS}
# the row of Masking ends its mask on purpose
pytestmark = pytest.mark.filterwarnings("ignore:Layer 'flatten' .* was passed an input with a mask:UserWarning")


def relative_delta(scores: Any) -> float:
    """Largest sum-to-delta error over the largest difference of the target, which must not be tiny."""
    difference = np.abs(scores.outputs - scores.reference_outputs).max()
    assert difference > 1e-3
    return float(np.abs(scores.delta).max() / difference)


def largest_gap(a: Any, b: Any) -> float:
    """Largest difference between scores, over the largest score."""
    pairs = list(zip(keras.tree.flatten(a), keras.tree.flatten(b), strict=True))
    largest = max(np.abs(v).max() for _, v in pairs)
    return max(np.abs(u - v).max() for u, v in pairs) / max(largest, np.finfo("float32").tiny)


@functools.cache
def model_of(row_id: str) -> keras.Model:
    return randomise(ROWS[row_id].build(), seed=1)


def sample(row: Row) -> tuple[Any, Any]:
    """Rows of input and a reference for each, in the structure that the model takes."""
    x, references = random_inputs(row, seed=2), random_inputs(row, seed=3)
    return (x, references) if len(x) > 1 else (x[0], references[0])


def check_predictions(row: Row, network: dl.Network) -> None:
    x = random_inputs(row, seed=2)
    expected = outputs_of(model_of(row.id), row, x)[0]
    found = network.predict(x if len(x) > 1 else x[0])
    # float32: sums of some hundred terms differ by their order
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def scored(row: Row, rule: str, dtype: str) -> Any:
    """Scores of random rows, having seen that they sum to the difference."""
    network = dl.convert(model_of(row.id), rule=rule, dtype=dtype)
    scores = network.compile()(*sample(row), target=1)
    exact = {"float32": 1e-4, "float64": 1e-9}[dtype]
    assert relative_delta(scores) <= (exact if "exact" in row.tags else 1e-3), (rule, dtype)
    return scores


def check_rule(row: Row, rule: str) -> None:
    single, double = scored(row, rule, "float32"), scored(row, rule, "float64")
    if "discontinuous" not in row.tags:  # rounding puts a value on the other side of a jump
        assert largest_gap(single.contributions, double.contributions) <= 1e-5


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
    check_predictions(row, dl.convert(model_of(row.id)))
    check_rule(row, "rescale")
    check_rule(row, "reveal_cancel")
    if "discontinuous" not in row.tags:
        check_gradient(row)


TELLING = {"relu", "gelu", "silu", "softmax", "log_softmax", "sparsemax", "glu"}


def first_of_each_class() -> list[str]:
    """Return one row for each class of layer, of those in several dimensions the two-dimensional one."""
    chosen: dict[str, str] = {}
    for row in LAYER_ROWS:
        name = row.layer_class
        flat = name.replace("1D", "2D").replace("3D", "2D")
        activation = row.id.removeprefix("activation_")
        if name != flat and flat in CLASSES:
            continue
        if name != "Activation":
            chosen.setdefault("identity" if "identity" in row.tags else name, row.id)
        elif activation in TELLING:  # the others differ in their slopes alone, which have tests of their own
            chosen[row.id] = row.id
    return list(chosen.values())


CLASSES = {row.layer_class for row in LAYER_ROWS}
QUICK = first_of_each_class()


@pytest.mark.parametrize("row_id", QUICK)
@pytest.mark.slow_for("gru", "convlstm2d", "rnn", "bidirectional")
def test_layer(row_id: str) -> None:
    """The two halves of `check` that are most telling; the slow test below does the whole."""
    row = ROWS[row_id]
    check_predictions(row, dl.convert(model_of(row_id)))
    scored(row, "reveal_cancel", "float64")


@pytest.mark.slow
@pytest.mark.parametrize("row_id", ROWS)
def test_every_option(row_id: str) -> None:
    check(ROWS[row_id])


@since_keras(3, 12, "rows for layers of integers")
def test_every_converter_has_a_row() -> None:
    without = {name for name in REGISTRY if not name.startswith("ops.")} - {row.layer_class for row in LAYER_ROWS}
    assert not {name for name in without if hasattr(keras.layers, name)}
