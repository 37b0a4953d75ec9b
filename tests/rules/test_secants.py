"""Every function of deeplift_tf.rules.secants against mpmath, one row of a table each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

import keras
import mpmath as mp
import numpy as np
import pytest
import tensorflow as tf

from deeplift_tf.rules import secants
from deeplift_tf.rules.secants import ACTIVATIONS, Function
from deeplift_tf.rules.secants.function import four_slopes
from deeplift_tf.rules.tensors import vjp
from tests.support.installed import keras_version

FLOATS = (np.float32, np.float64)
SMALL_STEP = mp.mpf(10) ** -25  # the distance that stands for none: its error is far below float64's

# Tolerances of a slope, in eps * max(1, |S|).
EXACT = 4  # a few correctly rounded operations; 1.5 are seen
CLOSED = 8  # TensorFlow's exp, tanh, log1p, ... lose up to 2 eps each, and more or less by processor; 2.2 are seen


class Row(NamedTuple):
    """What a function is, in mpmath, and where to test it."""

    function: Function
    oracle: Callable[[Any], Any]
    kinks: Mapping[float, tuple[float, float]] = MappingProxyType({})  # position: slopes there, without and with right
    tolerance: int = EXACT
    limit: float = 1e4  # largest |x|
    positive: bool = False  # whether the domain is x > 0


def gate(g: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: x * g(x)


def clip(low: float, high: float) -> Callable[[Any], Any]:
    return lambda x: min(max(x, low), high)


def relu_layer(bound: float, slope: float, limit: float) -> Callable[[Any], Any]:
    return lambda x: min(x, mp.mpf(bound)) if x > limit else min(mp.mpf(0), slope * (x - limit))


def elu(alpha: float, scale: float = 1.0) -> Callable[[Any], Any]:
    return lambda x: scale * (x if x > 0 else alpha * mp.expm1(x))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def softplus(x: Any) -> Any:
    return mp.log1p(mp.exp(-abs(x))) + max(x, 0)


def sparse_plus(x: Any) -> Any:
    return x if x > 1 else (max(x, -1) + 1) ** 2 / 4


F32_ROOT_HALF, F32_CUBIC = (mp.mpf(float(np.float32(v))) for v in (0.5**0.5, 0.044715))  # as in tf.nn.gelu
F32_FIFTH = float(np.float32(0.2))  # as in tf.nn.leaky_relu
HUGE, EXP = 1e30, 30.0

ROWS = {
    "relu": Row(secants.relu(), lambda x: max(x, 0), {0: (0, 1)}, limit=HUGE),
    "leaky_relu": Row(secants.leaky_relu(), lambda x: max(x, x * F32_FIFTH), {0: (F32_FIFTH, 1)}, limit=HUGE),
    "prelu": Row(secants.prelu(-0.5), lambda x: x if x > 0 else -x / 2, {0: (-0.5, 1)}, limit=HUGE),
    "relu6": Row(secants.relu6(), clip(0, 6), {0: (0, 1), 6: (0, 0)}, limit=HUGE),
    "relu_layer": Row(secants.relu_layer(), clip(0, mp.inf), {0: (0, 1)}, limit=HUGE),
    "relu_layer/capped": Row(
        secants.relu_layer(6.0, 0.25), relu_layer(6, 0.25, 0), {0: (0.25, 1), 6: (0, 0)}, limit=HUGE
    ),
    "relu_layer/jump": Row(
        secants.relu_layer(4.0, 0.25, 1.0), relu_layer(4, 0.25, 1), {1: (0.25, 1), 4: (0, 0)}, limit=HUGE
    ),
    "relu_layer/step": Row(secants.relu_layer(1.0, 0.0, 2.0), relu_layer(1, 0, 2), {2: (0, 0)}, limit=HUGE),
    "clip": Row(secants.clip(-1.0, 2.0), clip(-1, 2), {-1: (0, 1), 2: (0, 0)}, limit=HUGE),
    "hard_tanh": Row(secants.hard_tanh(), clip(-1, 1), {-1: (0, 1), 1: (0, 0)}, limit=HUGE),
    "hard_sigmoid": Row(secants.hard_sigmoid(), lambda x: clip(0, 6)(x + 3) / 6, {-3: (0, 1 / 6), 3: (0, 0)}),
    "hard_silu": Row(secants.hard_silu(), gate(lambda x: clip(0, 6)(x + 3) / 6), {-3: (0, -0.5), 3: (1, 1)}),
    "sparse_sigmoid": Row(secants.sparse_sigmoid(), lambda x: clip(0, 2)(x + 1) / 2, {-1: (0, 0.5), 1: (0, 0)}),
    "sparse_plus": Row(secants.sparse_plus(), sparse_plus, {-1: (0, 0), 1: (1, 1)}),
    "soft_shrink": Row(secants.soft_shrink(), lambda x: x - clip(-0.5, 0.5)(x), {-0.5: (0, 0), 0.5: (0, 1)}),
    "hard_shrink": Row(secants.hard_shrink(), lambda x: x if abs(x) > 0.5 else 0 * x, {-0.5: (0, 0), 0.5: (0, 1)}),
    "threshold": Row(secants.threshold(1.0, -2.0), lambda x: x if x > 1 else mp.mpf(-2), {1: (0, 1)}),
    "step": Row(secants.step(1.0), lambda x: mp.mpf(x > 1), {1: (0, 0)}),
    "absolute": Row(secants.absolute(), abs, {0: (0, 1)}, limit=HUGE),
    "linear": Row(secants.linear(), lambda x: x, limit=HUGE),
    "scale": Row(secants.scale(-3.0), lambda x: -3 * x, limit=HUGE),
    "negative": Row(secants.negative(), lambda x: -x, limit=HUGE),
    "sign": Row(secants.sign(), mp.sign, {0: (0, 0)}),
    "floor": Row(secants.floor(), mp.floor, {1: (0, 0)}),
    "ceil": Row(secants.ceil(), mp.ceil, {0: (0, 0), 1: (0, 0)}),
    "rounded": Row(secants.rounded(), mp.nint, {0.5: (0, 0)}),
    "exponential": Row(secants.exponential(), mp.exp, tolerance=CLOSED, limit=EXP),
    "expm1": Row(secants.expm1(), mp.expm1, tolerance=CLOSED, limit=EXP),
    "sigmoid": Row(secants.sigmoid(), sigmoid, tolerance=CLOSED),
    "tanh": Row(secants.tanh(), mp.tanh, tolerance=CLOSED),
    "tanh_shrink": Row(secants.tanh_shrink(), lambda x: x - mp.tanh(x), tolerance=CLOSED),
    "softplus": Row(secants.softplus(), softplus, tolerance=CLOSED),
    "log_sigmoid": Row(secants.log_sigmoid(), lambda x: -softplus(-x), tolerance=CLOSED),
    "silu": Row(secants.silu(), gate(sigmoid), tolerance=CLOSED),
    "mish": Row(secants.mish(), gate(lambda x: mp.tanh(softplus(x))), tolerance=CLOSED),
    "gelu": Row(secants.gelu(), gate(lambda x: mp.erfc(-x * F32_ROOT_HALF) / 2), tolerance=CLOSED),
    "gelu/approximate": Row(
        secants.gelu(approximate=True),
        gate(lambda x: sigmoid(mp.sqrt(8 / mp.pi) * (x + F32_CUBIC * x**3))),
        tolerance=CLOSED,
    ),
    "elu": Row(secants.elu(), elu(1), tolerance=CLOSED),
    "elu/half": Row(secants.elu(0.5), elu(0.5), {0: (0.5, 1)}, tolerance=CLOSED),
    "selu": Row(
        secants.selu(),
        elu(1.6732632423543772, 1.0507009873554805),
        {0: (1.6732632423543772 * 1.0507009873554805, 1.0507009873554805)},
        tolerance=CLOSED,
    ),
    "celu": Row(secants.celu(2.0), lambda x: x if x > 0 else 2 * mp.expm1(x / 2), tolerance=CLOSED),
    "softsign": Row(secants.softsign(), lambda x: x / (1 + abs(x))),
    "squareplus": Row(secants.squareplus(), lambda x: (x + mp.sqrt(x * x + 4)) / 2),
    "erf": Row(secants.erf(), mp.erf, tolerance=CLOSED),
    "sin": Row(secants.sin(), mp.sin),
    "cos": Row(secants.cos(), mp.cos),
    "square": Row(secants.square(), lambda x: x * x),
    "reciprocal": Row(secants.reciprocal(), lambda x: 1 / x, positive=True),
    "sqrt": Row(secants.sqrt(), mp.sqrt, positive=True),
    "rsqrt": Row(secants.rsqrt(), lambda x: 1 / mp.sqrt(x), positive=True),
    "log": Row(secants.log(), mp.log, tolerance=CLOSED, positive=True),
    "log1p": Row(secants.log1p(), mp.log1p, tolerance=CLOSED, positive=True),
    "power/cube": Row(secants.power(3), lambda x: x**3),
    "power/inverse square": Row(secants.power(-2), lambda x: x**-2, positive=True),
    "power/1.5": Row(secants.power(1.5), lambda x: x ** mp.mpf(1.5), tolerance=CLOSED, positive=True),
    "power/-0.25": Row(secants.power(-0.25), lambda x: x ** mp.mpf(-0.25), tolerance=CLOSED, positive=True),
    "smooth": Row(secants.smooth(tf.math.atan), mp.atan, tolerance=CLOSED),
    "quotient": Row(secants.quotient(tf.math.atan), mp.atan, tolerance=CLOSED),
    "piecewise_constant": Row(secants.piecewise_constant(tf.sign), mp.sign, {0: (0, 0)}),
    "compose": Row(
        secants.compose(secants.relu(), secants.scale(2.0)), lambda x: max(2 * x, 0), {0: (0, 2)}, limit=HUGE
    ),
    "scaled": Row(secants.scaled(secants.relu(), -2.0), lambda x: -2 * max(x, 0), {0: (0, -2)}, limit=HUGE),
    "differentiable": Row(secants.differentiable("square", tf.square, lambda a, b: a + b), lambda x: x * x),
}
every_row = pytest.mark.parametrize("name", ROWS)
every_float = pytest.mark.parametrize("dtype", FLOATS, ids=("float32", "float64"))


def points(row: Row, dtype: type) -> np.ndarray:
    """Random points, kinks and their neighbours, saturated and large ones."""
    rng = np.random.default_rng(0)
    kinks: np.ndarray = np.array([*row.kinks, 0.0], dtype)
    near_kinks = np.concatenate([kinks + sign * step for sign in (-1, 1) for step in (1e-3, 1e-6, 1e-12)])
    around = np.concatenate([np.nextafter(kinks[kinks != 0], dtype(sign * np.inf)) for sign in (-1, 1)])
    large = np.array([8.25, 10.25, 20.25, 29.75, 90.25, 1000.25, 9000.25, 9999.75, 1e10, 1e30])
    x: np.ndarray = np.concatenate([rng.normal(size=12) * 3, kinks, near_kinks, around, large, -large]).astype(dtype)
    x = x[np.abs(x) <= row.limit]
    return np.abs(x[x != 0]) if row.positive else x


def pairs(row: Row, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Equal ends (off kinks), 1 ulp and 1e-9 apart, mirrored, and far apart."""
    x = points(row, dtype)
    rng = np.random.default_rng(1)
    smooth_x = x[~np.isin(x, np.array([*row.kinks], dtype))]
    ulp = np.where(x == 0, dtype(1e-20), x * dtype(1 + np.finfo(dtype).eps))
    others = [rng.permutation(x) for _ in range(2)]
    mirrored = x if row.positive else -x
    a = np.concatenate([smooth_x, x, x, x, x, x])
    b = np.concatenate([smooth_x, ulp, x + dtype(1e-9), mirrored, *others])
    usable = (np.abs(b) <= row.limit) & ((a != b) | ~np.isin(a, np.array([*row.kinks], dtype)))
    return a[usable], b[usable]


