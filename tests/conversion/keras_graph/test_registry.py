"""Which converter a layer gets: the caller's, a registered one, or the package's, by the name of its class."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from deeplift_tf.conversion.keras_graph import registry
from deeplift_tf.conversion.keras_graph.registry import class_name, converter_of, converts, register


def converter(layer: Any, context: Any) -> Any:
    raise NotImplementedError


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies, so that nothing stays registered."""
    monkeypatch.setattr(registry, "REGISTRY", dict(registry.REGISTRY))
    monkeypatch.setattr(registry, "USERS", dict(registry.USERS))


def test_the_callers_goes_before_a_registered_one_and_that_before_the_packages() -> None:
    dense = keras.layers.Dense(1)
    own = converter_of(dense, {})
    assert own is registry.REGISTRY["Dense"]
    registered = register("Dense")(lambda layer, context: context.inputs[0])
    assert converter_of(dense, {}) is registered is not own
    assert converter_of(dense, {"Dense": converter}) is converter


def test_a_class_of_a_user_is_not_taken_for_one_of_keras() -> None:
    class Dense(keras.layers.Layer):
        """Computes something else."""

    assert converter_of(Dense(), {}) is None
    register("Dense")(converter)
    assert converter_of(Dense(), {}) is converter


def test_operations_have_names_of_their_own() -> None:
    operation = keras.KerasTensor((None, 2)) + keras.KerasTensor((None, 2))
    assert class_name(operation._keras_history.operation) == "ops.Add"
    assert class_name(keras.layers.Add()) == "Add"


@pytest.mark.parametrize("enter", [register, converts])
def test_a_second_converter_of_a_class_is_refused(enter: Any) -> None:
    enter("Swirl", "Twist")(converter)
    with pytest.raises(ValueError, match=f"a converter of 'Twist' is registered already: {__name__.split('.')[0]}"):
        enter("Twist")(converter)
