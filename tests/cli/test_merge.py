"""Shards, and what becomes of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from deeplift_tf.runs.merge import timeless
from tests.cli.test_score import arrays_of
from tests.support.command_line import interrupted, run


def command(files: Path, out: Path, *more: object) -> tuple[object, ...]:
    return ("score", "-m", files / "one.keras", "-i", files / "x.npy", "-o", out, "--batch-size", 8, *more)


def scored(files: Path, out: Path, *more: object) -> Path:
    result = run(*command(files, out, *more))
    assert result.exit_code == 0, result.stderr
    return out


def merged(out: Path, *parts: object) -> str:
    result = run("merge", out, *parts)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def refused(out: Path, *parts: object) -> str:
    result = run("merge", out, *parts)
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    assert not list(out.parent.glob(f"{out.name}*"))
    return result.stderr


def same(one: Path, other: Path) -> None:
    found, expected = arrays_of(one), arrays_of(other)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].tobytes() == array.tobytes()


@pytest.fixture(scope="module")
def shards(files: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """50 rows in batches of 8 are 7 batches: shards of 2, 2 and 3."""
    folder = tmp_path_factory.mktemp("shards")
    return [scored(files, folder / f"s{index}.h5", "--shard", f"{index}/3") for index in (1, 2, 3)]


def test_merged_shards_are_the_run_in_one_piece(files: Path, tmp_path: Path, shards: list[Path]) -> None:
    assert [len(arrays_of(path)["delta"]) for path in shards] == [16, 16, 18]
    assert merged(tmp_path / "merged.h5", shards[2], shards[0], shards[1]).startswith("50 rows of 3 shards")
    whole = scored(files, tmp_path / "whole.h5")
    same(tmp_path / "merged.h5", whole)
    about, of_the_whole = (json.loads((tmp_path / f"{name}.h5.json").read_text()) for name in ("merged", "whole"))
    assert about["arguments"].pop("out") == str(tmp_path / "merged.h5")
    of_the_whole["arguments"].pop("out")
    assert about == of_the_whole


def test_what_is_no_complete_set_of_shards(files: Path, tmp_path: Path, shards: list[Path]) -> None:
    out = tmp_path / "merged.h5"
    other = scored(files, tmp_path / "other.h5", "--shard", "2/3", "--target", 1)
    four = scored(files, tmp_path / "four.h5", "--shard", "2/4")
    (tmp_path / "cut.h5").write_bytes(shards[1].read_bytes()[:300])
    (tmp_path / "part.h5.partial").touch()
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["contributions"] = np.zeros(3)
    first, second, third = shards
    assert "shards missing: 2/3" in refused(out, first, third)
    assert "s2.h5: is shard 2/3, as " in refused(out, first, second, second, third)
    assert "other.h5: not of the same run as" in refused(out, first, other, third)
    assert "--target was 0, is 1" in refused(out, first, other, third)
    assert "four.h5: is shard 2/4, but" in refused(out, first, four, third)
    assert "none.h5: no such file of scores" in refused(out, first, tmp_path / "none.h5", third)
    assert "part.h5: this shard is not whole" in refused(out, first, tmp_path / "part.h5", third)
    assert "cut.h5: expected an .h5 file of scores" in refused(out, first, tmp_path / "cut.h5", third)
    assert "foreign.h5: expected a shard that" in refused(out, first, tmp_path / "foreign.h5", third)


def test_times_of_files_do_not_count_and_all_else_does() -> None:
    known = {"model": {"bytes": 3, "modified": 1}, "references": {"train.npy": {"bytes": 4, "modified": 2}}}
    wanted = {"model": {"bytes": 3}, "references": {"train.npy": {"bytes": 4}}}
    assert timeless({"files": known, "rows": [0, 3, 9]}) == {"files": wanted, "rows": [0, 3, 9]}


def test_a_shard_in_the_place_of_the_output_is_kept(shards: list[Path]) -> None:
    result = run("merge", *shards)
    assert (result.exit_code, "s1.h5: exists already; choose another name" in result.stderr) == (2, True)
    result = run("merge", *shards[:1], *shards, "--overwrite")
    assert (result.exit_code, "the output would replace a shard: " in result.stderr) == (2, True)
    assert len(arrays_of(shards[0])["delta"]) == 16


def test_an_interrupted_run_in_the_place_of_the_output_is_kept(
    files: Path, tmp_path: Path, shards: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "m.h5"
    assert interrupted(monkeypatch, *command(files, out))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    result = run("merge", out, *shards)
    assert result.exit_code == 2
    assert re.fullmatch(
        r"error: .*m.h5.partial: holds (8|16|24) rows of a run that was interrupted; finish it, choose another name, "
        r"or --overwrite to discard them\n",
        result.stderr,
    )
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert run("merge", out, *shards, "--overwrite").exit_code == 0
    same(out, scored(files, tmp_path / "whole.h5"))


def test_shards_of_which_one_has_skipped_rows(files: Path, tmp_path: Path) -> None:
    """--on-error is not what scores depend on, and neither is it where the others had no bad rows."""
    x = np.load(files / "x.npy")
    x[40, 2, 1] = np.nan
    np.save(tmp_path / "x.npy", x)
    (tmp_path / "one.keras").write_bytes((files / "one.keras").read_bytes())
    for index, option in ((1, "fail"), (2, "skip")):
        scored(tmp_path, tmp_path / f"{index}.h5", "--shard", f"{index}/2", "--on-error", option)
    merged(tmp_path / "m.h5", tmp_path / "1.h5", tmp_path / "2.h5")
    assert json.loads((tmp_path / "m.h5.json").read_text())["arguments"]["on_error"] == "skip"
    assert (tmp_path / "m.h5.skipped.tsv").read_text().splitlines()[1].startswith("40\t")
    same(tmp_path / "m.h5", scored(tmp_path, tmp_path / "w.h5", "--on-error", "skip"))


def test_notes_beside_a_shard_that_are_damaged(shards: list[Path], tmp_path: Path) -> None:
    parts = [tmp_path / part.name for part in shards]
    for part, copy in zip(shards, parts, strict=True):
        copy.write_bytes(part.read_bytes())
    note, out = tmp_path / "s1.h5.json", tmp_path / "merged.h5"
    merged(tmp_path / "alone.h5", *parts)  # files that were moved without what stood beside them
    for text in ("", "{", "[]", "{}", '{"arguments": 3}', '{"arguments": {}, "files": {}}'):
        note.write_text(text)
        assert "s1.h5.json: expected what `deeplift-tf score` notes of a run" in refused(out, *parts)
    note.unlink()
    (tmp_path / "s2.h5.skipped.tsv").write_text("row\treason\nthree\tbad\n")
    assert "s2.h5.skipped.tsv: expected rows and why they were skipped" in refused(out, *parts)


@pytest.mark.parametrize(
    ("shard", "message"),
    [
        ("0/3", "shards of 3 are 1/3 to 3/3"),
        ("4/3", "shards of 3 are 1/3 to 3/3"),
        ("2", "expected I/N, like 2/8; received '2'"),
        ("1/9", "--shard 1/9: 50 rows are 7 batches of 8"),
    ],
)
def test_shards_that_there_are_not(files: Path, tmp_path: Path, shard: str, message: str) -> None:
    command = ("score", "-m", files / "one.keras", "-i", files / "x.npy", "-o", tmp_path / "s.h5")
    result = run(*command, "--batch-size", 8, "--shard", shard)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
    assert not list(tmp_path.iterdir())


def test_a_shard_is_drawn_with_its_own_rows(files: Path, tmp_path: Path, shards: list[Path]) -> None:
    from deeplift_tf.io.scores_file import open_scores

    with open_scores(shards[1], x=files / "x.npy") as file:
        assert file.x is not None
        np.testing.assert_array_equal(file.x[slice(0, 16)], np.load(files / "x.npy")[16:32])
        np.testing.assert_array_equal(file.x[slice(3, 5)], np.load(files / "x.npy")[19:21])


def test_a_shard_with_one_bit_changed_is_refused(tmp_path: Path, shards: list[Path]) -> None:
    """Anywhere: in the scores, in what describes them, in the arguments, in the checksum itself."""
    out, changed, rng = tmp_path / "merged.h5", tmp_path / "s2.h5", np.random.default_rng(0)
    whole = shards[1].read_bytes()
    with h5py.File(shards[1]) as file:
        values = [file[name].id.get_offset() for name in ("contributions", "outputs", "delta")]
    for place in [*values, *rng.integers(0, len(whole), 30).tolist()]:
        content = bytearray(whole)
        content[place] ^= 1 << int(rng.integers(8))
        changed.write_bytes(content)
        refused(out, shards[0], changed, shards[2])
    content = bytearray(whole)
    content[values[0]] ^= 1
    changed.write_bytes(content)
    assert "s2.h5: its bytes are not those that were written" in refused(out, shards[0], changed, shards[2])
