"""What a request may hold: no rows, indices of 32 or 64 bits, counted from the end as in Python; and warm-up."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import deeplift_tf as dl
from deeplift_tf.errors import InputError, TargetError
from deeplift_tf.scoring.score import Score
from deeplift_tf.serving import warmup
from tests.support import served_models as models
from tests.support.command_line import run
from tests.support.served import close


@pytest.fixture(scope="module")
def score() -> Score:
    keras.utils.set_random_seed(5)
    return dl.convert(models.conv().model).compile()


@pytest.fixture(scope="module")
def served(score: Score, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tf.saved_model.load(str(score.export(tmp_path_factory.mktemp("served") / "1")))


X = models.one_hot(5, 12, seed=7)


@pytest.mark.parametrize("name", ["conv", "tokens", "two_inputs"])
def test_no_rows_are_answered_by_none(name: str, tmp_path: Path) -> None:
    """A convolution of zero rows fails in TensorFlow on a CPU, so a row stands in."""
    case = models.CASES[name]()
    loaded = tf.saved_model.load(str(dl.convert(case.model).compile().export(tmp_path / "1", 0)))
    x = {key: tf.constant(value) for key, value in case.x.items()}
    for signature, further in (("score", {"target": tf.constant([1])}), ("predict", {})):
        whole = loaded.signatures[signature](**x, **further)
        for target in (further, {key: value[:0] for key, value in further.items()}):
            none = loaded.signatures[signature](**{key: value[:0] for key, value in x.items()}, **target)
            assert {key: (0, *value.shape[1:]) for key, value in whole.items()} == {
                key: tuple(value.shape) for key, value in none.items()
            }


def test_rows_without_references_are_refused(served: Any) -> None:
    """What stands in where there are no rows is nothing for rows that lack something."""
    with pytest.raises(tf.errors.InvalidArgumentError, match="references: expected 1 row"):
        served.signatures["score"](dna=tf.constant(X), references=tf.constant(X[:0]), target=tf.constant([0]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="target: expected 1 row"):
        served.signatures["score"](dna=tf.constant(X), references=tf.constant(X), target=tf.constant([], tf.int32))


def test_indices_of_64_bits(served: Any, score: Score) -> None:
    arguments = {"dna": tf.constant(X), "references": tf.constant(X[:1])}
    wide = served.signatures["score_int64"](**arguments, target=tf.constant([0, 1, 2, 1, 0], tf.int64))
    close(wide["contributions"], score(X, X[0], np.array([0, 1, 2, 1, 0])).contributions)
    for outside in (2**32, -(2**32), 3):  # of which the lowest 32 bits of the first two are 0
        with pytest.raises(tf.errors.InvalidArgumentError, match="0 to 2"):
            served.signatures["score_int64"](**arguments, target=tf.constant([outside], tf.int64))


def test_indices_count_from_the_end_as_in_python(served: Any, score: Score, tmp_path: Path) -> None:
    for index in (-1, -3):
        found = served.signatures["score"](
            dna=tf.constant(X), references=tf.constant(X[:1]), target=tf.constant([index])
        )
        close(found["contributions"], score(X, X[0], index).contributions)
        close(found["contributions"], score(X, X[0], 3 + index).contributions)
    with pytest.raises(TargetError, match="0 to 2"):
        score(X, X[0], -4)
    with pytest.raises(TargetError, match="0 to 2"):
        score.export(tmp_path / "1", 0, -4)
    with pytest.raises(tf.errors.InvalidArgumentError, match="0 to 2"):
        served.signatures["score"](dna=tf.constant(X), references=tf.constant(X[:1]), target=tf.constant([-4]))


def test_the_root_logger_keeps_its_handlers(score: Score, tmp_path: Path) -> None:
    """TensorFlow's writer logs to it, which gives it a handler that prints every remark of this package once more."""
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    try:
        score.export(tmp_path / "1", 0, 1)
        assert root.handlers == []
        own = logging.NullHandler()
        root.addHandler(own)
        score.export(tmp_path / "2", 0, 1)
        assert root.handlers == [own]
    finally:
        root.handlers = before


def message(name: str, *fields: tuple[str, int, str]) -> descriptor_pb2.DescriptorProto:
    made = descriptor_pb2.DescriptorProto(name=name)
    for field, number, kind in fields:
        many = field.endswith("s")
        made.field.add(
            name=field,
            number=number,
            label=3 if many else 1,
            type=9 if kind == "string" else 11,
            type_name=None if kind == "string" else kind,
        )
    return made