@cache
def true_slopes(name: str, dtype: type) -> np.ndarray:
    row = ROWS[name]

    def slope(u: float, v: float) -> float:
        left, right = mp.mpf(u), mp.mpf(v) if u != v else mp.mpf(u) + SMALL_STEP * (abs(u) or 1)
        return float((row.oracle(right) - row.oracle(left)) / (right - left))

    a, b = pairs(row, dtype)
    with mp.workdps(70):
        return np.array([slope(u, v) for u, v in zip(a.astype(float).tolist(), b.astype(float).tolist(), strict=True)])


def worst_error(secant: Callable[..., tf.Tensor], name: str, dtype: type) -> float:
    """The largest error of the slopes over what the row allows."""
    row, truth = ROWS[name], true_slopes(name, dtype)
    a, b = pairs(row, dtype)
    found = secant(tf.constant(a), tf.constant(b)).numpy().astype(float)
    allowed = row.tolerance * np.finfo(dtype).eps * np.maximum(1, np.abs(truth))
    return float(np.max(np.abs(found - truth) / allowed))


def worst_delta(secant: Callable[..., tf.Tensor], row: Row) -> float:
    """How much S * (b - a) misses f(b) - f(a) in float64, relative to 1 + |f|."""
    a, b = (tf.constant(ends) for ends in pairs(row, np.float64))
    fa, fb = row.function.value(a), row.function.value(b)
    missed = tf.abs(secant(a, b) * (b - a) - (fb - fa)) / (1 + tf.maximum(tf.abs(fa), tf.abs(fb)))
    return float(tf.reduce_max(missed))


