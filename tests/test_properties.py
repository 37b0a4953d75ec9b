"""What holds for any network: checked on random ones, drawn by hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

import deeplift_tf as dl
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers import Routing
from deeplift_tf.network import Network
from deeplift_tf.scoring.score import Score
from tests.support.checks import assert_close_to_largest, assert_complete
from tests.support.keras_models import randomise

RULES = ("rescale", "reveal_cancel")
N, LENGTH, CHANNELS = 4, 7, 3

# ---------------------------------------------------------------------------------------------------- random graphs

FUNCTIONS = ("relu", "tanh", "sigmoid", "elu", "silu", "gelu", "mish", "softplus", "hard_silu", "leaky_relu")


def _activation(name: str) -> Callable[[Any, Any], Any]:
    return lambda x, _: layers.Activation(name)(x)


STEPS: dict[str, Callable[[Any, Any], Any]] = {
    "conv": lambda x, _: layers.Conv1D(CHANNELS, 3, padding="same")(x),
    "dense": lambda x, _: layers.Dense(CHANNELS)(x),
    "norm": lambda x, _: layers.BatchNormalization()(x),  # the first gamma is negative
    "prelu": lambda x, _: layers.PReLU()(x),  # the first alpha is negative
    "softmax": lambda x, _: layers.Softmax()(x),
    "add": lambda x, y: layers.Add()([x, y]),
    "subtract": lambda x, y: layers.Subtract()([x, y]),
    "multiply": lambda x, y: layers.Multiply()([x, y]),
    "maximum": lambda x, y: layers.Maximum()([x, y]),
    "minimum": lambda x, y: layers.Minimum()([x, y]),
    "concatenate": lambda x, y: layers.Dense(CHANNELS)(layers.Concatenate()([x, y])),
    "max_pool": lambda x, _: layers.MaxPooling1D(3, strides=1, padding="same")(x),
    "average_pool": lambda x, _: layers.AveragePooling1D(2, strides=1, padding="same")(x),
    **{name: _activation(name) for name in FUNCTIONS},
}


Recipe = list[tuple[str, int]]


def recipes(steps: int) -> st.SearchStrategy[Recipe]:
    """Names of steps, each with the number of the earlier value that it may take beside the newest one."""
    return st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 30)), min_size=3, max_size=steps)


def built(recipe: Recipe, seed: int) -> keras.Model:
    """Values of one shape, so that paths fork and meet at will; all of them join before the output."""
    inputs = [keras.Input((LENGTH, CHANNELS), name=name) for name in ("u", "v")]
    values = [*inputs, layers.Dense(CHANNELS)(inputs[1])]
    for name, other in recipe:
        values.append(STEPS[name](values[-1], values[other % len(values)]))
    y = layers.Flatten()(layers.Concatenate()(values))
    y = layers.Dense(4, activation="relu")(y)
    return randomise(
        keras.Model(inputs, layers.Dense(2)(layers.Concatenate()([y, layers.Flatten()(values[-1])]))), seed
    )


def _samples(seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    x, x0 = ([rng.normal(0, 1, (N, LENGTH, CHANNELS)) for _ in range(2)] for _ in range(2))
    x0[0][1] = x[0][1]  # a row in which one input does not move
    x0[1][2, :3] = x[1][2, :3]  # and one in which a few positions do not
    return x, x0


def check_random_graph(recipe: Recipe, seed: int) -> None:
    x, x0 = _samples(seed)
    network = dl.convert(built(recipe, seed), dtype="float64")
    for rule in RULES:
        scores = network.with_rule(rule).compile()(x, x0, target=[1.0, -0.5])
        # some thousand additions in float64; products may be large on the way, hence not nearer to rounding
        assert_complete(scores, 1e-9)
        assert all(np.isfinite(part).all() for part in scores.multipliers)


@settings(max_examples=5)
@given(recipes(9), st.integers(0, 2**16))
@pytest.mark.slow
def test_contributions_sum_to_the_difference_on_random_graphs(recipe: Recipe, seed: int) -> None:
    check_random_graph(recipe, seed)


@pytest.mark.slow
@settings(max_examples=40)
@given(recipes(18), st.integers(0, 2**16))
def test_contributions_sum_to_the_difference_on_many_random_graphs(recipe: Recipe, seed: int) -> None:
    check_random_graph(recipe, seed)


# ----------------------------------------------------------------------------------- one network for what is general


def _mixed() -> keras.Model:
    """A layer of each kind."""
    x = keras.Input((LENGTH, CHANNELS), name="x")
    a = layers.Conv1D(5, 3, padding="same", activation="silu", name="a")(x)
    b = layers.MaxPooling1D(3, strides=1, padding="same", name="pool")(layers.BatchNormalization(name="norm")(a))
    gate = layers.Softmax(name="softmax")(layers.Conv1D(5, 1, name="gate")(x))
    y = layers.Flatten(name="flat")(layers.Multiply(name="product")([layers.Activation("relu", name="b")(b), gate]))
    y = layers.Dense(5, activation="tanh", name="c")(layers.Concatenate(name="join")([y, layers.Flatten()(a)]))
    return keras.Model(x, layers.Dense(3, name="output")(y))


@pytest.fixture(scope="module", params=RULES)
def network(request: pytest.FixtureRequest) -> Network:
    return dl.convert(randomise(_mixed(), seed=7), rule=request.param)


@pytest.fixture(scope="module")
def score(network: Network) -> Score:
    return network.compile()


def _rows(seed: int, count: int = N, *more: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1.5, (count, *more, LENGTH, CHANNELS)).astype("float32")


@pytest.mark.slow_for("reveal_cancel")
def test_scores_of_a_row_do_not_depend_on_its_batch(score: Score) -> None:
    """Captum's softmax normalises over the batch; here nothing but the blocking of sums may differ."""
    x, x0 = _rows(1, 9), _rows(2, 9)
    whole = score(x, x0, target=1).contributions
    order = np.random.default_rng(3).permutation(9)
    shuffled = score(x[order], x0[order], target=1).contributions
    several = score(x, np.stack([x0, x0 / 2], 1), target=1).contributions
    for i in range(9):
        alone = score(x[i : i + 1], x0[i : i + 1], target=1).contributions[0]
        assert_close_to_largest(whole[i], alone, 1e-6, f"row {i}")
        assert_close_to_largest(shuffled[list(order).index(i)], alone, 1e-6, f"row {i} among others")
        both = score(x[i : i + 1], np.stack([x0, x0 / 2], 1)[i : i + 1], target=1).contributions[0]
        assert_close_to_largest(several[i], both, 1e-6, f"row {i} with two references")


