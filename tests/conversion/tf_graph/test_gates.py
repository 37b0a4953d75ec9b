"""Masks and integers that are made of floats have values of their own at the reference, on every road."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import deeplift_tf as dl
from tests.support.installed import exported

WIDTH = 4
TABLE = (np.arange(20.0) ** 2 / 50).astype("float32")


def first(t: Any) -> Any:
    return t[:, :1]


def second(t: Any) -> Any:
    return t[:, 1:2]


def as_float(mask: Any) -> Any:
    return ops.cast(mask, "float32")


# Each takes a tensor of shape (rows, 4), and returns one of shape (rows, any).
GATES: dict[str, Callable[[Any], Any]] = {
    "relu": lambda t: ops.where(t > 0, t, 0.0),
    "gate": lambda t: t * as_float(t > 0),
    "leaky": lambda t: ops.where(t > 0, t, 0.1 * t),
    "at_most_one": lambda t: ops.where(t < 1, t, 1.0),
    "clip": lambda t: ops.where(t < -1, -1.0, ops.where(t > 1, 1.0, t)),
    "step": lambda t: as_float(t > 0.3),
    "two_inputs": lambda t: ops.where(first(t) > second(t), first(t), second(t)),
    "mean": lambda t: ops.where(ops.mean(t, -1, keepdims=True) > 0, ops.sin(t), t * t),
    "max": lambda t: ops.where(ops.max(t, -1, keepdims=True) > 0.5, t, 0.2 * t),
    "nested": lambda t: ops.where(first(t) > 0, ops.where(second(t) > 0, first(t) * second(t), second(t)), -first(t)),
    "product": lambda t: as_float(first(t) > 0) * as_float(second(t) > 0),
    "logic": lambda t: as_float(
        ops.logical_or(ops.logical_and(first(t) > 0.1, second(t) < 0.5), ops.logical_not(t > -1))
    ),
    "argmax": lambda t: ops.take(ops.convert_to_tensor(TABLE), ops.argmax(t, -1, keepdims=True)),
    "at_argmax": lambda t: ops.take_along_axis(t * t, ops.argmax(t, -1, keepdims=True), -1),
    "one_hot": lambda t: ops.one_hot(ops.argmax(t, -1), WIDTH) * t,
    "top_k": lambda t: t * as_float(t >= ops.top_k(t, 2)[0][:, -1:]),
    "log": lambda t: ops.where(t > 0, ops.log(t), 0.0),
    "log_of_another": lambda t: ops.where(first(t) > 0, ops.log(first(t)), second(t)),
    "safe_quotient": lambda t: ops.where(second(t) > 0, first(t) / ops.sqrt(second(t)), 0.0),
    "steps": lambda t: ops.sign(t) + 2 * ops.floor(t) + ops.round(t),
    "integers": lambda t: as_float(ops.cast(t * 3, "int32") // 2) + as_float(ops.cast(t * 3, "int32") % 2),
    "any_and_all": lambda t: (
        t * as_float(ops.any(t > 1, -1, keepdims=True)) + as_float(ops.all(t > -0.5, -1, keepdims=True))
    ),
    "count": lambda t: t / (1 + as_float(ops.sum(ops.cast(t > 0, "int32"), -1, keepdims=True))),
    "equal": lambda t: as_float(ops.equal(ops.round(first(t)), ops.round(second(t)))),
    "lookup": lambda t: ops.take(ops.convert_to_tensor(TABLE), ops.cast(ops.clip(t * 2 + 5, 0, 9), "int32")),
    "cumulated": lambda t: t * as_float(ops.cumsum(ops.cast(t > 0, "int32"), 1) > 1),
    "zeros_like": lambda t: ops.where(t > ops.zeros_like(t), ops.flip(t, 1), ops.zeros_like(t)),
    "sorted": lambda t: ops.sort(t, -1) * TABLE[:WIDTH],
}


def gates(names: tuple[str, ...]) -> Callable[[Any], Any]:
    return lambda t: ops.concatenate([GATES[name](t) for name in names], -1)


class Gates(keras.Layer):
    """All of them, side by side, in code."""

    def __init__(self, names: tuple[str, ...], **options: Any) -> None:
        super().__init__(**options)
        self.names = tuple(names)

    def call(self, t: Any) -> Any:
        return gates(self.names)(t)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "names": self.names}


class Code(keras.Model):
    """A model of a class of its own."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.names = names

    def call(self, t: Any) -> Any:
        return gates(self.names)(t)


