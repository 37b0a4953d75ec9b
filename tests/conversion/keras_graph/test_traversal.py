"""Every call of every layer, in the order in which values are made, with nested models laid open."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import pytest
import tensorflow as tf

from deeplift_tf.conversion.keras_graph.layer_call import LayerCall
from deeplift_tf.conversion.keras_graph.traversal import functional, holds_tokens, model_inputs, traverse
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.graph.graph import Edge

L = keras.layers


def calls_of(model: keras.Model) -> tuple[dict[str, tuple[str, ...]], list[Edge], dict[str, Edge]]:
    """Return the inputs of each call by its name, in order; the outputs; and those of nested models."""
    calls: dict[str, tuple[str, ...]] = {}
    nested: dict[str, Edge] = {}

    def emit(name: str, use: LayerCall) -> Sequence[Edge]:
        calls[name] = tuple(edge.node for edge in use.inputs)
        return [Edge(name, index) for index in range(len(use.output_shapes))]

    whole = functional(model)
    edges = [Edge(tensor.name) for tensor in whole.inputs]
    return calls, traverse(whole, edges, emit, tf.float32, nested=nested), nested


def test_calls_are_in_order_with_nested_models_laid_open() -> None:
    a, x = keras.Input((3,), name="a"), keras.Input((3,), name="x")
    inner = keras.Model(a, L.Dense(3, name="deep")(L.ReLU(name="relu")(a)), name="inner")
    shared = L.Dense(3, name="shared")
    y = L.Add(name="sum")([shared(inner(shared(x))), x])
    calls, outputs, nested = calls_of(keras.Model(x, inner(y)))
    assert list(calls.items()) == [
        ("shared", ("x",)),
        ("inner/relu", ("shared",)),
        ("inner/deep", ("inner/relu",)),
        ("shared/1", ("inner/deep",)),
        ("sum", ("shared/1", "x")),
        ("inner/1/relu", ("sum",)),
        ("inner/1/deep", ("inner/1/relu",)),
    ]
    assert outputs == [Edge("inner/1/deep")]
    assert {"inner", "inner/1"} <= set(nested) and nested["inner"] == Edge("inner/deep")


def test_layers_that_the_output_does_not_need_are_left_out() -> None:
    x = keras.Input((3,), name="x")
    y = L.Dense(3, name="kept")(x)
    L.Dense(3, name="aside")(y)
    assert list(calls_of(keras.Model(x, y))[0]) == ["kept"]


def test_operations_side_by_side_are_one_call() -> None:
    x = keras.Input((3,), name="x")
    y = L.Dense(3, name="dense")(x)
    calls, outputs, _ = calls_of(keras.Model(x, keras.ops.sqrt(keras.ops.abs(y) + 1.0)))
    assert list(calls.values()) == [("x",), ("dense",)]
    assert len(outputs) == 1


def test_what_only_embeddings_read_are_tokens() -> None:
    x, z = keras.Input((3,), name="x"), keras.Input((3,), name="z")
    words = L.Embedding(5, 2)(x)
    model = keras.Model([x, z], [words, L.Dense(2)(z)])
    assert holds_tokens(model, model.inputs[0]) and not holds_tokens(model, model.inputs[1])
    assert [value.dtype for value in model_inputs(model, tf.float64)] == [tf.int32, tf.float64]


def test_a_model_without_shapes_is_refused() -> None:
    with pytest.raises(UnsupportedLayerError, match="has no input shape yet; build it"):
        functional(keras.Sequential([L.Dense(2)]))