@pytest.mark.slow_for("reveal_cancel")
def test_x_at_the_reference_contributes_nothing(score: Score) -> None:
    x = _rows(1)
    scores = score(x, x, targets=[0, 1])
    np.testing.assert_array_equal(scores.contributions, np.zeros((2, *x.shape)))
    np.testing.assert_array_equal(scores.delta, np.zeros((2, N)))
    assert np.isfinite(scores.multipliers).all() and np.abs(scores.multipliers).max() > 1e-3


def test_units_that_do_not_move_contribute_nothing(score: Score) -> None:
    x, x0 = _rows(1), _rows(2)
    x0[:, 2:5] = x[:, 2:5]
    contributions = score(x, x0).contributions
    np.testing.assert_array_equal(contributions[:, 2:5], np.zeros((N, 3, CHANNELS)))
    assert np.abs(contributions).max() > 1e-3


@pytest.mark.slow_for("reveal_cancel")
def test_several_references_are_the_mean_of_single_calls(score: Score) -> None:
    x, several = _rows(1), _rows(2, N, 3)
    found = score(x, several, target=2)
    singles = [score(x, several[:, r], target=2) for r in range(3)]
    for name in ("contributions", "multipliers", "reference_outputs"):
        assert_close_to_largest(getattr(found, name), np.mean([getattr(s, name) for s in singles], 0), 1e-6, name)


@pytest.mark.slow_for("reveal_cancel")
def test_a_background_is_tiled(score: Score) -> None:
    x, background = _rows(1), _rows(2, 1, 3)
    found, tiled = (score(x, each, target=2) for each in (background, np.tile(background, (N, 1, 1, 1))))
    assert_close_to_largest(found.contributions, tiled.contributions, 1e-6)
    assert_close_to_largest(found.reference_outputs, tiled.reference_outputs, 1e-6)


@pytest.mark.slow_for("reveal_cancel")
def test_several_targets_are_single_calls(score: Score) -> None:
    x, several = _rows(1), _rows(2, N, 3)
    for references in (several, several[:, 0], several[0, 0]):
        found = score(x, references, targets=[0, 2, [1.0, 1.0, -2.0]])
        singles = [score(x, references, target=t).contributions for t in (0, 2, [1.0, 1.0, -2.0])]
        assert_close_to_largest(found.contributions, np.stack(singles), 1e-6)


@pytest.mark.slow_for("rescale")
def test_scores_are_linear_in_the_target(score: Score) -> None:
    x, x0 = _rows(1), _rows(2)
    each = score(x, x0, targets=[0, 1, 2]).contributions
    assert_close_to_largest(
        score(x, x0, target=[2.0, 0.5, -1.0]).contributions, 2 * each[0] + each[1] / 2 - each[2], 1e-6
    )


@pytest.mark.slow_for("reveal_cancel")
def test_single_precision_is_near_double_precision(network: Network) -> None:
    model = randomise(_mixed(), seed=7)
    rule = network.layers["b"].rule.name
    double = dl.convert(model, rule=rule, dtype="float64").compile()
    x, x0 = _rows(1, 16), _rows(2, 16)
    found, expected = network.compile()(x, x0, target=1), double(x, x0, target=1)
    assert_complete(expected, 1e-11)
    assert_complete(found, 1e-4)
    assert_close_to_largest(found.contributions, expected.contributions, 1e-5)
    assert_close_to_largest(found.multipliers, expected.multipliers, 1e-5)


# ------------------------------------------------------------------------------------------------- linear networks


