"""Arrays in numpy's format, in a file or an .npz archive, read a few rows at a time."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from deeplift_tf.arrays.rows import StoredRows
from deeplift_tf.errors import InputError
from deeplift_tf.io.h5 import MAX_PIECE_BYTES

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError),
    *(OSError, RuntimeError),  # zipfile raises these for other kinds of archives, for example encrypted ones
    *(tokenize.TokenError, SyntaxError),  # numpy's, if a header is not Python
)


class NpyRows(StoredRows):
    """An array of which only the rows asked for are in memory.

    A compressed stream can only be read forward; going back costs reading it again from its start. A memory map would
    be shorter, but what it has read counts as memory of the process, in the eyes of whoever set it a limit.

    Parameters
    ----------
    stream : binary file
        At its start.
    size : int
        Bytes in the stream.
    where : str
        Name of the array, for messages.

    Raises
    ------
    InputError
        The stream holds no array of numbers, or not all of it; its rows are not stored one after another; or (when
        rows are read) it is damaged.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __init__(self, stream: IO[bytes], size: int, where: str) -> None:
        self._stream, self._where = stream, where
        try:
            read_header = _HEADERS[npy.read_magic(stream)]
            self.shape, columns_first, self.dtype = read_header(stream)
        except DAMAGED as error:
            raise InputError(f"{where}: expected an array saved by numpy; {error}") from error
        if self.dtype.hasobject:
            raise InputError(f"{where}: expected numbers; received Python objects, which are not read")
        if columns_first and len(self.shape) > 1:
            raise InputError(f"{where}: stored in Fortran order; save it again with numpy.ascontiguousarray")
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        if row > MAX_PIECE_BYTES:
            raise InputError(f"{where}: expected rows of at most {MAX_PIECE_BYTES} bytes; found {row}")
        self._start = stream.tell()
        expected = self._start + math.prod(self.shape) * self.dtype.itemsize
        if size < expected:
            raise InputError(f"{where}: cut short; expected {expected} bytes, found {size}")

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return consecutive rows."""
        start, stop, _ = rows.indices(self.shape[0])
        shape = (max(stop - start, 0), *self.shape[1:])
        row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        try:
            self._stream.seek(self._start + start * row_bytes)
            data = self._stream.read(shape[0] * row_bytes)
            return np.frombuffer(data, self.dtype, math.prod(shape)).reshape(shape)
        except DAMAGED as error:
            raise InputError(f"{self._where}: damaged before row {stop}; {error}") from error