def functional(names: tuple[str, ...]) -> keras.Model:
    t = keras.Input((WIDTH,))
    return keras.Model(t, gates(names)(t))


def with_layer(names: tuple[str, ...]) -> keras.Model:
    t = keras.Input((WIDTH,))
    return keras.Model(t, Gates(names)(t))


def of_own_class(names: tuple[str, ...]) -> keras.Model:
    model = Code(names)
    model(np.zeros((1, WIDTH), "float32"))
    return model


def rows(seed: int, count: int = 24) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1.5, (count, WIDTH)).astype("float32")


RULES = ("rescale", "reveal_cancel")


def check(model: Any, source: Any, rules: tuple[str, ...] = RULES, **options: Any) -> None:
    """Contributions sum to what the model itself says of x and of the reference, unit by unit of its output."""
    network = dl.convert(source, dtype="float64", **options)
    assert [row.name for row in network.table() if not row.exact] == []
    x, references = rows(1), rows(2)
    y, y0 = (np.asarray(model(each), "float64") for each in (x, references))
    for rule in rules:
        scores = network.with_rule(rule).compile()(x, references, targets=list(range(y.shape[1])))
        assert scores.reference_outputs is not None and scores.delta is not None
        np.testing.assert_allclose(scores.outputs.T, y, rtol=0, atol=1e-4)  # Keras computes in float32
        np.testing.assert_allclose(scores.reference_outputs.T, y0, rtol=0, atol=1e-4)
        np.testing.assert_allclose(scores.contributions.sum(-1).T, y - y0, rtol=0, atol=2e-4)
        assert np.abs(scores.delta).max() < 1e-9
    several = network.compile()(x[:3], np.broadcast_to(references[None, :5], (3, 5, WIDTH)), target=0)
    assert several.delta is not None and np.abs(several.delta).max() < 1e-9
    assert np.isfinite(network.with_rule("gradient").compile()(x, target=0).contributions).all()


EVERY = tuple(GATES)
QUICK = ("relu", "two_inputs", "mean", "log_of_another", "at_argmax")


@pytest.mark.slow
def test_in_code_and_in_a_functional_model() -> None:
    check(model := of_own_class(QUICK), model, rules=("rescale",))
    check(model := functional(QUICK), model, rules=("rescale",))


@pytest.mark.slow
def test_all_at_once_in_a_functional_model_and_its_file(tmp_path: Path) -> None:
    model = functional(EVERY)
    check(model, model)
    model.save(tmp_path / "model.keras")
    check(model, tmp_path / "model.keras")


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_alone_in_a_functional_model(name: str) -> None:
    check(model := functional((name,)), model)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["model.keras", "model.h5"])
def test_in_a_layer_of_a_users_own_and_its_file(file: str, tmp_path: Path) -> None:
    model = with_layer(EVERY)
    check(model, model)
    model.save(tmp_path / file)
    check(model, tmp_path / file, custom_objects={"Gates": Gates})


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_alone_in_a_model_of_a_users_own_class(name: str) -> None:
    check(model := of_own_class((name,)), model)


@pytest.mark.slow
def test_from_an_export(tmp_path: Path) -> None:
    model = functional(EVERY)
    check(model, exported(model, tmp_path / "served"))


@pytest.mark.slow
def test_a_padding_mask_is_given(tmp_path: Path) -> None:
    """The steps that Masking leaves out are those of x, for the reference too, as in the layer so in its export."""
    t = keras.Input((5, 3))
    y = keras.layers.Masking(0.0)(t)
    model = keras.Model(t, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(y)))
    x, references = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype("float32")
    x[:, 3:] = 0.0
    by_layers = dl.convert(model).compile()(x, references, target=0)
    by_graph = dl.convert(exported(model, tmp_path / "served")).compile()(x, references, target=0)
    for name in ("contributions", "multipliers", "outputs", "reference_outputs"):
        found, expected = getattr(by_graph, name), getattr(by_layers, name)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_integers_stay_integers_at_the_end_of_a_model() -> None:
    class Classes(keras.Model):
        def call(self, t: Any) -> Any:
            return {"class": tf.argmax(t, -1), "largest": tf.reduce_max(t, -1, keepdims=True)}

    model = Classes()
    x = rows(3)
    model(x)
    network = dl.convert(model)
    assert network.predict(x)["class"].dtype == np.int64
    np.testing.assert_array_equal(network.predict(x)["class"], np.argmax(x, -1))
