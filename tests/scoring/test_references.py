"""Every form of references, and what each of them is short for."""

from __future__ import annotations

import functools
import logging
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import deeplift_tf as dl
from deeplift_tf.errors import ReferencesError
from deeplift_tf.layers import Routing, Step
from deeplift_tf.scoring.score import Score
from tests.support.checks import assert_close_to_largest, assert_complete
from tests.support.keras_models import randomise

# float64 throughout; two ways to the same number differ by the order of some ten additions
SAME = 1e-12
N, R, SHAPE = 4, 3, (6, 2)
OTHER = (3,)


def _rng() -> np.random.Generator:
    return np.random.default_rng(21)


def _single() -> keras.Model:
    x = keras.Input(SHAPE, name="x")
    y = layers.Flatten(name="flat")(layers.Conv1D(3, 2, activation="relu", name="conv")(x))
    return keras.Model(x, layers.Dense(2, name="output")(layers.Dense(4, activation="tanh", name="hidden")(y)))


def _double() -> keras.Model:
    x, z = keras.Input(SHAPE, name="x"), keras.Input(OTHER, name="z")
    y = layers.Flatten(name="flat")(layers.Conv1D(3, 2, activation="relu", name="conv")(x))
    y = layers.Concatenate(name="join")([y, layers.Dense(4, activation="sigmoid", name="facts")(z)])
    return keras.Model([x, z], layers.Dense(2, name="output")(layers.Dense(4, activation="relu", name="hidden")(y)))


@pytest.fixture(scope="module")
def score() -> Score:
    return dl.convert(randomise(_single(), seed=3), rule="reveal_cancel", dtype="float64").compile()


@pytest.fixture(scope="module")
def double() -> Score:
    return dl.convert(randomise(_double(), seed=3), dtype="float64").compile()


X = _rng().normal(0, 2, (N, *SHAPE))
Z = _rng().normal(0, 2, (N, *OTHER))
ONE = np.random.default_rng(22).normal(0, 1, SHAPE)
EACH = np.random.default_rng(23).normal(0, 1, (N, *SHAPE))
BACKGROUND = np.random.default_rng(24).normal(0, 1, (R, *SHAPE))
SEVERAL = np.random.default_rng(25).normal(0, 1, (N, R, *SHAPE))


def assert_same(found: Any, expected: Any, parts: tuple[str, ...] = ("contributions", "multipliers")) -> None:
    for name in (*parts, "outputs", "reference_outputs"):
        assert_close_to_largest(getattr(found, name), getattr(expected, name), SAME, name)


SAME_AS_EACH: dict[str, tuple[Any, np.ndarray]] = {
    "one_for_all": (ONE, np.stack([ONE] * N)),
    "batch_of_one": (ONE[None], np.stack([ONE] * N)),
    "background_of_one": (ONE[None, None], np.stack([ONE] * N)),
    "one_of_each": (EACH[:, None], EACH),
    "scalar": (0.25, np.full((N, *SHAPE), 0.25)),
    "integer": (1, np.ones((N, *SHAPE))),
    "zero": (0, np.zeros((N, *SHAPE))),
    "numpy_scalar": (np.float32(0.5), np.full((N, *SHAPE), 0.5)),
    "nested_lists": (ONE.tolist(), np.stack([ONE] * N)),
    "callable_of_each": (lambda x: x[:, ::-1], X[:, ::-1]),
    "callable_of_one": (lambda x: ONE, np.stack([ONE] * N)),
    "callable_of_a_number": (lambda x: 0.5, np.full((N, *SHAPE), 0.5)),
    "dict": ({"x": ONE}, np.stack([ONE] * N)),
    "list": ([EACH], EACH),
    "dict_of_a_number": ({"x": 0.25}, np.full((N, *SHAPE), 0.25)),
}


@pytest.mark.parametrize("form", SAME_AS_EACH)
def test_forms_that_mean_one_reference_for_each_row(score: Score, form: str) -> None:
    given, each = SAME_AS_EACH[form]
    found, expected = score(X, given), score(X, each)
    assert_complete(found, 1e-12)
    assert_same(found, expected)


def test_none_is_zeros_and_says_so(score: Score, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="deeplift_tf"):
        found = score(X)
    assert [record.getMessage() for record in caplog.records] == ["no references given: zeros are used"]
    assert_same(found, score(X, np.zeros(SHAPE)))
    caplog.clear()
    score(X, 0.0)
    assert not caplog.records


