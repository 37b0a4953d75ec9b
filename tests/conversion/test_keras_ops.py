"""The sweep over keras.ops: each function is in the state that the table says, on the Keras that is installed."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import deeplift_tf as dl
from deeplift_tf.errors import UnsupportedLayerError
from tests.conversion.keras_ops import APPROXIMATE, EXACT, LATER, MIXES, OTHERS, TABLE, Row
from tests.support.checks import assert_close_to_largest
from tests.support.installed import keras_version

NEWEST_SEEN = (3, 15)
NEWEST = keras_version >= NEWEST_SEEN
HERE = [name for name in TABLE if hasattr(ops, name.split(",")[0]) and (NEWEST or name not in LATER)]
QUICK = ("take_along_axis", "take_along_axis, computed", "tile", "tile, of rows", "median", "fft")


def flat(z: Any) -> Any:
    z = z if "float" in z.dtype else ops.cast(z, "float32")
    z = z if len(z.shape) > 1 else ops.expand_dims(z, -1)
    return layers.Flatten()(z) if len(z.shape) > 2 else z


def model_of(row: Row) -> keras.Model:
    keras.utils.set_random_seed(3)
    inputs = [keras.Input((5, 4), name=name) for name in "ab"]
    parts = [flat(z) for z in keras.tree.flatten(row.build(*inputs))]
    whole = parts[0] if len(parts) == 1 else layers.Concatenate()(parts)
    lost = None in whole.shape[1:]  # the shape of what has no rows any more
    return keras.Model(inputs, whole if lost else layers.Dense(2, bias_initializer="ones")(whole))


def in_keras(row: Row, x: list[Any]) -> tuple[keras.Model, Any]:
    """Return the model, and what Keras predicts; None where no conversion is expected.

    An older Keras does not run all that the newest does.
    """
    try:
        model = model_of(row)
        return model, np.asarray(model(x)) if row.state in (EXACT, APPROXIMATE) else None
    except Exception as error:
        if NEWEST:
            raise
        pytest.skip(f"Keras {keras.__version__} itself does not run it: {type(error).__name__}")


SWEEP = [pytest.mark.slow, pytest.mark.sweep]


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=SWEEP) for n in HERE])
@pytest.mark.slow_but_for("tile, of rows", "tile")
def test_state(name: str) -> None:
    row, rng = TABLE[name], np.random.default_rng(0)
    x = [rng.normal(size=(3, 5, 4)).astype("float32") for _ in "ab"]
    references = [rng.normal(size=(1, 5, 4)).astype("float32") for _ in "ab"]
    model, expected = in_keras(row, x)
    if row.state not in (EXACT, APPROXIMATE):
        said = "mixes rows|row depends on the rows" if row.state == MIXES else "cannot be|does not run|expected"
        with pytest.raises(UnsupportedLayerError, match=said):
            dl.convert(model, dtype="float64")
        return
    network = dl.convert(model, dtype="float64")
    assert bool(network.approximate_layers) == (row.state == APPROXIMATE)
    assert_close_to_largest(network.predict(x), expected, rtol=1e-4)  # Keras computes in float32
    found = network.compile()(x, references, target=0)
    assert found.delta is not None and found.reference_outputs is not None
    assert_close_to_largest(found.reference_outputs, np.asarray(model(references))[[0, 0, 0], 0], rtol=1e-4)
    if row.state == EXACT:
        size = np.abs([found.outputs, found.reference_outputs]).max()
        assert np.abs(found.delta).max() <= 1e-9 * size


def test_every_public_function_has_a_row() -> None:
    public = {name for name in dir(ops) if not name.startswith("_") and callable(getattr(ops, name))}
    known = {name.split(",")[0] for name in TABLE} | OTHERS
    if keras_version <= NEWEST_SEEN:
        assert public <= known
    if NEWEST:
        assert known <= public
