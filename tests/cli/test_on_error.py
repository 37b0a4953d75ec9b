"""Rows that cannot be scored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_score import arrays_of, score
from tests.support.command_line import run

BAD = {3: "nan at position (2, 1)", 4: "inf at position (0, 0)", 49: "nan at position (11, 3)"}


@pytest.fixture
def damaged(files: Path, tmp_path: Path) -> Path:
    x = np.load(files / "x.npy")
    x[3, 2, 1] = x[49, 11, 3] = np.nan
    x[4, 0, 0] = np.inf
    np.save(tmp_path / "damaged.npy", x)
    return tmp_path / "damaged.npy"


@pytest.mark.parametrize("size", [1, 8])
def test_bad_rows_are_skipped_listed_and_counted(files: Path, tmp_path: Path, damaged: Path, size: int) -> None:
    out = tmp_path / "s.h5"
    command = ("score", "-m", files / "one.keras", "-i", damaged, "-o", out, "--batch-size", size)
    result = run(*command, "--on-error", "skip")
    assert result.exit_code == 0, result.stderr
    assert ", 3 skipped, largest delta" in result.stdout
    found, whole = arrays_of(out), score(files, tmp_path / "w.h5", "--batch-size", size)
    good = [row for row in range(50) if row not in BAD]
    for name, array in whole.items():
        assert found[name][good].tobytes() == array[good].tobytes()  # the others are as if nothing was wrong
        assert np.isnan(found[name][list(BAD)]).all()
    lines = (tmp_path / "s.h5.skipped.tsv").read_text().splitlines()
    assert lines == ["row\treason", *(f"{row}\tinput 'x' holds {what}" for row, what in BAD.items())]
    summary = json.loads(run(*command, "--on-error", "skip", "--overwrite", "--json").stdout)
    assert (summary["rows"], summary["skipped"]) == (50, 3)
    assert summary["largest_delta"] < 1e-5


def test_skipped_rows_are_not_drawn(files: Path, tmp_path: Path, damaged: Path) -> None:
    out = tmp_path / "s.h5"
    command = ("score", "-m", files / "one.keras", "-i", damaged, "-o", out, "--on-error", "skip")
    assert run(*command).exit_code == 0
    assert run("report", out, "-o", tmp_path / "r.html", "--top", 3).exit_code == 0
    assert run("plot", out, "-o", tmp_path / "p.png", "--rows", "2:5").exit_code == 0
    assert "all of these rows were skipped" in run("plot", out, "-o", tmp_path / "q.png", "--rows", "3,4").stderr


def test_a_list_of_skipped_rows_survives_shards(files: Path, tmp_path: Path, damaged: Path) -> None:
    command = ("score", "-m", files / "one.keras", "-i", damaged, "--batch-size", 8, "--on-error", "skip")
    for shard in (1, 2):
        assert run(*command, "-o", tmp_path / f"{shard}.h5", "--shard", f"{shard}/2").exit_code == 0
    assert run("merge", tmp_path / "m.h5", tmp_path / "1.h5", tmp_path / "2.h5").exit_code == 0
    assert run(*command, "-o", tmp_path / "w.h5").exit_code == 0
    assert (tmp_path / "m.h5.skipped.tsv").read_text() == (tmp_path / "w.h5.skipped.tsv").read_text()


def test_they_end_the_run_before_any_work_by_default(files: Path, tmp_path: Path, damaged: Path) -> None:
    result = run("score", "-m", files / "one.keras", "-i", damaged, "-o", tmp_path / "s.h5")
    assert result.exit_code == 2
    assert "row 3 (counted from 0) holds nan at position (2, 1)" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["damaged.npy"]


def test_pictures_that_cannot_be_read(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    pillow = pytest.importorskip("PIL.Image")
    keras.utils.set_random_seed(0)
    layers = keras.layers
    keras.Sequential([keras.Input((6, 8, 3)), layers.Flatten(), layers.Dense(2)]).save(tmp_path / "m.keras")
    (tmp_path / "p").mkdir()
    rng = np.random.default_rng(0)
    for name in "abcd":
        pillow.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).save(tmp_path / "p" / f"{name}.png")
    whole = tmp_path / "p" / "c.png"
    whole.write_bytes(whole.read_bytes()[:90])  # its header is whole
    command = ("score", "-m", tmp_path / "m.keras", "-i", tmp_path / "p", "-o", tmp_path / "s.h5", "--batch-size", 2)
    late = run(*command)
    assert late.exit_code == 2
    assert "c.png: expected a PNG or JPEG picture" in late.stderr
    assert "2 of 4 rows are kept; the same command goes on from there" in late.stderr
    assert "4 rows, 2 of them by an earlier run," in run(*command, "--on-error", "skip").stdout
    assert "2\t" in (tmp_path / "s.h5.skipped.tsv").read_text()
    assert np.isnan(arrays_of(tmp_path / "s.h5")["contributions"]).any(axis=(1, 2, 3)).tolist() == [
        False,
        False,
        True,
        False,
    ]
    (tmp_path / "p" / "d.png").write_text("no picture")
    early = run(*command, "--overwrite")
    assert (early.exit_code, "d.png: expected a PNG" in early.stderr, "kept" in early.stderr) == (2, True, False)


def test_rows_that_overflow_in_the_model_are_no_scores(files: Path, tmp_path: Path) -> None:
    """Finite numbers may have scores that are none: they end the run there, and it can go on without them."""
    x = np.load(files / "x.npy")
    x[20] = 3e38 * np.sign(x[20])
    np.save(tmp_path / "x.npy", x)
    command = ("score", "-m", files / "one.keras", "-i", tmp_path / "x.npy", "-o", tmp_path / "s.h5", "--batch-size", 8)
    late = run(*command)
    assert late.exit_code == 2
    assert "row 20 (counted from 0): the array 'contributions' of its scores holds" in late.stderr
    assert "16 of 50 rows are kept" in late.stderr
    result = run(*command, "--on-error", "skip")
    assert "50 rows, 16 of them by an earlier run, in" in result.stdout
    assert ", 1 skipped, largest delta" in result.stdout
    listed = (tmp_path / "s.h5.skipped.tsv").read_text().splitlines()
    assert listed[1].startswith("20\tthe array 'contributions' of its scores holds ")
    found, whole = arrays_of(tmp_path / "s.h5"), score(files, tmp_path / "w.h5", "--batch-size", 8)
    for name, array in whole.items():
        assert np.isnan(found[name][20]).all()
        assert np.delete(found[name], 20, 0).tobytes() == np.delete(array, 20, 0).tobytes()


def test_numbers_that_the_model_cannot_take_are_found_before_any_work(files: Path, tmp_path: Path) -> None:
    x = np.load(files / "x.npy").astype(np.float64)
    references = x[:, None].copy()
    x[30, 2, 1] = references[40, 0, 1, 3] = 1e300
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "r.npy", references)
    command = ("score", "-m", files / "one.keras", "-o", tmp_path / "s.h5", "--batch-size", 8, "-i")
    said = "holds 1e+300 at position (2, 1), and the model takes no more than 3.4e+38"
    refused = run(*command, tmp_path / "x.npy")
    assert (refused.exit_code, f"input 'x': row 30 (counted from 0) {said}" in refused.stderr) == (2, True)
    refused = run(*command, files / "x.npy", "--references", tmp_path / "r.npy")
    assert (refused.exit_code, "references of input 'x': row 40 (counted" in refused.stderr) == (2, True)
    assert {path.name for path in tmp_path.iterdir()} == {"x.npy", "r.npy"}
    assert run(*command, tmp_path / "x.npy", "--on-error", "skip").exit_code == 0
    assert (tmp_path / "s.h5.skipped.tsv").read_text() == f"row\treason\n30\tinput 'x' {said}\n"
    assert run(*command, tmp_path / "x.npy", "--dtype", "float64", "--overwrite").exit_code == 0


def test_a_report_of_rows_that_were_all_skipped(files: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.full((3, 12, 4), np.nan, np.float32))
    out = tmp_path / "s.h5"
    skipping = ("--on-error", "skip", "--batch-size", 8)
    assert "3 skipped" in run("score", "-m", files / "one.keras", "-i", tmp_path / "x.npy", "-o", out, *skipping).stdout
    result = run("report", out, "-o", tmp_path / "r.html")
    assert result.exit_code == 0, result.stderr
