"""Functions of TensorFlow recorded in models of tf.keras 2, each against numpy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from deeplift_tf.conversion.readers import read
from deeplift_tf.conversion.readers.keras2.tf_operations import REPLACEMENTS
from deeplift_tf.conversion.readers.untrusted.vocabulary import takes_name
from deeplift_tf.errors import UnsupportedLayerError
from tests.support.saved_models import Array, functional, inputs_named, layer, outputs, write_legacy_h5

X, Y = (np.random.default_rng(5).normal(size=(2, 3, 3)).astype("float32") for _ in "xy")
SLICE = [{"start": None, "stop": None, "step": None}, {"start": 1, "stop": None, "step": 2}]
OTHER = ["y", 0, 0]


def softmax(x: Array) -> Array:
    return np.exp(x) / np.exp(x).sum(1, keepdims=True)


class Example(NamedTuple):
    """What the file gives besides the first input, and what numpy computes."""

    kwargs: dict[str, Any]
    expected: Callable[[Array, Array], Array]
    first: Array = X


EXAMPLES = {
    "math.add": Example({"y": OTHER}, np.add),
    "__operators__.add": Example({"y": 0.5}, lambda x, y: x + 0.5),
    "math.subtract": Example({"y": OTHER}, np.subtract),
    "math.multiply": Example({"y": OTHER}, np.multiply),
    "math.truediv": Example({"y": OTHER}, np.divide),
    "math.divide": Example({"y": 4.0}, lambda x, y: x / 4),
    "math.maximum": Example({"y": OTHER}, np.maximum),
    "math.minimum": Example({"y": OTHER}, np.minimum),
    "math.pow": Example({"y": 2.0}, lambda x, y: x**2),
    "math.negative": Example({}, lambda x, y: -x),
    "math.abs": Example({}, lambda x, y: np.abs(x)),
    "math.square": Example({}, lambda x, y: x * x),
    "math.sqrt": Example({}, lambda x, y: np.sqrt(x), np.abs(X)),
    "math.exp": Example({}, lambda x, y: np.exp(x)),
    "math.log": Example({}, lambda x, y: np.log(x), np.abs(X) + 0.5),
    "math.sigmoid": Example({}, lambda x, y: 1 / (1 + np.exp(-x))),
    "math.tanh": Example({}, lambda x, y: np.tanh(x)),
    "math.softplus": Example({}, lambda x, y: np.log1p(np.exp(x))),
    "nn.relu": Example({}, lambda x, y: np.maximum(x, 0)),
    "nn.relu6": Example({}, lambda x, y: np.clip(x, 0, 6), 9 * X),
    "nn.softmax": Example({"axis": 1}, lambda x, y: softmax(x)),
    "math.reduce_mean": Example({"axis": -1, "keepdims": True}, lambda x, y: x.mean(-1, keepdims=True)),
    "math.reduce_sum": Example({"axis": [1, 2], "keepdims": False}, lambda x, y: x.sum((1, 2))),
    "math.reduce_max": Example({"axis": 1}, lambda x, y: x.max(1)),
    "math.reduce_min": Example({"axis": 2}, lambda x, y: x.min(2)),
    "concat": Example({"axis": 1}, lambda x, y: np.concatenate([x, y], 1)),
    "stack": Example({"axis": 1}, lambda x, y: np.stack([x, y], 1)),
    "expand_dims": Example({"axis": 1}, lambda x, y: x[:, None]),
    "squeeze": Example({"axis": 1}, lambda x, y: x[:, 0], X[:, :1]),
    "compat.v1.squeeze": Example({"axis": [1]}, lambda x, y: x[:, 0], X[:, :1]),
    "reshape": Example({"shape": [-1, 9]}, lambda x, y: x.reshape(-1, 9)),
    "transpose": Example({"perm": [0, 2, 1]}, lambda x, y: x.transpose(0, 2, 1)),
    "compat.v1.transpose": Example({"perm": [0, 2, 1]}, lambda x, y: x.transpose(0, 2, 1)),
    "cast": Example({"dtype": "float32"}, lambda x, y: x),
    "clip_by_value": Example({"clip_value_min": -0.5, "clip_value_max": 0.2}, lambda x, y: np.clip(x, -0.5, 0.2)),
    "linalg.matmul": Example({"b": OTHER, "transpose_a": False}, np.matmul),
    "__operators__.getitem": Example({"slice_spec": SLICE}, lambda x, y: x[:, 1::2]),
}
OF_LISTS = ("concat", "stack")


def model_file(folder: Path, function: str, kwargs: dict[str, Any], first: Array = X) -> Path:
    class_name = "SlicingOpLambda" if function.endswith("getitem") else "TFOpLambda"
    kwargs = {**kwargs, "name": None}
    node: list[Any] = ["x", 0, 0, kwargs]  # a single call is not wrapped in a list
    if function in OF_LISTS:
        node = [["x", 0, 0, kwargs], ["y", 0, 0, kwargs]]
    described = layer(class_name, f"tf.{function}", function=function)
    inputs = inputs_named("x", [None, *first.shape[1:]])
    takes_two = function in OF_LISTS or OTHER in kwargs.values()
    inputs += inputs_named("y", [None, *Y.shape[1:]]) if takes_two else []
    config = functional([*inputs, (described, [node])], "xy" if takes_two else "x", [[f"tf.{function}", 0, 0]])
    return write_legacy_h5(folder / "model.h5", config, {"x": []}, keras_version="2.8.0")


@pytest.mark.parametrize("function", REPLACEMENTS)
def test_every_function_equals_numpy(function: str, tmp_path: Path) -> None:
    example = EXAMPLES[function]
    model = read(model_file(tmp_path, function, example.kwargs, example.first))
    expected = example.expected(example.first, Y)
    found = outputs(model, [example.first, Y][: len(model.inputs)])[0]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    if takes_name(REPLACEMENTS[function].operation):
        assert f"tf.{function}" in [operation.name for operation in model.operations]


def test_a_constant_in_the_first_place(tmp_path: Path) -> None:
    described = layer("TFOpLambda", "from_one", function="math.subtract")
    node = ["_CONSTANT_VALUE", -1, 1.0, {"y": ["x", 0, 0], "name": None}]
    config = functional([*inputs_named("x", [None, 3, 3]), (described, [node])], "x", [["from_one", 0, 0]])
    path = write_legacy_h5(tmp_path / "model.h5", config, {"x": []}, keras_version="2.8.0")
    np.testing.assert_allclose(outputs(read(path), [X])[0], 1 - X, rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "kwargs", "part"),
    [
        ("math.bessel_i0", {}, "'math.bessel_i0'"),
        ("linalg.matmul", {"b": OTHER, "transpose_b": True}, "'linalg.matmul' with ['transpose_b']"),
        ("py_function", {"func": "os.system"}, "'py_function'"),
    ],
)
def test_what_is_not_known_is_refused(function: str, kwargs: dict[str, Any], part: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedLayerError) as caught:
        read(model_file(tmp_path, function, kwargs))
    assert f"'tf.{function}' (TFOpLambda: the TensorFlow function {part}" in str(caught.value)
