"""Every form of target, and what each of them is short for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import deeplift_tf as dl
from deeplift_tf.errors import DeepLiftWarning, LayerNameError, TargetError
from deeplift_tf.network import Network
from deeplift_tf.scoring.score import Score
from deeplift_tf.scoring.targets import as_target
from tests.support.checks import assert_close_to_largest, assert_complete
from tests.support.installed import exported
from tests.support.keras_models import MODEL_ROWS, randomise

# float64 throughout; two ways to the same number differ by the order of some ten additions
SAME = 1e-12
ROWS, LENGTH = 5, 7


def _rng() -> np.random.Generator:
    return np.random.default_rng(11)


def _classifier() -> keras.Model:
    x = keras.Input((6,), name="x")
    y = layers.Dense(5, activation="relu", name="hidden")(x)
    return keras.Model(x, layers.Dense(3, activation="softmax", name="probabilities")(y))


def _open_length() -> keras.Model:
    x = keras.Input((None, 4), name="x")
    y = layers.Conv1D(5, 3, padding="same", activation="relu", name="conv")(x)
    return keras.Model(x, layers.Conv1D(2, 1, name="profile")(y))


def _network(build: Callable[[], keras.Model], rule: str = "rescale") -> Network:
    return dl.convert(randomise(build(), seed=2), rule=rule, dtype="float64")


@pytest.fixture(scope="module")
def classifier() -> Score:
    return _network(_classifier).compile()


@pytest.fixture(scope="module")
def profile() -> Score:
    return _network(_open_length).compile()


@pytest.fixture(scope="module")
def heads() -> Score:
    (row,) = (row for row in MODEL_ROWS if row.id == "two_outputs")
    return _network(row.build).compile()


@pytest.fixture
def x() -> np.ndarray:
    return _rng().normal(0, 2, (ROWS, 6))


@pytest.fixture
def sequences() -> np.ndarray:
    return _rng().normal(0, 1, (ROWS, LENGTH, 4))


def one_hot_of_one(y: tf.Tensor) -> tf.Tensor:
    return tf.one_hot(tf.ones(tf.shape(y)[0], tf.int32), 3)


FORMS_OF_CLASS_ONE: dict[str, Any] = {
    "negative": -2,
    "tuple": (1,),
    "numpy_integer": np.int64(1),
    "zero_dimensional": np.array(1),
    "of_each_row": np.full(ROWS, 1),
    "unsigned": np.full(ROWS, 1, "uint8"),
    "weights": np.array([0.0, 1.0, 0.0]),
    "half_precision_weights": np.array([0.0, 1.0, 0.0], "float16"),
    "list_of_weights": [0.0, 1.0, 0.0],
    "weights_of_each_row": np.tile([0.0, 1.0, 0.0], (ROWS, 1)),
    "callable": one_hot_of_one,
}


@pytest.mark.parametrize("form", FORMS_OF_CLASS_ONE)
def test_forms_that_mean_one_class(classifier: Score, x: np.ndarray, form: str) -> None:
    expected = classifier(x, target=1)
    found = classifier(x, target=FORMS_OF_CLASS_ONE[form])
    assert_complete(found, 1e-12)
    assert_close_to_largest(found.contributions, expected.contributions, SAME)
    np.testing.assert_allclose(found.outputs, classifier.network.predict(x)[:, 1], rtol=SAME)
    assert found.reference_outputs is not None and expected.reference_outputs is not None
    assert_close_to_largest(found.reference_outputs, expected.reference_outputs, SAME)


def test_an_index_for_each_row(classifier: Score, x: np.ndarray) -> None:
    index = np.array([0, 2, 1, 2, -1])
    found = classifier(x, target=index)
    each = [classifier(x[i : i + 1], target=int(index[i])).contributions[0] for i in range(ROWS)]
    assert_close_to_largest(found.contributions, np.stack(each), SAME)
    np.testing.assert_allclose(found.outputs, classifier.network.predict(x)[np.arange(ROWS), index], rtol=SAME)


def test_as_many_rows_as_classes_take_integers_as_an_index_for_each(classifier: Score, x: np.ndarray) -> None:
    found = classifier(x[:3], target=np.array([0, 1, 0]))
    np.testing.assert_allclose(found.outputs, classifier.network.predict(x[:3])[np.arange(3), [0, 1, 0]], rtol=SAME)


def test_a_contrast_is_the_difference_of_two_targets(classifier: Score, x: np.ndarray) -> None:
    found = classifier(x, target=[1.0, 0.0, -1.0])
    assert_complete(found, 1e-12)
    first, second = (classifier(x, target=t).contributions for t in (0, 2))
    assert_close_to_largest(found.contributions, first - second, SAME)


def test_predicted_is_the_class_of_x_held_for_the_reference(classifier: Score, x: np.ndarray) -> None:
    references = np.random.default_rng(12).normal(0, 3, x.shape)
    best, of_references = (classifier.network.predict(a).argmax(-1) for a in (x, references))
    assert (best != of_references).any() and len(set(best)) > 1
    found, expected = (classifier(x, references, target=t) for t in ("predicted", best))
    assert_close_to_largest(found.contributions, expected.contributions, SAME)
    predictions = classifier.network.predict(references)
    assert found.reference_outputs is not None
    assert_close_to_largest(found.reference_outputs, predictions[np.arange(ROWS), best], SAME)


def softmax_weighted(y: tf.Tensor) -> tf.Tensor:
    """What profile heads are scored by: each position weighs as much as its softmax."""
    return tf.nn.softmax(y, axis=1)


def test_weights_of_a_callable_follow_x_and_are_held_for_the_reference(profile: Score, sequences: np.ndarray) -> None:
    references = _rng().normal(0, 2, sequences.shape)
    found = profile(sequences, references, target=softmax_weighted)
    y, y0 = (profile.network.predict(a) for a in (sequences, references))
    weights = np.exp(y) / np.exp(y).sum(1, keepdims=True)
    np.testing.assert_allclose(found.outputs, (weights * y).sum((1, 2)), rtol=SAME)
    assert found.reference_outputs is not None
    assert_close_to_largest(found.reference_outputs, (weights * y0).sum((1, 2)), 1e-11)
    assert_complete(found, 1e-12)
    expected = profile(sequences, references, target=weights)
    assert_close_to_largest(found.contributions, expected.contributions, SAME)


@pytest.mark.parametrize("position", [(2, 1), (-1, 0), (LENGTH - 1, -1)])
def test_a_position_of_an_output_of_open_length(
    profile: Score, sequences: np.ndarray, position: tuple[int, int]
) -> None:
    found = profile(sequences, target=position)
    assert_complete(found, 1e-12)
    np.testing.assert_allclose(found.outputs, profile.network.predict(sequences)[(slice(None), *position)], rtol=SAME)
    weights = np.zeros((LENGTH, 2))
    weights[position] = 1
    assert_close_to_largest(found.contributions, profile(sequences, target=weights).contributions, SAME)


def test_open_length_in_other_lengths(profile: Score) -> None:
    for length in (3, 12):
        found = profile(_rng().normal(size=(2, length, 4)), target=(length - 1, 0))
        assert found.contributions.shape == (2, length, 4)
        assert_complete(found, 1e-12)


def test_a_region_of_an_output(profile: Score, sequences: np.ndarray) -> None:
    mask = np.zeros((LENGTH, 2))
    mask[2:5, 0] = 1 / 3
    found = profile(sequences, target=mask)
    each = [profile(sequences, target=(p, 0)).contributions for p in (2, 3, 4)]
    assert_close_to_largest(found.contributions, np.mean(each, 0), SAME)


def test_an_index_for_each_row_where_the_only_axis_is_open() -> None:
    x = keras.Input((None, 4), name="x")
    model = keras.Model(x, layers.Reshape((-1,), name="flat")(layers.Conv1D(1, 3, padding="same", name="conv")(x)))
    score = dl.convert(randomise(model, 1), dtype="float64").compile()
    rows = _rng().normal(size=(3, 5, 4))
    found = score(rows, target=np.array([0, 4, -2]))
    np.testing.assert_allclose(found.outputs, score.network.predict(rows)[np.arange(3), [0, 4, -2]], rtol=SAME)


# ------------------------------------------------------------------------------------------------- several targets


def test_several_targets_are_single_calls_stacked(classifier: Score, x: np.ndarray) -> None:
    targets = [0, 2, [0.5, -1.0, 0.5], np.array([0, 1, 2, 1, 0]), "predicted", one_hot_of_one]
    references = _rng().normal(size=(ROWS, 3, 6))
    found = classifier(x, references, targets=targets, hypothetical=True)
    assert found.contributions.shape == (len(targets), ROWS, 6)
    assert found.delta is not None and found.reference_outputs is not None
    assert all(np.shape(each) == (len(targets), ROWS) for each in (found.outputs, found.delta, found.reference_outputs))
    assert_complete(found, 1e-12)
    for k, target in enumerate(targets):
        single = classifier(x, references, target=target, hypothetical=True)
        for name in ("contributions", "multipliers", "outputs", "reference_outputs", "hypothetical"):
            assert_close_to_largest(getattr(found, name)[k], getattr(single, name), SAME, f"{target}, {name}")


def test_several_targets_of_one(classifier: Score, x: np.ndarray) -> None:
    found = classifier(x, targets=[1])
    assert found.contributions.shape == (1, ROWS, 6)
    assert_close_to_largest(found.contributions[0], classifier(x, target=1).contributions, SAME)


def test_several_targets_in_batches(classifier: Score, x: np.ndarray) -> None:
    targets = [0, np.array([0, 1, 2, 1, 0])]
    whole, parts = (classifier(x, targets=targets, batch_size=size) for size in (32, 2))
    assert_close_to_largest(parts.contributions, whole.contributions, SAME)


# --------------------------------------------------------------------------- heads, inner layers, final activations


def test_output_picks_a_head(heads: Score) -> None:
    x = _rng().normal(size=(3, 9, 4))
    predictions = heads.network.predict(x)
    counts = heads(x, output="counts")
    np.testing.assert_allclose(counts.outputs, predictions["counts"][:, 0], rtol=SAME)
    profile = heads(x, output="profile", target=(4, 0))
    np.testing.assert_allclose(profile.outputs, predictions["profile"][:, 4, 0], rtol=SAME)
    for scores in (counts, profile):
        assert_complete(scores, 1e-12)


def test_output_picks_an_inner_layer(heads: Score) -> None:
    x = _rng().normal(size=(3, 9, 4))
    scores = heads(x, output="conv1d", target=(3, 2))
    assert_complete(scores, 1e-12)
    linear = heads(x, output="conv1d/linear", target=(3, 2))
    np.testing.assert_allclose(scores.outputs, np.maximum(linear.outputs, 0), rtol=SAME)
    far = np.abs(scores.contributions).sum((0, 2))
    assert (far[[0, 1, 5, 6, 7, 8]] == 0).all() and (far[2:5] > 0).all()  # a window of three around position 3


def test_pre_activation_looks_through_a_softmax(classifier: Score, x: np.ndarray) -> None:
    found = classifier(x, target=1, pre_activation=True)
    expected = classifier(x, target=1, output="probabilities/linear")
    assert_close_to_largest(found.contributions, expected.contributions, SAME)
    logits = found.outputs[:, None] - classifier(x, targets=[0, 1, 2], pre_activation=True).outputs.T
    np.testing.assert_allclose(1 / np.exp(-logits).sum(1), classifier.network.predict(x)[:, 1], rtol=1e-10)


def _binary(activation: str) -> keras.Model:
    x = keras.Input((6,), name="x")
    y = layers.Dense(4, activation="relu", name="hidden")(x)
    return keras.Model(x, layers.Activation(activation, name="last")(layers.Dense(1, name="logit")(y)))


def test_pre_activation_looks_through_a_sigmoid(x: np.ndarray) -> None:
    score = _network(lambda: _binary("sigmoid")).compile()
    found = score(x, pre_activation=True)
    np.testing.assert_allclose(1 / (1 + np.exp(-found.outputs)), score.network.predict(x)[:, 0], rtol=SAME)


def test_pre_activation_takes_a_linear_output_as_it_is(heads: Score) -> None:
    x = _rng().normal(size=(3, 9, 4))
    found, expected = (heads(x, output="counts", pre_activation=each) for each in (True, False))
    np.testing.assert_array_equal(found.contributions, expected.contributions)


def test_pre_activation_refuses_another_nonlinearity(x: np.ndarray) -> None:
    score = _network(lambda: _binary("tanh")).compile()
    with pytest.raises(TargetError, match=r"'last' \(Activation\) to end in a softmax or sigmoid.*output="):
        score(x, pre_activation=True)


def test_mean_normalised_takes_off_the_mean_over_classes(classifier: Score, x: np.ndarray) -> None:
    each = classifier(x, targets=[0, 1, 2], pre_activation=True).contributions
    found = classifier(x, target=2, pre_activation=True, mean_normalised=True)
    assert_complete(found, 1e-12)
    assert_close_to_largest(found.contributions, each[2] - each.mean(0), SAME)
    several = classifier(x, targets=[0, 2], pre_activation=True, mean_normalised=True)
    assert_close_to_largest(several.contributions[1], found.contributions, SAME)


# ----------------------------------------------------------------------------------------------------------- errors

MISTAKES: dict[str, tuple[Any, str]] = {
    "beyond_the_last": (3, r"position in 0 to 2 of the output's shape \(3,\); received \(3,\)"),
    "before_the_first": (-4, r"received \(-4,\)"),
    "too_many_axes": ((1, 1), r"a position is 1 integers; received \(1, 1\)"),
    "row_beyond_the_last": (np.array([0, 1, 2, 3, 0]), r"received \(3,\)"),
    "too_few_rows": (np.array([0, 1]), rf"{ROWS} integers \(one for each row\).*received int64 of shape \(2,\)"),
    "weights_of_another_shape": (np.ones(4), r"floats of shape \(3,\) or \(5, 3\); received float64 of shape \(4,\)"),
    "text": ("best", "\"predicted\"; received 'best'"),
    "booleans": (np.array([True, False, False]), "received bool"),
    "nothing": (None, "received object"),
    "not_finite": (np.array([1.0, np.nan, 0.0]), "finite"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_targets_that_do_not_fit(classifier: Score, x: np.ndarray, mistake: str) -> None:
    target, message = MISTAKES[mistake]
    with pytest.raises(TargetError, match=message):
        classifier(x, target=target)


def test_an_output_of_one_position() -> None:
    with pytest.raises(TargetError, match=r"expected a position in 0 of the output's shape \(1,\); received \(7,\)"):
        as_target(7, (1,), 2)


def _broken(y: Any) -> Any:
    raise KeyError("no such class")


CALLABLES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "another_shape": (lambda y: y[:, 0], r"return numbers of shape \(5, 3\).*received float64 of shape \(5,\)"),
    "nothing": (lambda y: None, "received object of shape"),
    "infinite": (lambda y: y / 0.0, "finite weights"),
    "raises": (_broken, r"the callable failed on outputs of shape \(5, 3\): KeyError: 'no such class'"),
}


@pytest.mark.parametrize("mistake", CALLABLES)
def test_callables_with_mistakes(classifier: Score, x: np.ndarray, mistake: str) -> None:
    target, message = CALLABLES[mistake]
    with pytest.raises(TargetError, match=message):
        classifier(x, target=target)


class Chosen:
    """A target whose class can be changed between calls; counts how often it is called."""

    def __init__(self, index: int) -> None:
        self.index, self.seen = index, list[int]()

    def __call__(self, outputs: tf.Tensor) -> np.ndarray:
        self.seen.append(len(outputs))
        return np.eye(outputs.shape[1])[np.full(len(outputs), self.index)]


@pytest.mark.parametrize("compiled", [{}, {"jit_compile": True}], ids=["plain", "xla"])
@pytest.mark.slow_for("xla")
def test_callables_are_evaluated_in_every_call(classifier: Score, x: np.ndarray, compiled: dict[str, bool]) -> None:
    score, target = classifier.network.compile(**compiled), Chosen(0)
    for index in (0, 2):
        target.index = index
        found, expected = score(x, 0.1, target), score(x, 0.1, index)
        assert_close_to_largest(found.contributions, expected.contributions, SAME)
        np.testing.assert_allclose(found.outputs, expected.outputs, rtol=SAME)
    references = _rng().normal(size=(1, 4, 6))  # batches of two rows, and of two of the four references
    target.seen.clear()
    found = score(x, references, targets=["predicted", target, 1], batch_size=2)
    assert target.seen == [1] * ROWS  # once for each rows, not for each batch of references
    expected = score(x, references, targets=["predicted", 2, 1])
    assert_close_to_largest(found.contributions, expected.contributions, SAME)
    assert_close_to_largest(found.delta, expected.delta, 1.0)


def test_callables_leave_no_compiled_functions_behind(x: np.ndarray) -> None:
    score = _network(_classifier).compile()
    targets = [lambda y, shift=shift: np.asarray(y) + np.eye(3)[0] * shift for shift in range(20)]
    found = [score(x, 0.1, target) for target in targets]
    kept = len(score.compiled._made)
    assert kept < 8
    score(x, 0.1, lambda y: np.asarray(y))
    assert len(score.compiled._made) == kept
    first = score(x, 0.1, 0)
    step = found[1].contributions - found[0].contributions  # the second gives class 0 one more
    assert_close_to_largest(step, first.contributions, 1e-10)


@pytest.mark.parametrize(
    "method", [dl.methods.integrated_gradients, dl.methods.occlusion, dl.methods.gradient, dl.methods.deep_shap]
)
@pytest.mark.slow_for("occlusion", "integrated_gradients")
def test_callables_of_numpy_in_every_method(classifier: Score, x: np.ndarray, method: Any) -> None:
    for index in (0, 2):
        found, expected = (method(classifier.network, x, 0.1, target) for target in (Chosen(index), index))
        assert_close_to_largest(found.contributions, expected.contributions, 1e-10)
    cached = dl.methods.call._CACHE[classifier.network.graph]
    before = len(cached)
    method(classifier.network, x, 0.1, Chosen(1))
    assert len(cached) == before


def test_predicted_needs_classes(profile: Score, sequences: np.ndarray) -> None:
    with pytest.raises(TargetError, match=rf"one axis, of classes; this one has shape \({LENGTH}, 2\)"):
        profile(sequences, target="predicted")


OPEN_MISTAKES: dict[str, tuple[Any, str]] = {
    "one_number": (0, r"a position is 2 integers; received \(0,\)"),
    "three_numbers": ((0, 0, 0), "a position is 2 integers"),
    "beyond_the_known_axis": ((0, 2), r"received \(0, 2\)"),
    "beyond_the_open_axis": ((LENGTH, 0), rf"received \({LENGTH}, 0\)"),
    "mask_of_another_length": (np.ones((LENGTH + 1, 2)), rf"\({LENGTH + 1}, 2\)"),
}


@pytest.mark.parametrize("mistake", OPEN_MISTAKES)
def test_targets_that_do_not_fit_an_open_length(profile: Score, sequences: np.ndarray, mistake: str) -> None:
    target, message = OPEN_MISTAKES[mistake]
    with pytest.raises(TargetError, match=message):
        profile(sequences, target=target)


def test_several_outputs_have_to_be_told_apart(heads: Score) -> None:
    x = np.ones((1, 9, 4))
    with pytest.raises(TargetError, match=r"several outputs.*profile.*output="):
        heads(x)
    with pytest.raises(LayerNameError, match=r"no layer is named 'count'.*the outputs are"):
        heads(x, output="count")


def test_target_and_targets_exclude_each_other(classifier: Score, x: np.ndarray) -> None:
    with pytest.raises(TargetError, match="either target= or targets="):
        classifier(x, target=1, targets=[1])
    with pytest.raises(TargetError, match="at least one"):
        classifier(x, targets=[])


@pytest.mark.parametrize("targets", [[1, 0, 1], [1, 0, -2], [(1,), 0, np.int64(1)], ["predicted", 0, "predicted"]])
def test_a_target_that_is_given_twice_is_said(classifier: Score, x: np.ndarray, targets: list[Any]) -> None:
    with pytest.warns(DeepLiftWarning, match=r"places 0 and 2 \(counted from 0\) are the same"):
        found = classifier(x, targets=targets)
    np.testing.assert_array_equal(found.contributions[0], found.contributions[2])


def _behind_a_softmax(last: Any) -> keras.Model:
    """A classifier of four classes whose softmax has more layers behind it."""
    x = keras.Input((6,), name="x")
    y = layers.Dense(4, activation="softmax", name="classes")(layers.Dense(5, activation="relu", name="hidden")(x))
    return keras.Model(x, last(y))


# the layers, and for each class its position in what they make of the softmax
LAYERS_BEHIND: dict[str, tuple[Callable[[Any], Any], list[tuple[int, ...]]]] = {
    "linear": (lambda y: layers.Activation("linear", dtype="float32")(y), [(0,), (1,), (2,), (3,)]),
    "dropout": (lambda y: layers.Identity()(layers.Dropout(0.3)(y)), [(0,), (1,), (2,), (3,)]),
    "flatten": (lambda y: layers.Flatten()(y), [(0,), (1,), (2,), (3,)]),
    "cast": (lambda y: keras.ops.cast(y, "float32"), [(0,), (1,), (2,), (3,)]),
    "reshape": (lambda y: layers.Dropout(0.1)(layers.Reshape((2, 2))(y)), [(0, 0), (0, 1), (1, 0), (1, 1)]),
    "transposed": (lambda y: layers.Permute((2, 1))(layers.Reshape((2, 2))(y)), [(0, 0), (1, 0), (0, 1), (1, 1)]),
    "operations": (lambda y: keras.ops.expand_dims(keras.ops.reshape(y, (-1, 4)), 1), [(0, 0), (0, 1), (0, 2), (0, 3)]),
}


ROADS = [*((name, "live") for name in LAYERS_BEHIND), ("linear", "keras"), ("linear", "h5"), ("transposed", "export")]


@pytest.mark.parametrize(("name", "road"), ROADS)
@pytest.mark.slow_but_for("flatten-live", "linear-live", "dropout-live", "cast-live")
def test_pre_activation_looks_back_through_layers_that_only_move_units(
    name: str, road: str, x: np.ndarray, tmp_path: Path
) -> None:
    last, places = LAYERS_BEHIND[name]
    model = randomise(_behind_a_softmax(last), seed=3)
    logits = keras.Model(model.inputs, model.get_layer("classes").input)
    kernel, bias = model.get_layer("classes").get_weights()
    expected = dl.convert(logits).compile()
    score = dl.convert(_saved(model, road, tmp_path)).compile()
    hidden = logits.predict(x, verbose=0)
    for index, place in enumerate(places):
        alone = expected(x, 0.5, target=kernel[:, index])
        for target in (place, _weights_at(place, score), lambda y, place=place: _at(place, y)):
            found = score(x, 0.5, target=target, pre_activation=True)
            np.testing.assert_allclose(found.outputs, hidden @ kernel[:, index] + bias[index], rtol=1e-5, atol=1e-6)
            assert_close_to_largest(found.contributions, alone.contributions, 1e-5)  # float32
            assert_complete(found, 1e-4)


def _saved(model: keras.Model, road: str, folder: Path) -> Any:
    if road == "live":
        return model
    path = folder / f"model{'' if road == 'export' else '.' + road}"
    if road == "export":
        exported(model, path)
    else:
        model.save(path)
    return path


def _weights_at(place: tuple[int, ...], score: Score) -> np.ndarray:
    (shape,) = score.network.output_shapes.values()
    weights = np.zeros([size or 1 for size in shape[1:]])
    weights[place] = 1
    return weights


def _at(place: tuple[int, ...], outputs: tf.Tensor) -> tf.Tensor:
    one = tf.scatter_nd([place], [tf.ones([], outputs.dtype)], outputs.shape[1:])
    return tf.zeros_like(outputs) + one


def test_pre_activation_behind_a_linear_activation_is_the_same_to_the_bit(x: np.ndarray) -> None:
    """Keras's own way to end a network of mixed precision."""
    plain, last = (randomise(_behind_a_softmax(each), seed=3) for each in (lambda y: y, LAYERS_BEHIND["linear"][0]))
    found, expected = (dl.convert(each).compile()(x, 0.5, 2, pre_activation=True) for each in (last, plain))
    np.testing.assert_array_equal(found.contributions, expected.contributions)
    np.testing.assert_array_equal(found.outputs, expected.outputs)