@pytest.mark.parametrize("rule", RULES)
def test_a_linear_network_is_gradient_times_difference(rule: str) -> None:
    x = keras.Input((LENGTH, CHANNELS), name="x")
    a = layers.BatchNormalization()(layers.Conv1D(4, 3, padding="same")(x))
    b = layers.AveragePooling1D(2)(layers.Subtract()([a, layers.Dense(4)(x)]))
    model = randomise(keras.Model(x, layers.Dense(2)(layers.Flatten()(b))), 3)
    rows, references = _rows(1).astype("float64"), _rows(2).astype("float64")
    scores = dl.convert(model, rule=rule, dtype="float64").compile()(rows, references, target=1)
    variable = tf.constant(rows, "float32")
    with tf.GradientTape() as tape:
        tape.watch(variable)
        y = model(variable)[:, 1]
    gradient = tape.gradient(y, variable).numpy()
    assert_close_to_largest(scores.multipliers, gradient, 1e-6)  # Keras computes in float32
    assert_close_to_largest(scores.contributions, gradient * (rows - references), 1e-6)


def test_gradient_rule_is_the_gradient() -> None:
    model, x = randomise(_mixed(), seed=7), _rows(1)
    scores = dl.convert(model, rule="gradient").compile()(x, _rows(2), target=1)
    variable = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        y = model(variable)[:, 1]
    assert_close_to_largest(scores.multipliers, tape.gradient(y, variable).numpy(), 1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_without_cancellation_the_rules_agree(rule: str) -> None:
    """Weights and differences that are all positive: there is one sign, and nothing to reveal."""
    x = keras.Input((4,), name="x")
    model = keras.Model(x, layers.Dense(1)(layers.Dense(5, activation="relu")(layers.Dense(5, activation="relu")(x))))
    model.set_weights([np.abs(w) + 0.1 for w in randomise(model, 3).get_weights()])
    rows = np.random.default_rng(1).uniform(0.5, 2, (N, 4))
    scores = dl.convert(model, rule=rule, dtype="float64").compile()(rows, 0.0)
    expected = dl.convert(model, rule="rescale", dtype="float64").compile()(rows, 0.0)
    assert_close_to_largest(scores.contributions, expected.contributions, 1e-12)


# -------------------------------------------------------------------------------------------------- one trace


class Counting(Routing):
    """y = x, and a count of how often it is traced."""

    calls = 0

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        type(self).calls += 1
        return tf.identity(inputs[0])


def test_one_trace_for_each_signature() -> None:
    x = keras.Input((4,), name="x")
    model = keras.Model(x, layers.Dense(3, name="y")(layers.Dropout(0.5, name="counted")(layers.Dense(3)(x))))
    network = dl.convert(model, converters={"Dropout": lambda layer, context: context.add(Counting())})
    score = network.compile()
    rows = np.random.default_rng(1).normal(size=(10, 4))

    def traced(**options: Any) -> int:
        before = Counting.calls
        score(rows[: options.pop("rows", 10)], **options)
        return Counting.calls - before

    assert traced(references=0.0) > 0
    assert traced(references=rows) > 0  # those of each row are run with it
    again: list[dict[str, Any]] = [
        {"references": 0.0},
        {"references": 0.0, "batch_size": 4},  # the last batch is ragged
        {"references": 0.0, "batch_size": 3},
        {"references": 0.0, "rows": 1},
        {"references": 0.0, "target": 2},
        {"references": 0.0, "target": np.arange(10) % 3},
        {"references": 0.0, "target": [1.0, 0.0, -1.0]},
        {"references": rows},
        {"references": rows[:, None], "batch_size": 3},
        {"references": lambda x: x / 2, "batch_size": 3},
    ]
    for options in again:
        assert traced(**options) == 0, options
    several = np.zeros((1, 5, 4))
    assert traced(references=several) > 0
    assert traced(references=several, batch_size=3) > 0  # a batch does not hold all references
    again = [
        {"references": several, "batch_size": 20},
        {"references": several[:, :2]},
        {"references": several, "batch_size": 4},
        {"references": several[:, :2], "batch_size": 1},
    ]
    for options in again:
        assert traced(**options) == 0, options
    assert traced(references=0.0, targets=[0, 1]) > 0
    assert traced(references=0.0, targets=[2, 1, 0]) == 0
    assert traced(references=0.0, target="predicted") > 0
    assert traced(references=0.0, target="predicted", batch_size=3) == 0


# --------------------------------------------------------------------------------------------------- order of nodes


@settings(max_examples=5)
@given(recipes(12))
def test_every_node_follows_its_inputs(recipe: Recipe) -> None:
    model = built(recipe, 0)
    network = dl.convert(model)
    seen = {value.edge for value in network.graph.inputs}
    for name, node in network.layers.items():
        assert node.name == name and seen.issuperset(node.inputs)
        assert Edge(name) not in seen
        seen |= {Edge(name, i) for i in range(len(node.shapes))}
    assert seen.issuperset(network.graph.outputs.values())
    assert {layer.name for layer in model.layers} <= {edge.node for edge in seen}