def test_one_row_of_each_is_not_a_shared_reference_by_accident(score: Score) -> None:
    found = score(X, EACH)
    for i in range(N):
        single = score(X[i : i + 1], EACH[i])
        assert_close_to_largest(found.contributions[i], single.contributions[0], SAME)


@pytest.mark.parametrize("how", ["given", "called"])
def test_several_references_of_each_row_are_averaged(score: Score, how: str) -> None:
    given = SEVERAL if how == "given" else lambda x: SEVERAL[[np.abs(X - row).sum((1, 2)).argmin() for row in x]]
    found = score(X, given)
    singles = [score(X, SEVERAL[:, r]) for r in range(R)]
    assert_complete(found, 1e-12)
    for name in ("contributions", "multipliers", "reference_outputs"):
        mean = np.mean([getattr(single, name) for single in singles], 0)
        assert_close_to_largest(getattr(found, name), mean, SAME, name)
    np.testing.assert_allclose(found.outputs, singles[0].outputs, rtol=SAME)


@pytest.mark.parametrize("how", ["given", "called"])
def test_a_background_is_the_same_for_every_row(score: Score, how: str) -> None:
    background = BACKGROUND[None]
    found = score(X, background if how == "given" else lambda x: background)
    assert_same(found, score(X, np.tile(background, (N, 1, 1, 1))))


def test_rank_decides_where_sizes_do_not() -> None:
    """As many rows as references as positions: still rank(x) is one reference for each row."""
    x = keras.Input((3,), name="x")
    model = keras.Model(x, layers.Dense(1, name="y")(layers.Dense(4, activation="relu", name="h")(x)))
    score = dl.convert(randomise(model, 3), dtype="float64").compile()
    rows, references = np.random.default_rng(2).normal(0, 2, (2, 3, 3))
    found = score(rows, references)
    for i in range(3):
        assert_close_to_largest(found.contributions[i], score(rows[i : i + 1], references[i]).contributions[0], SAME)
    assert_same(score(rows[:1], references[None]), score(rows[:1], references[None, :]))


class Faulty(Routing):
    """y = x, which passes on too little: contributions miss the difference, and not by roundings alone."""

    def linear(self, *inputs: tf.Tensor) -> tf.Tensor:
        return inputs[0] * 1.0

    def transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        return [0.9 * multipliers]


@pytest.mark.parametrize("batch_size", [2, 32])
def test_of_several_references_the_worst_delta_is_reported(batch_size: int) -> None:
    x = keras.Input(SHAPE, name="x")
    y = layers.Flatten(name="flat")(layers.Dropout(0.5, name="faulty")(layers.Dense(3, name="dense")(x)))
    model = randomise(keras.Model(x, layers.Dense(1, name="output")(y)), seed=3)
    network = dl.convert(model, dtype="float64", converters={"Dropout": lambda layer, context: context.add(Faulty())})
    score = network.compile()
    found = score(X, SEVERAL, batch_size=batch_size).delta
    each = np.array([score(X, SEVERAL[:, r]).delta for r in range(R)], "float64")
    assert_close_to_largest(found, each[np.abs(each).argmax(0), np.arange(N)], SAME)
    assert np.abs(each).max(0).min() > 1e-3 and len(set(np.sign(each).ravel())) == 2  # of both signs


class Undefined(Faulty):
    """y = x, whose multipliers are NaN for references that begin with a negative number."""

    def transpose(self, step: Step, multipliers: tf.Tensor) -> list[tf.Tensor]:
        reference, arriving = step.inputs[0].reference, step.rows.target(multipliers)
        nan = tf.constant(float("nan"), multipliers.dtype)
        return [step.rows.merge_targets(tf.where(reference[..., :1, :1] < 0, nan, arriving))]


@pytest.fixture(scope="module")
def undefined() -> Score:
    x = keras.Input(SHAPE, name="x")
    y = layers.Flatten(name="flat")(layers.Dropout(0.5, name="undefined")(x))
    model = randomise(keras.Model(x, layers.Dense(2, name="output")(y)), seed=3)
    return dl.convert(
        model, dtype="float64", converters={"Dropout": lambda layer, context: context.add(Undefined())}
    ).compile()


