"""Batches of a run whose rows and scores take much memory: cut smaller, counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.runs import batch_rows as module
from deeplift_tf.runs.model import ModelSource
from deeplift_tf.runs.request import Request
from tests.cli.conftest import files as files
from tests.cli.test_score import arrays_of
from tests.support.checks import assert_close_to_largest
from tests.support.command_line import run

ROW = 12 * 4  # numbers


@pytest.mark.parametrize(
    ("targets", "others", "row"),
    [
        (1, {}, 3 * ROW),  # the row, its contributions and multipliers
        (2, {}, 5 * ROW),
        (1, {"hypothetical": True}, 5 * ROW),
        (1, {"layers": ("conv",)}, ROW + 2 * ROW),  # eight positions of three filters are fewer than the row
        (40, {}, 81 * ROW),
    ],
)
def test_bytes_of_rows_and_their_scores(
    files: Path, targets: int, others: dict[str, object], row: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ModelSource(files / "one.keras")
    request = Request(source, tuple(range(targets)), batch_size=100_000, **others)  # type: ignore[arg-type]
    arrays = {"x": np.zeros((7, 12, 4), "float32")}
    monkeypatch.setattr(module, "BYTES", 50 * 4 * row + 1)
    assert module.batch_rows(request, source.convert(), arrays) == 50
    assert module.batch_rows(request._replace(batch_size=50), source.convert(), arrays) == 50
    monkeypatch.setattr(module, "BYTES", 1)
    assert module.batch_rows(request, source.convert(), arrays) == max(1, 32 // targets)


def test_a_run_in_smaller_batches(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said once; shards are cut at the same rows, and their scores are those of the library."""
    monkeypatch.setattr(module, "BYTES", 20 * 4 * 5 * ROW)
    asked = ["score", "-m", files / "one.keras", "-i", files / "x.npy", "--targets", "0,1", "--batch-size", 100_000]
    done = run(*asked, "-o", tmp_path / "s.h5")
    assert done.exit_code == 0, done.stderr
    assert done.stderr.count("note: --batch-size: 20 rows are read, scored and written together, and not 100000") == 1
    for number in (1, 2, 3):
        assert run(*asked, "-o", tmp_path / f"{number}.h5", "--shard", f"{number}/3").exit_code == 0
    assert run("merge", tmp_path / "all.h5", *(tmp_path / f"{number}.h5" for number in (1, 2, 3))).exit_code == 0
    whole, merged = arrays_of(tmp_path / "s.h5"), arrays_of(tmp_path / "all.h5")
    assert all(array.tobytes() == merged[name].tobytes() for name, array in whole.items())
    expected = dl.convert(files / "one.keras").compile()(np.load(files / "x.npy"), targets=[0, 1])
    for target in (0, 1):
        found = whole[f"contributions/target_{target}"]
        assert_close_to_largest(found, expected.contributions[target], 1e-6)  # float32, in other batches
