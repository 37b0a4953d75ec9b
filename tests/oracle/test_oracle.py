"""The oracle, judged by what can be worked out by hand, by completeness, and by its ability to catch an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from tests.oracle import (
    RELU,
    SIGMOID,
    SILU,
    TANH,
    Elementwise,
    Explanation,
    Function,
    Multiply,
    Node,
    Op,
    Unit,
    average_pool,
    batch_norm,
    concatenate,
    conv,
    dense,
    elu,
    explain,
    explain_rows,
    flatten,
    global_max_pool,
    leaky_relu,
    max_pool,
    maximum,
    weighted_sum,
)
from tests.oracle.walk import Array, Pair

RULES = ["rescale", "reveal_cancel"]


# ------------------------------------------------------------------------------------------------- worked by hand


def worked_example() -> list[Node]:
    return [
        Node("a", dense([[1, 1], [1, -2]]), ("x",)),
        Node("h", Elementwise(RELU), ("a",)),
        Node("b", dense([[3, 2], [1, 1]]), ("h",)),
        Node("sum", dense([[1], [1]]), ("b",)),
    ]


def test_worked_example_of_the_literature_under_rescale() -> None:
    found = explain(worked_example(), {"x": [1, 1]}, {"x": [0, 0]}, [1], "rescale")
    # a = (2, −1) and h = (2, 0); the second unit of h does not move, so all 10 pass through the first, which is worth 5
    np.testing.assert_array_equal(found["h"].unit.delta, [2, 0])
    np.testing.assert_array_equal(found["b"].contributions, [6, 4])
    np.testing.assert_array_equal(found["h"].contributions, [10, 0])
    np.testing.assert_array_equal(found["a"].contributions, [10, 0])
    np.testing.assert_array_equal(found["x"].contributions, [5, 5])
    np.testing.assert_array_equal(found["x"].multipliers, [5, 5])


def test_worked_example_of_the_literature_under_reveal_cancel() -> None:
    found = explain(worked_example(), {"x": [1, 1]}, {"x": [0, 0]}, [1], "reveal_cancel")
    # The second unit of a is +1 −2. Its +1 raises h by 1 if it comes first and by 0 if last, ½ on average; its −2 by
    # 0 if first and −1 if last, −½ on average. The second unit of h is worth 1 + 1 = 2.
    np.testing.assert_allclose(found["h"].unit.plus, [2, 0.5])
    np.testing.assert_allclose(found["h"].unit.minus, [0, -0.5])
    np.testing.assert_allclose(found["a"].m_plus, [5, 2 * 0.5])
    np.testing.assert_allclose(found["a"].m_minus[1], 2 * 0.25)
    np.testing.assert_allclose(found["x"].contributions, [5 + 1 * 1, 5 - 2 * 0.5])
    np.testing.assert_allclose(found["h"].contributions, [10, 0], atol=1e-15)


@pytest.mark.parametrize(("rule", "expected"), [("rescale", [0, 1]), ("reveal_cancel", [0.5, 0.5])])
def test_minimum_of_two_numbers(rule: str, expected: list[float]) -> None:
    # min(i₁, i₂) = i₁ − relu(i₁ − i₂) at (3, 1) from (0, 0)
    nodes = [
        Node("gap", dense([[1], [-1]]), ("i",)),
        Node("excess", Elementwise(RELU), ("gap",)),
        Node("first", dense([[1], [0]]), ("i",)),
        Node("min", weighted_sum((1,), 1, -1), ("first", "excess")),
    ]
    found = explain(nodes, {"i": [3, 1]}, {"i": [0, 0]}, [1], rule)
    np.testing.assert_allclose(found["i"].contributions, expected, atol=1e-15)


def test_linear_rule_splits_terms_by_their_sign_and_gives_half_where_nothing_moved() -> None:
    layer = dense([[2.0], [-3.0], [5.0]])
    source = Unit(np.array([1.0, 2.0, 4.0]), np.array([0.0, 3.0, 4.0]), np.array([1.0, 0, 0]), np.array([0, -1.0, 0]))
    plus, minus = layer.parts([source], "rescale")
    np.testing.assert_array_equal([plus, minus], [[5.0], [0.0]])  # +2·1 and −3·−1 both go to Δ⁺
    output = Unit(np.array([0.0]), np.array([0.0]), plus, minus)
    ((m_plus, m_minus),) = layer.backward([source], output, np.array([10.0]), np.array([20.0]), "rescale")
    np.testing.assert_array_equal(m_plus, [2 * 10, -3 * 10, 5 * (10 + 20) / 2])
    np.testing.assert_array_equal(m_plus, m_minus)


def test_negative_gamma_swaps_the_parts() -> None:
    layer = batch_norm([-2.0], [1.0], [0.5], [1.0], (1,), epsilon=0.0)
    source = Unit(np.array([1.0]), np.array([0.0]), np.array([4.0]), np.array([-3.0]))
    plus, minus = layer.parts([source], "rescale")
    np.testing.assert_array_equal([plus, minus], [[6.0], [-8.0]])
    ((m_plus, m_minus),) = layer.backward([source], source, np.array([10.0]), np.array([7.0]), "rescale")
    np.testing.assert_array_equal([m_plus, m_minus], [[-14.0], [-20.0]])


def test_falling_function_swaps_the_parts() -> None:
    # f(a) = −½a below zero, a above it
    unit = Unit(np.array([1.0]), np.array([-1.0]), np.array([4.0]), np.array([-2.0]))
    op = Elementwise(leaky_relu(-0.5))
    # f: −3 → 1.5, −1 → 0.5, 1 → 1, 3 → 3.  Δ⁺: ½[(3 − 0.5) + (1 − 1.5)] = 1.  Δ⁻: ½[(1.5 − 0.5) + (1 − 3)] = −0.5
    of_plus, of_minus = op.slopes(unit, "reveal_cancel")
    np.testing.assert_allclose([of_plus, of_minus], [[0.25], [0.25]])
    # from −3, with +1 and −1, f falls throughout: Δ⁺ lowers f by ½ (Δy⁻), Δ⁻ lifts it by ½ (Δy⁺)
    unit = Unit(np.array([-3.0]), np.array([-3.0]), np.array([1.0]), np.array([-1.0]))
    np.testing.assert_allclose(op.parts([unit], "reveal_cancel"), [[0.5], [-0.5]])
    ((m_plus, m_minus),) = op.backward([unit], unit, np.array([10.0]), np.array([4.0]), "reveal_cancel")
    np.testing.assert_allclose([m_plus, m_minus], [[-0.5 * 4.0], [-0.5 * 10.0]])


@pytest.mark.parametrize(("rule", "expected"), [("rescale", 0.0), ("reveal_cancel", 1.0)])
def test_conventions_of_relu_on_its_kink(rule: str, expected: float) -> None:
    found = explain([Node("y", Elementwise(RELU), ("x",))], {"x": [0.0]}, {"x": [0.0]}, [1], rule)
    assert found["x"].multipliers == expected


def test_max_passes_the_difference_through_one_position() -> None:
    nodes = [Node("y", max_pool((4, 1), 2, 1), ("x",))]
    x, x0 = [[1.0], [5.0], [2.0], [2.0]], [[3.0], [1.0], [4.0], [2.0]]
    # windows: (1,5) from (3,1): up 2, at position 1, which moved by 4. (5,2) from (1,4): up 1, position 1 again.
    # (2,2) from (4,2): down 2, at position 2, the largest of the reference, which moved by −2.
    found = explain(nodes, {"x": x}, {"x": x0}, [[1], [10], [100]])
    np.testing.assert_allclose(found["x"].multipliers.ravel(), [0, 2 / 4 + 10 * 1 / 4, 100, 0])
    np.testing.assert_allclose(found["x"].contributions.sum(), 2 + 10 - 200)


def test_product_is_worth_the_mean_of_the_other_factor() -> None:
    found = explain([Node("y", Multiply(), ("u", "v"))], {"u": [3.0], "v": [5.0]}, {"u": [1.0], "v": [2.0]}, [1])
    np.testing.assert_array_equal([found["u"].multipliers, found["v"].multipliers], [[3.5], [2.0]])
    assert found["u"].contributions + found["v"].contributions == 15 - 2


# ------------------------------------------------------------------------------------- the layers are what they say


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (3, 1), (1, 2)])
@pytest.mark.parametrize("rank", [1, 2])
def test_convolution_is_that_of_tensorflow(rank: int, strides: int, dilation: int, padding: str) -> None:
    rng = np.random.default_rng(0)
    shape, widths = (*(7, 6)[:rank], 2), (3, 2)[:rank]
    x, kernel, bias = rng.normal(size=shape), rng.normal(size=(*widths, 2, 3)), rng.normal(size=3)
    expected = (
        tf.nn.convolution(x[None], kernel, strides=strides, padding=padding.upper(), dilations=dilation)[0] + bias
    )
    found = conv(kernel, bias, shape, strides, padding, dilation).forward(x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)  # sums of 12 terms near 1


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("width", "strides"), [(2, 2), (3, 1), (3, 2)])
def test_pooling_is_that_of_tensorflow(width: int, strides: int, padding: str) -> None:
    x = np.random.default_rng(0).normal(size=(7, 6, 2))
    for make, kind in ((max_pool, "MAX"), (average_pool, "AVG")):
        expected = tf.nn.pool(x[None], [width, width], kind, strides=[strides, strides], padding=padding.upper())[0]
        np.testing.assert_allclose(make(x.shape, width, strides, padding).forward(x), expected, rtol=0, atol=1e-14)


def test_layers_that_only_move_numbers() -> None:
    x = np.arange(12.0).reshape(2, 3, 2)
    np.testing.assert_array_equal(flatten(x.shape).forward(x), x.ravel())
    np.testing.assert_array_equal(global_max_pool(x.shape).forward(x), x.max((0, 1)))
    np.testing.assert_array_equal(
        concatenate((2, 3, 2), (2, 3, 1)).forward(x, -x[..., :1]), np.dstack([x, -x[..., :1]])
    )
    np.testing.assert_array_equal(maximum(x.shape).forward(x, 11 - x), np.maximum(x, 11 - x))
    np.testing.assert_array_equal(weighted_sum(x.shape, 1, -1).forward(x, 2 * x), -x)


@pytest.mark.parametrize("function", [RELU, SIGMOID, TANH, SILU, elu(0.7), leaky_relu(-0.3)])
def test_derivative_is_the_limit_of_difference_quotients(function: Function) -> None:
    a = np.random.default_rng(0).normal(0.0, 2.0, 50)
    h = 1e-5
    quotient = (function.value(a + h) - function.value(a - h)) / (2 * h)
    np.testing.assert_allclose(function.derivative(a), quotient, rtol=0, atol=1e-9)  # h² and rounding / h


def test_near_and_exact_displacements_agree() -> None:
    # on both sides of the threshold between difference quotient and derivative
    for function in (SIGMOID, TANH, SILU):
        slopes = [Elementwise(function).slope(np.array([0.3]), np.array([step]), False)[0] for step in (9e-6, 1.1e-5)]
        assert slopes[0] == pytest.approx(slopes[1], abs=2e-6)  # the curvature over 2e-6


# ----------------------------------------------------------------------------------------------- random networks

FUNCTIONS: Mapping[str, Function] = {
    "relu": RELU,
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "silu": SILU,
    "elu": elu(),
    "prelu": leaky_relu([-0.4, 0.2, 0.3, -0.1, 0.5]),
}


def random_network(seed: int) -> list[Node]:
    """Ten nodes over vectors of five, each fed by earlier ones at random, so that paths fork and meet."""
    rng = np.random.default_rng(seed)
    nodes, names = [], ["x", "z"]
    makers: list[Callable[[], tuple[Op, int]]] = [
        lambda: (dense(rng.normal(size=(5, 5)) / 2, rng.normal(size=5)), 1),
        lambda: (Elementwise(FUNCTIONS[str(rng.choice(list(FUNCTIONS)))]), 1),
        lambda: (
            batch_norm(rng.normal(size=5), rng.normal(size=5), rng.normal(size=5), rng.uniform(0.3, 2, 5), (5,)),
            1,
        ),
        lambda: (weighted_sum((5,), 1, 1), 2),
        lambda: (weighted_sum((5,), 1, -1), 2),
        lambda: (maximum((5,)), 2),
        lambda: (Multiply(), 2),
    ]
    for i in range(10):
        op, arity = makers[rng.choice(len(makers), p=[0.3, 0.3, 0.1, 0.1, 0.05, 0.1, 0.05])]()
        # the newest node is always taken, so that none is left hanging
        inputs = (names[-1], *[str(rng.choice(names)) for _ in range(arity - 1)])
        nodes.append(Node(f"n{i}", op, inputs))
        names.append(f"n{i}")
    nodes.append(Node("all", concatenate(*[(5,)] * len(names)), tuple(names)))
    nodes.append(Node("output", dense(rng.normal(size=(5 * len(names), 2))), ("all",)))
    return nodes


def convolutional_network(seed: int, function: Function) -> list[Node]:
    rng = np.random.default_rng(seed)
    return [
        Node("conv", conv(rng.normal(size=(3, 3, 2, 3)) / 3, rng.normal(size=3), (7, 6, 2), 1, "same"), ("x",)),
        Node(
            "norm",
            batch_norm([-1.2, 0.7, -0.4], rng.normal(size=3), rng.normal(size=3), [1, 2, 0.5], (7, 6, 3)),
            ("conv",),
        ),
        Node("act", Elementwise(function), ("norm",)),
        Node("pool", max_pool((7, 6, 3), 3, 2, "same"), ("act",)),
        Node("mean", average_pool((7, 6, 3), 3, 2, "same"), ("act",)),
        Node("both", concatenate((4, 3, 3), (4, 3, 3)), ("pool", "mean")),
        Node("deep", conv(rng.normal(size=(2, 2, 6, 4)) / 3, 0.1, (4, 3, 6), 1, "valid", dilation=2), ("both",)),
        Node("deep_act", Elementwise(function), ("deep",)),
        Node("flat", flatten((2, 1, 4)), ("deep_act",)),
        Node("top", global_max_pool((7, 6, 3)), ("act",)),
        Node("join", concatenate((8,), (3,)), ("flat", "top")),
        Node("output", dense(rng.normal(size=(11, 2))), ("join",)),
    ]


def delta_error(found: Mapping[str, Explanation], inputs: list[str], weights: Array, output: str = "output") -> float:
    """By how much the contributions miss the difference of the output, relative to it."""
    expected = float((weights * found[output].unit.delta).sum())
    total = sum(float(found[name].contributions.sum()) for name in inputs)
    assert abs(expected) > 1e-3, "the output has to move, or there is nothing to miss"
    return abs(total - expected) / abs(expected)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(20))
def test_contributions_sum_to_delta_on_random_networks(seed: int, rule: str) -> None:
    rng = np.random.default_rng(100 + seed)
    x, x0 = ({"x": rng.normal(size=5), "z": rng.normal(size=5)} for _ in range(2))
    weights = np.array([1.0, -0.5])
    found = explain(random_network(seed), x, x0, weights, rule)
    assert delta_error(found, ["x", "z"], weights) < 1e-12  # some hundred additions of numbers near 1
    for name, (unit, _, _) in found.items():
        np.testing.assert_allclose(unit.plus + unit.minus, unit.delta, rtol=0, atol=1e-12, err_msg=name)
        assert (unit.plus >= 0).all() and (unit.minus <= 0).all()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_contributions_sum_to_delta_on_convolutional_networks(name: str, rule: str) -> None:
    rng = np.random.default_rng(7)
    x, x0 = rng.normal(size=(2, 2, 7, 6, 2))
    function = leaky_relu([-0.4, 0.2, 0.3]) if name == "prelu" else FUNCTIONS[name]
    nodes = [n._replace(op=Elementwise(leaky_relu(-0.2))) if (name, n.name) == ("prelu", "deep_act") else n
             for n in convolutional_network(3, function)]  # fmt: skip
    weights = np.array([1.0, 2.0])
    for found in explain_rows(nodes, {"x": x}, {"x": x0}, weights, rule):
        assert delta_error(found, ["x"], weights) < 1e-12


def test_rules_differ_and_may_be_chosen_by_name() -> None:
    nodes = convolutional_network(3, RELU)
    x, x0 = np.random.default_rng(7).normal(size=(2, 7, 6, 2))
    runs = {rule: explain(nodes, {"x": x}, {"x": x0}, [1, 2], rule)["x"].contributions for rule in RULES}
    scale = np.abs(runs["rescale"]).max()
    assert np.abs(runs["rescale"] - runs["reveal_cancel"]).max() > 0.01 * scale
    by_name = {"act": "reveal_cancel", "deep_act": "reveal_cancel", "default": "rescale"}
    for choice in (by_name, lambda name: by_name.get(name, "rescale")):
        found = explain(nodes, {"x": x}, {"x": x0}, [1, 2], choice)["x"].contributions
        np.testing.assert_array_equal(found, runs["reveal_cancel"])
    half = explain(nodes, {"x": x}, {"x": x0}, [1, 2], {"act": "reveal_cancel"})["x"].contributions
    assert all(np.abs(half - run).max() > 1e-3 * scale for run in runs.values())
    with pytest.raises(ValueError, match="'rescale' or 'reveal_cancel'; received 'rescael'"):
        explain(nodes, {"x": x}, {"x": x0}, [1, 2], "rescael")


@pytest.mark.parametrize("rule", RULES)
def test_linear_network_equals_gradient_times_difference(rule: str) -> None:
    rng = np.random.default_rng(0)
    kernel, weights = rng.normal(size=(3, 2, 3)), rng.normal(size=(18, 2))
    nodes = [
        Node("conv", conv(kernel, 0.3, (8, 2)), ("x",)),
        Node("flat", flatten((6, 3)), ("conv",)),
        Node("output", dense(weights), ("flat",)),
    ]
    x, x0 = rng.normal(size=(2, 8, 2))
    found = explain(nodes, {"x": x}, {"x": x0}, [1, -1], rule)["x"]
    variable = tf.constant(x[None])
    with tf.GradientTape() as tape:
        tape.watch(variable)
        hidden = tf.reshape(tf.nn.convolution(variable, kernel), (1, 18))
        target = tf.reduce_sum(hidden @ weights * [[1.0, -1.0]])
    np.testing.assert_allclose(found.multipliers, tape.gradient(target, variable)[0], rtol=1e-12)
    np.testing.assert_allclose(found.contributions, found.multipliers * (x - x0), rtol=1e-12)


# ------------------------------------------------------------------------------------------------ it can say no


@dataclass(frozen=True)
class OffByAThousandth(Elementwise):
    """Slopes that are wrong by 0.1 %."""

    def slopes(self, unit: Unit, rule: str) -> Pair:
        of_plus, of_minus = super().slopes(unit, rule)
        return 1.001 * of_plus, 1.001 * of_minus


@dataclass(frozen=True)
class UnevenlyAveraged(Elementwise):
    """RevealCancel with orders that weigh 0.5005 and 0.4995: complete all the same, and yet not the paper's rule."""

    def slopes(self, unit: Unit, rule: str) -> Pair:
        first = self.slope(unit.x0, unit.plus, True), self.slope(unit.x0, unit.minus, True)
        last = self.slope(unit.x0 + unit.minus, unit.plus, True), self.slope(unit.x0 + unit.plus, unit.minus, True)
        return 0.5005 * first[0] + 0.4995 * last[0], 0.4995 * first[1] + 0.5005 * last[1]