@pytest.mark.parametrize("batch_size", [1, 2, 32])
@pytest.mark.parametrize("place", range(R))
@pytest.mark.parametrize("targets", [None, [0, 1]])
def test_a_delta_that_is_no_number_stays_whatever_the_order(
    undefined: Score, place: int, batch_size: int, targets: Any
) -> None:
    references = np.abs(SEVERAL)
    references[1, place, 0, 0] *= -1
    found = undefined(X, references, batch_size=batch_size, targets=targets).delta
    assert found is not None
    np.testing.assert_array_equal(np.isnan(found), np.broadcast_to(np.arange(N) == 1, np.shape(found)))


# ------------------------------------------------------------------------------------------- batches and callables


@pytest.mark.parametrize("batch_size", [1, 2, 5, 7, 100])
def test_cutting_references_of_one_example_into_chunks_changes_nothing(score: Score, batch_size: int) -> None:
    whole = score(X, SEVERAL, batch_size=N * R)
    found = score(X, SEVERAL, batch_size=batch_size, hypothetical=False)
    assert_same(found, whole)
    assert_complete(found, 1e-12)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_cutting_a_background_into_chunks_changes_nothing(score: Score, batch_size: int) -> None:
    assert_same(score(X, BACKGROUND[None], batch_size=batch_size), score(X, BACKGROUND[None], batch_size=100))


def test_a_callable_sees_a_batch_at_a_time_and_every_row(score: Score) -> None:
    seen: list[np.ndarray] = []

    def references(x: np.ndarray) -> np.ndarray:
        seen.append(x)
        return x / 2

    found = score(X, references, batch_size=3)
    assert all(len(rows) <= 3 for rows in seen)
    np.testing.assert_array_equal(np.concatenate(seen[-2:]), X)
    assert_same(found, score(X, X / 2))


