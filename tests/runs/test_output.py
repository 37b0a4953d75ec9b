"""Outputs appear whole or not at all, and what is done of them outlives the process."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from deeplift_tf.errors import OutputFileError
from deeplift_tf.io.scores_h5 import CHECKSUM, is_sealed
from deeplift_tf.runs.identity import essential
from deeplift_tf.runs.output import Output
from deeplift_tf.runs.resumable import ResumableWriter

RUN: dict[str, Any] = {
    "arguments": {"target": (1, 2), "seed": 0, "out": "s.h5"},
    "versions": {},
    "files": {"model": {"bytes": 3}},
}
ROWS = np.arange(10.0)
NAMES = ("scores.h5", "scores.h5.json", "scores.h5.skipped.tsv")


class StoppedError(Exception):
    pass


def batches(kept: ResumableWriter, stop: int) -> Iterator[int]:
    """Write rows up to some number, three at a time."""
    for first in range(kept.state.rows, stop, 3):
        part = ROWS[first : first + 3]
        kept.append({"delta": part}, {first: "bad"} if first == 3 else {})
        kept.flush()
        yield first


def write(output: Output, stop: int = 10, run: dict[str, Any] = RUN, **options: Any) -> list[int]:
    """Write rows, and return the first of each batch written; StoppedError where some are left to do."""
    with output.open(10, run, **options) as kept:
        written = list(batches(kept, stop))
        if kept.state.rows < 10:
            raise StoppedError
    return written


@pytest.fixture(params=[False, True])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Output:
    return Output(tmp_path / "out" if request.param else tmp_path / "s.h5", request.param)


def check(output: Output) -> None:
    scores = output.path / NAMES[0] if output.folder else output.path
    with h5py.File(scores) as file:
        np.testing.assert_array_equal(file["delta"][:], ROWS)
        kept = {name: json.loads(value) for name, value in file.attrs.items() if name != CHECKSUM}
    assert kept == essential(json.loads(scores.with_name(scores.name + ".json").read_text()))
    assert scores.with_name(scores.name + ".skipped.tsv").read_text() == "row\treason\n3\tbad\n"
    wanted = {"out"} if output.folder else {"s.h5", "s.h5.json", "s.h5.skipped.tsv"}
    assert {path.name for path in output.path.parent.iterdir()} == wanted


def test_a_whole_run(output: Output) -> None:
    assert write(output) == [0, 3, 6, 9]
    check(output)


def test_a_run_goes_on_where_it_stopped(output: Output) -> None:
    for stop in (3, 9):
        with pytest.raises(StoppedError) as caught:
            write(output, stop)
        assert caught.value.__notes__ == [f"{stop} of 10 rows are kept; the same command goes on from there"]
        assert not output.path.exists()
    assert write(output) == [9]
    check(output)


def test_what_is_not_counted_does_not_count(output: Output) -> None:
    """A batch that is on the disk but for its line, or with half of it, as after SIGKILL between two writes."""
    with pytest.raises(StoppedError):
        write(output, 6)
    journal = output.partial.with_name(output.partial.name + ".journal")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:-4])
    assert write(output) == [3, 6, 9]
    check(output)


def test_nothing_is_left_where_nothing_was_done(output: Output) -> None:
    with pytest.raises(StoppedError):
        write(output, 0)
    assert not list(output.path.parent.iterdir())


def test_files_of_a_run_that_did_nothing_are_no_hindrance(output: Output) -> None:
    output.partial.with_name(output.partial.name + ".journal").touch()
    if output.folder:
        output.partial.mkdir()
    write(output)
    check(output)


@pytest.mark.parametrize(
    ("part", "name", "value", "message"),
    [
        ("arguments", "seed", 7, "`seed` was 0, is 7"),
        ("arguments", "target", [1, 3], r"`target` was \[1, 2\], is \[1, 3\]"),
        ("arguments", "dtype", "float64", '`dtype` was not given, is "float64"'),
        ("files", "model", {"bytes": 4}, "m.keras is not the file that it was"),
        ("versions", "tensorflow", "2.21", "tensorflow was None, is 2.21"),
    ],
)
def test_another_run_does_not_go_on(tmp_path: Path, part: str, name: str, value: Any, message: str) -> None:
    output = Output(tmp_path / "s.h5")
    with pytest.raises(StoppedError):
        write(output, 6)
    other = json.loads(json.dumps(RUN))
    other[part][name] = value
    other["arguments"] |= {"model": "m.keras", "out": "./s.h5"}
    with pytest.raises(OutputFileError, match=message) as caught:
        write(output, run=other)
    assert "s.h5.partial: holds 6 of 10 rows of a run that differs: " in str(caught.value)
    assert "start over with `resume=False`" in str(caught.value)
    assert write(output, run=other, resume=False) == [0, 3, 6, 9]


def test_two_runs_do_not_write_one_output(output: Output) -> None:
    with pytest.raises(StoppedError), output.open(10, RUN):
        with pytest.raises(OutputFileError, match="another run is writing this output"):
            write(output)
        raise StoppedError
    write(output)
    check(output)


def test_what_is_there_is_kept_or_replaced_whole(output: Output) -> None:
    write(output)
    with pytest.raises(OutputFileError, match="exists already; choose another name, or `overwrite=True`"):
        write(output)
    over = output._replace(overwrite=True)
    with pytest.raises(StoppedError):
        write(over, 3)
    assert output.path.exists()
    assert write(over) == [3, 6, 9]
    check(output)


def test_a_full_disk_keeps_what_is_done(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    with (
        pytest.raises(OutputFileError, match="writing failed after 3 rows; No space") as caught,
        monkeypatch.context() as m,
        output.open(10, RUN) as kept,
    ):
        for _ in batches(kept, 10):
            m.setattr(os, "pwrite", full)
    assert "3 of 10 rows are kept" in caught.value.__notes__[0]
    assert write(output) == [3, 6, 9]
    check(output)


def test_a_line_that_cannot_be_written_is_not_passed_over(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk has no room for the journal at the batch with a skipped row, and has some again a moment later."""
    write_all = os.write

    def once_full(file: int, line: bytes) -> int:
        if b"bad" in line:
            monkeypatch.undo()
            raise OSError("No space left on device")
        return write_all(file, line)

    monkeypatch.setattr(os, "write", once_full)
    with pytest.raises(OSError, match="No space"):
        write(output)
    assert write(output) == [6, 9]
    check(output)


