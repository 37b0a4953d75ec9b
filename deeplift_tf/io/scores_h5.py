"""Score writer: appends scores to an .h5 file batch by batch; the first batch decides the layout.

HDF5 lays out the datasets of all rows and closes the file; from then on rows are plain bytes at plain places. A process
that is killed leaves a readable file, whole but for the rows that were not written.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import h5py
import numpy as np

from deeplift_tf.errors import OutputFileError
from deeplift_tf.io.h5 import DAMAGED
from deeplift_tf.platform.descriptors import opened, sync, write_at

CHECKSUM = "checksum"
"""Attribute of a file of scores: the SHA-256 of all its bytes, with zeros in the place of the digits."""

UNKNOWN = b"sha256:" + b"0" * 64
"""What the attribute holds while scores are written."""

HEADERS = 2**20  # bytes, more than attributes and the names of datasets take


class ArrayPlace(NamedTuple):
    """Location of a dataset in its file: the first byte, the dtype, and the shape with all rows."""

    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


def lay_out(path: Path, rows: int, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, object]) -> None:
    """Make a file with room for all rows, see `make_room`.

    Parameters
    ----------
    path : Path
    rows : int
        In all.
    arrays : Mapping of str to np.ndarray, shape (n, ...)
        One dataset for each, with rows on the first axis; a name with a slash makes a group.
    metadata : Mapping of str to JSON values
        Become attributes of the file, each as JSON.

    Raises
    ------
    OutputFileError
        There is no room on the disk, or the file cannot be written.
    """
    size = sum(array[:1].nbytes for array in arrays.values()) * rows
    try:
        with h5py.File(path, "w") as file:
            make_room(path, size)
            for name, value in metadata.items():
                file.attrs[name] = json.dumps(value)
            file.attrs[CHECKSUM] = np.bytes_(UNKNOWN)
            for name, array in arrays.items():
                file.create_dataset(name, (rows, *array.shape[1:]), array.dtype, dcpl=_laid_out_at_once())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OutputFileError(f"{path}: no room on the disk for {size / 1e6:.1f} MB; {error}") from error


def make_room(path: Path, size: int) -> None:
    """Have the disk set room aside for a file that HDF5 has open, which gives back what it does not need as it closes.

    HDF5 on its own notices a full disk late, when its buffers are written, and then may crash.

    Parameters
    ----------
    path : Path
    size : int
        Bytes, without those of the names and attributes.

    Raises
    ------
    OSError
        There is no such room.
    """
    if hasattr(os, "posix_fallocate"):  # macOS has none
        with path.open("rb+") as raw:
            os.posix_fallocate(raw.fileno(), 0, size + HEADERS)


def _laid_out_at_once() -> h5py.h5p.PropDCID:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return properties


def places_in(path: Path) -> dict[str, ArrayPlace]:
    """Return the locations of a file's datasets.

    Raises
    ------
    OutputFileError
        It is not a file that `lay_out` has made.
    """
    places: dict[str, ArrayPlace] = {}

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            places[name] = ArrayPlace(item.id.get_offset() or 0, item.dtype, item.shape)  # None: not a byte is in it

    try:
        with h5py.File(path, "r") as file:
            file.visititems(add)
    except DAMAGED as error:
        raise OutputFileError(
            f"{path}: expected scores that were being written; {error}. Start over with `resume=False`"
        ) from error
    return places


def seal(path: Path) -> None:
    """Write the checksum of a file of scores into it, over the zeros that stand there; HDF5 has no part in it.

    Raises
    ------
    OutputFileError
        It is not a file that `lay_out` has made.
    """
    place, found = checksum_of(path)
    with path.open("rb+") as file:
        file.seek(place)
        file.write(found)
        file.flush()
        os.fsync(file.fileno())


def is_sealed(path: Path) -> bool:
    """Whether a file of scores is, to the bit, what was written."""
    try:
        place, expected = checksum_of(path)
    except (OSError, OutputFileError):
        return False
    with path.open("rb") as file:
        file.seek(place)
        return file.read(len(expected)) == expected


def checksum_of(path: Path) -> tuple[int, bytes]:
    """Return the position of a file's checksum, and its value."""
    with path.open("rb") as file:
        head = file.read(HEADERS)
        prefix = UNKNOWN[: UNKNOWN.index(b"0")]
        places = [place for place in _all(head, prefix) if _is_digits(head[place + len(prefix) :][:64])]
        if len(places) != 1:
            raise OutputFileError(f"{path}: expected scores with a checksum; found {len(places)} of them")
        digest, at = hashlib.sha256(head[: places[0]] + UNKNOWN + head[places[0] + len(UNKNOWN) :]), places[0]
        while block := file.read(HEADERS):
            digest.update(block)
    return at, prefix + digest.hexdigest().encode()