def test_makers_are_called_for_more_rows_than_a_batch(score: Score, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def half(x: np.ndarray) -> np.ndarray:
        seen.append(len(x))
        return np.stack([x / 2, x / 4], 1)

    expected, maker = score(X, np.stack([X / 2, X / 4], 1)), dl.references.ReferenceSampler(functools.partial(half))
    assert_same(score(X, maker, batch_size=2), expected)
    assert seen == [1, N - 1]  # the first tells how many there are
    monkeypatch.setattr("deeplift_tf.scoring.references.HELD", 2 * 2 * X[0].nbytes)  # two rows
    seen.clear()
    assert_same(score(X, maker, batch_size=6), expected)
    assert seen == [1, 3, 1]  # no less than a batch
    seen.clear()
    assert_same(score(X, maker, batch_size=2), expected)
    assert seen == [1, 2, 1]


# -------------------------------------------------------------------------------------------------- several inputs


def test_several_inputs_take_references_in_the_structure_of_x_or_another(double: Score) -> None:
    expected = double({"x": X, "z": Z}, {"x": EACH, "z": np.full(OTHER, 0.5)})
    assert_complete(expected, 1e-12)
    for given in ([EACH, 0.5], {"z": 0.5, "x": EACH[:, None]}, (EACH, np.full((1, *OTHER), 0.5))):
        found = double([X, Z], given)
        assert_close_to_largest(found.contributions, list(expected.contributions.values()), SAME)
    called = double({"x": X, "z": Z}, lambda x: {"x": x["x"] / 2, "z": np.full(OTHER, 0.5)}, batch_size=3)
    assert_same(called, double({"x": X, "z": Z}, [X / 2, 0.5]))


def test_a_shared_reference_in_one_input_meets_several_in_another(double: Score) -> None:
    found = double([X, Z], [SEVERAL, 0.5])
    expected = double([X, Z], [SEVERAL, np.full((N, R, *OTHER), 0.5)])
    assert_same(found, expected)


def test_a_scalar_fills_every_input(double: Score) -> None:
    assert_same(double([X, Z], 0.25), double([X, Z], [0.25, 0.25]))
    assert_same(double([X, Z], None), double([X, Z], [0.0, None]))


def test_a_callable_gets_the_structure_of_x(double: Score) -> None:
    kinds = []

    def references(x: Any) -> Any:
        kinds.append(type(x))
        return [part / 2 for part in (x.values() if isinstance(x, dict) else x)]

    assert_same(double([X, Z], references), double([X, Z], [X / 2, Z / 2]))
    double({"x": X, "z": Z}, references)
    assert set(kinds) == {list, dict}


# ----------------------------------------------------------------------------------------------------------- errors

MISTAKES: dict[str, tuple[Any, str]] = {
    "another_shape": (np.zeros((5, 2)), r"input 'x': expected shape \(6, 2\) \(one for all\).*received \(5, 2\)"),
    "too_few_rows": (np.zeros((2, *SHAPE)), r"expected 1 or 4 rows, as x has; received \(2, 6, 2\)"),
    "too_few_rows_of_several": (np.zeros((3, R, *SHAPE)), "expected 1 or 4 rows"),
    "none_of_each": (np.zeros((N, 0, *SHAPE)), r"received \(4, 0, 6, 2\)"),
    "rank_too_low": (np.zeros(6), r"received \(6,\)"),
    "rank_too_high": (np.zeros((1, N, R, *SHAPE)), r"received \(1, 4, 3, 6, 2\)"),
    "nan": (np.full(SHAPE, np.nan), "input 'x': expected finite numbers; row 0 holds NaN"),
    "infinite_scalar": (np.inf, "expected finite numbers"),
    "text": ("zeros", "expected numbers"),
    "letters": (np.full(SHAPE, "A"), "expected numbers"),
    "ragged": ([[1.0, 2.0], [3.0]], "input 'x'"),
    "unknown_name": ({"y": ONE}, r"expected a dict with the keys \['x'\]; received \['y'\]"),
    "callable_of_too_many": (lambda x: np.zeros((len(x) + 1, *SHAPE)), "received"),
    "callable_of_nothing": (lambda x: None, "returned None"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_references_that_do_not_fit(score: Score, mistake: str) -> None:
    references, message = MISTAKES[mistake]
    with pytest.raises(ReferencesError, match=message):
        score(X, references)


def test_references_of_several_inputs_that_do_not_fit(double: Score) -> None:
    with pytest.raises(ReferencesError, match="the model has 2 inputs"):
        double([X, Z], ONE)
    with pytest.raises(ReferencesError, match=r"expected 2 parts, for \['x', 'z'\]; received 1"):
        double([X, Z], [ONE])
    with pytest.raises(ReferencesError, match=r"expected a dict with the keys \['x', 'z'\]; received \['x'\]"):
        double([X, Z], {"x": ONE})
    with pytest.raises(ReferencesError, match=r"the same number for every input; received \{'x': 3, 'z': 2\}"):
        double([X, Z], [SEVERAL, np.zeros((N, 2, *OTHER))])


def test_a_callable_whose_number_of_references_changes(score: Score) -> None:
    def references(x: np.ndarray) -> np.ndarray:
        return np.zeros((len(x), 2 if np.array_equal(x[0], X[0]) else 3, *SHAPE))

    with pytest.raises(ReferencesError, match=r"expected 2 references.*received 3 from row 1 on"):
        score(X, references, batch_size=2)


def test_each_input_has_references_of_its_own_form(double: Score) -> None:
    rows = np.random.default_rng(26).normal(size=(R, 1, *SHAPE))
    found = double({"x": X, "z": Z}, {"x": lambda x: np.stack([x * row[0, 0, 0] for row in rows], 1), "z": Z})
    wanted = double({"x": X, "z": Z}, {"x": np.stack([X * row[0, 0, 0] for row in rows], 1), "z": Z})
    assert_close_to_largest(found.contributions["x"], wanted.contributions["x"], SAME)
    assert np.abs(found.contributions["z"]).max() == 0  # it is its own reference
    mixed = double({"x": X, "z": Z}, {"x": lambda x: -x, "z": 0.5}, batch_size=1)
    assert_close_to_largest(mixed.outputs, wanted.outputs, SAME)
    assert_close_to_largest(
        mixed.contributions["z"], double([X, Z], [-X, np.full((1, *OTHER), 0.5)]).contributions[1], SAME
    )
    with pytest.raises(ReferencesError, match="the same number for every input"):
        double({"x": X, "z": Z}, {"x": lambda x: np.stack([x] * R, 1), "z": np.zeros((1, R - 1, *OTHER))})