def prediction_log() -> Any:
    """The class of messages, by the published numbers of their fields; a map is a list of pairs on the wire."""
    file = descriptor_pb2.FileDescriptorProto(name="warmup_test.proto", package="warmup_test", syntax="proto3")
    file.dependency.append("tensorflow/core/framework/tensor.proto")
    file.message_type.extend(
        [
            message("ModelSpec", ("name", 1, "string"), ("signature_name", 3, "string")),
            message("Pair", ("key", 1, "string"), ("value", 2, ".tensorflow.TensorProto")),
            message("PredictRequest", ("model_spec", 1, ".warmup_test.ModelSpec"), ("inputs", 2, ".warmup_test.Pair")),
            message("PredictLog", ("request", 1, ".warmup_test.PredictRequest")),
            message("PredictionLog", ("predict_log", 6, ".warmup_test.PredictLog")),
        ]
    )
    pool = descriptor_pool.Default()
    pool.Add(file) if not known(pool) else None
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("warmup_test.PredictionLog"))


def known(pool: Any) -> bool:
    try:
        pool.FindFileByName("warmup_test.proto")
    except KeyError:
        return False
    return True


def requests_in(folder: Path) -> list[tuple[str, str, dict[str, np.ndarray]]]:
    """The warm-up requests of a folder: the model, the signature and the tensors."""
    records = tf.data.TFRecordDataset(str(folder / "assets.extra" / "tf_serving_warmup_requests"))
    logs = [prediction_log().FromString(record.numpy()) for record in records]
    found = [log.predict_log.request for log in logs]
    return [
        (each.model_spec.name, each.model_spec.signature_name, {p.key: tf.make_ndarray(p.value) for p in each.inputs})
        for each in found
    ]


def test_warmup_requests_of_zeros(score: Score, tmp_path: Path) -> None:
    path = score.export(tmp_path / "scorer" / "1", warmup=[1, 200])
    found = requests_in(path)
    assert [(model, signature) for model, signature, _ in found] == [("scorer", "score")] * 2
    for rows, (_, _, tensors) in zip((1, 200), found, strict=True):
        shapes = {name: (value.shape, value.dtype.name) for name, value in tensors.items()}
        assert shapes == {
            "dna": ((rows, 12, 4), "float32"),
            "references": ((rows, 12, 4), "float32"),
            "target": ((rows,), "int32"),
        }
        answered(path, tensors)


def answered(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    served = tf.saved_model.load(str(path)).signatures["score"]
    found = served(**{name: tf.constant(value) for name, value in tensors.items()})
    assert len(found["contributions"]) == len(next(iter(tensors.values())))


def test_warmup_requests_of_rows(tmp_path: Path) -> None:
    score = dl.convert(models.free_length().model).compile()
    with pytest.raises(InputError, match=r"dna has the shape .*give rows of x"):
        score.export(tmp_path / "1", 0, 1, warmup=3)
    assert not list(tmp_path.iterdir())
    found = requests_in(score.export(tmp_path / "1", 0, 1, warmup=models.one_hot(3, 9)))
    assert [tensors["dna"].shape for _, _, tensors in found] == [(1, 9, 4), (3, 9, 4)]
    np.testing.assert_array_equal(found[1][2]["dna"], models.one_hot(3, 9))


def test_a_warmup_request_that_fails_is_no_export(score: Score, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"warmup: a request of 1 rows fails.*one-hot"):
        score.export(tmp_path / "1", dl.references.dinucleotide_shuffle(2), 1, warmup=X * 0.5)
    for wrong in (0, [], [1] * 1001):
        with pytest.raises(InputError, match="warmup: expected 1 to 1000"):
            score.export(tmp_path / "1", 0, 1, warmup=wrong)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_warmup_on_the_command_line(tmp_path: Path) -> None:
    models.conv().model.save(tmp_path / "model.keras")
    np.save(tmp_path / "rows.npy", X[:2])
    common = ("export", "-m", tmp_path / "model.keras", "--references", "zeros", "--target", "1")
    for name, given, rows in (("1", "1,4", [1, 4]), ("2", str(tmp_path / "rows.npy"), [1, 2])):
        done = run(*common, "-o", tmp_path / name, "--warmup", given)
        assert done.exit_code == 0, done.output
        assert [len(tensors["dna"]) for _, _, tensors in requests_in(tmp_path / name)] == rows
    wrong = run(*common, "-o", tmp_path / "3", "--warmup", "rows.txt")
    assert wrong.exit_code == 2 and "rows.txt" in wrong.output


@pytest.mark.parametrize(("number", "written"), [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02")])
def test_integers_of_protocol_buffers(number: int, written: str) -> None:
    """The last is the example of their documentation."""
    assert warmup.varint(number).hex() == written
