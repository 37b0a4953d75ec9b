"""Integers and booleans that Keras turns into floats on the way: predicted as Keras does, scored from the first float.

`TABLE`: models by name; the inputs, as (shape, dtype); what stands for the inputs in scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from keras import layers, ops

import deeplift_tf as dl
from tests.support.checks import assert_close_to_largest, assert_complete
from tests.support.installed import exported
from tests.support.saved_models import randomised

Array = np.ndarray[Any, Any]


class Case(NamedTuple):
    inputs: Sequence[tuple[tuple[int, ...], str]]
    build: Callable[..., Any]
    scored: str | list[str]  # the float value, or the values of all inputs
    graph: bool = True  # whether the road through an exported graph is taken too


def images(layer: Callable[..., Any], scored: str, graph: bool = True) -> Case:
    return Case([((6, 6, 3), "uint8")], lambda x: flat(layers.Conv2D(2, 3, name="conv")(layer()(x))), scored, graph)


def flat(x: Any) -> Any:
    return layers.Dense(2, name="dense")(layers.Flatten()(x))


def numbers(build: Callable[[Any], Any], scored: str, dtype: str = "int32", shape: tuple[int, ...] = (4,)) -> Case:
    return Case([(shape, dtype)], lambda x: layers.Dense(2, name="dense")(build(x)), scored)


def beside(merge: Callable[..., Any], scored: str, dtype: str = "int32", width: int = 4) -> Case:
    return Case([((4,), "float32"), ((width,), dtype)], lambda a, b: layers.Dense(2)(merge([a, b])), ["a", scored])


def normalization() -> keras.Layer:
    return layers.Normalization(mean=[1.0, 2.0, 0.5, 1.5], variance=[4.0, 0.5, 1.0, 2.0], name="norm")


def same(x: Any) -> Any:
    return x


def encoded(mode: str) -> Callable[..., Any]:
    return lambda x: layers.CategoryEncoding(5, output_mode=mode, name="encoded")(x)


def looked_up(mode: str) -> Callable[..., Any]:
    return lambda x: layers.IntegerLookup(vocabulary=[1, 2, 3], output_mode=mode, name="encoded")(x)


def joined(encode: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda pair: layers.Concatenate()([pair[0], encode(pair[1])])


def nested(dtype: str) -> Callable[[Any], Any]:
    return lambda x: keras.Sequential([keras.Input((4,), dtype=dtype), layers.Dense(3)], name="nested")(x)


TABLE = {
    "Rescaling": images(lambda: layers.Rescaling(1 / 255, name="r"), "r/cast"),
    "CenterCrop": images(lambda: layers.CenterCrop(5, 5, name="r"), "r/cast"),
    "RandomFlip": images(lambda: layers.RandomFlip(name="r"), "r/cast", graph=False),  # Keras exports its draws
    "RandomRotation": images(lambda: layers.RandomRotation(0.1, name="r"), "r/cast", graph=False),
    "RandomZoom": images(lambda: layers.RandomZoom(0.1, name="r"), "r/cast", graph=False),
    "Resizing": images(lambda: keras.Sequential([layers.Resizing(5, 5), layers.Rescaling(0.1)], name="s"), "", False),
    "Rescaling, Resizing": images(
        lambda: keras.Sequential([layers.Rescaling(1 / 127.5, -1, name="r"), layers.Resizing(5, 5)]), "", False
    ),
    "ops.cast": images(lambda: lambda x: ops.cast(x, "float32") / 255, "cast"),
    "division": images(lambda: lambda x: x / 255, "true_divide/Cast"),
    "GlobalAveragePooling2D": Case(
        [((6, 6, 3), "uint8")], lambda x: layers.Dense(2)(layers.GlobalAveragePooling2D(name="p")(x)), "p/cast"
    ),
    "Dense, int32": numbers(same, "dense/cast"),
    "Dense, int64": numbers(same, "dense/cast", "int64"),
    "Dense, uint8": numbers(same, "dense/cast", "uint8"),
    "Dense, bool": numbers(same, "dense/cast", "bool")._replace(graph=False),
    "BatchNormalization": numbers(lambda x: layers.BatchNormalization(name="norm")(x), "norm/cast"),
    "Normalization": numbers(lambda x: normalization()(x), "norm/cast"),
    "LayerNormalization": numbers(lambda x: layers.LayerNormalization(name="norm")(x), "norm")._replace(graph=False),
    "tanh": numbers(lambda x: layers.Activation("tanh", name="act")(x), "act/cast"),
    "relu": numbers(lambda x: layers.Activation("relu", name="act")(x), "act/cast"),
    "ReLU": numbers(lambda x: layers.ReLU(name="act")(x), "act/cast"),
    "arithmetic": numbers(lambda x: x * 0.5 + 1.0, "multiply/Cast"),
    "arithmetic of integers": numbers(lambda x: x * 2 + 1, "dense/cast"),
    "ops.log": numbers(lambda x: ops.log(x + 2), "log/Cast"),
    "ops.mean": numbers(lambda x: ops.mean(x, 1), "mean/Cast", shape=(3, 4)),
    "Flatten": numbers(lambda x: layers.Flatten()(x), "dense/cast", shape=(3, 4)),
    "LSTM": numbers(lambda x: layers.LSTM(3, name="lstm")(x), "lstm/cast", shape=(5, 3)),
    "attention": numbers(
        lambda x: layers.Flatten()(layers.MultiHeadAttention(2, 3, name="mha")(x, x)), "mha/cast", shape=(3, 4)
    ),
    "TimeDistributed": numbers(
        lambda x: layers.Flatten()(layers.TimeDistributed(layers.Dense(3), name="td")(x)), "td/cast", shape=(3, 4)
    ),
    "nested, integers": numbers(nested("int32"), ""),
    "nested, floats": numbers(nested("float32"), ""),
    "Concatenate": beside(lambda pair: layers.Concatenate(name="m")(pair), "m/cast", width=3),
    "Add": beside(lambda pair: layers.Add(name="m")(pair), "m/cast"),
    "Subtract": beside(lambda pair: layers.Subtract(name="m")(pair), "m/cast"),
    "Multiply": beside(lambda pair: layers.Multiply(name="m")(pair), "m/cast"),
    "Multiply, bool": beside(lambda pair: layers.Multiply(name="m")(pair), "m/cast", "bool"),
    "Average": beside(lambda pair: layers.Average(name="m")(pair), "m/cast"),
    "Maximum": beside(lambda pair: layers.Maximum(name="m")(pair), "m/cast"),
    "Minimum": beside(lambda pair: layers.Minimum(name="m")(pair), "m/cast"),
    "Dot": beside(lambda pair: layers.Dot(1, name="m")(pair), "m/cast"),
    "a + b": beside(lambda pair: pair[0] + pair[1], "add/Cast"),
    "a * b": beside(lambda pair: pair[0] * pair[1], "multiply/Cast"),
    "one_hot": beside(joined(encoded("one_hot")), "encoded", width=1),
    "multi_hot": numbers(encoded("multi_hot"), "encoded")._replace(graph=False),
    "count": numbers(encoded("count"), "encoded")._replace(graph=False),
    "lookup, one_hot": numbers(looked_up("one_hot"), "encoded", "int64", (1,))._replace(graph=False),
    "lookup, multi_hot": numbers(looked_up("multi_hot"), "encoded", "int64", (3,))._replace(graph=False),
    "lookup, count": beside(joined(looked_up("count")), "encoded", "int64", 3)._replace(graph=False),
    "Hashing": beside(joined(lambda x: layers.Hashing(5, name="h")(x)), "concatenate/cast", "int64", 1),
}
QUICK = ("Rescaling", "Dense, bool", "Concatenate", "LayerNormalization")


def model_of(case: Case) -> keras.Model:
    keras.backend.clear_session()  # automatic names of operations count from one
    inputs = [
        keras.Input(shape, dtype=dtype, name=name) for name, (shape, dtype) in zip("ab", case.inputs, strict=False)
    ]
    return randomised(keras.Model(inputs if len(inputs) > 1 else inputs[0], case.build(*inputs)))


def rows_for(case: Case) -> list[Array]:
    rng = np.random.default_rng(0)
    made = []
    for shape, dtype in case.inputs:
        if dtype == "float32":
            made.append(rng.normal(size=(7, *shape)).astype(dtype))
        else:
            made.append(
                rng.integers(0, {"bool": 2}.get(dtype, 200 if len(shape) == 3 else 4), (7, *shape)).astype(dtype)
            )
    return made


def predicted(model: keras.Model, x: list[Array]) -> Array:
    parts = [ops.convert_to_tensor(part) for part in x]
    return np.asarray(model(parts if len(parts) > 1 else parts[0], training=False))


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in TABLE])
@pytest.mark.slow_for("Rescaling")
def test_predictions_and_scores_of_casts(name: str, tmp_path: Path) -> None:
    case = TABLE[name]
    model, x = model_of(case), rows_for(case)
    references = [np.roll(part, 1, 0) for part in x]
    given, before = (x, references) if len(x) > 1 else (x[0], references[0])
    expected = predicted(model, x)
    network = dl.convert(model)
    scored = case.scored or next(node.name for node in network.graph.nodes if node.layer.kind == "Embedding")
    assert_close_to_largest(network.predict(given, batch_size=3), expected, rtol=1e-5)
    scores = network.compile(scored)(given, before, target=1, batch_size=3)
    assert_close_to_largest(scores.outputs, expected[:, 1], rtol=1e-5)
    assert_close_to_largest(scores.reference_outputs, np.roll(expected[:, 1], 1), rtol=1e-5)
    assert_complete(scores, rtol=1e-4)
    if len(x) == 1:  # scored by default, too
        assert_close_to_largest(network.compile()(given, before, target=1).contributions, scores.contributions, 1e-5)
    model.save(tmp_path / "model.keras")
    assert_close_to_largest(dl.convert(tmp_path / "model.keras").predict(given), expected, rtol=1e-5)
    if case.graph:
        graph = dl.convert(exported(model, tmp_path / "graph"))
        assert_close_to_largest(graph.predict(dict(zip(graph.input_names, x, strict=True))), expected, rtol=1e-5)


def test_indices_and_masks_stay_what_they_are() -> None:
    """Tokens that are joined or moved before an embedding are tokens, and a mask of attention is a mask."""
    first, second = keras.Input((3,), dtype="int32", name="a"), keras.Input((2,), dtype="int32", name="b")
    tokens = layers.Concatenate()([first, second])
    hidden = layers.Embedding(9, 4, name="table")(tokens)
    mask = ops.expand_dims(ops.not_equal(tokens, 0), 1)
    hidden = layers.MultiHeadAttention(2, 3)(hidden, hidden, attention_mask=mask)
    model = randomised(keras.Model([first, second], layers.Dense(2)(layers.Flatten()(hidden))))
    x = [np.random.default_rng(i).integers(0, 9, (5, width)) for i, width in enumerate((3, 2))]
    network = dl.convert(model)
    assert [node.name for node in network.graph.nodes if node.layer.kind == "Embedding"] == ["table"]
    assert_close_to_largest(network.predict(x), predicted(model, x), rtol=1e-5)
