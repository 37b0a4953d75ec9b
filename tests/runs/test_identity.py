"""A run is gone on with only where nothing that its scores depend on has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deeplift_tf.runs.identity import differences, identities


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
    assert differences(run(**{name: before}), run(**{name: now})) == [f'--{name} was "{before}", is "{now}"']


def test_of_a_path_it_counts_what_lies_there() -> None:
    before = run(input="a.npy", references="mean:b.npy")
    Path("c.npy").write_bytes(Path("a.npy").read_bytes())
    assert differences(before, run(input="c.npy", references="mean:b.npy")) == []
    assert differences(before, run(input="b.npy", references="mean:b.npy")) == ["b.npy is not the file that it was"]
    np.save("b.npy", np.zeros(3))
    now = run(input="a.npy", references="mean:b.npy")
    assert differences(before, now) == ["mean:b.npy is not the file that it was"]
