"""A run is gone on with only where nothing that its scores depend on has changed."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from deeplift_tf.cli.score import score
from deeplift_tf.errors import WorkerError
from deeplift_tf.runs.engines.ray import Worker
from deeplift_tf.runs.identity import BESIDE, HOW, differences, essential, identities, of_model
from deeplift_tf.runs.model import ModelSource
from deeplift_tf.runs.request import Request


def run(**arguments: str) -> dict[str, Any]:
    return {"arguments": arguments, "versions": {}, "files": identities(arguments)}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        np.save(f"{name}.npy", np.full(3, ord(name)))


@pytest.mark.parametrize(
    ("name", "before", "now"),
    [
        ("references", "background-sample:a.npy,20", "background-sample:a.npy,10"),
        ("references", "mean:a.npy", "another-example:a.npy"),
        ("references", "mean:a.npy", "mean:b.npy"),
        ("references", "a.npy", "zeros"),
        ("control", "a.npy,b.npy", "b.npy,a.npy"),
    ],
)
def test_what_is_done_with_files_counts(name: str, before: str, now: str) -> None:
    assert differences(run(**{name: before}), run(**{name: now})) == [f'`{name}` was "{before}", is "{now}"']


def test_of_a_path_it_counts_what_lies_there() -> None:
    before = run(input="a.npy", references="mean:b.npy")
    Path("c.npy").write_bytes(Path("a.npy").read_bytes())
    assert differences(before, run(input="c.npy", references="mean:b.npy")) == []
    assert differences(before, run(input="b.npy", references="mean:b.npy")) == ["b.npy is not the file that it was"]
    np.save("b.npy", np.zeros(3))
    now = run(input="a.npy", references="mean:b.npy")
    assert differences(before, now) == ["mean:b.npy is not the file that it was"]


def test_every_argument_of_the_command_counts_but_those_that_are_named() -> None:
    names = {option.name or "" for option in score.params}
    assert {*HOW, *BESIDE} <= names
    for name in names - {*HOW}:
        now = run(**{name: "now"})
        assert bool(differences(run(**{name: "before"}), now)) == (name not in BESIDE), name
        assert (name in essential(now)["arguments"]) == (name not in BESIDE)


def test_a_file_that_scores_do_not_depend_on_may_change() -> None:
    before = run(chrom_sizes="a.npy", input="b.npy")
    np.save("a.npy", np.zeros(3))
    assert differences(before, run(chrom_sizes="a.npy", input="b.npy")) == []
    assert list(essential(before)["files"]) == ["input"]


def test_a_worker_with_another_model_refuses_to_score(tmp_path: Path) -> None:
    """As on a machine of a cluster where a stale copy lies under the same path."""
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(tmp_path / "model.keras")
    request = Request(ModelSource(tmp_path / "model.keras"))
    identity = of_model(request.model)
    worker = Worker()
    worker.start(request, 0.0, 1, identity)
    scores = worker.score(np.ones((2, 3), "float32"), None)
    assert scores["contributions"].shape == (2, 3)
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(tmp_path / "model.keras")
    with pytest.raises(WorkerError, match=f"{socket.gethostname()}: .*model.keras is not the file that it is there"):
        Worker().start(request, 0.0, 1, identity)
    other = of_model(request.model) | {"keras": "3.0.1"}
    with pytest.raises(WorkerError, match=f"keras is {keras.__version__}, there 3.0.1. Copy the model"):
        Worker().start(request, 0.0, 1, other)


@pytest.mark.parametrize("place", ["saved_model.pb", "variables/variables.index"])
def test_every_file_of_a_folder_counts(tmp_path: Path, place: str) -> None:
    for name in ("saved_model.pb", "variables/variables.index", "assets/words.txt"):
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_text(name)
    model = ModelSource(tmp_path / "model")
    before = of_model(model)
    assert of_model(model) == before
    (tmp_path / "model" / place).write_text("other")
    assert of_model(model) != before
