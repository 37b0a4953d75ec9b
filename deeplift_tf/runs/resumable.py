"""The scores of an unfinished run: written batch by batch, so that the run can resume."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from deeplift_tf.errors import OutputFileError
from deeplift_tf.io.scores_h5 import ScoresWriter
from deeplift_tf.runs.identity import differences, essential
from deeplift_tf.runs.journal import Journal, State
from deeplift_tf.runs.request import Arrays
from deeplift_tf.scoring.completeness import Completeness


class ResumableWriter:
    """Scores on the disk, and the journal that says how many: the one is written before the other.

    Parameters
    ----------
    writer : ScoresWriter
    journal : Journal
    first : int
        Number of the first of its rows in the whole input.

    Attributes
    ----------
    state : State
        What is on the disk; it stays when the journal is forgotten.
    """

    def __init__(self, writer: ScoresWriter, journal: Journal, first: int = 0) -> None:
        self._writer, self._journal, self._first = writer, journal, first
        self._completeness = Completeness(journal.state.missed)
        self._waiting: deque[State] = deque()
        self.state = journal.state

    def append(self, arrays: Arrays, skipped: Mapping[int, str]) -> None:
        """Write the scores of the next batch; they count from the next `flush` on.

        Parameters
        ----------
        arrays : dict of str to np.ndarray, shape (n, ...)
        skipped : mapping of int to str
            Rows that were not scored, and why.
        """
        first = self._first + self._writer.written
        self._writer.append(arrays)
        self._completeness.add_arrays(first, arrays)
        before = self._waiting[-1].largest if self._waiting else self.state.largest
        largest, missed = larger(before, arrays), self._completeness.found
        self._waiting.append(State(self._writer.written, largest, tuple(skipped.items()), missed))

    def flush(self) -> None:
        """Have what was written reach the disk, and then count it."""
        if self._waiting:
            self._writer.flush()
        while self._waiting:
            self._journal.commit(self._waiting[0])  # one that fails waits on: what it has skipped is not to be lost
            self._waiting.popleft()
            self.state = self._journal.state


@contextmanager
def scores_kept(data: Path, journal: Journal, rows: int, metadata: Mapping[str, Any]) -> Iterator[ResumableWriter]:
    """Go on with the scores that the journal counts; where it counts none, begin them.

    Parameters
    ----------
    data : Path
        The scores.
    journal : Journal
        Open.
    rows : int
        How many there will be.
    metadata : mapping
        Of the run; what the scores depend on is kept with them.
    """
    known = essential(metadata)
    if not journal.state.rows:
        data.unlink(missing_ok=True)
        journal.begin(known)
    with ScoresWriter(data, rows, known, journal.state.rows) as writer:
        kept = ResumableWriter(writer, journal, metadata.get("rows", [0])[0])
        try:
            yield kept
        finally:
            kept.flush()


def check_same(journal: Journal, rows: int, metadata: Mapping[str, Any]) -> None:
    """Refuse to go on with another run.

    Raises
    ------
    OutputFileError
        Names every difference.
    """
    found = differences(journal.run or {}, metadata)
    if journal.state.skipped and metadata["arguments"].get("on_error") == "fail":
        found.append(f'`on_error` was "skip", is "fail", and {len(journal.state.skipped)} rows were skipped')
    if found:
        raise OutputFileError(
            f"{journal.path.with_suffix('')}: holds {journal.state.rows} of {rows} rows of a run that differs: "
            f"{'; '.join(found)}; go on with the same command, or start over with `resume=False`"
        )


def larger(largest: float | None, arrays: Arrays) -> float | None:
    """Return the larger of a delta and the largest of a batch."""
    deltas = [array for name, array in arrays.items() if name.partition("/")[0] == "delta"]
    found = [float(np.nanmax(np.abs(array))) for array in deltas if not np.isnan(array).all()]
    return max([*found, *([] if largest is None else [largest])], default=None)