def with_faulty(nodes: list[Node], kind: type[Elementwise]) -> list[Node]:
    faulty = [n for n in nodes if isinstance(n.op, Elementwise)][-1]
    assert isinstance(faulty.op, Elementwise)
    return [n._replace(op=kind(faulty.op.function)) if n is faulty else n for n in nodes]


@pytest.mark.parametrize("rule", RULES)
def test_slopes_wrong_by_a_thousandth_are_caught_by_completeness(rule: str) -> None:
    nodes = convolutional_network(3, RELU)
    x, x0 = np.random.default_rng(7).normal(size=(2, 7, 6, 2))
    weights = np.array([1.0, 2.0])
    good = explain(nodes, {"x": x}, {"x": x0}, weights, rule)
    bad = explain(with_faulty(nodes, OffByAThousandth), {"x": x}, {"x": x0}, weights, rule)
    assert delta_error(good, ["x"], weights) < 1e-12
    assert delta_error(bad, ["x"], weights) > 1e-5


def test_an_uneven_average_is_caught_by_comparison_though_not_by_completeness() -> None:
    nodes = convolutional_network(3, RELU)
    x, x0 = np.random.default_rng(7).normal(size=(2, 7, 6, 2))
    weights = np.array([1.0, 2.0])
    good = explain(nodes, {"x": x}, {"x": x0}, weights, "reveal_cancel")
    bad = explain(with_faulty(nodes, UnevenlyAveraged), {"x": x}, {"x": x0}, weights, "reveal_cancel")
    assert delta_error(bad, ["x"], weights) < 1e-12
    gap = np.abs(good["x"].contributions - bad["x"].contributions).max() / np.abs(good["x"].contributions).max()
    assert gap > 1e-5  # ten times the tolerance that the engine is held to
