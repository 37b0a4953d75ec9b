"""Units that tie for a maximum: the one that holds y gets the credit, wherever a window starts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import deeplift_tf as dl
from deeplift_tf.layers.kinds import Maximum
from deeplift_tf.layers.pooling import AdaptiveMax, Max, MaxPooling
from deeplift_tf.layers.ties import GroupMoves, in_order, sent_back, shared
from deeplift_tf.scoring import programs

RULES = ("rescale", "reveal_cancel")
Windows = list[tuple[int, ...]]


def credited(x: np.ndarray, x0: np.ndarray, windows: Windows, m: np.ndarray, least: bool = False) -> np.ndarray:
    """Contributions by the definition: Δy of each window, times m, to one unit of it."""
    found, (x, x0, sign) = np.zeros(x.size), (-x, -x0, -1.0) if least else (x, x0, 1.0)
    for window, weight in zip(windows, m, strict=True):
        delta = max(x[i] for i in window) - max(x0[i] for i in window)
        first, second = (x0, x) if delta < 0 else (x, x0)
        found[max(window, key=lambda i: (first[i], second[i]))] += sign * weight * delta
    return found


def sliding(shape: tuple[int, ...], size: int, stride: int) -> Windows:
    """Windows over all axes but the last, each of one channel."""
    places = np.arange(np.prod(shape)).reshape(shape)
    starts = [range(0, n - size + 1, stride) for n in shape[:-1]]
    return [
        tuple(places[tuple(slice(s, s + size) for s in start)][..., channel].ravel())
        for start in itertools.product(*starts)
        for channel in range(shape[-1])
    ]


def scores(y: Any, x: Any, values: np.ndarray, x0: np.ndarray, m: np.ndarray, rule: str, dtype: str) -> np.ndarray:
    """Contributions of all that a layer makes, weighed by m."""
    output = layers.Dense(1, use_bias=False)
    model = keras.Model(x, output(layers.Flatten()(y)))
    output.set_weights([m[:, None]])
    network = dl.convert(model, rule=rule, dtype=dtype)
    found = network.compile()(values[None], references=x0)
    assert found.delta is not None and abs(found.delta).max() < 1e-5
    return found.contributions


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_the_unit_that_holds_y_gets_the_credit_in_every_order(rule: str, dtype: str) -> None:
    x = keras.Input((3, 1))
    network = dl.convert(keras.Model(x, layers.Flatten()(layers.MaxPooling1D(3)(x))), rule=rule, dtype=dtype)
    score = network.compile()
    for values in itertools.permutations([0.2, 0.8, 0.5]):
        found = score(np.reshape(values, (1, 3, 1)), references=np.ones((3, 1))).contributions.ravel()
        np.testing.assert_allclose(found, [-0.2 if v == 0.8 else 0.0 for v in values], rtol=1e-6)


POOLS: dict[str, tuple[tuple[int, ...], Callable[[Any], Any], Windows, bool]] = {
    "1d": ((7, 2), lambda x: layers.MaxPooling1D(3, 1)(x), sliding((7, 2), 3, 1), False),
    "2d": ((5, 4, 2), lambda x: layers.MaxPooling2D(2, 1)(x), sliding((5, 4, 2), 2, 1), False),
    "3d": ((3, 4, 3, 1), lambda x: layers.MaxPooling3D(2, 1)(x), sliding((3, 4, 3, 1), 2, 1), False),
    "apart": ((6, 2), lambda x: layers.MaxPooling1D(2)(x), sliding((6, 2), 2, 2), False),
    "global": ((6, 2), lambda x: layers.GlobalMaxPooling1D()(x), sliding((6, 2), 6, 6), False),
    "adaptive": ((6, 2), lambda x: layers.AdaptiveMaxPooling1D(3)(x), sliding((6, 2), 2, 2), False),
    "max": ((6, 2), lambda x: ops.max(x, 1), sliding((6, 2), 6, 6), False),
    "min": ((6, 2), lambda x: ops.min(x, 1), sliding((6, 2), 6, 6), True),
    "maximum": ((2, 3), lambda x: layers.Maximum()([x[:, 0], x[:, 1]]), [(0, 3), (1, 4), (2, 5)], False),
    "minimum": ((2, 3), lambda x: layers.Minimum()([x[:, 0], x[:, 1]]), [(0, 3), (1, 4), (2, 5)], True),
    "reduce_max": ((6, 2), lambda x: layers.Lambda(lambda v: tf.reduce_max(v, 1))(x), sliding((6, 2), 6, 6), False),
    "reduce_min": ((6, 2), lambda x: layers.Lambda(lambda v: tf.reduce_min(v, 1))(x), sliding((6, 2), 6, 6), True),
}
ADAPTIVE = hasattr(layers, "AdaptiveMaxPooling1D")


@pytest.mark.parametrize(
    "name", [name if name == "1d" else pytest.param(name, marks=pytest.mark.slow) for name in POOLS]
)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.slow_for("reveal_cancel-1d")
def test_every_maximum_settles_ties(name: str, rule: str) -> None:
    if name == "adaptive" and not ADAPTIVE:
        pytest.skip("this Keras has no adaptive pooling")
    shape, make, windows, least = POOLS[name]
    rng = np.random.default_rng(7)
    m = rng.uniform(0.5, 2, len(windows))
    tied = rng.integers(0, 3, shape) / 2  # many ties at x, at x0, and at both
    for x0 in (np.full(shape, 0.6), np.zeros(shape), rng.integers(0, 3, shape) / 2):
        for values in (rng.normal(0.5, 1, shape), tied + rng.integers(0, 2, shape)):
            x = keras.Input(shape)
            dtype = "float64" if x0.flat[0] == 0.6 else "float32"
            found = scores(make(x), x, values, x0, m, rule, dtype).ravel()
            expected = credited(values.ravel(), x0.ravel(), windows, m, least)
            # units that agree in x and in x0 are the same to the definition: only their sum is told
            pairs = np.stack([values.ravel(), x0.ravel()], -1)
            for pair in np.unique(pairs, axis=0):
                same = (pairs == pair).all(-1)
                np.testing.assert_allclose(found[same].sum(), expected[same].sum(), rtol=0, atol=1e-5)


def between(kind: str, y: Any) -> Any:
    """What stands between an activation and its pooling."""
    if kind == "scaled":
        return layers.BatchNormalization(name="norm")(y)
    if kind == "padded":
        return layers.ZeroPadding1D(1)(y)
    if kind == "beside":
        return layers.Concatenate()([y, layers.ReLU()(layers.Conv1D(2, 1, name="more")(y))])
    return layers.Dropout(0.5)(y) if kind == "dropout" else y


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("activation", "kind"),
    [
        ("relu", "scaled"),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in [
                *(("relu", kind) for kind in ("plain", "padded", "beside", "dropout")),
                *(("relu6", kind) for kind in ("plain", "scaled")),
                ("tanh", "plain"),
            ]
        ),
    ],
)
@pytest.mark.slow_for("relu-scaled-reveal_cancel")
def test_scores_are_the_same_without_rewriting(
    kind: str, rule: str, activation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    x = keras.Input((12, 4))
    y = between(kind, layers.Activation(activation)(layers.Conv1D(5, 3)(x)))
    y = layers.GlobalMaxPooling1D()(layers.MaxPooling1D(3, 2)(y))
    model = keras.Model(x, layers.Dense(1)(y))
    for v in model.variables:
        v.assign(rng.uniform(0.5, 2, v.shape) if "variance" in v.path else rng.normal(0, 2, v.shape))
    values = np.eye(4)[rng.integers(0, 4, (4, 12))]
    references = (np.zeros((12, 4)), np.full((12, 4), 0.25), rng.normal(size=(4, 12, 4)))
    network = dl.convert(model, rule=rule, dtype="float64")
    found = [network.compile()(values, references=each).contributions for each in references]
    monkeypatch.setattr(programs, "optimize", lambda graph, keep: graph)
    network = dl.convert(model, rule=rule, dtype="float64")
    for each, first in zip(references, found, strict=True):
        other = network.compile()(values, references=each)
        np.testing.assert_allclose(first, other.contributions, rtol=0, atol=1e-12)
        assert other.delta is not None and abs(other.delta).max() < 1e-12


@pytest.mark.parametrize("rule", RULES)
def test_zeros_behind_relu_are_told_apart_by_what_they_were(rule: str) -> None:
    """y falls from 2 to 0; of three zeros the one that was -0.1 moved least, and Δy / Δx is the largest there."""
    x = keras.Input((3, 1))
    y = layers.Flatten()(layers.MaxPooling1D(3, name="pool")(layers.ReLU()(x)))
    network = dl.convert(keras.Model(x, y), rule=rule, dtype="float64")
    for values in itertools.permutations([-1.0, -0.1, -3.0]):
        found = network.compile()(np.reshape(values, (1, 3, 1)), references=np.full((3, 1), 2.0)).contributions.ravel()
        np.testing.assert_allclose(found, [-2.0 if v == -0.1 else 0.0 for v in values], rtol=1e-12)


def test_packed_keys_are_in_the_order_of_pairs() -> None:
    info = np.finfo("float32")
    ends = [
        0.0,
        info.tiny,
        -info.tiny,
        1.0,
        np.nextafter(np.float32(1), np.float32(2)),
        -1.0,
        info.max,
        -info.max,
        3e-9,
    ]
    pairs = np.array(list(itertools.product(ends, ends)), "float32")
    (order,) = in_order([[tf.constant(pairs[None, :, 0]), tf.constant(pairs[None, :, 1])]], 1, True)
    expected = np.lexsort((pairs[:, 1], pairs[:, 0]))
    np.testing.assert_array_equal(np.argsort(order.numpy()[0], kind="stable"), expected)
    (ranked,) = in_order(
        [[tf.constant(pairs[None, :, 0], tf.float64), tf.constant(pairs[None, :, 1], tf.float64)]], 1, True
    )
    np.testing.assert_array_equal(np.argsort(ranked.numpy()[0], kind="stable"), expected)


def normalised(y: Any) -> Any:
    """A convolution whose units are all the same for a constant input, but for their rounding."""
    return layers.ReLU()(layers.BatchNormalization()(layers.Conv1D(5, 3)(y)))


EQUAL_BUT_FOR_ROUNDING: dict[str, Callable[[Any], Any]] = {
    "global": lambda x: layers.GlobalMaxPooling1D()(normalised(x)),
    "windows": lambda x: layers.Flatten()(layers.MaxPooling1D(3, padding="same")(normalised(x))),
    "overlapping": lambda x: layers.Flatten()(layers.MaxPooling1D(4, 1)(normalised(x))),
    "axes": lambda x: ops.max(normalised(x), axis=(1, 2))[:, None],
    "steps": lambda x: layers.Flatten()(
        layers.TimeDistributed(layers.GlobalMaxPooling1D())(
            layers.TimeDistributed(layers.Conv1D(5, 3, activation="relu"))(layers.Reshape((2, 12, 4))(x))
        )
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        each if each in ("global", "steps") else pytest.param(each, marks=pytest.mark.slow)
        for each in EQUAL_BUT_FOR_ROUNDING
    ],
)
def test_units_that_differ_by_rounding_count_as_equal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rewriting and the size of a batch change the last bits of values, and must not change who gets the credit."""
    rng = np.random.default_rng(3)
    x = keras.Input((24, 4))
    model = keras.Model(x, layers.Dense(1)(EQUAL_BUT_FOR_ROUNDING[name](x)))
    for v in model.variables:
        v.assign(rng.uniform(0.5, 2, v.shape) if "variance" in v.path else rng.normal(0, 1, v.shape))
    values = np.eye(4)[rng.integers(0, 4, (7, 24))]
    references = np.full((24, 4), 0.25)
    network = dl.convert(model, dtype="float64")
    found = network.compile()(values, references=references)
    assert found.delta is not None and abs(found.delta).max() < 1e-12
    alone = network.compile()(values[2:3], references=references).contributions
    np.testing.assert_allclose(alone[0], found.contributions[2], rtol=0, atol=1e-12)
    monkeypatch.setattr(programs, "optimize", lambda graph, keep: graph)
    plain = dl.convert(model, dtype="float64").compile()(values, references=references)
    np.testing.assert_allclose(plain.contributions, found.contributions, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["windows", "shared"])
