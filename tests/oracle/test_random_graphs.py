"""The engine against the oracle on random graphs of what models hold besides the plain layers.

Gates written in keras.ops, layers that are used twice under rules of their own, TimeDistributed, tokens beside floats,
layer normalisation with hardly any epsilon, and an LSTM that keeps its state between calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from keras import layers, ops

import deeplift_tf as dl
from tests.oracle import (
    RELU,
    SIGMOID,
    SILU,
    TANH,
    Elementwise,
    Function,
    Linear,
    Multiply,
    Node,
    Op,
    batch_norm,
    concatenate,
    dense,
    elu,
    explain_rows,
    flatten,
    maximum,
    weighted_sum,
)
from tests.oracle.recurrent import lstm
from tests.oracle.straight_path import StraightPath, layer_norm
from tests.support.checks import assert_close_to_largest
from tests.support.keras_models import randomise

UNITS, ROWS, STEPS = 5, 3, (4, 3)
TOKENS, VOCABULARY, WIDTH = 3, 7, 4
EPSILON = 1e-12
RULES: list[Any] = ["rescale", "reveal_cancel", {"shared": "reveal_cancel", "default": "rescale"}]

ACTIVATIONS: dict[str, Function] = {"relu": RELU, "sigmoid": SIGMOID, "tanh": TANH, "silu": SILU, "elu": elu()}


class Gate(NamedTuple):
    """A function of one number as keras.ops write it, and as numpy does. One that jumps follows Rescale always."""

    keras: Callable[[Any], Any]
    numpy: Function
    jumps: bool = True


GATES = {  # their constants are exact in float32, in which Keras keeps them
    "jump": Gate(
        lambda x: ops.where(x > 0.25, x, 0.125 * x),
        Function(lambda a: np.where(a > 0.25, a, 0.125 * a), lambda a: np.where(a > 0.25, 1.0, 0.125)),
    ),
    "mask": Gate(
        lambda x: x * ops.cast(x > -0.25, x.dtype),
        Function(lambda a: a * (a > -0.25), lambda a: np.where(a > -0.25, 1.0, 0.0), rising=False),
    ),
    "cap": Gate(
        lambda x: ops.where(x < 0.75, x, ops.full_like(x, 0.75)),
        Function(lambda a: np.minimum(a, 0.75), lambda a: np.where(a < 0.75, 1.0, 0.0)),
        jumps=False,
    ),
    "bend": Gate(
        lambda x: ops.where(x < 1.0, ops.square(x), 2 * x - 1),
        Function(lambda a: np.where(a < 1, a * a, 2 * a - 1), lambda a: np.where(a < 1, 2 * a, 2.0), rising=False),
        jumps=False,
    ),
    "step": Gate(
        lambda x: ops.cast(ops.greater_equal(x, 0.125), x.dtype),
        Function(lambda a: (a >= 0.125).astype(float), np.zeros_like),
    ),
}


def norm(weights: list[np.ndarray]) -> Op:
    gamma, beta, mean, variance = weights
    return batch_norm(gamma, beta, mean, variance, (UNITS,))


def thin_norm(weights: list[np.ndarray]) -> StraightPath:
    gamma, beta = weights
    return layer_norm(gamma, beta, EPSILON)


class Value(NamedTuple):
    """A value of the graph in both languages."""

    tensor: Any
    node: str


class RandomGraph:
    """A Keras model of random steps, and the oracle's nodes, which are made when the weights are known.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.makers: list[Callable[[], list[Node]]] = []
        self.count = 0
        batch = {"batch_size": ROWS} if seed % 2 else {}  # a state that is kept needs a fixed number of rows
        self.x = keras.Input((UNITS,), name="x", **batch)
        self.sequence = keras.Input(STEPS, name="sequence", **batch)
        self.tokens = keras.Input((TOKENS,), dtype="int32", name="tokens", **batch)
        self.shared = layers.Dense(UNITS, activation="tanh", name="shared")
        self.values = [Value(self.x, "x"), self.embedded(), self.recurrent(stateful=bool(seed % 2))]
        chosen = list(STEP_NAMES) + [str(self.rng.choice(STEP_NAMES)) for _ in range(3)]
        self.rng.shuffle(chosen)
        for name in chosen:
            self.values.append(getattr(self, name)())
        joined = layers.Concatenate(name="all")([value.tensor for value in self.values])
        output = layers.Dense(2, name="output")(joined)
        names = [value.node for value in self.values]
        self.add("all", lambda: concatenate(*[(UNITS,)] * len(names)), *names)
        self.add("output", lambda: dense(*self.weights("output")), "all")
        model = keras.Model([self.x, self.sequence, self.tokens], output)
        self.model = randomise(model, seed)

    @property
    def nodes(self) -> list[Node]:
        """The oracle's nodes, with the weights of the model."""
        return [node for make in self.makers for node in make()]

    def weights(self, name: str) -> list[np.ndarray]:
        return [np.asarray(weight, "float64") for weight in self.model.get_layer(name).get_weights()]

    def add(self, name: str, make: Callable[[], Op], *inputs: str) -> str:
        self.makers.append(lambda: [Node(name, make(), inputs)])
        return name

    def name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}_{self.count}"

    def newest(self) -> Value:
        return self.values[-1]

    def any(self) -> Value:
        return self.values[self.rng.integers(len(self.values))]

    # ------------------------------------------------------------------------------------------------ the beginning

    def embedded(self) -> Value:
        """Tokens, looked up; the oracle begins with what was found."""
        found = layers.Flatten(name="flat")(layers.Embedding(VOCABULARY, WIDTH, name="embedding")(self.tokens))
        self.add("flat", lambda: flatten((TOKENS, WIDTH)), "embedding")
        self.add("words", lambda: dense(*self.weights("words")), "flat")
        return Value(layers.Dense(UNITS, name="words")(found), "words")

    def recurrent(self, stateful: bool) -> Value:
        tensor = layers.LSTM(UNITS, stateful=stateful, name="lstm")(self.sequence)
        self.makers.append(lambda: lstm("lstm", "sequence", STEPS, *self.weights("lstm")))
        return Value(tensor, "lstm")

    # --------------------------------------------------------------------------------------------------- the steps

    def linear(self) -> Value:
        name, source = self.name("dense"), self.newest()
        self.add(name, lambda: dense(*self.weights(name)), source.node)
        return Value(layers.Dense(UNITS, name=name)(source.tensor), name)

    def activation(self) -> Value:
        name, source, function = self.name("activation"), self.newest(), str(self.rng.choice(list(ACTIVATIONS)))
        self.add(name, lambda: Elementwise(ACTIVATIONS[function]), source.node)
        return Value(layers.Activation(function, name=name)(source.tensor), name)

    def norm(self) -> Value:
        name, source = self.name("norm"), self.newest()
        self.add(name, lambda: norm(self.weights(name)), source.node)
        return Value(layers.BatchNormalization(name=name)(source.tensor), name)

    def thin_norm(self) -> Value:
        name, source = self.name("thin"), self.newest()
        self.makers.append(lambda: [Node(name, thin_norm(self.weights(name)), (source.node,))])
        return Value(layers.LayerNormalization(epsilon=EPSILON, name=name)(source.tensor), name)

    def gate(self) -> Value:
        source, gate = self.newest(), GATES[str(self.rng.choice(list(GATES)))]
        name = self.name("jump" if gate.jumps else "gate")
        self.add(name, lambda: Elementwise(gate.numpy), source.node)
        return Value(gate.keras(source.tensor), name)

    def two(self) -> Value:
        name, (u, v) = self.name("two"), (self.newest(), self.any())
        choice = self.rng.integers(4)
        make = [layers.Add, layers.Subtract, layers.Multiply, layers.Maximum][choice]
        ops_of: list[Callable[[], Op]] = [
            lambda: weighted_sum((UNITS,), 1, 1),
            lambda: weighted_sum((UNITS,), 1, -1),
            Multiply,
            lambda: maximum((UNITS,)),
        ]
        self.add(name, ops_of[choice], u.node, v.node)
        return Value(make(name=name)([u.tensor, v.tensor]), name)

    def used_twice(self) -> Value:
        """Both uses of one layer, added up."""
        added, (u, v) = self.name("added"), (self.newest(), self.any())
        both = []
        for value in (u, v):
            name = self.name("shared")
            self.add(f"{name}/linear", lambda: dense(*self.weights("shared")), value.node)
            self.add(name, lambda: Elementwise(TANH), f"{name}/linear")
            both.append(Value(self.shared(value.tensor), name))
        self.add(added, lambda: weighted_sum((UNITS,), 1, 1), *[value.node for value in both])
        return Value(layers.Add(name=added)([value.tensor for value in both]), added)

    def for_each_step(self) -> Value:
        name, out, three = self.name("each"), self.name("dense"), [self.newest(), self.any(), self.any()]
        joined = layers.Reshape((3, UNITS))(layers.Concatenate()([value.tensor for value in three]))
        inner = layers.Dense(WIDTH, activation="relu")
        tensor = layers.Flatten()(layers.TimeDistributed(inner, name=name)(joined))

        def blocks() -> Op:
            kernel, bias = self.weights(name)
            return Linear(np.kron(np.eye(3), kernel), np.tile(bias, 3), (3 * WIDTH,))

        self.add(f"{name}/joined", lambda: concatenate(*[(UNITS,)] * 3), *[value.node for value in three])
        self.add(f"{name}/linear", blocks, f"{name}/joined")
        self.add(name, lambda: Elementwise(RELU), f"{name}/linear")
        self.add(out, lambda: dense(*self.weights(out)), name)
        return Value(layers.Dense(UNITS, name=out)(tensor), out)