def test_a_folder_that_could_not_be_completed_is_completed_later(tmp_path: Path) -> None:
    output = Output(tmp_path / "out", folder=True)

    def failing(folder: Path) -> None:
        raise StoppedError

    with pytest.raises(StoppedError) as caught:
        write(output, complete=failing)
    assert "10 of 10 rows are kept" in caught.value.__notes__[0]
    assert write(output, complete=lambda folder: (folder / "more.txt").touch()) == []
    assert (output.path / "more.txt").exists()
    check(output)


def test_files_of_a_run_before_do_not_stay_after_a_new_start(tmp_path: Path) -> None:
    output = Output(tmp_path / "out", folder=True)

    def failing(folder: Path) -> None:
        (folder / "more.txt").touch()
        raise StoppedError

    with pytest.raises(StoppedError):
        write(output, complete=failing)
    assert write(output, resume=False) == [0, 3, 6, 9]
    assert not (output.path / "more.txt").exists()
    check(output)


def test_a_folder_of_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "peaks.bed").touch()
    with pytest.raises(OutputFileError, match=r"holds files but no scores\.h5, and is not replaced"):
        Output(tmp_path / "out", folder=True, overwrite=True).check()
    assert (tmp_path / "out" / "peaks.bed").exists()


def test_nothing_is_kept_where_that_is_wanted(output: Output) -> None:
    with pytest.raises(StoppedError):
        write(output, 6, keep=False)
    assert not list(output.path.parent.iterdir())


def test_outputs_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder.h5").mkdir()
    (tmp_path / "file").touch()
    for name, folder, message in [
        ("s.npz", False, "ending in .h5; received 's.npz'"),
        ("folder.h5", False, "this is a folder"),
        ("none/s.h5", False, "its folder does not exist"),
        ("file", True, "this is a file"),
    ]:
        with pytest.raises(OutputFileError, match=message):
            Output(tmp_path / name, folder).check()


