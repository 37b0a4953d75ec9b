"""Inputs of integers and texts: the floats made of them are scored, and they take the references that are given."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import deeplift_tf as dl
from deeplift_tf.errors import DeepLiftWarning, InputError, ReferencesError
from tests.support.checks import assert_close_to_largest, assert_complete
from tests.support.command_line import run
from tests.support.installed import exported
from tests.support.keras_models import randomise

ROWS = 5


def _convert(model: Any, dtype: str = "float32") -> Any:
    return dl.convert(model, dtype=dtype)


def _mixed() -> keras.Model:
    """Tokens, a category and facts, in that order."""
    tokens, kind = keras.Input((4,), dtype="int32", name="tokens"), keras.Input((), dtype="int32", name="kind")
    facts = keras.Input((3,), name="facts")
    words = layers.Flatten()(layers.Embedding(9, 3, name="words")(tokens))
    kinds = layers.Embedding(5, 2, name="kinds")(kind)
    y = layers.Concatenate()([words, kinds, layers.Dense(3, activation="tanh", name="first")(facts)])
    y = layers.Dense(2, name="last")(layers.Dense(6, activation="relu", name="middle")(y))
    return randomise(keras.Model([tokens, kind, facts], y), seed=4)


def _rows(rng: np.random.Generator, *lead: int) -> dict[str, np.ndarray]:
    return {
        "tokens": rng.integers(0, 9, (*lead, 4)),
        "kind": rng.integers(0, 5, lead),
        "facts": rng.normal(size=(*lead, 3)),
    }


def _forward(model: keras.Model, rows: dict[str, np.ndarray]) -> np.ndarray:
    """The network by hand, in float64."""
    w = {layer.name: [np.asarray(v, np.float64) for v in layer.get_weights()] for layer in model.layers}
    words = w["words"][0][rows["tokens"]].reshape(len(rows["tokens"]), -1)
    first = np.tanh(rows["facts"] @ w["first"][0] + w["first"][1])
    y = np.concatenate([words, w["kinds"][0][rows["kind"]], first], 1) @ w["middle"][0] + w["middle"][1]
    return np.maximum(y, 0) @ w["last"][0] + w["last"][1]


@pytest.mark.parametrize("road", ["live", "keras", "h5", "export"])
@pytest.mark.slow_for("export")
def test_integers_beside_floats_take_their_references(road: str, tmp_path: Path) -> None:
    model, rng = _mixed(), np.random.default_rng(1)
    saved: Any = model
    if road == "export":
        exported(model, tmp_path / "model")
        saved = tmp_path / "model"
    elif road != "live":
        model.save(tmp_path / f"model.{road}")
        saved = tmp_path / f"model.{road}"
    score = _convert(saved, dtype="float64").compile()
    x, one, background = _rows(rng, ROWS), _rows(rng, 1), _rows(rng, 1, 6)
    expected: dict[str, Any] = {
        "one": _forward(model, one)[:, 1],
        "of_each_row": _forward(model, (of_rows := _rows(rng, ROWS)))[:, 1],
        "background": _forward(model, {name: array[0] for name, array in background.items()})[:, 1].mean(),
    }
    for name, references in {"one": one, "of_each_row": of_rows, "background": background}.items():
        for batch_size in (32, 2):
            found = score(x, references, target=1, batch_size=batch_size)
            assert {key: part.shape for key, part in found.contributions.items()} == {
                "tokens": (ROWS, 4, 3),
                "kind": (ROWS, 2),
                "facts": (ROWS, 3),
            }
            assert_complete(found, 1e-10)
            np.testing.assert_allclose(found.outputs, _forward(model, x)[:, 1], rtol=1e-9)
            np.testing.assert_allclose(found.reference_outputs, np.broadcast_to(expected[name], ROWS), rtol=1e-9)
    tokens = found.per_token()["tokens"]
    np.testing.assert_allclose(tokens, found.contributions["tokens"].sum(-1))
    assert np.ptp(found.reference_outputs) < 1e-12  # of a background: SHAP's expected value, one number


def test_the_default_is_what_the_layers_by_name_give() -> None:
    network, rng = _convert(_mixed(), dtype="float64"), np.random.default_rng(2)
    x, references = _rows(rng, ROWS), _rows(rng, ROWS)
    found = network.compile()(list(x.values()), list(references.values()), targets=[0, 1])
    expected = network.compile(["words", "kinds", "facts"])(x, references, targets=[0, 1])
    assert isinstance(found.contributions, list)
    for part, other in zip(found.contributions, expected.contributions.values(), strict=True):
        np.testing.assert_array_equal(part, other)
    assert found.delta is not None and expected.delta is not None
    with pytest.warns(DeepLiftWarning, match=r"input 'kind' \(int32\): no scored value"):
        partly = network.compile(["words"])(x, references)
    assert partly.delta is None  # facts and kind are not scored
    own = network.predict({**references, "kind": x["kind"]})[:, 0]
    np.testing.assert_allclose(partly.reference_outputs, own, rtol=1e-9)


@pytest.fixture
def remarks(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "deeplift_tf")
    return caplog


def test_zeros_for_integers_are_said_once(remarks: pytest.LogCaptureFixture) -> None:
    model = _mixed()
    score, x = _convert(model, dtype="float64").compile(), _rows(np.random.default_rng(3), ROWS)
    assert "input 'tokens' (int32) has no difference of its own: scored are the outputs of words" in remarks.text
    zeros = _forward(model, {name: np.zeros_like(part) for name, part in x.items()})[:, 0]
    for references in (None, 0.0, dl.references.zeros(), None, {"tokens": None, "kind": 0, "facts": 0.0}):
        np.testing.assert_allclose(score(x, references).reference_outputs, zeros, rtol=1e-9)
    said = [record.getMessage() for record in remarks.records if "zeros" in record.getMessage()]
    used = "for input 'tokens' (int32) 0; for input 'kind' (int32) 0"
    assert said == [f"no references given: zeros are used; {used}"]
    assert f"references: one number stands for all; {used}" in remarks.text


def test_two_tables_of_one_input_stand_side_by_side() -> None:
    x = keras.Input((4,), dtype="int32", name="tokens")
    tables = [layers.Embedding(9, width, name=name)(x) for width, name in ((3, "wide"), (2, "narrow"))]
    y = layers.Dense(1)(layers.Activation("tanh")(layers.Flatten()(layers.Concatenate()(tables))))
    network, rng = _convert(randomise(keras.Model(x, y), 1), dtype="float64"), np.random.default_rng(0)
    rows, references = rng.integers(0, 9, (2, ROWS, 4))
    found = network.compile()(rows, references)
    each = network.compile(["wide", "narrow"])(rows, references).contributions
    np.testing.assert_array_equal(found.contributions, np.concatenate([each["wide"], each["narrow"]], -1))
    assert_complete(found, 1e-10)


def test_texts_beside_floats() -> None:
    texts, facts = keras.Input((1,), dtype="string", name="texts"), keras.Input((3,), name="facts")
    numbers = layers.StringLookup(vocabulary=["a", "b", "c"])(texts)
    y = layers.Concatenate()([layers.Flatten()(layers.Embedding(4, 3, name="table")(numbers)), facts])
    model = randomise(keras.Model([texts, facts], layers.Dense(1, activation="tanh")(y)), 2)
    score = _convert(model, dtype="float64").compile()
    x = {"texts": np.array([["a"], ["b"], ["zz"]], object), "facts": np.random.default_rng(0).normal(size=(3, 3))}
    for references, text in ((0.0, ""), ({"texts": np.array(["c"], object), "facts": 0.0}, "c")):
        found = score(x, references)
        assert found.contributions["texts"].shape == (3, 1, 3) and np.ptp(found.reference_outputs) < 1e-12
        assert_complete(found, 1e-10)
        own = model([tf.constant([[text]]), tf.zeros((1, 3))])
        np.testing.assert_allclose(found.reference_outputs[0], np.asarray(own)[0, 0], rtol=1e-5)


def _masked() -> keras.Model:
    tokens, facts = keras.Input((4,), dtype="int32", name="tokens"), keras.Input((3,), name="facts")
    y = layers.GRU(3, name="gru")(layers.Embedding(9, 3, mask_zero=True, name="words")(tokens))
    return randomise(keras.Model([tokens, facts], layers.Dense(1)(layers.Concatenate()([y, facts]))), seed=4)


def test_a_mask_is_taken_from_x_and_said_once_by_name() -> None:
    model, rng = _masked(), np.random.default_rng(5)
    network = _convert(model, dtype="float64")
    score = network.compile()
    x = {"tokens": np.array([[3, 4, 0, 0], [1, 2, 3, 4]]), "facts": rng.normal(size=(2, 3))}
    references = {"tokens": np.full((1, 4), 7), "facts": rng.normal(size=(1, 3))}
    with pytest.warns(DeepLiftWarning, match=r"taken from x in the pass of the reference: '.*not_equal.*': a mask"):
        found = score(x, references)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score(x, references)
    assert_complete(found, 1e-10)
    assert not found.contributions["tokens"][0, 2:].any() and found.contributions["tokens"][0, :2].any()
    padded = {"tokens": np.where(x["tokens"] > 0, 7, 0), "facts": np.repeat(references["facts"], 2, 0)}
    np.testing.assert_allclose(found.reference_outputs, network.predict(padded)[:, 0], rtol=1e-9)


def test_an_index_beside_floats_is_held_and_said(remarks: pytest.LogCaptureFixture) -> None:
    tokens, at = keras.Input((4,), dtype="int32", name="tokens"), keras.Input((1, 1), dtype="int32", name="at")
    chosen = keras.ops.equal(keras.ops.reshape(keras.ops.arange(4, dtype="int32"), (1, 4, 1)), at)
    y = keras.ops.where(chosen, layers.Embedding(9, 3)(tokens), 0.0)
    network = _convert(randomise(keras.Model([tokens, at], layers.Dense(1)(layers.Flatten()(y))), 0), dtype="float64")
    rng = np.random.default_rng(0)
    x = [rng.integers(0, 9, (ROWS, 4)), rng.integers(0, 4, (ROWS, 1, 1))]
    with pytest.warns(DeepLiftWarning, match=r"input 'at' \(int32\): no scored value is made of it alone"):
        found = network.compile()(x)
    assert "for input 'tokens' (int32) 0" in remarks.text and "for input 'at'" not in remarks.text
    assert found.contributions[1] is None and found.per_token()[1] is None
    assert_complete(found.replace(contributions=found.contributions[:1]), 1e-10)


def test_a_model_whose_floats_have_nothing_in_common() -> None:
    x = keras.Input((4,), dtype="int32", name="tokens")
    y = layers.Flatten()(layers.Embedding(9, 3, name="each")(x))
    whole = layers.CategoryEncoding(9, output_mode="multi_hot", name="bag")(x)
    network = _convert(keras.Model(x, layers.Dense(1)(layers.Concatenate()([y, whole]))))
    with pytest.raises(InputError, match=r"'tokens': the first floats made of it, .*different shapes; name what"):
        network.compile()


@pytest.mark.parametrize("method", ["deep_shap", "gradient", "gradient_times_input", "occlusion", "smoothgrad"])
@pytest.mark.slow_for("occlusion")
def test_methods_on_integers_beside_floats(method: str) -> None:
    network, rng = _convert(_mixed(), dtype="float64"), np.random.default_rng(6)
    x, background = _rows(rng, ROWS), _rows(rng, 1, 4)
    found: Any = dl.methods.METHODS[method](network, x, background)
    assert {key: part.shape for key, part in found.contributions.items()} == {
        "tokens": (ROWS, 4, 3),
        "kind": (ROWS, 2),
        "facts": (ROWS, 3),
    }
    if method == "deep_shap":
        assert np.ptp(found.reference_outputs) < 1e-12
        assert_complete(found, 1e-10)


def test_integrated_gradients_reach_the_difference_between_tokens() -> None:
    network, rng = _convert(_mixed(), dtype="float64"), np.random.default_rng(6)
    x, references = _rows(rng, ROWS), _rows(rng, 1)
    found: Any = dl.methods.integrated_gradients(network, x, references, steps=100)
    difference = found.outputs - found.reference_outputs
    np.testing.assert_allclose(found.reference_outputs, np.repeat(network.predict(references)[:, 0], ROWS), rtol=1e-9)
    assert np.abs(found.delta).max() < 1e-2 * np.abs(difference).max()


def test_an_export_takes_references_of_every_input(tmp_path: Path) -> None:
    score, rng = _convert(_mixed()).compile(), np.random.default_rng(7)
    x, references = _rows(rng, ROWS), _rows(rng, ROWS)
    expected = score(x, references, target=1)
    served = tf.saved_model.load(str(score.export(tmp_path / "1"))).signatures["score"]
    given = {name: tf.constant(part, tf.float32 if name == "facts" else tf.int32) for name, part in x.items()}
    given |= {
        f"references_{name}": tf.constant(part, tf.float32 if name == "facts" else tf.int32)
        for name, part in references.items()
    }
    found = served(target=tf.constant([1]), **given)
    for name in x:
        assert_close_to_largest(found[f"contributions_{name}"].numpy(), expected.contributions[name], 1e-5)
    np.testing.assert_allclose(found["reference_outputs"], expected.reference_outputs, rtol=1e-4)
    baked = score.export(tmp_path / "2", references=dl.references.zeros(), target=1)
    given = {name: given[name] for name in x}
    found = tf.saved_model.load(str(baked)).signatures["score"](**given)
    np.testing.assert_allclose(found["reference_outputs"], score(x, 0.0, 1).reference_outputs, rtol=1e-4)


def test_the_command_line_scores_integers_beside_floats(tmp_path: Path) -> None:
    model, x = _mixed(), _rows(np.random.default_rng(8), ROWS)
    model.save(tmp_path / "model.keras")
    facts = x["facts"].astype("float32")
    np.savez(tmp_path / "x.npz", tokens=x["tokens"], kind=x["kind"], facts=facts)
    paths = [str(tmp_path / name) for name in ("model.keras", "x.npz", "scores.h5")]
    done = run("score", "-m", paths[0], "-i", paths[1], "-o", paths[2], "--batch-size", 2)
    assert done.exit_code == 0, done.output
    expected = _convert(model).compile()(x, 0.0)
    with h5py.File(paths[2]) as file:
        for name, part in expected.contributions.items():
            assert_close_to_largest(file[f"contributions/{name}"][:], part, 1e-5)
        np.testing.assert_allclose(file["reference_outputs"][:], expected.reference_outputs, rtol=1e-5)


def test_compare_looks_at_the_references_own_output() -> None:
    network, rng = _convert(_mixed(), dtype="float64"), np.random.default_rng(9)
    x, references = _rows(rng, ROWS), _rows(rng, 1)
    found = dl.compare(network, x, ["rescale", "gradient_times_input"], {"given": references})
    np.testing.assert_allclose(np.diag(found.agreement), 1)
    expected = np.abs(network.predict(references)).mean()
    assert all(f"{expected:.2g}" in note for note in found.notes)


OF_TRUTHS = {
    "cast": lambda b: keras.ops.cast(b, "float32"),
    "doubled": lambda b: b * 2,
    "halved": lambda b: b * 0.5,
    "where": lambda b: keras.ops.where(b, 1.5, -0.5),
    "not": lambda b: keras.ops.cast(keras.ops.logical_not(b), "float32"),
    "nested": lambda b: keras.Sequential([keras.Input((4,), dtype="bool"), layers.Dense(3)])(b),
}


@pytest.mark.parametrize("road", ["live", pytest.param("h5", marks=pytest.mark.slow), "export"])
@pytest.mark.parametrize("name", OF_TRUTHS)
@pytest.mark.slow_for("not-export", "nested-export", "cast-export", "doubled-export")
def test_truth_values_are_scored_where_floats_are_made_of_them(name: str, road: str, tmp_path: Path) -> None:
    given = keras.Input((4,), dtype="bool", name="given")
    hidden = layers.Dense(4, activation="tanh")(OF_TRUTHS[name](given))
    model: Any = randomise(keras.Model(given, layers.Dense(2)(hidden)), seed=2)
    x = np.random.default_rng(0).integers(0, 2, (ROWS, 4)).astype(bool)
    expected = np.asarray(model(~x))[:, 1]
    if road == "h5":
        model.save(tmp_path / "model.h5")
    source = {"live": model, "h5": tmp_path / "model.h5"}.get(road) or exported(model, tmp_path / "model")
    found = _convert(source, dtype="float64").compile()(x, ~x, target=1)  # a warning of what is held would be an error
    np.testing.assert_allclose(found.reference_outputs, expected, rtol=1e-4, atol=1e-6)  # of the model, in float32
    assert_complete(found, 1e-10)


def test_truth_values_made_of_tokens_stay_a_mask_in_a_nested_model() -> None:
    tokens, facts = keras.Input((4,), dtype="int32", name="tokens"), keras.Input((4,), name="facts")
    inside = keras.Input((4,), dtype="bool")
    nested = keras.Model(inside, keras.ops.cast(inside, "float32"))
    hidden = nested(keras.ops.not_equal(tokens, 0)) * facts
    network = _convert(randomise(keras.Model([tokens, facts], layers.Dense(1)(hidden)), seed=1))
    assert not any(node.layer.kind == "Embedding" for node in network.graph.nodes)


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("wrong", [float("nan"), 1.5, float("inf"), 1e12, 2**40, -1, 9, "cat"])
def test_what_is_no_token_is_refused_by_name(wrong: Any, moved: bool) -> None:
    tokens = keras.Input((4,), dtype="int32", name="tokens")
    before = layers.Concatenate()([tokens, layers.Reshape((4,))(tokens)]) if moved else tokens
    model = keras.Model(tokens, layers.Dense(1)(layers.Flatten()(layers.Embedding(9, 3)(before))))
    score = _convert(model).compile()
    x = np.ones((ROWS, 4), object)
    x[3, 1] = wrong
    x = x if isinstance(wrong, str) else x.astype(type(wrong))
    said = rf"for input 'tokens': expected tokens from 0 to 8; row 3 holds {str(wrong).replace('+', '.')}"
    with pytest.raises(InputError, match="^x " + said):
        score(x, 0)
    with pytest.raises(ReferencesError, match="^references " + said):
        score(np.ones((ROWS, 4), int), x)


@pytest.mark.parametrize(
    "dtype, wrong, said",
    [
        ("uint8", 256, r"integers \(uint8\) from 0 to 255"),
        ("uint8", 0.5, r"integers \(uint8\) from 0 to 255"),
        ("int32", 2**31, r"integers \(int32\) from -2147483648 to 2147483647"),
        ("bool", 2, "truth values from 0 to 1"),
    ],
)
def test_numbers_that_an_input_cannot_hold_are_refused(dtype: str, wrong: Any, said: str) -> None:
    model_input = keras.Input((4,), dtype=dtype, name="given")
    score = _convert(keras.Model(model_input, layers.Dense(1)(model_input))).compile()
    x = np.ones((ROWS, 4), type(wrong))
    assert score(x, 0).outputs.shape == (ROWS,)
    x[2, 0] = wrong
    with pytest.raises(InputError, match=f"x for input 'given': expected {said}; row 2 holds {wrong}"):
        score(x, 0)
