"""The journal: a file beside the output that counts the rows on the disk and outlives the process."""

from __future__ import annotations

import errno
import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from deeplift_tf.errors import OutputFileError
from deeplift_tf.platform import names
from deeplift_tf.platform.descriptors import opened
from deeplift_tf.platform.locks import lock
from deeplift_tf.scoring.completeness import MissedRows


class State(NamedTuple):
    """What a run has done so far.

    Attributes
    ----------
    rows : int
    largest : float or None
        Absolute delta.
    skipped : tuple of (int, str)
        Rows that were skipped, with reasons.
    missed : MissedRows
        Of all rows, those whose contributions miss the difference.
    """

    rows: int = 0
    largest: float | None = None
    skipped: tuple[tuple[int, str], ...] = ()
    missed: MissedRows = MissedRows()


class Journal:
    """The journal of a run: one line about the run, and one for each batch that is on the disk.

    A line is written after what it counts has reached the disk; a last line that was cut short counts nothing. Each
    ends in a checksum of itself and of those before it. The file is locked, and the lock ends with the process, however
    that ends; where nothing is in it, it goes too.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    run : dict or None
        What the first line says; None if there is none.
    state : State
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run: dict[str, Any] | None = None
        self.state = State()
        self._end = self._sum = 0  # bytes of whole lines, and their checksum

    def __enter__(self) -> Journal:
        self._file = opened(self.path, create=True)
        try:
            self._lock()
        except BaseException:
            os.close(self._file)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        unused = self.empty and self._in_its_place()
        if unused and names.REMOVES_OPEN:
            self.path.unlink()
        os.close(self._file)
        if unused and not names.REMOVES_OPEN:
            with suppress(PermissionError):  # another run has opened it meanwhile, and removes it
                self.path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove it; where an open file cannot be removed, forget what it holds, so that it goes when it is closed."""
        if names.REMOVES_OPEN:
            self.path.unlink(missing_ok=True)
        else:
            self.forget()

    @property
    def empty(self) -> bool:
        """Whether there is not a byte in it."""
        return not os.fstat(self._file).st_size

    def _lock(self) -> None:
        busy = OutputFileError(f"{self.path}: another run is writing this output; wait for it, or choose another name")
        try:
            lock(self._file)
        except BlockingIOError as error:
            raise busy from error
        except OSError:
            return  # a file system without locks
        if not self._in_its_place():
            raise busy  # the other run ended between the two lines

    def _in_its_place(self) -> bool:
        return self.path.exists() and self.path.stat().st_ino == os.fstat(self._file).st_ino

    def read(self) -> None:
        """Read what a run of before has noted.

        Raises
        ------
        OutputFileError
            The first line is not whole, or a line is damaged that is not the last.
        """
        *lines, torn = self.path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                self._take(line)
            except (ValueError, TypeError, KeyError) as error:
                if number < len(lines) or torn:
                    raise self._damaged(number) from error
                break
            self._end += len(line) + 1
        if self.run is None and not self.empty:
            raise self._damaged(1)

    def _damaged(self, number: int) -> OutputFileError:
        return OutputFileError(
            f"{self.path}: line {number} is damaged, or of another version, and which rows are done is not known; start"
            " over with `resume=False`, or remove it"
        )

    def _take(self, line: bytes) -> None:
        """Count what a line says."""
        text, _, said = line.rpartition(b"\t")
        total = zlib.crc32(text, self._sum)
        if said != b"%08x" % total:
            raise ValueError("another checksum")
        entry = json.loads(text)
        if self.run is None:
            self.run = dict(entry)
        else:
            self.state = _after(self.state, entry)
        self._sum = total

    def forget(self) -> None:
        """Forget the run of before."""
        os.truncate(self._file, 0)
        self.run, self.state = None, State()
        self._end = self._sum = 0

    def begin(self, run: Mapping[str, Any]) -> None:
        """Begin the journal of a run."""
        self.forget()
        self._write(run)
        self.run = dict(run)

    def commit(self, batch: State) -> None:
        """Note that rows up to some number are on the disk; `skipped` are those of the last batch alone."""
        self._write(batch._asdict())
        self.state = batch._replace(skipped=self.state.skipped + batch.skipped)

    def _write(self, entry: Mapping[str, Any]) -> None:
        text = json.dumps(entry).encode()
        total = zlib.crc32(text, self._sum)
        line = b"%b\t%08x\n" % (text, total)
        os.lseek(self._file, self._end, os.SEEK_SET)  # over half a line, where one could not be written whole
        if os.write(self._file, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self._end, self._sum = self._end + len(line), total


def _after(before: State, entry: Mapping[str, Any]) -> State:
    """Return the state after a batch, of which a line says this."""
    rows, largest, skipped, missed = (entry[name] for name in State._fields)
    if not rows > before.rows:
        raise ValueError(f"expected more than {before.rows} rows; received {rows}")
    reasons = tuple((int(row), str(reason)) for row, reason in skipped)
    largest = None if largest is None else float(largest)
    return State(
        int(rows), largest, before.skipped + reasons, MissedRows(**dict(zip(MissedRows._fields, missed, strict=True)))
    )