def test_of_units_within_rounding_the_one_that_holds_y_gets_the_credit(dtype: str, kind: str) -> None:
    """The first unit is the largest of x⁰ by a few roundings; the second is by far the largest of x."""
    eps = np.finfo(dtype).eps
    x0 = np.array([1 + 4 * eps, 1, 1 - eps], dtype).reshape(1, 3, 1)
    x = np.array([0.2, 0.8, 0.8 - eps], dtype).reshape(1, 3, 1)
    keys = [tf.constant(np.maximum(x, x0)), tf.constant(np.minimum(x, x0))]
    for delta, expected in ((-0.2, (0, 1, 0) if kind == "windows" else (0, 0.5, 0.5)), (-2 * eps, (1, 0, 0))):
        moved, one = GroupMoves(tf.constant([[[delta]]], dtype)), tf.ones((1, 1, 1), dtype)
        if kind == "windows":
            windows = MaxPooling((3,), (3,), "valid").separate_windows()
            assert windows is not None
            got = sent_back(windows, keys, moved, one, tf.identity)
        else:
            (got,) = shared(Max((1,)).groups(), [keys], moved, one, None)
        np.testing.assert_array_equal(got.numpy().ravel(), expected)


def maxima() -> Iterator[Any]:
    """Return maxima over windows in one to three dimensions, of channels first and last."""
    for rank, first in itertools.product((1, 2, 3), (False, True)):
        end = f"{rank}D-{'first' if first else 'last'}"
        pooling = MaxPooling((2,) * rank, (1,) * rank, "same", channels_first=first)
        adaptive = AdaptiveMax((tf.constant([[0, 1], [1, 1], [1, 2]]),) * rank, channels_first=first)
        whole = Max(tuple(range(1 + first, 1 + first + rank)))
        for name, layer in (("pooling", pooling), ("adaptive", adaptive), ("global", whole)):
            yield pytest.param(layer, rank, id=f"{name}-{end}")


@pytest.mark.parametrize(("layer", "rank"), list(maxima()))
def test_the_units_of_a_group_stand_along_its_axes(layer: Maximum, rank: int) -> None:
    x = tf.constant(np.random.default_rng(0).normal(size=(2, *(3,) * (rank + 1))))
    groups = layer.groups()
    assert groups is not None
    largest = tf.reduce_max(groups.gather(x), groups.axes)
    np.testing.assert_array_equal(largest.numpy().ravel(), layer.forward(x).numpy().ravel())
