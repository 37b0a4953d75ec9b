"""Scores written batch by batch to an .h5 file that appears under its name only when it is whole."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np

from deeplift_tf.errors import OutputFileError

HEADERS = 2**20  # bytes, more than attributes and the names of datasets take


def _laid_out_at_once() -> h5py.h5p.PropDCID:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return properties


def check_output(path: Path, overwrite: bool = False) -> None:
    """Refuse an output that could not be written, before any work is done for it.

    Raises
    ------
    OutputFileError
        The name does not end in .h5, its folder is missing or not writable, or the file exists already.
    """
    if path.suffix.lower() not in (".h5", ".hdf5"):
        raise OutputFileError(f"{path}: expected an output file ending in .h5; received {path.name!r}")
    if path.is_dir():
        raise OutputFileError(f"{path}: expected the name of a file; this is a folder")
    if path.exists() and not overwrite:
        raise OutputFileError(f"{path}: exists already; choose another name, or --overwrite to replace it")
    if not path.parent.is_dir():
        raise OutputFileError(f"{path}: its folder does not exist; make it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputFileError(f"{path}: its folder cannot be written to")


class ScoresWriter:
    """Writer of the scores of a known number of rows, in their order.

    The file holds one dataset for each array appended, with rows on the first axis; a name with a slash makes a
    group. Attributes of the file hold the metadata, each as JSON, and the same stands in a .json file beside it.

    Parameters
    ----------
    path : Path
        The final name. Until all rows are there the file is called ``path`` + ``.partial``.
    rows : int
        Number of rows that will come.
    metadata : Mapping of str to JSON values
        Arguments, versions and the like.
    overwrite : bool
        Replace a file that is there already.

    Raises
    ------
    OutputFileError
        The file cannot be written.

    Examples
    --------
    >>> with ScoresWriter(Path("scores.h5"), rows=100, metadata={}) as writer:  # doctest: +SKIP
    ...     writer.append({"contributions": first_half})
    ...     writer.append({"contributions": second_half})
    """

    def __init__(
        self, path: Path, rows: int, metadata: Mapping[str, object] | None = None, overwrite: bool = False
    ) -> None:
        check_output(path, overwrite)
        self.path, self.rows, self.metadata = path, rows, dict(metadata or {})
        self.partial = path.with_name(path.name + ".partial")
        self.written = 0

    def __enter__(self) -> ScoresWriter:
        try:
            self._file = h5py.File(self.partial, "w")
        except OSError as error:  # another run holds HDF5's lock, or the folder says no
            raise OutputFileError(f"{self.partial}: cannot be written; is another run writing it? {error}") from error
        for name, value in self.metadata.items():
            self._file.attrs[name] = json.dumps(value)
        return self

    def append(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Write the scores of the next rows.

        Parameters
        ----------
        arrays : Mapping of str to np.ndarray, shape (rows, ...)
            The same names in every call.

        Raises
        ------
        OutputFileError
            The disk is full or the file cannot be written.
        """
        try:
            if not self.written:
                self._create(arrays)
            (count,) = {len(array) for array in arrays.values()}
            for name, array in arrays.items():
                self._file[name][self.written : self.written + count] = array
        except (OSError, RuntimeError) as error:
            raise OutputFileError(f"{self.path}: writing failed after {self.written} rows; {error}") from error
        self.written += count

    def _create(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Have the disk set aside the room for all rows, and lay them out in it.

        HDF5 on its own notices a full disk late, when its buffers are written, and then may crash.
        """
        size = sum(array[:1].nbytes for array in arrays.values()) * self.rows
        try:
            with self.partial.open("rb+") as file:
                os.posix_fallocate(file.fileno(), 0, size + HEADERS)
        except OSError as error:
            raise OutputFileError(f"{self.path}: no room on the disk for {size / 1e6:.1f} MB; {error}") from error
        for name, array in arrays.items():
            self._file.create_dataset(name, (self.rows, *array.shape[1:]), array.dtype, dcpl=_laid_out_at_once())
        self._file.flush()  # takes the size of the file to what has been laid out

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
            if kind is None:
                self._finish()
        except (OSError, RuntimeError) as failure:  # h5py raises either
            if kind is None:
                raise OutputFileError(f"{self.path}: could not be completed; {failure}") from failure
        finally:
            self.partial.unlink(missing_ok=True)

    def _finish(self) -> None:
        if self.written != self.rows:
            raise OutputFileError(f"{self.path}: expected {self.rows} rows; only {self.written} were written")
        with self.partial.open("rb+") as file:
            os.fsync(file.fileno())
        beside = self.path.with_name(self.path.name + ".json")
        beside.write_text(json.dumps(self.metadata, indent=2) + "\n", encoding="utf-8")
        self.partial.replace(self.path)  # last: whoever finds the scores finds all that belongs to them