STEP_NAMES = ("linear", "activation", "norm", "thin_norm", "gate", "two", "used_twice", "for_each_step")


def check(seed: int) -> None:
    graph = RandomGraph(seed)
    rng = np.random.default_rng([seed, 1])
    shapes = {"x": (UNITS,), "sequence": STEPS}
    x, x0 = ({name: rng.normal(0, 1.2, (ROWS, *shape)) for name, shape in shapes.items()} for _ in range(2))
    words, words0 = rng.integers(0, VOCABULARY, (2, ROWS, TOKENS))
    (table,) = graph.weights("embedding")
    weights, rule = np.array([1.0, -0.5]), RULES[seed % len(RULES)]

    def rule_of(name: str) -> str:
        if name.startswith("jump"):
            return "rescale"
        return str(rule) if isinstance(rule, str) else "reveal_cancel" if name.startswith("shared") else "rescale"

    rows = explain_rows(
        graph.nodes, x | {"embedding": table[words]}, x0 | {"embedding": table[words0]}, weights, rule_of
    )
    expected = {name: np.stack([row[name].contributions for row in rows]) for name in ("x", "sequence", "embedding")}
    at_x = np.array([weights @ row["output"].unit.x for row in rows])
    at_reference = np.array([weights @ row["output"].unit.x0 for row in rows])
    for dtype, tolerance in (("float64", 1e-9), ("float32", 1e-4)):
        score = dl.convert(graph.model, rule=rule, dtype=dtype).compile()
        found = score(x | {"tokens": words}, x0 | {"tokens": words0}, target=weights)
        largest = max(np.abs(at_x).max(), np.abs(at_reference).max())
        np.testing.assert_allclose(found.outputs, at_x, rtol=0, atol=tolerance * largest, err_msg=dtype)
        assert found.reference_outputs is not None
        np.testing.assert_allclose(found.reference_outputs, at_reference, rtol=0, atol=tolerance * largest)
        received = {"embedding" if name == "tokens" else name: part for name, part in found.contributions.items()}
        for name, values in expected.items():
            assert_close_to_largest(received[name], values, tolerance, f"{dtype}, {name}, seed {seed}")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.slow_for("0")
def test_random_graphs_are_scored_as_the_oracle_does(seed: int) -> None:
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [*range(2, 20), *(pytest.param(n, marks=pytest.mark.sweep) for n in range(20, 204))])
def test_many_random_graphs_are_scored_as_the_oracle_does(seed: int) -> None:
    check(seed)
