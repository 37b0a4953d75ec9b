"""Where scores go: a file or a folder, which appears under its name when it is whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from deeplift_tf.errors import OutputFileError
from deeplift_tf.runs.journal import Journal, State
from deeplift_tf.runs.kept import Kept, check_same, scores_kept

SCORES = "scores.h5"  # the file of scores in a folder


class Output(NamedTuple):
    """Where scores go.

    Until it is whole it is called ``path`` + ``.partial``, and a journal beside it says how far it has come.

    Attributes
    ----------
    path : Path
        The final name.
    folder : bool
        A folder with a file of scores among others; else the file itself.
    overwrite : bool
        Replace what is there already.
    """

    path: Path
    folder: bool = False
    overwrite: bool = False

    @property
    def partial(self) -> Path:
        """What it is called until it is whole."""
        return self.path.with_name(self.path.name + ".partial")

    @property
    def data(self) -> Path:
        """The file of scores, before the whole has its name."""
        return self.partial / SCORES if self.folder else self.partial

    def check(self) -> None:
        """Refuse what could not be written, before any work is done for it.

        Raises
        ------
        OutputFileError
            It exists already, has another ending than .h5, or its folder is missing or not writable; or it is a folder
            of other things.
        """
        check_folder_name(self.path) if self.folder else check_file_name(self.path)
        there = any(self.path.iterdir()) if self.path.is_dir() else self.path.exists()
        if there and not self.overwrite:
            raise OutputFileError(f"{self.path}: exists already; choose another name, or --overwrite to replace it")
        if there and self.folder and not (self.path / SCORES).is_file():
            raise OutputFileError(f"{self.path}: holds files but no {SCORES}, and is not replaced; choose another name")
        if not self.path.parent.is_dir():
            raise OutputFileError(f"{self.path}: its folder does not exist; make it first")
        if not os.access(self.path.parent, os.W_OK):
            raise OutputFileError(f"{self.path}: its folder cannot be written to")

    @contextmanager
    def open(
        self,
        rows: int,
        metadata: Mapping[str, Any],
        complete: Callable[[Path], None] = lambda folder: None,
        resume: bool = True,
        keep: bool = True,
    ) -> Iterator[Kept]:
        """Write scores; on leaving, the whole takes its name.

        After an exception the batches on the disk are kept, and a note of the exception says so; where there are none,
        nothing is left.

        Parameters
        ----------
        rows : int
        metadata : mapping
            Becomes attributes of the file of scores, and a .json file beside it.
        complete : callable
            Is told the folder, to write what else belongs there.
        resume : bool
            Go on with the scores that the same run has left.
        keep : bool
            Without it nothing is resumed, and nothing left after an exception.
        """
        self.check()
        with Journal(self.partial.with_name(self.partial.name + ".journal")) as journal:
            if resume and keep and journal.state.rows and self.data.exists():
                check_same(journal, rows, metadata)
            else:
                journal.forget()
                self._remove()
            try:
                if self.folder:
                    self.partial.mkdir(exist_ok=True)
                with scores_kept(self.data, journal, rows, metadata) as kept:
                    yield kept
                if self.folder:
                    complete(self.partial)
                self._finish(metadata, kept.state)
            except BaseException as error:
                if journal.state.rows and keep:
                    note = f"{journal.state.rows} of {rows} rows are kept; the same command goes on from there"
                    error.__notes__ = [*getattr(error, "__notes__", []), note]
                else:
                    self._clear(journal)
                raise
            journal.path.unlink()

    def _clear(self, journal: Journal) -> None:
        """Remove what is of no use."""
        journal.path.unlink(missing_ok=True)
        self._remove()

    def _remove(self) -> None:
        """Remove what an earlier run has left, the files of other tools included."""
        if self.folder:
            shutil.rmtree(self.partial, ignore_errors=True)
        else:
            self.partial.unlink(missing_ok=True)

    def _finish(self, metadata: Mapping[str, Any], state: State) -> None:
        """Write what stands beside the scores, and give the whole its name."""
        beside = self.data if self.folder else self.path
        text = json.dumps(dict(metadata), indent=2) + "\n"
        beside.with_name(beside.name + ".json").write_text(text, encoding="utf-8")
        write_skipped(beside.with_name(beside.name + ".skipped.tsv"), state)
        if self.folder and self.path.exists():
            shutil.rmtree(self.path)
        self.partial.replace(self.path)  # last: whoever finds the scores finds all that belongs to them


def write_skipped(path: Path, state: State) -> None:
    """List the rows that were skipped, counted from 0, and why; where there are none, leave no list."""
    if not state.skipped:
        path.unlink(missing_ok=True)
        return
    lines = "".join(f"{row}\t{' '.join(reason.split())}\n" for row, reason in state.skipped)
    path.write_text("row\treason\n" + lines, encoding="utf-8")


def check_file_name(path: Path) -> None:
    """Refuse a name that is no name of a file of scores."""
    if path.suffix.lower() not in (".h5", ".hdf5"):
        raise OutputFileError(f"{path}: expected an output file ending in .h5; received {path.name!r}")
    if path.is_dir():
        raise OutputFileError(f"{path}: expected the name of a file; this is a folder")


def check_folder_name(path: Path) -> None:
    """Refuse a name that is no name of a folder."""
    if path.is_file():
        raise OutputFileError(f"{path}: expected the name of a folder; this is a file")
