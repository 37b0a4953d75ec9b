"""How much is computed together: counted by hand, and without a trace in the scores."""

from __future__ import annotations

import functools
import logging
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import deeplift_tf as dl
from deeplift_tf import methods
from deeplift_tf.errors import DeepLiftWarning
from deeplift_tf.scoring import capacity, pass_size
from deeplift_tf.scoring.pass_size import PassSize
from tests.support.checks import assert_close_to_largest
from tests.support.keras_models import randomise

CLASSES, LENGTH, WIDTH, FILTERS = 37, 20, 4, 6
ROWS = 5
SAME = 1e-6  # float32: the order of some hundred additions differs with the number of rows


@functools.cache
def network(length: int | None = LENGTH, dtype: str = "float32") -> dl.Network:
    x = keras.Input((length, WIDTH))
    y = layers.Conv1D(FILTERS, 3, activation="relu", name="conv")(x)
    y = layers.Dense(CLASSES, activation="sigmoid", name="end")(layers.GlobalAveragePooling1D(name="mean")(y))
    return dl.convert(randomise(keras.Model(x, y), seed=0), dtype=dtype)


def rows(count: int = ROWS, length: int = LENGTH) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, length, WIDTH)).astype("float32")


def sizes(found: dl.Network, pairs: int, targets: int, length: int = LENGTH) -> PassSize:
    score = found.compile()
    question = score.ask(rows(1, length), 0.0)
    passed = score.passed(question.target)
    return pass_size.pass_size(found.graph, question.x.row_shapes, passed, pairs, targets)


# By hand: the convolution and its ReLU make 18 times 6 numbers each, the mean 6, the dense layer and its sigmoid 37.
LARGEST = (LENGTH - 2) * FILTERS
ALL = 2 * LARGEST + FILTERS + 2 * CLASSES


def test_bytes_of_a_row_are_those_of_the_values_on_the_way() -> None:
    score = network().compile()
    passed = score.passed(score.ask(rows(1), 0.0).target)
    found = pass_size.bytes_of_row(network().graph, [(LENGTH, WIDTH)], passed)
    assert found == (4 * ALL, 2 * 4 * LARGEST)


@pytest.mark.parametrize(
    ("pairs", "targets", "expected"),
    [
        (32, 1, (32, 1)),  # no more than always
        (40, 1, (40, 1)),  # 50 pairs are kept
        (70, 1, (50, 1)),
        (10, 3, (10, 3)),
        (40, 2, (30, 2)),  # 60 rows of multipliers
        (32, 919, (3, 16)),
        (4, 919, (3, 16)),
        (1, 919, (1, 16)),
    ],
)
def test_pairs_and_targets_are_bounded_together(
    pairs: int, targets: int, expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pass_size, "KEPT_BYTES", 50 * 4 * ALL)
    monkeypatch.setattr(pass_size, "WALK_BYTES", 60 * 2 * 4 * LARGEST)
    found = sizes(network(), pairs, targets)
    assert found[:2] == expected
    assert (found.note is None) == (pairs <= 50)


def test_where_memory_is_short_fewer_targets_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pass_size, "WALK_BYTES", 1)
    monkeypatch.setattr(pass_size, "memory_bytes", lambda: 4 * 7 * 2 * 4 * LARGEST)
    assert sizes(network(), 1, 919)[:2] == (1, 7)
    monkeypatch.setattr(pass_size, "memory_bytes", lambda: 1)
    assert sizes(network(), 1, 919)[:2] == (1, 1)


def test_a_graphics_card_takes_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pass_size, "KEPT_BYTES", 50 * 4 * ALL)
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: [kind])
    assert sizes(network(), 70, 1)[:2] == (70, 1)
    assert sizes(network(), 7000, 1)[:2] == (400, 1)


def test_lengths_up_to_a_power_of_two_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pass_size, "KEPT_BYTES", 1)
    found = network(None)
    known = capacity._KNOWN.setdefault(found.graph, {})
    assert sizes(found, 100, 1, 20)[:2] == (32, 1)
    before = len(known)
    for length in range(17, 33):
        sizes(found, 100, 1, length)
    assert len(known) == before


def test_a_model_that_does_not_run_at_a_power_of_two() -> None:
    """Of an open length that has to be 15, as the weights of its positions are: that size is looked at."""
    x = keras.Input((None, WIDTH))
    scale = np.random.default_rng(2).normal(size=(1, 15, 1)).astype("float32")
    y = layers.ReLU()(layers.Conv1D(FILTERS, 1)(x) * scale)
    y = layers.Dense(CLASSES)(layers.GlobalAveragePooling1D()(y))
    found = dl.convert(randomise(keras.Model(x, y), seed=0))
    score = found.compile()
    passed = score.passed(score.ask(rows(1, 15), 0.0).target)
    kept, walk = pass_size.bytes_of_row(found.graph, [(15, WIDTH)], passed)
    assert walk == 2 * 4 * 15 * FILTERS
    assert kept == 4 * (4 * 15 * FILTERS + FILTERS + CLASSES)  # convolution, repeated factor, product, ReLU


REFERENCES = {
    "shared": np.full((LENGTH, WIDTH), 0.1, "float32"),
    "one each": rows()[::-1],
    "three each": np.random.default_rng(1).normal(size=(ROWS, 3, LENGTH, WIDTH)).astype("float32"),
}


