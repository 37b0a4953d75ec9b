"""Rows that miss the difference are counted over all sittings of a run and over all of its shards."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.cli.test_score import arrays_of
from tests.support.command_line import interrupted, run

ONE_STEP = "integrated_gradients:steps=1"  # the gradient in the middle of the way, which a sigmoid does not follow


def command(files: Path, out: Path, *more: object) -> tuple[object, ...]:
    asked = ("score", "-m", files / "one.keras", "-i", files / "x.npy", "-o", out, "--batch-size", 8)
    return (*asked, "--method", ONE_STEP, *more)


def misses(scores: Path) -> np.ndarray:
    """Return the rows of a file that miss the difference by more than 1 %, by plain arithmetic."""
    arrays = arrays_of(scores)
    difference = arrays["outputs"] - arrays["reference_outputs"]
    summed = arrays["contributions"].astype("float64").sum((1, 2))
    return np.flatnonzero(np.abs(summed - difference) > 0.01 * np.abs(difference))


def said(rows: np.ndarray, of: int = 50) -> str:
    return f"by more than 1% in {len(rows)} of {of} rows"


@pytest.fixture(scope="module")
def whole(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "whole.h5"
    assert run(*command(files, out)).exit_code == 0
    return out


def test_rows_of_the_sitting_before_count(
    files: Path, tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, out = misses(whole), tmp_path / "s.h5"
    kept = interrupted(monkeypatch, *command(files, out), batches=3)
    assert 0 < (expected < kept).sum() < len(expected) < 50  # some of them in each sitting, and rows that are well
    done = run(*command(files, out, "--json"))
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["missed"] == len(expected)
    assert done.stderr.count(said(expected)) == 1
    assert out.read_bytes() == whole.read_bytes()


def test_strict_ends_with_1_for_rows_of_the_sitting_before(
    files: Path, tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, few = np.load(files / "x.npy"), misses(whole)[:2]
    rows = np.concatenate([x[few], np.zeros((30, 12, 4), "float32")])  # rows of zeros have no difference to miss
    np.save(tmp_path / "x.npy", rows)
    asked = [*command(files, tmp_path / "s.h5", "--strict")]
    asked[asked.index("-i") + 1] = tmp_path / "x.npy"
    assert interrupted(monkeypatch, *asked) >= 2
    done = run(*asked)
    assert done.exit_code == 1
    assert said(few, 32) in done.stderr
    assert arrays_of(tmp_path / "s.h5")["delta"].shape == (32,)


@pytest.mark.parametrize("strict", [True, False])
def test_merge_counts_the_rows_of_all_shards(files: Path, tmp_path: Path, whole: Path, strict: bool) -> None:
    shards = [tmp_path / f"{number}.h5" for number in (1, 2)]
    for number, shard in enumerate(shards, 1):
        done = run(*command(files, shard, "--shard", f"{number}/2", *["--strict"] * strict))
        assert done.exit_code == strict, done.output
        assert said(misses(shard), len(arrays_of(shard)["delta"])) in done.stderr
    done = run("merge", tmp_path / "m.h5", *shards, *["--strict"] * strict)
    assert done.exit_code == strict
    worst = np.abs(arrays_of(whole)["delta"] / (arrays_of(whole)["outputs"] - arrays_of(whole)["reference_outputs"]))
    assert f"{said(misses(whole))}, most in row {worst.argmax()}:" in done.stderr


def test_merge_strict_is_content_with_rows_that_are_well(files: Path, tmp_path: Path) -> None:
    shards = [tmp_path / f"{number}.h5" for number in (1, 2)]
    for number, shard in enumerate(shards, 1):
        asked = command(files, shard, "--shard", f"{number}/2")
        assert run(*asked[:-4], *asked[-2:]).exit_code == 0  # the default method
    done = run("merge", tmp_path / "m.h5", *shards, "--strict")
    assert (done.exit_code, done.stderr) == (0, "")


def test_the_mean_of_runs_counts_them_too(files: Path, tmp_path: Path, whole: Path) -> None:
    import keras

    other = keras.saving.load_model(files / "one.keras")
    other.set_weights([weights * 1.1 for weights in other.get_weights()])
    other.save(tmp_path / "other.keras")
    asked = [*command(files, tmp_path / "other.h5")]
    asked[asked.index("-m") + 1] = tmp_path / "other.keras"
    assert run(*asked).exit_code == 0
    done = run("merge", "--mean", tmp_path / "m.h5", whole, tmp_path / "other.h5", "--strict")
    assert done.exit_code == 1
    with h5py.File(tmp_path / "m.h5") as file:
        difference = file["outputs"][:] - file["reference_outputs"][:]
        assert said(np.flatnonzero(np.abs(file["delta"][:]) > 0.01 * np.abs(difference))) in done.stderr
