"""A journal counts what it says, or says that it is damaged: never other rows."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deeplift_tf.errors import OutputFileError
from deeplift_tf.runs.journal import Journal, State

RUN = {"arguments": {"seed": 0}, "versions": {}, "files": {}}
BATCHES = [State(3, 0.5, ((1, "bad"),)), State(6, 0.5), State(9, None, ((7, "also\nbad"), (8, "worse")))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Journal(tmp_path / "s.h5.partial.journal") as journal:
        journal.begin(RUN)
        for batch in BATCHES:
            journal.commit(batch)
    return journal.path


def read(path: Path, content: bytes) -> State | None:
    """Return what a journal counts; None where it says that it is damaged."""
    path.write_bytes(content)
    with Journal(path) as journal:
        try:
            journal.read()
        except OutputFileError as error:
            assert "is damaged, or of another version, and which rows are done is not known" in str(error)
            assert path.read_bytes() == content  # nothing is lost by looking
            return None
        assert journal.run == RUN
        return journal.state


def after(count: int) -> State:
    """Return the state after some batches."""
    skipped = tuple(each for batch in BATCHES[:count] for each in batch.skipped)
    return BATCHES[count - 1]._replace(skipped=skipped) if count else State()


def lines_of(*entries: Any) -> bytes:
    """Return the lines of a journal, with their checksums."""
    found, total = b"", 0
    for entry in entries:
        text = json.dumps(entry).encode()
        total = zlib.crc32(text, total)
        found += b"%b\t%08x\n" % (text, total)
    return found


def test_it_counts_what_was_noted(path: Path) -> None:
    content = path.read_bytes()
    assert content == lines_of(RUN, *(batch._asdict() for batch in BATCHES))
    assert read(path, content) == after(3)


def test_cut_anywhere_it_counts_the_whole_lines(path: Path) -> None:
    content = path.read_bytes()
    for size in range(1, len(content)):
        whole = content[:size].count(b"\n")
        assert read(path, content[:size]) == (after(whole - 1) if whole else None), size


def test_a_byte_that_has_changed_is_noticed(path: Path) -> None:
    """Also where what is left is JSON: a 3 that has become a 9, for one. The last line alone counts as cut short."""
    content = path.read_bytes()
    last = content[:-1].rindex(b"\n") + 1
    for place in range(len(content)):
        expected = None if place < last - 1 else after(1 if place < last else 2)  # between the last two: they are one
        for other in (content[place] ^ 1, content[place] ^ 8, ord("9"), 0):
            if other != content[place]:
                changed = content[:place] + bytes([other]) + content[place + 1 :]
                assert read(path, changed) == expected, place


def test_lines_that_are_missing_doubled_or_in_another_order_are_noticed(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    for chosen in ([1, 2, 3], [0, 2, 3], [0, 1, 1, 2, 3], [0, 2, 1, 3], [3, 0, 1, 2]):
        assert read(path, b"".join(lines[index] for index in chosen)) is None
    assert read(path, b"".join(lines[index] for index in (0, 1, 3))) == after(1)  # as a last line that was cut short
    assert read(path, b"".join(lines[:3]) + b"\0" * 100) == after(2)  # as power failures leave it


def damaged() -> Iterator[dict[str, Any]]:
    whole: dict[str, Any] = BATCHES[1]._asdict()
    for name in whole:
        yield {key: value for key, value in whole.items() if key != name}
        values: list[Any] = [[], {}, "text", [[1]], [["a", "b"]], -1, True, [None]]
        for value in values:
            if not (name == "largest" and isinstance(value, int)) and not (name == "skipped" and value in ([], {})):
                yield whole | {name: value}
    yield whole | {"rows": 3}
    yield whole | {"rows": None}


def test_lines_of_another_version_are_refused(path: Path) -> None:
    first, _, last = (batch._asdict() for batch in BATCHES)
    entries: list[Any] = [*damaged(), [], 3, None]
    for entry in entries:
        assert read(path, lines_of(RUN, first, entry, last)) is None, entry
        assert read(path, lines_of(RUN, first, entry)) == after(1), entry
    for entry in (3, None, "text"):
        assert read(path, lines_of(entry, first)) is None
    assert read(path, b"".join(json.dumps(entry).encode() + b"\n" for entry in (RUN, first, last))) is None


def test_half_a_line_that_could_not_be_written_is_written_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    with Journal(path) as journal:
        journal.read()
        with monkeypatch.context() as full:
            full.setattr(os, "write", lambda file, line: write(file, line[:9]))
            with pytest.raises(OSError, match="No space left"):
                journal.commit(State(12))
        assert journal.state == after(3)
        journal.commit(State(12))
        journal.commit(State(15))
    state = read(path, path.read_bytes())
    assert state is not None
    assert state.rows == 15


def test_one_without_a_byte_does_not_stay(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        assert journal.path.exists()
    assert not journal.path.exists()
