"""Functions, loops and variables laid open: the same operations, without calls."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from deeplift_tf.conversion.tf_graph import inlining
from deeplift_tf.conversion.tf_graph.from_python import graph_of_function
from deeplift_tf.conversion.tf_graph.inlining import Inlining
from deeplift_tf.conversion.tf_graph.operation import everything
from deeplift_tf.errors import ModelFileError

X = np.random.default_rng(5).normal(size=(4, 3)).astype(np.float32)


def laid_open(function: Callable[[Any], Any]) -> tuple[set[str], np.ndarray]:
    """Return the kinds of the operations that are left, and what they make of X."""
    made = tf.function(function, autograph=False).get_concrete_function(tf.TensorSpec([None, 3], tf.float32))
    with closing(Inlining(graph_of_function("a model", made, ["x"], ["y"]), tf.float32)) as flat:
        (value,) = flat.outputs()
        kinds = {operation.type for operation in everything([value])}
        (found,) = flat.scratch.evaluate([value], {flat.inputs[0]: X})
    return kinds, found


@tf.function
def half(x: Any) -> Any:
    return x / 2.0


@tf.function
def quarter(x: Any) -> Any:
    return half(half(x))


def test_functions_inside_functions_are_replaced_by_their_bodies() -> None:
    kinds, found = laid_open(lambda x: quarter(x) + half(x))
    np.testing.assert_allclose(found, X / 4 + X / 2, rtol=1e-6)
    assert not {kind for kind in kinds if "PartitionedCall" in kind}
    assert kinds & {"RealDiv", "Mul"}


def test_a_loop_of_known_length_is_its_steps() -> None:
    def function(x: Any) -> Any:
        return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, tf.tanh(y)), (0, x))[1]

    kinds, found = laid_open(function)
    np.testing.assert_allclose(found, np.tanh(np.tanh(np.tanh(X))), rtol=1e-6)
    assert "Tanh" in kinds and not kinds & {"While", "StatelessWhile"}


def test_a_branch_that_a_constant_chooses_is_that_branch() -> None:
    kinds, found = laid_open(lambda x: tf.cond(tf.constant(False), lambda: tf.exp(x), lambda: tf.sin(x)))
    np.testing.assert_allclose(found, np.sin(X), rtol=1e-6)
    assert not kinds & {"If", "StatelessIf", "Exp"}


def test_a_variable_is_its_value() -> None:
    variable = tf.Variable([[1.0, 2.0, 3.0]])
    kinds, found = laid_open(lambda x: x * variable)
    np.testing.assert_allclose(found, X * [[1, 2, 3]], rtol=1e-6)
    assert not kinds & {"ReadVariableOp", "VarHandleOp"}


def test_functions_that_call_one_another_too_often_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten functions, each of which calls the one before twice, are two to the tenth operations."""
    function: Any = half
    for _ in range(10):
        function = tf.function(lambda x, inner=function: inner(inner(x) + 1.0), autograph=False)
    monkeypatch.setattr(inlining, "MAX_OPERATIONS", 1000)
    with pytest.raises(ModelFileError, match="expected at most 1000 operations; found"):
        laid_open(function)
