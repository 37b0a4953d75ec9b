"""Files of scores and arrays that come from anyone: they read no other file, and what is damaged is one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from deeplift_tf.errors import InputError
from deeplift_tf.io.inputs import open_arrays
from deeplift_tf.io.scores_file import open_scores
from tests.support.command_line import run

ROWS = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "s.h5"
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file["contributions"] = ROWS
        file["outputs"] = file["delta"] = ROWS[:, 0]
    return path


def noted(path: Path, **metadata: Any) -> Path:
    with h5py.File(path, "a") as file:
        for name, value in metadata.items():
            file.attrs[name] = json.dumps(value)
    return path


def external(file: h5py.File, secret: Path) -> None:
    file.create_dataset("contributions", (5, 3), "u1", external=[(str(secret), 0, 15)])


def virtual(file: h5py.File, secret: Path) -> None:
    with h5py.File(secret.with_suffix(".h5"), "w") as other:
        other["values"] = ROWS
    layout = h5py.VirtualLayout((5, 3), "f4")
    layout[:] = h5py.VirtualSource(str(secret.with_suffix(".h5")), "values", (5, 3))
    file.create_virtual_dataset("contributions", layout)


def linked(file: h5py.File, secret: Path) -> None:
    with h5py.File(secret.with_suffix(".h5"), "w") as other:
        other["values"] = ROWS
    file["contributions"] = h5py.ExternalLink(str(secret.with_suffix(".h5")), "values")


def soft(file: h5py.File, secret: Path) -> None:
    file["values"] = ROWS
    file["contributions"] = h5py.SoftLink("/values")


def wide(file: h5py.File, secret: Path) -> None:
    file.create_dataset("contributions", (5, 1 << 40), "f4", chunks=(1, 1024))


def of_large_chunks(file: h5py.File, secret: Path) -> None:
    file.create_dataset("contributions", (1 << 30, 8), "f8", chunks=(1 << 26, 5), compression="gzip")


def deep(file: h5py.File, secret: Path) -> None:
    file.create_dataset("/".join(["group"] * 200), data=ROWS)


@pytest.mark.parametrize("make", [external, virtual, linked, soft, wide, of_large_chunks, deep])
def test_arrays_that_are_not_in_the_file(tmp_path: Path, make: Any) -> None:
    secret, path = tmp_path / "secret.txt", tmp_path / "x.h5"
    secret.write_bytes(b"root:x:0:0:root")
    with h5py.File(path, "w") as file:
        make(file, secret)
    message = r"x\.h5: .*expected (arrays inside|values inside|rows and chunks of at most|at most 100000 groups)"
    with pytest.raises(InputError, match=message), open_arrays(path):
        pass
    for command in ("plot", "report"):
        result = run(command, path, "-o", tmp_path / "out.png" if command == "plot" else tmp_path / "out.html")
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.stderr
        assert "root:x" not in result.stderr


WRONG: list[dict[str, Any]] = [
    {"arguments": []},
    {"arguments": "x"},
    {"arguments": {"input": 5}},
    {"arguments": {"input": ["a"]}},
    {"arguments": {"model": {"a": 1}}},
    {"arguments": {"letters_axis": "last"}},
    {"arguments": {"rule": 3}},
    {"arguments": {"alphabet": 7}},
    {"versions": 3},
    {"files": "none"},
    {"rows": 5},
    {"rows": [0, 5]},
    {"rows": [0, "5", 5]},
    {"rows": [4, 2, 5]},
    {"rows": None},
]


@pytest.mark.parametrize("metadata", WRONG, ids=json.dumps)
def test_metadata_of_the_wrong_type(scores: Path, metadata: dict[str, Any]) -> None:
    noted(scores, **metadata)
    for command, out in (("plot", "p.png"), ("report", "r.html")):
        result = run(command, scores, "-o", scores.parent / out)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.stderr
        assert "expected the metadata that `deeplift-tf score` writes; found otherwise: " in result.stderr


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("outputs", np.zeros(4)),
        ("outputs", np.zeros((5, 2))),
        ("delta", np.array([b"a"] * 5)),
        ("names", np.array([b"a"] * 4)),
    ],
)
def test_arrays_that_do_not_belong_together(scores: Path, name: str, array: Any) -> None:
    with h5py.File(scores, "a") as file:
        if name in file:
            del file[name]
        file[name] = array
    with pytest.raises(InputError, match="expected scores of 5 rows; found an array"), open_scores(scores):
        pass


def test_only_what_lies_beside_is_read(scores: Path, caplog: pytest.LogCaptureFixture) -> None:
    elsewhere = scores.parent.parent / "x.npy"
    np.save(elsewhere, ROWS)
    (scores.parent / "link.npy").symlink_to(elsewhere)
    for path in (elsewhere, scores.parent / "link.npy", Path("/dev/null"), Path("../x.npy"), Path("a\0b.npy")):
        noted(scores, arguments={"input": str(path)})
        caplog.clear()
        with caplog.at_level("INFO", "deeplift_tf"), open_scores(scores) as file:
            assert file.x is None
        assert "which does not lie beside it and is not read; name it with `input`" in caplog.text
    with open_scores(scores, x=elsewhere) as file:
        assert file.x is not None
    np.save(scores.parent / "x.npy", ROWS)
    noted(scores, arguments={"input": str(elsewhere)})  # a file of the same name lies beside the scores
    with open_scores(scores) as file:
        assert file.x is not None
        np.testing.assert_array_equal(file.x[slice(0, 5)], ROWS)


def test_rows_without_end(scores: Path) -> None:
    pytest.importorskip("matplotlib")
    result = run("plot", scores, "-o", scores.parent / "p.png", "--rows", "0:99999999999")
    assert result.exit_code == 0, result.stderr
    result = run("plot", scores, "-o", scores.parent / "q.png", "--rows", "99999999990:99999999999")
    assert (result.exit_code, "none of those asked for" in result.stderr) == (2, True)