def both_halves(outputs: tf.Tensor) -> np.ndarray:
    weights = np.zeros(outputs.shape, "float32")
    weights[:, : CLASSES // 2] = 1
    return weights


@pytest.mark.parametrize("references", REFERENCES)
@pytest.mark.parametrize("small", [False, True])
def test_many_targets_are_one_target_after_the_other(
    references: str, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In passes of 16, the predicted class and a function of the outputs among them; with pairs cut to few, too."""
    if small:
        monkeypatch.setattr(pass_size, "WALK_BYTES", 1)
    targets: list[Any] = [*range(CLASSES), "predicted", both_halves]
    targets[20], targets[38] = targets[38], targets[20]  # the function in the second pass, "predicted" in the third
    score, x = network().compile(), rows()
    told: list[tuple[int, int]] = []
    found = score(
        x, REFERENCES[references], targets=targets, progress=lambda *each: told.append(each), pre_activation=True
    )
    each = [score(x, REFERENCES[references], target=target, pre_activation=True) for target in targets]
    for name in ("contributions", "multipliers", "outputs", "reference_outputs"):
        expected = np.stack([getattr(one, name) for one in each])
        assert_close_to_largest(getattr(found, name), expected, SAME, name)
    order = [*range(20), 38, *range(21, 37)]  # where class 0, 1, ... is asked for
    assert found.classes is not None and (np.delete(found.classes, 37, 0) == -1).all()
    assert found.classes[37].tolist() == found.outputs[order].argmax(0).tolist()
    assert found.delta.shape == (len(targets), ROWS)
    assert np.abs(found.delta).max() <= SAME * np.abs(found.contributions).sum((2, 3)).max()
    pairs = ROWS * (3 if references == "three each" else 1)
    assert told[0] == (0, pairs) and told[-1] == (pairs, pairs)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_up_to_16_targets_nothing_changes_in_any_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    score, x = network().compile(), rows()
    found = score(x, 0.0, targets=list(range(16)))
    monkeypatch.setattr("deeplift_tf.scoring.score.pass_size", lambda *given: PassSize(given[3], given[4]))
    for name, array in score(x, 0.0, targets=list(range(16))).arrays().items():
        if array is not None:
            assert array.tobytes() == found.arrays()[name].tobytes()


def test_xla_takes_passes_as_well() -> None:
    score, x = network().compile(jit_compile=True), rows()
    found = score(x, 0.0, targets=list(range(CLASSES)))
    expected = network().compile()(x, 0.0, targets=list(range(CLASSES)))
    assert_close_to_largest(found.contributions, expected.contributions, SAME)


def test_the_warning_names_the_target_of_a_later_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that is 10 % wrong where the target is the last but one, which comes in the third pass."""
    score, x = network().compile(), rows()
    compiled = type(score.compiled).__call__

    def wrong(programs: Any, plan: Any) -> Any:
        function = compiled(programs, plan)

        def run(x: Any, references: Any, weights: Any, *others: Any) -> Any:
            results = function(x, references, weights, *others)
            scale = 1 + 0.1 * np.asarray(weights)[:, :1, 35]
            contributions = [part * scale[..., None, None] for part in results["contributions"]]
            sums = tf.add_n([tf.reduce_sum(part, [2, 3]) for part in contributions])
            delta = sums - (results["outputs"] - results["reference_outputs"])
            return results | {"contributions": contributions, "delta": delta}

        return run

    monkeypatch.setattr(type(score.compiled), "__call__", wrong)
    with pytest.warns(DeepLiftWarning, match=f"in {ROWS} of {ROWS} rows, most in row . of target 35: "):
        score(x, 0.0, targets=list(range(CLASSES)))


def test_a_batch_that_is_too_large_is_cut_and_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pass_size, "KEPT_BYTES", 40 * 4 * ALL)
    score, x = network().compile(), rows(100)
    with caplog.at_level(logging.WARNING, "deeplift_tf"):
        found = score(x, 0.0, batch_size=100_000)
        score(x, 0.0, batch_size=100_000)
        expected = score(x, 0.0, batch_size=40)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1 and "`batch_size`: 40 (example, reference) pairs are computed together" in said[0]
    assert found.contributions.tobytes() == expected.contributions.tobytes()


@pytest.mark.parametrize("method", ["gradient", "integrated_gradients", "occlusion"])
def test_methods_take_targets_in_passes(method: str) -> None:
    run, x = getattr(methods, method), rows(2)
    options: dict[str, Any] = {"steps": 4} if method == "integrated_gradients" else {}
    chosen = [*range(17), 36]
    found = run(network(), x, 0.0, targets=chosen, **options)
    for place in (0, 15, 16, 17):
        expected = run(network(), x, 0.0, target=chosen[place], **options)
        assert_close_to_largest(found.contributions[place], expected.contributions, SAME)
        np.testing.assert_allclose(found.outputs[place], expected.outputs, rtol=1e-5)  # float32


PEAK = """
import keras, numpy as np
import deeplift_tf as dl
from tests.support.limited import forget_peak, peak
x = keras.Input((1000, 4))
y = keras.layers.Conv1D(128, 9, activation="relu")(x)
y = keras.layers.GlobalMaxPooling1D()(y)
score = dl.convert(keras.Model(x, keras.layers.Dense(919)(y))).compile()
rows = np.random.default_rng(0).normal(size=(32, 1000, 4)).astype("float32")
score(rows[:1], 0.0, targets=[0, 1])
forget_peak()
before = peak()
found = score(rows, 0.0, targets=list(range(919)))
print(peak() - before - found.contributions.nbytes - found.multipliers.nbytes)
"""


@pytest.mark.slow
def test_919_targets_take_the_memory_of_16() -> None:
    """All at once, the multipliers of one layer alone would take 919 x 32 x 992 x 128 x 4 bytes, 15 GB."""
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < 1.5e9
