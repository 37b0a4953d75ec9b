"""Functional models written with keras.ops: every operation predicts as Keras does and keeps the sum to delta."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import deeplift_tf as dl
from deeplift_tf.errors import UnsupportedLayerError
from tests.support.installed import keras_version

A = np.random.default_rng(5).normal(size=(4, 3)).astype("float32")
B = np.random.default_rng(6).normal(size=(5, 4)).astype("float32")
KERNEL = np.random.default_rng(7).normal(size=(3, 4, 2)).astype("float32")
MASK = np.arange(20).reshape(5, 4) % 3 == 0
Operation = Callable[[Any, Any], Any]


def positive(x: Any) -> Any:
    return ops.softplus(x) + 0.1


# Each takes two tensors of shape (rows, 5, 4).
FAMILIES: dict[str, dict[str, Operation]] = {
    "arithmetic": {
        "add": lambda x, y: x + y,
        "add_constant": lambda x, y: x + B,
        "add_constant_larger": lambda x, y: ops.mean(x, 1, keepdims=True) + B,
        "subtract": lambda x, y: x - y,
        "subtract_from_constant": lambda x, y: 1.5 - x,
        "multiply": lambda x, y: x * y,
        "multiply_constant": lambda x, y: x * B,
        "divide": lambda x, y: x / positive(y),
        "divide_constant": lambda x, y: x / 3.0,
        "divide_of_constant": lambda x, y: 2.0 / positive(x),
        "negative": lambda x, y: -x,
        "maximum": lambda x, y: ops.maximum(x, y),
        "maximum_constant": lambda x, y: ops.maximum(x, 0.3),
        "minimum_constant": lambda x, y: ops.minimum(x, B),
        "hypot": lambda x, y: ops.hypot(x, y),
    },
    "powers": {
        "square": lambda x, y: x**2,
        "cube": lambda x, y: x**3,
        "power": lambda x, y: positive(x) ** 1.7,
        "power_of_constant": lambda x, y: ops.power(2.0, x),
        "power_of_tensors": lambda x, y: ops.power(positive(x), y),
        "sqrt": lambda x, y: ops.sqrt(positive(x)),
        "log": lambda x, y: ops.log(positive(x)),
        "exp": lambda x, y: ops.exp(x / 4.0),
    },
    "products": {
        "matmul": lambda x, y: ops.matmul(x, ops.transpose(y, (0, 2, 1))),
        "matmul_constant": lambda x, y: ops.matmul(x, A),
        "matmul_with_itself": lambda x, y: ops.matmul(x, ops.swapaxes(x, 1, 2)),
        "einsum_constant": lambda x, y: ops.einsum("bij,jk->bik", x, A),
        "einsum_three": lambda x, y: ops.einsum("bij,bkj,bil->bkl", x, y, x) / 10.0,
        "tensordot": lambda x, y: ops.tensordot(x, A, axes=1),
        "prod": lambda x, y: ops.prod(x / 2.0, -1),
        "conv": lambda x, y: ops.conv(x, KERNEL, padding="same"),
        "attention": lambda x, y: ops.dot_product_attention(x[:, :, None], y[:, :, None], x[:, :, None]),
    },
    "functions": {
        "abs": lambda x, y: ops.abs(x),
        "sin": lambda x, y: ops.sin(x),
        "tanh": lambda x, y: ops.tanh(x),
        "erf": lambda x, y: ops.erf(x),
        "arctan": lambda x, y: ops.arctan(x),
        "clip": lambda x, y: ops.clip(x, -0.5, 1.0),
        "relu": lambda x, y: ops.relu(x),
        "gelu": lambda x, y: ops.gelu(x),
        "leaky_relu": lambda x, y: ops.leaky_relu(x),
        "mod": lambda x, y: ops.mod(x, 3.7),
    },
    "coupled": {
        "softmax": lambda x, y: ops.softmax(x, 1),
        "log_softmax": lambda x, y: ops.log_softmax(x),
        "logsumexp": lambda x, y: ops.logsumexp(x, 1),
        "logsumexp_axes": lambda x, y: ops.logsumexp(x, (1, 2)),
        "logsumexp_keepdims": lambda x, y: ops.logsumexp(x, -1, keepdims=True),
        "glu": lambda x, y: ops.glu(x),
        "normalize": lambda x, y: ops.normalize(x),
        "layer_normalization": lambda x, y: ops.layer_normalization(x, axis=-1),
        "rms_normalization": lambda x, y: ops.rms_normalization(x),
    },
    "reductions": {
        "mean": lambda x, y: ops.mean(x, 1),
        "sum": lambda x, y: ops.sum(x, (1, 2), keepdims=True),
        "max": lambda x, y: ops.max(x, 1),
        "min": lambda x, y: ops.min(x, -1),
        "var": lambda x, y: ops.var(x, 1),
        "std": lambda x, y: ops.std(x, 1),
        "norm": lambda x, y: ops.norm(x, axis=-1),
        "moments": lambda x, y: ops.concatenate(ops.moments(x, 1), -1),
        "average_pool": lambda x, y: ops.average_pool(x, 2, 1),
        "max_pool": lambda x, y: ops.max_pool(x, 2, 1),
        "cumsum": lambda x, y: ops.cumsum(x, 1),
    },
    "moves": {
        "concatenate": lambda x, y: ops.concatenate([x, y], 1),
        "stack": lambda x, y: ops.stack([x, y], -1),
        "split": lambda x, y: ops.split(x, 2, -1)[1] * 2 + ops.split(x, 2, -1)[0],
        "reshape": lambda x, y: ops.reshape(x, (-1, 20)),
        "get_item": lambda x, y: x[:, 1:4, ::2],
        "pad": lambda x, y: ops.pad(x, [[0, 0], [1, 1], [0, 0]], constant_values=2.0),
        "pad_reflect": lambda x, y: ops.pad(x, [[0, 0], [1, 1], [0, 0]], mode="reflect"),
        "tile": lambda x, y: ops.tile(x, (1, 2, 1)),
        "repeat": lambda x, y: ops.repeat(x, 2, 1),
        "flip": lambda x, y: ops.flip(x, 1),
        "roll": lambda x, y: ops.roll(x, 1, 1),
        "where": lambda x, y: ops.where(MASK, x, y),
        "where_constant": lambda x, y: ops.where(MASK, x, -3.0),
        "where_computed": lambda x, y: ops.where(x > 0, x, y),
        "take": lambda x, y: ops.take(x, np.array([2, 0]), 1),
        "tril": lambda x, y: ops.tril(x),
        "diff": lambda x, y: ops.diff(x, axis=1),
        "cast": lambda x, y: ops.cast(x, "float32") + 1,
        "stop_gradient": lambda x, y: ops.stop_gradient(x),
        "computed_switch": lambda x, y: x * ops.cast(ops.max(x, (1, 2), keepdims=True) > 2.0, "float32"),
    },
}

SINCE = {  # in which Keras an operation came, or runs on symbols
    "attention": (3, 11),
    "glu": (3, 7),
    "hypot": (3, 12),
    "layer_normalization": (3, 11),
    "logsumexp": (3, 11),
    "logsumexp_keepdims": (3, 11),
    "moments": (3, 11),
    "rms_normalization": (3, 9),
    "stop_gradient": (3, 6),
    "tile": (3, 13),  # whose shape TensorFlow does not know before
    "tril": (3, 10),
}
FAMILIES = {
    family: {
        name: operation for name, operation in operations.items() if SINCE.get(name, keras_version) <= keras_version
    }
    for family, operations in FAMILIES.items()
}


def model_of(operations: list[Operation]) -> keras.Model:
    """Every operation on what two Dense layers make, all of them side by side before a nonlinearity."""
    keras.utils.set_random_seed(3)
    inputs = [keras.Input((5, 4), name="first"), keras.Input((5, 4), name="second")]
    x, y = (layers.Dense(4)(value) for value in inputs)
    parts = [operation(x, y) for operation in operations]
    flat = [layers.Flatten()(z) if len(z.shape) > 1 else ops.expand_dims(z, -1) for z in parts]
    hidden = layers.Dense(6, activation="relu")(layers.Concatenate()(flat) if len(flat) > 1 else flat[0])
    return keras.Model(inputs, layers.Dense(2)(hidden))


def check(operations: list[Operation], rules: tuple[str, ...]) -> None:
    model, rng = model_of(operations), np.random.default_rng(0)
    x = [rng.normal(size=(3, 5, 4)).astype("float32") for _ in range(2)]
    references = [rng.normal(size=(1, 2, 5, 4)).astype("float32") for _ in range(2)]
    network = dl.convert(model, dtype="float64", exact_only=True)
    expected = np.asarray(model(x))
    assert np.abs(network.predict(x) - expected).max() <= 1e-5 * np.abs(expected).max()
    for rule in rules:
        scores = network.with_rule(rule).compile()(x, references, targets=[0, 1])
        assert scores.delta is not None
        difference = np.abs(scores.outputs - scores.reference_outputs).max()
        assert difference > 1e-3
        assert np.abs(scores.delta).max() <= 1e-9 * difference


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.slow_but_for("powers", "reductions")
def test_family(family: str) -> None:
    check(list(FAMILIES[family].values()), ("reveal_cancel",))


@pytest.mark.slow
@pytest.mark.parametrize("family, name", [(family, name) for family in FAMILIES for name in FAMILIES[family]])
def test_operation(family: str, name: str) -> None:
    check([FAMILIES[family][name]], ("rescale", "reveal_cancel"))


def test_operations_that_mix_rows_are_refused() -> None:
    x = keras.Input((4, 3))
    y = ops.reshape(layers.Dense(3)(ops.reshape(x, (-1, 3))), (-1, 4, 3))
    with pytest.raises(UnsupportedLayerError, match="Reshape mixes rows"):
        dl.convert(keras.Model(x, y))


def test_an_unknown_operation_is_followed_along_a_path_and_says_so() -> None:
    x = keras.Input((3, 3))
    network = dl.convert(keras.Model(x, layers.Dense(1)(ops.expand_dims(ops.det(layers.Dense(3)(x)), -1))))
    assert [row.name for row in network.table() if not row.exact] == ["det"]
    with pytest.raises(UnsupportedLayerError, match=r"det\w* \(Det\)"):
        dl.convert(keras.Model(x, ops.det(x)[:, None]), exact_only=True)


def test_automatic_names_go_on_as_if_nothing_had_been_converted() -> None:
    x = keras.Input((4, 3))
    model = keras.Model(x, layers.Attention()([x, x]))
    before = layers.Dense(1).name.rpartition("_")[2]
    dl.convert(model)
    assert int(layers.Dense(1).name.rpartition("_")[2]) == int(before or 0) + 1


def test_a_derivative_that_tensorflow_has_not_written_is_named() -> None:
    """Each operation's derivative raises what it likes: that of a wide SVD a NotImplementedError of its own."""
    x = keras.Input((6, 4))
    with pytest.raises(UnsupportedLayerError, match="TensorFlow has no derivative"):
        dl.convert(keras.Model(x, ops.svd(x)[1]))


@pytest.mark.parametrize("name", ["amax", "max", "min"])
def test_one_number_for_all_rows_is_refused(name: str) -> None:
    """Also where it is that of one row by itself: the largest of all stands in one row."""
    x = keras.Input((6, 4))
    if hasattr(ops, name):
        with pytest.raises(UnsupportedLayerError, match="mixes rows"):
            dl.convert(keras.Model(x, getattr(ops, name)(x)))