@pytest.mark.parametrize(
    "last",
    [
        layers.Rescaling(2.0),
        lambda y: layers.Average()([y, layers.Dense(4, activation="softmax")(y)]),
        lambda y: layers.Flatten()(layers.Add()([y, y])),
        lambda y: y[:, 1:],
    ],
    ids=["scaled", "averaged", "added", "cut"],
)
def test_pre_activation_refuses_what_changes_the_probabilities(last: Any, x: np.ndarray) -> None:
    score = _network(lambda: _behind_a_softmax(last)).compile()
    with pytest.raises(TargetError, match=r"nothing but layers that do nothing.*a softmax; layer.*scales, selects"):
        score(x, pre_activation=True)


def test_pre_activation_in_an_export_counts_positions_of_the_output(x: np.ndarray, tmp_path: Path) -> None:
    score = dl.convert(randomise(_behind_a_softmax(LAYERS_BEHIND["transposed"][0]), seed=3)).compile()
    expected = score(x, 0.5, (1, 0), pre_activation=True)
    for number, target in enumerate([(1, 0), lambda y: _at((1, 0), y)]):
        path = score.export(tmp_path / str(number), references=0.5, target=target, pre_activation=True)
        found = tf.saved_model.load(str(path)).signatures["score"](x=tf.constant(x, tf.float32))
        assert_close_to_largest(found["contributions"].numpy(), expected.contributions, 1e-5)


