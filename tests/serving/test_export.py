"""What can be baked in, what is refused, and that nothing is left half-written."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf import serving
from deeplift_tf.errors import DeepLiftWarning, InputError, OutputFileError, ReferencesError, TargetError
from deeplift_tf.scoring.score import Score
from deeplift_tf.serving.in_graph import IN_GRAPH
from tests.support import served_models as models
from tests.support.command_line import run
from tests.support.served import answer_of, close


@pytest.fixture(scope="module")
def score() -> Score:
    keras.utils.set_random_seed(5)
    return dl.convert(models.conv().model).compile()


@pytest.fixture(scope="module")
def free() -> Score:
    keras.utils.set_random_seed(5)
    return dl.convert(models.free_length().model).compile()


def load(path: Path) -> Any:
    return tf.saved_model.load(str(path)).signatures["score"]


def answer(path: Path, **request: Any) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in load(path)(**request).items()}


X = models.one_hot(5, 12, seed=7)
BACKGROUND = models.one_hot(3, 12, seed=8)


def backwards(x: np.ndarray) -> np.ndarray:
    return x[:, ::-1]


OWN = dl.references.ReferenceSampler(functools.partial(backwards))


@pytest.mark.parametrize(
    ("baked", "in_python"),
    [
        (0.25, 0.25),
        (BACKGROUND, BACKGROUND[None]),
        (BACKGROUND[None], BACKGROUND[None]),
        (dl.references.gc_content(), dl.references.gc_content()),
        (dl.references.dinucleotide_shuffle(4, seed=3), dl.references.dinucleotide_shuffle(4, seed=3)),
        (dl.references.shuffle(4, seed=3), dl.references.shuffle(4, seed=3)),
        (lambda x: tf.reverse(x, [1]), lambda x: x[:, ::-1]),
        (dl.references.blurred(1.5), dl.references.blurred(1.5)),
        (dl.references.uniform_frequencies(), dl.references.uniform_frequencies()),
    ],
    ids=["constant", "R", "1R", "gc", "dinucleotide", "shuffle", "callable", "blurred", "uniform"],
)
@pytest.mark.slow_but_for("callable", "gc", "1R")
def test_references_baked_in(score: Score, tmp_path: Path, baked: Any, in_python: Any) -> None:
    path = score.export(tmp_path / "1", baked, hypothetical=True)
    found = answer(path, dna=tf.constant(X), target=tf.constant([2]))
    expected = answer_of(score(X, in_python, 2, hypothetical=True))
    assert set(found) == set(expected)
    for name, value in expected.items():
        close(found[name], value, err_msg=name)


@pytest.mark.parametrize(("axes", "radius"), [(None, 2.0), ((2,), 0.7), ((1, 2), 0.0), (None, 9.0)])
@pytest.mark.parametrize("known", [True, False])
def test_blurred_images(axes: tuple[int, ...] | None, radius: float, known: bool) -> None:
    """Also of images of any size, and where the Gaussian reaches beyond the mirrored image."""
    x = np.random.default_rng(0).normal(size=(2, 7, 5, 3)).astype("f4")
    make = IN_GRAPH["blurred"]
    shape = x.shape if known else [None, None, None, 3]
    function = tf.function(
        lambda x: make(x, radius=radius, axes=axes), input_signature=[tf.TensorSpec(shape)], autograph=False
    )
    expected = dl.references.blurred(radius, axes)(x)
    close(function(tf.constant(x)), expected)


def test_other_examples_are_drawn_from_the_row() -> None:
    examples = np.random.default_rng(0).normal(size=(6, 3, 2)).astype("f4")

    @functools.partial(tf.function, autograph=False)
    def make(x: tf.Tensor, count: int, seed: int) -> tf.Tensor:
        return IN_GRAPH["another_example"](x, examples=examples, count=count, seed=seed)

    made = make(tf.constant(examples), count=5, seed=1).numpy()
    for row in range(6):  # all the others, each once
        found = [int(np.flatnonzero((examples == other).all((1, 2)))[0]) for other in made[row]]
        assert sorted(found) == [each for each in range(6) if each != row]
    np.testing.assert_array_equal(make(tf.constant(examples[4:5]), count=5, seed=1)[0], made[4])
    many = tf.constant(np.random.default_rng(1).normal(size=(600, 3, 2)).astype("f4"))
    first = make(many, count=1, seed=3).numpy()
    counts = [(first == each).all((1, 2)).sum() for each in examples]
    assert np.abs(np.array(counts) - 100).max() < 4 * np.sqrt(600 / 6 * 5 / 6)  # four standard deviations
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least 6 examples besides the row"):
        make(tf.constant(examples[:1]), count=6, seed=0)


@pytest.mark.parametrize("target", [1, "predicted", np.array([1.0, -1.0, 0.0]), lambda y: tf.nn.softmax(y)])
@pytest.mark.slow_for("1", "<lambda>")
def test_targets_baked_in(free: Score, tmp_path: Path, target: Any) -> None:
    path = free.export(tmp_path / "1", 0, target)
    for rows, length in ((4, 9), (7, 14)):
        x = models.one_hot(rows, length)
        close(answer(path, dna=tf.constant(x))["contributions"], free(x, 0, target).contributions)


def test_a_position_of_an_output_of_any_length(tmp_path: Path) -> None:
    x = keras.Input((None, 4), name="dna")
    score = dl.convert(keras.Model(x, keras.layers.Conv1D(2, 3, activation="tanh")(x))).compile()
    path = score.export(tmp_path / "1", 0, (-1, 1))
    rows = models.one_hot(3, 9)
    close(answer(path, dna=tf.constant(rows))["contributions"], score(rows, 0, (-1, 1)).contributions)
    with pytest.raises(TargetError, match="baked in"):
        score.export(tmp_path / "2")
    with pytest.raises(TargetError, match="expected 2 integers"):
        score.export(tmp_path / "2", 0, 3)


def test_hidden_layers(score: Score, tmp_path: Path) -> None:
    hidden = score.network.compile(layers=["conv", "hidden"])
    found = answer(hidden.export(tmp_path / "1", 0), dna=tf.constant(X), target=tf.constant([0]))
    expected = hidden(X, 0, 0)
    for name in ("conv", "hidden"):
        close(found[f"contributions_{name}"], expected.contributions[name])
    assert "delta" not in found  # one lies behind the other


def test_a_rule_without_a_reference(score: Score, tmp_path: Path) -> None:
    gradient = score.network.with_rule("gradient").compile()
    found = answer(gradient.export(tmp_path / "1", 0, 1), dna=tf.constant(X))
    assert set(found) == {"contributions", "multipliers", "outputs"}
    close(found["multipliers"], gradient(X, 0, 1).multipliers)


@pytest.mark.parametrize("make", [serving.shuffle, serving.dinucleotide_shuffle])
def test_shuffles_depend_on_the_row_alone(make: Callable[..., tf.Tensor]) -> None:
    x = models.one_hot(6, 30)
    x[1, 4] = 0  # N
    made = make(x, 5, seed=1).numpy()
    np.testing.assert_array_equal(make(x[2:3], 5, seed=1)[0], made[2])
    np.testing.assert_array_equal(make(x[::-1].astype("f8"), 5, seed=1)[0], made[5])
    np.testing.assert_array_equal(np.sort(made, 2), np.sort(np.repeat(x[:, None], 5, 1), 2))
    assert len({row.tobytes() for row in made[0]}) == 5
    assert not np.array_equal(make(x, 5, seed=2), made)


def test_dinucleotide_shuffles_keep_pairs_and_are_uniform() -> None:
    x = models.one_hot(3, 40)
    for row, made in zip(x, serving.dinucleotide_shuffle(x, 6).numpy(), strict=True):
        for other in made:
            np.testing.assert_array_equal(other[:-1].T @ other[1:], row[:-1].T @ row[1:])
    word = np.eye(4, dtype=np.float32)[["ACGT".index(letter) for letter in "ACAGATAC"]]  # 3! orders of CA, GA, TA
    orders, counts = np.unique(
        serving.dinucleotide_shuffle(word[None], 6000)[0].numpy().argmax(-1), axis=0, return_counts=True
    )
    assert len(orders) == 6
    assert np.abs(counts - 1000).max() < 4 * np.sqrt(6000 / 6 * 5 / 6)  # four standard deviations
    for length in (1, 2):
        np.testing.assert_array_equal(serving.dinucleotide_shuffle(x[:, :length], 2)[:, 1], x[:, :length])


def test_a_bad_request_fails(score: Score, tmp_path: Path) -> None:
    served = load(score.export(tmp_path / "1"))
    assert served.structured_input_signature[1]["target"].dtype == tf.int32
    x = tf.constant(X)
    for target, references in (([3], x), ([-4], x), ([0, 1], x), ([0], x[:2])):
        with pytest.raises(tf.errors.InvalidArgumentError):
            served(dna=x, references=references, target=tf.constant(target))
    served(dna=x, references=x[:1], target=tf.constant([-3]))
    shuffled = load(score.export(tmp_path / "2", dl.references.dinucleotide_shuffle(2)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="one-hot"):
        shuffled(dna=x * 0.5, target=tf.constant([0]))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"references": np.zeros((5, 4))}, ReferencesError, "a background"),
        ({"references": np.full((12, 4), np.nan)}, ReferencesError, "finite"),
        ({"references": OWN}, ReferencesError, "backwards.* cannot be exported; of the makers these can"),
        ({"references": dl.references.another_example(np.zeros((5, 11, 4)))}, ReferencesError, "of shape"),
        ({"references": lambda x: np.asarray(x)}, ReferencesError, "TensorFlow operations"),
        ({"references": lambda x: x[:, :3]}, ReferencesError, "one for each row"),
        ({"target": 3}, TargetError, "0 to 2"),
        ({"target": lambda y: np.asarray(y)}, TargetError, "to be exported, the callable must be made of TensorFlow"),
        ({"target": np.zeros(4)}, TargetError, "expected"),
    ],
)
def test_what_cannot_be_exported(
    score: Score, tmp_path: Path, arguments: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        score.export(tmp_path / "1", **arguments)
    assert not list(tmp_path.iterdir())


def test_names_that_collide(tmp_path: Path) -> None:
    x = keras.Input((3,), name="target")
    score = dl.convert(keras.Model(x, keras.layers.Dense(2)(x))).compile()
    with pytest.raises(InputError, match="two arguments named target"):
        score.export(tmp_path / "1")
    assert score.export(tmp_path / "1", target=0).is_dir()


def test_folders_appear_whole_or_not_at_all(score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputFileError, match="exists already"):
        score.export(tmp_path / "taken")
    seen = []

    def full_disk(module: Any, path: str, **others: Any) -> None:
        (Path(path) / "saved_model.pb").write_bytes(b"half")
        seen.append(path)
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full_disk)
    with pytest.raises(OutputFileError, match="No space left"):
        score.export(tmp_path / "served" / "1")
    assert seen and not list((tmp_path / "served").iterdir())


def test_the_command(score: Score, tmp_path: Path) -> None:
    keras.utils.set_random_seed(5)
    models.conv().model.save(tmp_path / "model.keras")
    np.save(tmp_path / "background.npy", BACKGROUND)
    out = tmp_path / "served" / "scorer" / "1"
    common = ("export", "-m", tmp_path / "model.keras", "-o")
    done = run(*common, out, "--references", tmp_path / "background.npy", "--target", "1")
    assert done.exit_code == 0, done.output
    expected = score(X, BACKGROUND[None], 1).contributions
    close(answer(out, dna=tf.constant(X))["contributions"], expected)
    hidden = run(*common, tmp_path / "3", "--references", "zeros", "--layers", "conv,hidden", "--rule", "reveal_cancel")
    assert hidden.exit_code == 0, hidden.output
    found = answer(tmp_path / "3", dna=tf.constant(X), target=tf.constant([1]))
    expected = score.network.with_rule("reveal_cancel").compile(["conv", "hidden"])(X, 0, 1).contributions
    for name, value in expected.items():
        close(found[f"contributions_{name}"], value)
    again = run(*common, out)
    assert again.exit_code == 2 and "exists already" in again.output
    assert run(*common, tmp_path / "2", "--references", "blurred:-3").exit_code == 2


def test_the_requests_in_the_docs(score: Score, tmp_path: Path) -> None:
    """Row and columnar bodies of REST, as they stand in docs/serving.md, hold the same request."""
    text = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
    row, columnar = (json.loads(part.split("```")[0]) for part in text.split("```json\n")[1:3])
    assert row["signature_name"] == columnar["signature_name"] == "score"
    columns = columnar["inputs"]
    built = [{"x": x, "references": columns["references"][0], "target": columns["target"][0]} for x in columns["x"]]
    assert row["instances"] == json.loads(json.dumps(built))
    stacked = {name: [each[name] for each in row["instances"]] for name in row["instances"][0]}
    x = keras.Input((3,), name="x")
    model = keras.Model(x, keras.layers.Dense(2, activation="relu")(x))
    served = load(dl.convert(model).compile().export(tmp_path / "1"))
    types = {name: spec.dtype for name, spec in served.structured_input_signature[1].items()}
    answers = [
        served(**{name: tf.constant(value, types[name]) for name, value in request.items()})
        for request in (stacked, columns)
    ]
    for name, value in answers[0].items():
        np.testing.assert_array_equal(value, answers[1][name])
    x = np.array(columns["x"])
    np.testing.assert_array_equal(answers[0]["contributions"], x * answers[0]["multipliers"])


def test_what_is_held_at_x_is_said_once(tmp_path: Path) -> None:
    """A mask that is an input of its own is that of x in the pass of the reference, in an export as well."""
    x, kept = keras.Input((5,), name="x"), keras.Input((5,), dtype="bool", name="kept")
    y = keras.layers.Dense(2)(keras.ops.where(kept, x, 0.0))
    score = dl.convert(keras.Model([x, kept], y)).compile()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DeepLiftWarning)
        score.export(tmp_path / "first", target=0)
        score.export(tmp_path / "second", target=0)
    said = [str(each.message) for each in caught if each.category is DeepLiftWarning]
    assert len(said) == 1
    assert said[0].startswith("taken from x in the pass of the reference: input 'kept'")
