"""The scoring function: structures, hidden layers, hypothetical contributions, batches, threads, and its errors."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import deeplift_tf as dl
from deeplift_tf.errors import DeepLiftError, InputError, LayerNameError, RuleError
from deeplift_tf.network import Network
from deeplift_tf.scoring.score import Score
from deeplift_tf.scoring.scores import Scores
from tests.support.checks import assert_close_to_largest, assert_complete
from tests.support.keras_models import MODEL_ROWS, randomise

# two ways to the same number differ by the order of some ten additions
SAME = {"float32": 1e-6, "float64": 1e-12}
N, SHAPE = 5, (8, 4)


def _rng(seed: int = 31) -> np.random.Generator:
    return np.random.default_rng(seed)


X, X0 = _rng().normal(0, 1.5, (2, N, *SHAPE)).astype("float32")


def _genomics() -> keras.Model:
    x = keras.Input(SHAPE, name="sequence")
    y = layers.Conv1D(5, 3, activation="relu", name="conv")(x)
    y = layers.Flatten(name="flat")(layers.MaxPooling1D(2, name="pool")(y))
    y = layers.Dense(4, activation="relu", name="dense")(y)
    return keras.Model(x, layers.Dense(3, name="logits")(y))


def _skipping() -> keras.Model:
    """Two ways from x to the output: through a and b, and around them."""
    x = keras.Input((4,), name="x")
    a = layers.Dense(4, activation="relu", name="a")(x)
    b = layers.Dense(4, activation="tanh", name="b")(a)
    return keras.Model(x, layers.Dense(1, name="y")(layers.Add(name="sum")([x, b])))


def _two_inputs() -> keras.Model:
    (row,) = (row for row in MODEL_ROWS if row.id == "two_inputs")
    return row.build()


@pytest.fixture(scope="module")
def network() -> Network:
    return dl.convert(randomise(_genomics(), seed=5))


@pytest.fixture(scope="module")
def score(network: Network) -> Score:
    return network.compile()


@pytest.fixture(scope="module")
def skipping() -> Network:
    return dl.convert(randomise(_skipping(), seed=5), rule="reveal_cancel", dtype="float64")


@pytest.fixture(scope="module")
def two_inputs() -> Score:
    return dl.convert(randomise(_two_inputs(), seed=5)).compile()


# ------------------------------------------------------------------------------------------------- what comes back


def test_scores_are_numpy_in_the_shape_of_x(score: Score) -> None:
    scores = score(X, X0, target=1)
    assert isinstance(scores, Scores)
    for name in ("contributions", "multipliers"):
        array = getattr(scores, name)
        assert type(array) is np.ndarray and array.shape == X.shape and array.dtype == np.float32
    for name in ("outputs", "reference_outputs", "delta"):
        array = getattr(scores, name)
        assert type(array) is np.ndarray and array.shape == (N,)
    assert scores.hypothetical is None
    assert_complete(scores, 1e-5)
    np.testing.assert_allclose(scores.outputs, score.network.predict(X)[:, 1], rtol=1e-6)
    assert scores.reference_outputs is not None
    assert_close_to_largest(scores.reference_outputs, score.network.predict(X0)[:, 1], 1e-6)
    assert_close_to_largest(scores.multipliers * (X - X0), scores.contributions, 1e-6)


def test_double_precision_comes_back_as_such() -> None:
    network = dl.convert(randomise(_genomics(), seed=5), dtype="float64")
    scores = network.compile()(X, X0)
    assert {scores.contributions.dtype, scores.outputs.dtype, network.predict(X).dtype} == {np.dtype("float64")}
    assert_complete(scores, 1e-12)


@pytest.mark.parametrize("kind", ["float64", "float16", "int64", "uint8", "bool"])
def test_numbers_of_any_kind_are_taken(score: Score, kind: str) -> None:
    letters = np.eye(4)[_rng().integers(0, 4, (N, 8))]
    found, expected = score(letters.astype(kind)), score(letters)
    np.testing.assert_array_equal(found.contributions, expected.contributions)


def test_nested_lists_are_an_array(score: Score) -> None:
    np.testing.assert_array_equal(score(X.tolist(), X0).contributions, score(X, X0).contributions)


IMAGE, FACTS = _rng().normal(size=(N, 5, 5, 2)), _rng(32).normal(size=(N, 3))


@pytest.mark.parametrize("make", [list, tuple, dict])
def test_scores_have_the_structure_of_x(two_inputs: Score, make: Any) -> None:
    parts: Any = {"facts": FACTS, "image": IMAGE} if make is dict else make((IMAGE, FACTS))
    structure: Any = dict if make is dict else list
    scores = two_inputs(parts, 0.25, hypothetical=True)
    for value in (scores.contributions, scores.multipliers, scores.hypothetical):
        assert type(value) is structure
        image, facts = (value["image"], value["facts"]) if make is dict else value
        assert image.shape == IMAGE.shape and facts.shape == FACTS.shape
    assert_complete(scores, 1e-5)


def test_a_list_of_one_comes_back_as_a_list(score: Score) -> None:
    found = score([X], [X0]).contributions
    assert isinstance(found, list) and len(found) == 1
    expected = score(X, X0).contributions
    np.testing.assert_array_equal(found[0], expected)
    named = score({"sequence": X}, {"sequence": X0}).contributions
    np.testing.assert_array_equal(named["sequence"], expected)


def test_a_list_with_one_row_is_told_from_a_list_of_one_input(score: Score) -> None:
    found = score([X[0]], X0[0])
    np.testing.assert_array_equal(found.contributions, score(X[:1], X0[0]).contributions)


# ----------------------------------------------------------------------------------------------------- hidden layers


def test_a_hidden_layer_by_name(network: Network) -> None:
    scores = network.compile("pool")(X, X0)
    assert scores.contributions.shape == (N, 3, 5)
    assert_complete(scores, 1e-5)


def test_hidden_layers_by_names(network: Network) -> None:
    scores = network.compile(["conv", "dense"])(X, X0)
    assert list(scores.contributions) == list(scores.multipliers) == ["conv", "dense"]
    assert scores.contributions["conv"].shape == (N, 6, 5) and scores.contributions["dense"].shape == (N, 4)
    assert scores.delta is None  # each path is cut twice


def test_every_layer_of_a_chain_sums_to_the_difference(network: Network) -> None:
    names = [*network.input_names, *network.layers]
    for rule in ("rescale", "reveal_cancel"):
        scores = network.with_rule(rule).compile(names)(X, X0, target=2)
        difference = scores.outputs - scores.reference_outputs
        for name in names:
            sums = scores.contributions[name].reshape(N, -1).sum(1)
            assert_close_to_largest(sums, difference, 1e-5, f"{rule}, {name}")


CUTS: dict[str, tuple[Any, bool]] = {
    "inputs": (None, True),
    "the_input_by_name": ("x", True),
    "behind_the_sum": ("sum", True),
    "the_target_itself": ("y", True),
    "one_of_two_ways": ("b", False),
    "both_ways": (["x", "b"], False),  # x lies on the way through b too: counted twice
    "a_layer_and_its_input": (["a", "b"], False),
}


@pytest.mark.parametrize("cut", CUTS)
def test_delta_is_there_where_every_path_is_cut_once(skipping: Network, cut: str) -> None:
    names, complete = CUTS[cut]
    x, x0 = _rng().normal(0, 2, (2, N, 4))
    scores = skipping.compile(names)(x, x0)
    assert (scores.delta is not None) == complete
    if complete:
        assert_complete(scores, 1e-12)
    assert scores.reference_outputs is not None


def test_two_layers_that_cut_two_paths() -> None:
    x = keras.Input((4,), name="x")
    a, b = (layers.Dense(3, activation="relu", name=name)(x) for name in "ab")
    model = keras.Model(x, layers.Dense(1, name="y")(layers.Concatenate(name="join")([a, b])))
    network = dl.convert(randomise(model, 1), rule="reveal_cancel", dtype="float64")
    rows, references = _rng().normal(0, 2, (2, N, 4))
    assert_complete(network.compile(["a", "b"])(rows, references), 1e-12)
    alone = network.compile("a")(rows, references)
    assert alone.delta is None


def test_a_layer_that_the_target_does_not_depend_on_gets_nothing() -> None:
    (row,) = (row for row in MODEL_ROWS if row.id == "two_outputs")
    network = dl.convert(randomise(row.build(), 1))
    scores = network.compile("profile")(np.ones((2, 9, 4)), output="counts")
    assert scores.delta is None
    np.testing.assert_array_equal(scores.contributions, np.zeros((2, 9, 1)))


def test_the_contribution_of_a_hidden_layer_needs_the_half_difference(skipping: Network) -> None:
    """C = m̄Δx + d·s: under RevealCancel m̄Δx alone misses."""
    x, x0 = _rng().normal(0, 2, (2, N, 4))
    scores = skipping.compile("a/linear")(x, x0)
    values = {name: skipping.compile()(each, output="a/linear", targets=list(range(4))).outputs.T
              for name, each in (("x", x), ("x0", x0))}  # fmt: skip
    product = scores.multipliers * (values["x"] - values["x0"])
    assert np.abs(product - scores.contributions).max() > 1e-3 * np.abs(scores.contributions).max()


# ----------------------------------------------------------------------------------------------------- hypothetical


@pytest.mark.parametrize("references", ["shared", "each", "several"])
@pytest.mark.slow_for("several")
def test_hypothetical_contributions_by_hand(score: Score, references: str) -> None:
    several = _rng(33).dirichlet(np.ones(4), (N, 3, 8)).astype("float32")
    given = {"shared": several[0, 0], "each": several[:, 0], "several": several}[references]
    letters = np.eye(4, dtype="float32")[_rng().integers(0, 4, (N, 8))]
    found = score(letters, given, target=1, hypothetical=True)
    assert_complete(found, 1e-4)
    count = 3 if references == "several" else 1
    made = np.broadcast_to(several[:1, :1] if references == "shared" else several, (N, 3, 8, 4))
    expected = np.zeros_like(letters)
    for r in range(count):
        m = score(letters, made[:, r], target=1).multipliers
        for n, p, i in np.ndindex(*letters.shape):
            expected[n, p, i] += (m[n, p, i] - sum(made[n, r, p, c] * m[n, p, c] for c in range(4))) / count
    assert_close_to_largest(found.hypothetical, expected, 1e-6)
    # of the letter that stands there it is the contribution of the position
    assert_close_to_largest((found.hypothetical * letters).sum(-1), found.contributions.sum(-1), 1e-6)


# ----------------------------------------------------------------------------------- batches, progress, threads


@pytest.mark.parametrize("batch_size", [1, 2, 5, 1000])
def test_batches_change_nothing(score: Score, batch_size: int) -> None:
    expected = score(X, X0, target=2)
    found = score(X, X0, target=2, batch_size=batch_size)
    for name in ("contributions", "multipliers", "outputs", "reference_outputs"):
        assert_close_to_largest(getattr(found, name), getattr(expected, name), SAME["float32"], name)


def test_progress_is_told_monotone_counts_up_to_all_pairs(score: Score) -> None:
    told: list[tuple[int, int]] = []
    several = np.broadcast_to(X0[:, None], (N, 7, *SHAPE))
    score(X, several, batch_size=3, progress=lambda done, total: told.append((done, total)))
    done = [each for each, _ in told]
    assert {total for _, total in told} == {N * 7}
    assert done[0] == 0 and done[-1] == N * 7
    assert done == sorted(set(done))
    assert max(np.diff(done)) <= 3


def test_progress_true_shows_a_bar(score: Score, capsys: pytest.CaptureFixture[str]) -> None:
    score(X, X0, batch_size=2, progress=True)
    shown = capsys.readouterr()
    assert not shown.out and f"{N}/{N}" in shown.err
    score(X, X0, batch_size=2)
    assert capsys.readouterr().err == ""


def test_eight_threads_share_one_scoring_function(network: Network) -> None:
    score = network.with_rule("reveal_cancel").compile()
    rows = _rng().normal(size=(8, N, *SHAPE))
    start = threading.Barrier(8)

    def run(i: int) -> Any:
        start.wait()  # all of them meet a function that is not traced yet
        return score(rows[i], X0, target=i % 3, batch_size=2).contributions

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(run, range(8)))
    for i in range(8):
        assert_close_to_largest(found[i], score(rows[i], X0, target=i % 3, batch_size=2).contributions, 1e-6)


def test_scoring_leaves_its_arguments_alone(score: Score) -> None:
    x, x0 = X.copy(), X0.copy()
    x.flags.writeable = x0.flags.writeable = False
    found = score(x, x0)
    np.testing.assert_array_equal(x, X)
    found.contributions[:] = 0  # what comes back is the caller's own
    assert np.abs(score(x, x0).contributions).max() > 0


# --------------------------------------------------------------------------------------- networks, rules, summary


def test_with_rule_shares_the_weights_and_leaves_the_first_network(network: Network) -> None:
    other = network.with_rule("reveal_cancel")
    assert other is not network and other.graph is not network.graph
    assert network.layers["conv"].rule.name == "rescale" and other.layers["conv"].rule.name == "reveal_cancel"
    assert all(node.layer is network.layers[name].layer for name, node in other.layers.items())


def test_rules_without_a_reference_have_no_delta(network: Network) -> None:
    for rule in ("gradient", "guided_backprop", "deconvnet"):
        scores = network.with_rule(rule).compile()(X, X0)
        assert scores.delta is None and scores.reference_outputs is None
        np.testing.assert_allclose(scores.outputs, network.predict(X)[:, 0], rtol=1e-6)
        assert_close_to_largest(scores.contributions, scores.multipliers * (X - X0), 1e-6)


def test_predict_in_batches_and_structures(two_inputs: Score) -> None:
    network = two_inputs.network
    whole = network.predict([IMAGE, FACTS])
    np.testing.assert_allclose(network.predict({"facts": FACTS, "image": IMAGE}, batch_size=2), whole, rtol=1e-6)


# ----------------------------------------------------------------------------------------------------------- errors

MISTAKES: dict[str, tuple[Any, str]] = {
    "no_rows": (np.zeros((0, *SHAPE)), "at least one row"),
    "no_leading_axis": (X[0], r"input 'sequence': expected shape \(None, 8, 4\); received \(8, 4\).*x\[None\]"),
    "another_length": (np.zeros((2, 9, 4)), r"received \(2, 9, 4\)"),
    "another_rank": (np.zeros((2, 8, 4, 1)), r"received \(2, 8, 4, 1\)"),
    "nan": (np.where(np.arange(N)[:, None, None] == 3, np.nan, X), "finite numbers; row 3 holds NaN"),
    "infinity": (np.where(np.arange(N)[:, None, None] == 1, np.inf, X), "row 1 holds NaN, infinity"),
    "text": (np.full((2, *SHAPE), "A"), "expected numbers; received dtype <U1"),
    "objects": (np.full((2, *SHAPE), None), "expected numbers; received dtype object"),
    "ragged": ([[[1.0, 2.0], [3.0]]], "input 'sequence': expected an array of shape"),
    "complex": (np.zeros((2, *SHAPE), complex), "received dtype complex128"),
    "nothing": (None, "received dtype object"),
    "unknown_name": ({"seq": X}, r"expected a dict with the keys \['sequence'\]; received \['seq'\]"),
    "too_many_parts": ([X, X], "sequence"),
    "beyond_float32": (np.full((2, *SHAPE), 1e39), "row 0 holds NaN, infinity or more than float32 can"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_input_that_does_not_fit(score: Score, mistake: str) -> None:
    x, message = MISTAKES[mistake]
    with pytest.raises(InputError, match=message):
        score(x, 0.0)
    with pytest.raises(InputError, match=message):
        score.network.predict(x)


def test_several_inputs_that_do_not_fit(two_inputs: Score) -> None:
    with pytest.raises(InputError, match=r"the model has 2 inputs, \['image', 'facts'\]"):
        two_inputs(IMAGE)
    with pytest.raises(InputError, match=r"expected 2 parts.*received 3"):
        two_inputs([IMAGE, FACTS, FACTS])
    with pytest.raises(InputError, match=r"same number of rows in every input; received \[5, 4\]"):
        two_inputs([IMAGE, FACTS[:4]])
    with pytest.raises(InputError, match=r"input 'image': expected shape \(None, 5, 5, 2\); received \(5, 3\)"):
        two_inputs([FACTS, IMAGE])


def test_batch_size_is_at_least_one(score: Score) -> None:
    with pytest.raises(InputError, match="batch_size: expected at least 1; received 0"):
        score(X, batch_size=0)


def test_names_of_layers_that_are_not_there(network: Network) -> None:
    for names in ("conv1", ["conv", "conv1"]):
        with pytest.raises(LayerNameError, match="no layer is named 'conv1'; the closest are 'conv'"):
            network.compile(names)


def test_rules_that_are_not_there(network: Network) -> None:
    with pytest.raises(RuleError, match="unknown rule 'rescaled'; expected one of rescale, reveal_cancel"):
        network.with_rule("rescaled")
    with pytest.raises(RuleError, match=r"rules are given for \['conv_1'\]"):
        network.with_rule({"conv_1": "rescale"})
    with pytest.raises(RuleError, match="unknown rule 'lrp'"):
        network.with_rule({"conv": "lrp"})


def test_dtypes_that_are_not_there() -> None:
    with pytest.raises(DeepLiftError, match="dtype: expected one of float32, float64; received 'float16'"):
        dl.convert(_skipping(), dtype="float16")


def test_inputs_of_integers_have_no_difference_but_the_layer_behind_them_has() -> None:
    x = keras.Input((4,), dtype="int32", name="tokens")
    model = keras.Model(x, layers.Dense(1, name="y")(layers.Flatten(name="flat")(layers.Embedding(5, 2, name="e")(x))))
    scores = dl.convert(model).compile("e")(np.array([[0, 1, 2, 3], [4, 4, 1, 0]]))
    assert scores.contributions.shape == (2, 4, 2)


def test_every_error_of_ours_has_one_base() -> None:
    for name in ("InputError", "ReferencesError", "TargetError", "RuleError"):
        kind = getattr(dl.errors, name)
        assert issubclass(kind, dl.DeepLiftError) and issubclass(kind, ValueError)
    assert issubclass(dl.errors.LayerNameError, (dl.DeepLiftError, KeyError))
    assert str(dl.errors.LayerNameError("no layer")) == "no layer"  # without the quotes of KeyError