@pytest.mark.parametrize("pre_activation", [False, True])
@pytest.mark.parametrize("shift", [False, True])
def test_the_class_of_each_row_is_kept(pre_activation: bool, shift: bool) -> None:
    """Of "predicted" and of one index for each row; a reshaped softmax counts in the order of the output."""
    x = keras.Input((6,))
    y = layers.Dense(3, activation="softmax")(layers.Dense(5, activation="relu")(x))
    y = layers.Permute((2, 1))(layers.Reshape((1, 3))(y)) if shift else y
    y = layers.Reshape((3,))(y) if shift else y
    network = dl.convert(randomise(keras.Model(x, y), seed=2), dtype="float64")
    rows = _rng().normal(size=(9, 6)) * 3
    expected = network.predict(rows).argmax(1)
    assert len(set(expected)) > 1
    for method in (network.compile(), network.compile(jit_compile=True)):
        found = method(rows, 0.0, "predicted", batch_size=4, pre_activation=pre_activation)
        np.testing.assert_array_equal(found.classes, expected)
    several = network.compile()(rows, 0.0, targets=[1, "predicted", np.full(9, -1)], pre_activation=pre_activation)
    np.testing.assert_array_equal(several.classes, [np.full(9, -1), expected, np.full(9, 2)])
    np.testing.assert_array_equal(several[2:5].of_target(1).classes, expected[2:5])
    assert "classes" in repr(several) and network.compile()(rows, 0.0, 1).classes is None
    for name in ("integrated_gradients", "gradient", "occlusion", "smoothgrad"):
        scores = dl.methods.METHODS[name](network, rows, 0.0, "predicted", pre_activation=pre_activation)
        np.testing.assert_array_equal(scores.classes, expected)