@pytest.mark.parametrize("full", [0, 1])
def test_a_disk_that_is_full_at_the_last_step_spoils_nothing(
    output: Output, monkeypatch: pytest.MonkeyPatch, full: int
) -> None:
    """Half of a file beside the scores can be written: of the arguments, or of the list of rows that were skipped."""
    write(output)
    before = {path: path.read_bytes() for path in output.path.parent.rglob("*") if path.is_file()}
    texts: list[Path] = []
    write_text = Path.write_text

    def half(path: Path, text: str, **options: Any) -> int:
        texts.append(path)
        if len(texts) <= full:
            return write_text(path, text, **options)
        write_text(path, text[: len(text) // 2], **options)
        raise OSError("No space left on device")

    over, other = output._replace(overwrite=True), RUN | {"arguments": RUN["arguments"] | {"seed": 1}}
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space") as caught:
        patch.setattr(Path, "write_text", half)
        write(over, run=other)
    assert len(texts) == full + 1
    assert "10 of 10 rows are kept" in caught.value.__notes__[0]
    assert {path: path.read_bytes() for path in before} == before
    assert not [path for path in output.path.parent.rglob("*.partial") if path != output.partial]
    assert write(over, run=other) == []
    check(output)


def test_a_folder_that_is_replaced_is_put_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends between the two moments at which the old folder loses its name and the new one gets it."""
    output = Output(tmp_path / "out", folder=True, overwrite=True)
    write(output)
    give = Path.replace

    def ended(path: Path, target: Path) -> Path:
        if target == output.path:
            raise StoppedError
        return give(path, target)

    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        patch.setattr(Path, "replace", ended)
        write(output)
    assert write(output) == []
    check(output)


def test_files_that_an_earlier_run_has_begun_do_not_stay(tmp_path: Path) -> None:
    """It was to write others: what it has left of them may be half a file."""
    output = Output(tmp_path / "out", folder=True)

    def failing(folder: Path) -> None:
        (folder / "half.npz").touch()
        raise StoppedError

    with pytest.raises(StoppedError):
        write(output, complete=failing)
    assert write(output, complete=lambda folder: (folder / "more.txt").touch()) == []
    assert {path.name for path in output.path.iterdir()} == {"more.txt", *NAMES}


def test_a_run_goes_on_where_arguments_do_not_matter_to_scores(output: Output) -> None:
    with pytest.raises(StoppedError):
        write(output, 3)
    other = RUN | {"arguments": RUN["arguments"] | {"out": "other", "formats": ["bigwig"], "on_error": "skip"}}
    assert write(output, run=other) == [3, 6, 9]
    check(output)


def test_rows_that_were_skipped_are_not_taken_for_scored_ones(tmp_path: Path) -> None:
    output = Output(tmp_path / "s.h5")
    skipping, failing = ({"arguments": {"on_error": each}, "versions": {}, "files": {}} for each in ("skip", "fail"))
    with pytest.raises(StoppedError):
        write(output, 6, skipping)
    with pytest.raises(OutputFileError, match=r'`on_error` was "skip", is "fail", and 1 rows were skipped'):
        write(output, run=failing)
    assert write(output, run=skipping) == [6, 9]


def test_what_is_checked_is_what_is_left_before_anything_is_discarded(output: Output) -> None:
    done: list[int] = []

    def refuse(rows: int) -> None:
        done.append(rows)
        raise StoppedError

    with pytest.raises(StoppedError):
        write(output, check=refuse)
    assert not list(output.path.parent.iterdir())
    with pytest.raises(StoppedError):
        write(output, 6)
    for resume in (True, False):
        with pytest.raises(StoppedError):
            write(output, check=refuse, resume=resume)
    assert done == [0, 6, 0]
    assert write(output, check=done.append) == [6, 9]
    check(output)


def test_an_interrupted_run_is_discarded_by_others_only_to_overwrite(output: Output) -> None:
    """What keeps nothing itself, merging for one, is no sign that what is there was given up."""
    with pytest.raises(StoppedError):
        write(output, 6)
    with pytest.raises(OutputFileError, match=r"holds 6 rows of a run that was interrupted; finish it, choose another"):
        write(output, keep=False)
    output.journal.write_bytes(b"?" + output.journal.read_bytes())
    with pytest.raises(OutputFileError, match="line 1 is damaged"):
        write(output, keep=False)
    assert write(output._replace(overwrite=True), keep=False) == [0, 3, 6, 9]
    check(output)


def test_a_merge_that_was_killed_is_no_hindrance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = Output(tmp_path / "out", folder=True)
    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        patch.setattr(Output, "_clear", lambda *_: None)  # as SIGKILL does not come to it

        def ended(folder: Path) -> None:
            raise StoppedError

        write(output, complete=ended, keep=False)
    assert output.data.exists()
    assert write(output, keep=False) == [0, 3, 6, 9]
    check(output)


def test_a_damaged_journal_is_refused_until_the_run_starts_over(output: Output) -> None:
    with pytest.raises(StoppedError):
        write(output, 9)
    content = output.journal.read_bytes()
    output.journal.write_bytes(content.replace(b'"rows": 3', b'"rows": 9'))
    with pytest.raises(OutputFileError, match="line 2 is damaged, or of another version"):
        write(output)
    assert output.data.exists()
    output.journal.write_bytes(content[:9])
    with pytest.raises(OutputFileError, match="line 1 is damaged"):
        write(output)
    assert write(output, resume=False) == [0, 3, 6, 9]
    check(output)


STEPS = ("replace", "rename", "unlink")


def killed_at(step: int, output: Output, run: dict[str, Any]) -> bool:
    """Write in a process that ends, as if killed, before the step-th change of a name; whether it got so far."""
    child = os.fork()
    if not child:
        left = iter(range(step))
        for name in STEPS:
            change = getattr(Path, name)

            def stopping(path: Path, *arguments: Any, change: Any = change, **options: Any) -> Any:
                if next(left, None) is None:
                    os._exit(9)
                return change(path, *arguments, **options)

            setattr(Path, name, stopping)
        write(output, run=run)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def scores_and_arguments(output: Output) -> tuple[Any, Any] | None:
    """Return what the scores say of their run, and what stands beside them says; None where there are no scores."""
    scores = output.path / NAMES[0] if output.folder else output.path
    if not scores.exists():
        return None
    with h5py.File(scores) as file:
        inside = json.loads(file.attrs["arguments"])
    beside = scores.with_name(scores.name + ".json")
    return inside, essential(json.loads(beside.read_text()))["arguments"] if beside.exists() else inside


@pytest.mark.slow_for("True")
def test_a_run_killed_at_any_step_leaves_no_scores_beside_the_arguments_of_another(output: Output) -> None:
    output = output._replace(overwrite=True)
    other = {**RUN, "arguments": {**RUN["arguments"], "seed": 7}}
    steps = 0
    while True:
        write(output)
        if not killed_at(steps, output, other):
            break
        found = scores_and_arguments(output)
        assert found is None or found[0] == found[1], f"step {steps}"
        write(output, run=other)
        assert scores_and_arguments(output) == 2 * (essential(json.loads(json.dumps(other)))["arguments"],)
        steps += 1
    assert steps >= 4
    check(output)


def test_what_was_whole_but_for_names_gets_them_from_the_next_run(tmp_path: Path) -> None:
    output = Output(tmp_path / "s.h5")
    steps = 0
    while killed_at(steps, output, RUN):
        if output.path.exists():
            with pytest.raises(OutputFileError, match="exists already"):
                output.check()
            check(output)
        for path in tmp_path.iterdir():
            path.unlink()
        steps += 1
    check(output)


@pytest.mark.parametrize("seed", range(3))
def test_a_bit_that_has_changed_is_found(output: Output, seed: int) -> None:
    write(output)
    scores = output.path / NAMES[0] if output.folder else output.path
    whole, rng = scores.read_bytes(), np.random.default_rng(seed)
    assert is_sealed(scores)
    places = rng.choice(len(whole), 100, replace=False).tolist()
    with h5py.File(scores) as file:
        places += range(file["delta"].id.get_offset(), file["delta"].id.get_offset() + 80, 7)
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << int(rng.integers(8))
        scores.write_bytes(changed)
        assert not is_sealed(scores), place
