"""How much of a run is on the disk: a file beside the output that outlives the process."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from deeplift_tf.errors import OutputFileError


class State(NamedTuple):
    """What a run has done so far: rows, the largest absolute delta, and rows that were skipped, with reasons."""

    rows: int = 0
    largest: float | None = None
    skipped: tuple[tuple[int, str], ...] = ()


class Journal:
    """The journal of a run: one line about the run, and one for each batch that is on the disk.

    A line is written after what it counts has reached the disk; a line that was cut short counts nothing. The file is
    locked, and the lock ends with the process, however that ends.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    run : dict or None
        What the first line says; None where there is none.
    state : State
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run: dict[str, Any] | None = None
        self.state = State()

    def __enter__(self) -> Journal:
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._lock()
            self._read()
        except BaseException:
            os.close(self._file)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def _lock(self) -> None:
        busy = OutputFileError(f"{self.path}: another run is writing this output; wait for it, or choose another name")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise busy from error
        except OSError:
            return  # a file system without locks
        if not self.path.exists() or self.path.stat().st_ino != os.fstat(self._file).st_ino:
            raise busy  # the other run ended between the two lines

    def _read(self) -> None:
        content = self.path.read_bytes()
        good = 0
        for line in content.splitlines(keepends=True):
            entry = _entry(line)
            if entry is None:
                break
            good += len(line)
            if self.run is None:
                self.run = entry
            else:
                skipped = tuple((int(row), str(reason)) for row, reason in entry["skipped"])
                self.state = State(entry["rows"], entry["largest"], self.state.skipped + skipped)
        os.truncate(self._file, good)
        os.lseek(self._file, good, os.SEEK_SET)

    def forget(self) -> None:
        """Forget the run of before."""
        os.truncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self.run, self.state = None, State()

    def begin(self, run: Mapping[str, Any]) -> None:
        """Begin the journal of a run."""
        self.forget()
        self.run = dict(run)
        self._write(self.run)

    def commit(self, batch: State) -> None:
        """Note that rows up to some number are on the disk; `skipped` are those of the last batch alone."""
        self._write(batch._asdict())
        self.state = batch._replace(skipped=self.state.skipped + batch.skipped)

    def _write(self, entry: Mapping[str, Any]) -> None:
        line = json.dumps(entry).encode() + b"\n"
        if os.write(self._file, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))


def _entry(line: bytes) -> dict[str, Any] | None:
    """Return what a line says; None where it is not whole."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
