"""The output of a run: a file or a folder, renamed into place on success."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from deeplift_tf.errors import OutputFileError
from deeplift_tf.io.scores_h5 import seal
from deeplift_tf.platform.atomic import replace
from deeplift_tf.platform.names import rename
from deeplift_tf.runs.journal import Journal, State
from deeplift_tf.runs.names import check_beside, move_beside
from deeplift_tf.runs.resumable import ResumableWriter, check_same, scores_kept

SCORES = "scores.h5"  # the file of scores in a folder
BESIDE_SCORES = (".json", ".skipped.tsv")  # endings of what stands beside a file of scores


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
    names : str
        Of the files of other tools in a folder; see `runs.names`.
    """

    path: Path
    folder: bool = False
    overwrite: bool = False
    names: str = "plain"

    @property
    def partial(self) -> Path:
        """What it is called until it is whole."""
        return self.path.with_name(self.path.name + ".partial")

    @property
    def journal(self) -> Path:
        """How far it has come."""
        return self.partial.with_name(self.partial.name + ".journal")

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
        self._finish_interrupted()
        there = any(self.path.iterdir()) if self.path.is_dir() else self.path.exists()
        if there and not self.overwrite:
            raise OutputFileError(
                f"{self.path}: exists already; choose another name, or `overwrite=True` to replace it"
            )
        if there and self.folder and not (self.path / SCORES).is_file():
            raise OutputFileError(f"{self.path}: holds files but no {SCORES}, and is not replaced; choose another name")
        if self.folder and not self.overwrite:
            check_beside(self.path, self.names)
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
        check: Callable[[int], None] = lambda done: None,
        resume: bool = True,
        keep: bool = True,
    ) -> Iterator[ResumableWriter]:
        """Write scores; on leaving, the whole takes its name.

        After an exception the batches on the disk are kept, and a note of the exception says so; where there are none,
        nothing is left.

        Parameters
        ----------
        rows : int
        metadata : mapping
            Becomes a .json file beside the scores; what they depend on, attributes of their file.
        complete : callable
            Is told the folder, to write what else belongs there.
        check : callable
            Is told how many rows are done already, before anything is discarded or written.
        resume : bool
            Go on with the scores that the same run has left; without it they are discarded.
        keep : bool
            Without it nothing is resumed, and nothing left after an exception; what another run has left is discarded
            only to overwrite.
        """
        self.check()
        with Journal(self.journal) as journal:
            going_on = self._goes_on(journal, rows, metadata, resume, keep)
            check(journal.state.rows if going_on else 0)
            if not going_on:
                journal.forget()
                self._remove()
            try:
                if self.folder:
                    self.partial.mkdir(exist_ok=True)
                with scores_kept(self.data, journal, rows, metadata) as kept:
                    yield kept
                state = kept.state
                seal(self.data)
                if not keep:
                    journal.forget()  # from here on it can be killed, and then there is nothing to go on with
                if self.folder:
                    self._remove_all_but_scores()
                    complete(self.partial)
                self._finish(metadata, state)
            except BaseException as error:
                if journal.state.rows and keep:
                    note = f"{journal.state.rows} of {rows} rows are kept; the same command goes on from there"
                    error.__notes__ = [*getattr(error, "__notes__", []), note]
                else:
                    self._clear(journal)
                raise
            journal.remove()

    def _goes_on(self, journal: Journal, rows: int, metadata: Mapping[str, Any], resume: bool, keep: bool) -> bool:
        """Whether there is something to go on with; refuse to discard what is not meant to be."""
        if not resume or not self.data.exists() or (self.overwrite and not keep):
            return False
        journal.read()
        if journal.state.rows and not keep:
            raise OutputFileError(
                f"{self.partial}: holds {journal.state.rows} rows of a run that was interrupted; finish it, choose "
                "another name, or `overwrite=True` to discard them"
            )
        if journal.state.rows:
            check_same(journal, rows, metadata)
        return bool(journal.state.rows)

    def _clear(self, journal: Journal) -> None:
        """Remove what is of no use."""
        journal.remove()
        self._remove()

    def _remove(self) -> None:
        """Remove what an earlier run has left, the files of other tools included."""
        for ending in BESIDE_SCORES:
            partial_of(self.path.with_name(self.path.name + ending)).unlink(missing_ok=True)
        if self.folder:
            shutil.rmtree(self.partial, ignore_errors=True)
        else:
            self.partial.unlink(missing_ok=True)

    def _remove_all_but_scores(self) -> None:
        """Remove files of other tools, that an earlier run has begun and this one may not want."""
        for path in self.partial.iterdir():
            if path != self.data:
                path.unlink()

    def _finish(self, metadata: Mapping[str, Any], state: State) -> None:
        """Write what stands beside the scores, and give the whole its name."""
        beside = self.data if self.folder else self.path
        about = dict(zip(BESIDE_SCORES, (json.dumps(dict(metadata), indent=2) + "\n", listed(state)), strict=True))
        with texts_written({beside.with_name(beside.name + ending): text for ending, text in about.items()}):
            if not self.folder:
                replace(self.partial, self.path)
        if self.folder:  # with all that is in it
            replace(self.partial, self.path)
            move_beside(self.path, self.names, metadata.get("arguments", {}))

    def _finish_interrupted(self) -> None:
        """Give names to what stands beside the scores of a run that was killed just after they had got theirs."""
        if self.folder or not self.journal.exists() or self.partial.exists() or not self.path.exists():
            return
        with Journal(self.journal) as journal:
            for ending in BESIDE_SCORES:
                path = self.path.with_name(self.path.name + ending)
                new = partial_of(path)
                if new.exists():
                    rename(new, path)
            journal.remove()


def followed(path: Path) -> Path:
    """Return what a link leads to, so that what is there is replaced and not the link; any other path as it is.

    Raises
    ------
    OutputFileError
        If it is a link that leads back to itself.
    """
    if not path.is_symlink():
        return path
    try:
        path.stat()
    except FileNotFoundError:
        pass  # what it leads to is not there yet
    except OSError as error:
        raise OutputFileError(f"{path}: is a link that leads nowhere; {error.strerror}") from error
    return path.resolve()


def listed(state: State) -> str:
    """Return a list of the rows that were skipped, counted from 0, and why; where there are none, nothing."""
    lines = "".join(f"{row}\t{' '.join(reason.split())}\n" for row, reason in state.skipped)
    return "row\treason\n" + lines if lines else ""


def partial_of(path: Path) -> Path:
    """Return what a text is called until it has its name."""
    return path.with_name(path.name + ".partial")


@contextmanager
def texts_written(texts: Mapping[Path, str]) -> Iterator[None]:
    """Write files beside scores, which take their names when all are whole and the scores have theirs.

    What stood there goes before the scores are replaced, so that a process killed in between leaves no scores beside
    the arguments of another run; those without a text are removed.
    """
    partial = {path: partial_of(path) for path, text in texts.items() if text}
    try:
        for path, new in partial.items():
            new.write_text(texts[path], encoding="utf-8", newline="\n")
        for path in texts:
            path.unlink(missing_ok=True)
        yield
        for path, new in partial.items():
            rename(new, path)
    finally:
        for new in partial.values():
            new.unlink(missing_ok=True)


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
