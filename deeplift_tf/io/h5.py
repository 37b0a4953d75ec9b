"""Arrays in HDF5 files, read a few rows at a time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from deeplift_tf.arrays.heaps import check_heaps
from deeplift_tf.arrays.links import LinksError, arrays_by_path
from deeplift_tf.arrays.rows import StoredRows
from deeplift_tf.errors import InputError

MAX_PIECE_BYTES = 1 << 31
"""Bytes of one row, or of one chunk, of an array: those are read at once."""

MAX_TEXT_BYTES = 64 << 20
"""Length of an attribute."""

SEARCHED_BYTES = 1 << 31
"""Up to this size a whole file is searched for heaps that do not end, in which the library never returns."""

DAMAGED = (OSError, RuntimeError, KeyError, ValueError, TypeError)  # HDF5 has one for every part of a file


class H5Rows(StoredRows):
    """An array of which only the rows asked for are in memory.

    Parameters
    ----------
    dataset : h5py.Dataset
    where : str
        Name of the array, for messages.

    Raises
    ------
    InputError
        The file is damaged where the array is described or, when rows are read, where they lie.
    """

    def __init__(self, dataset: h5py.Dataset, where: str) -> None:
        self._dataset, self._where = dataset, where
        self.shape: tuple[int, ...] = dataset.shape or ()
        self.dtype: np.dtype[Any] = dataset.dtype

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return consecutive rows."""
        try:
            return np.asarray(self._dataset[rows])
        except DAMAGED as error:
            raise InputError(f"{self._where}: damaged; {error}") from error


def arrays_in(file: h5py.File, path: Path) -> dict[str, H5Rows]:
    """Return the arrays of an open file by their names, with those of the groups that they are in.

    Raises
    ------
    InputError
        The file is damaged.
    """
    try:
        found = arrays_by_path(file)
        return {name: checked_rows(array, f"{path}: array {name!r}") for name, array in found.items()}
    except InputError:
        raise
    except LinksError as error:
        raise InputError(f"{path}: {error}") from error
    except DAMAGED as error:
        raise InputError(f"{path}: expected an HDF5 file that is whole; {error}") from error


def checked_rows(dataset: h5py.Dataset, where: str) -> H5Rows:
    """Return an array, unless its values lie in other files, or one row or chunk would fill the memory.

    Raises
    ------
    InputError
    """
    if dataset.is_virtual or dataset.external:
        raise InputError(f"{where}: expected values inside the file; they are kept in other files")
    shape, bytes_each = dataset.shape or (), dataset.dtype.itemsize
    largest = max(math.prod(shape[1:]), math.prod(dataset.chunks or ())) * bytes_each
    if largest > MAX_PIECE_BYTES:
        raise InputError(f"{where}: expected rows and chunks of at most {MAX_PIECE_BYTES} bytes; found {largest}")
    return H5Rows(dataset, where)


def text_attributes(path: Path) -> dict[str, str]:
    """Return the attributes of a file that hold one text each; others are not read, since some end the process.

    Raises
    ------
    InputError
        If it is not an HDF5 file, or a damaged one.
    """
    try:
        if path.stat().st_size <= SEARCHED_BYTES:
            check_heaps(path)
        with h5py.File(path, "r") as file:
            return {name: text for name in file.attrs if (text := _text(file, name)) is not None}
    except DAMAGED as error:
        raise InputError(f"{path}: expected an .h5 file of scores; {error}") from error


def _text(file: h5py.File, name: str) -> str | None:
    attribute = file.attrs.get_id(name)
    if attribute.shape != () or h5py.check_string_dtype(attribute.dtype) is None:
        return None
    if attribute.dtype.itemsize > MAX_TEXT_BYTES:
        return None
    value = file.attrs[name]
    return value if isinstance(value, str) else None