@every_float
@every_row
def test_slope_is_that_of_mpmath(name: str, dtype: type) -> None:
    row = ROWS[name]
    for right in (False, True):
        assert worst_error(lambda a, b, right=right: row.function.secant(a, b, right), name, dtype) <= 1


@every_row
def test_slope_times_displacement_is_the_difference(name: str) -> None:
    row = ROWS[name]
    assert worst_delta(row.function.secant, row) <= 1e-12


@every_row
def test_a_slope_wrong_by_a_thousandth_is_caught(name: str) -> None:
    row = ROWS[name]

    def wrong(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return 1.001 * row.function.secant(a, b)

    assert worst_error(wrong, name, np.float32) > 10
    assert worst_delta(wrong, row) > 1e-6


@every_row
def test_slope_is_symmetric(name: str) -> None:
    row = ROWS[name]
    a, b = (tf.constant(ends) for ends in pairs(row, np.float64))
    forth, back = row.function.secant(a, b), row.function.secant(b, a)
    np.testing.assert_allclose(forth, back, rtol=4 * np.finfo(float).eps, atol=4 * np.finfo(float).eps)


@every_float
@every_row
def test_slope_on_a_kink_has_two_sides(name: str, dtype: type) -> None:
    row = ROWS[name]
    for position, sides in row.kinks.items():
        x = tf.constant(position, dtype)
        found = [float(row.function.secant(x, x, right)) for right in (False, True)]
        np.testing.assert_allclose(found, np.array(sides), rtol=4 * float(np.finfo(dtype).eps), atol=1e-30)


@every_row
def test_slope_of_equal_ends_is_the_gradient(name: str) -> None:
    row = ROWS[name]
    # float64 and moderate x: some of TensorFlow's own gradients cancel when saturated.
    x = points(row, np.float64)
    off_kinks = np.all([np.abs(x - kink) > 1e-9 for kink in [*row.kinks, np.inf]], axis=0)
    x = tf.constant(x[off_kinks & (np.abs(x) < 10)])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = row.function.value(x)
    gradient = tape.gradient(y, x)
    expected = tf.zeros_like(x) if gradient is None else gradient
    np.testing.assert_allclose(row.function.secant(x, x), expected, rtol=1e-12, atol=1e-14)


@every_row
def test_float32_agrees_with_float64(name: str) -> None:
    row = ROWS[name]
    a, b = pairs(row, np.float32)
    single = row.function.secant(tf.constant(a), tf.constant(b)).numpy().astype(float)
    double = row.function.secant(tf.constant(a.astype(float)), tf.constant(b.astype(float))).numpy()
    np.testing.assert_array_less(np.abs(single - double), 1e-6 * np.maximum(1, np.abs(double)))


def distinct_slopes(a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
    """The slopes of the activations, and of functions that use other operations than they do."""
    names = (ACTIVATIONS.keys() | {"relu_layer/jump", "sin", "log", "rsqrt", "power/1.5"}) & ROWS.keys()
    rows = {name: ROWS[name] for name in sorted(names)}
    into_domain = {True: lambda x: tf.abs(x) + 1.0, False: tf.identity}
    return {
        name: row.function.secant(into_domain[row.positive](a), into_domain[row.positive](b))
        for name, row in rows.items()
    }


@pytest.mark.slow
def test_slopes_run_compiled() -> None:
    a, b = (tf.constant(ends) for ends in pairs(ROWS["exponential"], np.float32))
    expected = distinct_slopes(a, b)
    for name, found in tf.function(distinct_slopes, jit_compile=True)(a, b).items():
        # The compiler's exp and log differ from the others by a few eps.
        allowed = 64 * np.finfo(np.float32).eps * np.maximum(1, np.abs(expected[name]))
        assert np.all(np.abs(found - expected[name]) <= allowed), name


def test_slopes_broadcast_in_a_function_of_unknown_rank() -> None:
    a, b = tf.constant([[0.75, 1.5]], tf.float64), tf.constant([[2.0, 3.0]] * 4, tf.float64)
    traced = tf.function(distinct_slopes, input_signature=[tf.TensorSpec(None, tf.float64)] * 2)
    expected = distinct_slopes(tf.tile(a, (4, 1)), b)
    for name, found in traced(a, b).items():
        np.testing.assert_allclose(found, expected[name], rtol=1e-14, err_msg=name)


def test_slope_of_relu_has_no_branch_and_four_operations_on_both_ends() -> None:
    ends = [tf.TensorSpec([1, 5]), tf.TensorSpec([3, 5])]
    traced = tf.function(secants.relu().secant, input_signature=ends, autograph=False).get_concrete_function()
    operations = [op for op in traced.graph.get_operations() if op.type != "Identity" and op.inputs]
    assert {op.type for op in operations} == {"Abs", "AddV2", "RealDiv", "Relu"}
    # and a Relu, which the forward pass makes as well
    assert [op.type for op in operations if op.outputs[0].shape[0] == 3].count("Relu") == 1
    assert len([op for op in operations if op.outputs[0].shape[0] == 3]) == 5


FOUR = {name: function for name, function in secants.ACTIVATIONS.items() if function.four}
FOUR |= {"prelu": secants.prelu(0.3), "falling prelu": secants.prelu(-0.3)}


def test_those_with_a_cheaper_form_of_four_slopes() -> None:
    assert FOUR.keys() >= {"relu", "leaky_relu", "sigmoid", "tanh", "prelu"}


@pytest.mark.parametrize(("dtype", "allowed"), [(np.float64, 1e-14), (np.float32, 2e-6)])
@pytest.mark.parametrize("name", FOUR)
def test_the_cheaper_form_of_four_slopes_is_theirs(name: str, dtype: type, allowed: float) -> None:
    function, rng = FOUR[name], np.random.default_rng(0)
    kinks = np.array([(a, rise, drop) for a in (-1, 0, 1) for rise in (0, 0.5, 1, 2) for drop in (0, 0.5, 1, 2)])
    drawn = np.stack([rng.normal(size=400) * 3, rng.exponential(size=400), rng.exponential(size=400)], 1)
    saturated = drawn * [10, 10, 10]
    a, rise, drop = (tf.constant(ends, dtype) for ends in np.concatenate([kinks, drawn, saturated]).T)
    ends = (a, a + rise - drop, rise, drop)
    assert function.four is not None
    for found, expected in zip(function.four(*ends), four_slopes(function.secant, *ends), strict=True):
        # to rounding of a slope of one
        np.testing.assert_allclose(found, expected, rtol=0, atol=allowed)


@pytest.mark.parametrize("name", [name for name, function in secants.ACTIVATIONS.items() if function.rising])
def test_functions_that_are_said_to_rise_do(name: str) -> None:
    values = secants.ACTIVATIONS[name].value(tf.constant(np.linspace(-8, 8, 2001)))
    assert np.diff(values).min() >= -1e-15  # float64


def test_slopes_at_the_edge_of_a_domain_are_finite() -> None:
    zero, one = tf.constant(0.0), tf.constant(1.0)
    assert secants.sqrt().secant(zero, zero) == 0
    assert secants.sqrt().secant(zero, one) == 1
    assert 0 <= secants.power(1.5).secant(zero, zero) < 1e-15
    assert secants.power(1.5).secant(zero, one) == 1


def test_slope_of_a_broadcast_alpha() -> None:
    alpha = tf.constant([0.0, -1.0, 0.5])
    slope = secants.prelu(alpha).secant(tf.fill((2, 3), -1.0), tf.fill((2, 3), 1.0))
    np.testing.assert_allclose(slope, np.tile([0.5, 0.0, 0.75], (2, 1)), rtol=1e-6)


def test_every_public_function_has_a_row() -> None:
    made = {name.split("/")[0] for name in ROWS} | {"power"}
    assert made == set(secants.__all__) - {"ACTIVATIONS", "Function"}


IN_KERAS = [name for name in ACTIVATIONS if hasattr(keras.activations, name)]  # older versions have fewer


def test_activations_are_the_elementwise_ones_of_keras() -> None:
    mixing = {"softmax", "log_softmax", "sparsemax", "glu"}
    needs_arguments = {"threshold"}
    utilities = {"get", "serialize", "deserialize"}
    public = {name for name, value in inspect.getmembers(keras.activations, inspect.isfunction)}
    assert public - mixing - needs_arguments - utilities == set(IN_KERAS)


def keras_values(name: str, x: np.ndarray, **arguments: float) -> np.ndarray:
    return np.asarray(getattr(keras.activations, name)(tf.constant(x), **arguments))


@every_float
@pytest.mark.parametrize("name", IN_KERAS)
def test_value_is_that_of_keras(name: str, dtype: type) -> None:
    x = points(ROWS["exponential" if name == "exponential" else "sigmoid"], dtype)
    single = name == "gelu" and keras_version < (3, 13)  # which takes the square root of 2 in float32
    eps = np.finfo("float32" if single else dtype).eps
    # Keras's own formulas (squareplus, mish) lose eps * |x| in the tails.
    difference = np.abs(ACTIVATIONS[name].value(tf.constant(x)) - keras_values(name, x))
    assert np.all(difference <= 8 * eps * np.maximum(np.abs(keras_values(name, x)), 0.25 * (1 + np.abs(x))))


@pytest.mark.parametrize("max_value", [None, 1.0, 6.0])
@pytest.mark.parametrize("negative_slope", [0.0, 0.25])
@pytest.mark.parametrize("threshold", [0.0, 2.0])
def test_relu_layer_is_that_of_keras(max_value: float | None, negative_slope: float, threshold: float) -> None:
    x = np.concatenate([points(ROWS["relu6"], np.float32), [2.0]]).astype(np.float32)
    expected = keras.layers.ReLU(max_value, negative_slope, threshold)(tf.constant(x))
    found = secants.relu_layer(max_value, negative_slope, threshold).value(tf.constant(x))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_rectifiers_are_the_relu_family() -> None:
    family = {"relu", "leaky_relu", "prelu", "relu6", "relu_layer"}
    marked = {name.split("/")[0] for name, row in ROWS.items() if row.function.rectifier}
    assert marked == family | {"scaled"}  # a scaled ReLU is one still


BY_OUTPUT = {name: function for name, function in secants.ACTIVATIONS.items() if function.by_output}


def test_those_whose_derivative_their_value_determines() -> None:
    assert BY_OUTPUT.keys() >= {"relu", "relu6", "leaky_relu", "sigmoid", "tanh"}
    assert secants.leaky_relu(-0.2).by_output is None  # two inputs share a value


@pytest.mark.parametrize("name", BY_OUTPUT)
def test_the_derivative_from_the_value_is_that_of_tensorflow(name: str) -> None:
    function = BY_OUTPUT[name]
    x = tf.constant(np.concatenate([np.linspace(-8, 8, 401), [0.0, 6.0]]))
    m = tf.constant(np.random.default_rng(0).normal(size=403))
    assert function.by_output is not None
    (expected,) = vjp(function.value, [x], m)
    np.testing.assert_allclose(function.by_output(m, function.value(x)), expected, rtol=1e-12)  # float64's rounding


@pytest.mark.parametrize(("low", "high"), [(0.0, 6.0), (-1.5, 0.25)])
def test_the_slope_of_a_clip_is_exact_to_rounding(low: float, high: float) -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=4000).astype("float32") * 4
    b = np.concatenate([rng.normal(size=2000) * 4, a[2000:] * (1 + rng.normal(size=2000) * 1e-6)]).astype("float32")
    exact_a, exact_b = a.astype("float64"), b.astype("float64")
    apart = np.where(a == b, 1, exact_b - exact_a)
    expected = np.where(
        a == b, (a > low) & (a < high), (np.clip(exact_b, low, high) - np.clip(exact_a, low, high)) / apart
    )
    found = secants.clip(low, high).secant(tf.constant(a), tf.constant(b)).numpy()
    np.testing.assert_allclose(found, expected, rtol=4 * np.finfo("float32").eps)  # two differences and a quotient


def test_a_rectifier_with_a_bound_of_six_has_the_kernel_of_relu6() -> None:
    assert secants.relu_layer(6.0).name == "relu6"
    assert secants.relu_layer(2.0).rectifier and secants.relu_layer(2.0).levels
    x = tf.constant([-1.0, 1.0, 3.0])
    np.testing.assert_array_equal(secants.relu_layer(2.0).value(x), [0.0, 1.0, 2.0])