def _all(text: bytes, part: bytes) -> Iterator[int]:
    """Yield the positions at which a part begins in a text."""
    place = text.find(part)
    while place >= 0:
        yield place
        place = text.find(part, place + 1)


def _is_digits(text: bytes) -> bool:
    return len(text) == 64 and not text.strip(b"0123456789abcdef")


class ScoresWriter:
    """Writer of the scores of a known number of rows, in their order.

    Parameters
    ----------
    path : Path
    rows : int
        Number of rows in all.
    metadata : Mapping of str to JSON values
        Arguments, versions and the like.
    written : int
        Rows that the file holds already; 0 makes a new one when the first rows come.

    Examples
    --------
    >>> with ScoresWriter(Path("scores.h5"), rows=100) as writer:  # doctest: +SKIP
    ...     writer.append({"contributions": first_half})
    ...     writer.append({"contributions": second_half})
    """

    def __init__(self, path: Path, rows: int, metadata: Mapping[str, object] | None = None, written: int = 0) -> None:
        self.path, self.rows, self.metadata, self.written = path, rows, dict(metadata or {}), written
        self._places: dict[str, ArrayPlace] = {}
        self._file: int | None = None

    def __enter__(self) -> ScoresWriter:
        if self.written:
            self._open()
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
            The disk is full, the file cannot be written, or the arrays do not fit those before.
        """
        if self._file is None:
            lay_out(self.path, self.rows, arrays, self.metadata)
            self._open()
        self._check(arrays)
        try:
            for name, array in arrays.items():
                place = self._places[name]
                self._write(place.offset + self.written * array[:1].nbytes, array)
        except OSError as error:
            raise OutputFileError(f"{self.path}: writing failed after {self.written} rows; {error}") from error
        self.written += len(next(iter(arrays.values())))

    def flush(self) -> None:
        """Have all that was written reach the disk."""
        if self._file is not None:
            sync(self._file)

    def _open(self) -> None:
        self._places = places_in(self.path)
        self._file = opened(self.path)

    @property
    def _descriptor(self) -> int:
        assert self._file is not None
        return self._file

    def _check(self, arrays: Mapping[str, np.ndarray]) -> None:
        expected = {name: (place.dtype, place.shape[1:]) for name, place in self._places.items()}
        received = {name: (array.dtype, array.shape[1:]) for name, array in arrays.items()}
        (count,) = {len(array) for array in arrays.values()}
        if received != expected or self.written + count > self.rows:
            raise OutputFileError(
                f"{self.path}: expected {self.rows - self.written} rows or fewer of {expected}; received {count} of "
                f"{received}"
            )

    def _write(self, offset: int, array: np.ndarray) -> None:
        data = memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8)) if array.nbytes else memoryview(b"")
        while data:  # the system may take less than all at once
            count = write_at(self._descriptor, data, offset)
            data, offset = data[count:], offset + count

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.close(self._file)
        if kind is None and self.written != self.rows:
            raise OutputFileError(f"{self.path}: expected {self.rows} rows; only {self.written} were written")
