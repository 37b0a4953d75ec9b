"""The tables of `keras_models`: every row builds, predicts finite values that vary, and is what its tags say."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.support.keras_models import LAYER_ROWS, MODEL_ROWS, Row, outputs_of, random_inputs, randomise
from tests.support.keras_models.activations import ELEMENTWISE_FUNCTIONS, VECTOR_FUNCTIONS

pytestmark = [
    pytest.mark.slow,  # the tables' own tests; those that use the tables fail by themselves
    # the row of Masking ends its mask on purpose
    pytest.mark.filterwarnings("ignore:Layer 'flatten' .* was passed an input with a mask:UserWarning"),
]

ROWS = LAYER_ROWS + MODEL_ROWS
BY_ID = {row.id: row for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row_builds_and_predicts_finite_values_that_vary(row: Row) -> None:
    model = randomise(row.build(), seed=0)
    assert tuple(tuple(x.shape[1:]) for x in model.inputs) == row.input_shapes
    if row in LAYER_ROWS:
        assert type(model.get_layer("layer")).__name__ == row.layer_class
    for output in outputs_of(model, row, random_inputs(row, seed=1)):
        assert np.isfinite(output).all()
        # Far above the rounding of float32 at these magnitudes: a constant output would make every test vacuous.
        assert np.ptp(output, axis=0).max() > 1e-3


@pytest.mark.parametrize("row", [r for r in LAYER_ROWS if "identity" in r.tags], ids=lambda row: row.id)
def test_identity_rows_do_nothing_at_inference(row: Row) -> None:
    layer = row.build().get_layer("layer")
    (x,) = random_inputs(row, seed=2)
    np.testing.assert_array_equal(np.asarray(layer(x, training=False)), x)


@pytest.mark.parametrize("row", [r for r in LAYER_ROWS if "elementwise" in r.tags], ids=lambda row: row.id)
def test_elementwise_rows_depend_on_their_own_position_only(row: Row) -> None:
    layer = randomise(row.build(), seed=0).get_layer("layer")
    (x,) = random_inputs(row, seed=3)
    moved = x.copy()
    moved[..., 0] += 1.0
    before, after = np.asarray(layer(x)), np.asarray(layer(moved))
    np.testing.assert_array_equal(before[..., 1:], after[..., 1:])


def test_ids_are_unique_and_tags_are_known() -> None:
    assert len(BY_ID) == len(ROWS)
    known = {"exact", "path", "elementwise", "identity", "max", "discontinuous", "xla", "beyond"}
    for row in ROWS:
        assert row.tags <= known
        assert len(row.tags & {"exact", "path"}) == 1


def test_every_function_of_keras_activations_has_a_row() -> None:
    functions = {n for n in dir(keras.activations) if n[0].islower()} - {"get", "serialize", "deserialize"}
    assert functions <= {*ELEMENTWISE_FUNCTIONS, *VECTOR_FUNCTIONS}


def test_randomise_is_deterministic_and_leaves_nothing_neutral() -> None:
    row = BY_ID["xception_block"]
    first, second, other = (randomise(row.build(), seed) for seed in (5, 5, 6))
    for a, b, c in zip(first.weights, second.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        assert (a.numpy() != c.numpy()).all()
        assert a.numpy().all()
    gammas = [w.numpy() for w in first.weights if w.name == "gamma"]
    assert gammas and all((gamma < 0).any() for gamma in gammas)
    assert (randomise(BY_ID["prelu_shared_axes"].build(), 5).get_layer("layer").alpha.numpy() < 0).any()
