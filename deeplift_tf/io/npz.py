"""One array of an .npz archive, read a few rows at a time."""

from __future__ import annotations

import math
import zipfile
import zlib

import numpy as np
from numpy.lib import format as npy

from deeplift_tf.errors import InputError

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError)


class NpzMember:
    """An array inside an .npz archive of which only the rows asked for are in memory.

    A compressed member can only be read forward; going back costs reading it again from its start.

    Parameters
    ----------
    archive : zipfile.ZipFile
        The open archive.
    name : str
        Name of the member, ending in ``.npy``.

    Raises
    ------
    InputError
        The member is no array of numbers, its rows are not stored one after another, or (when rows are read) it is
        damaged.
    """

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._where = f"{archive.filename}: array {name.removesuffix('.npy')!r}"
        try:
            self._stream = archive.open(name)
            read_header = _HEADERS[npy.read_magic(self._stream)]
            self.shape, columns_first, self.dtype = read_header(self._stream)
        except (*_DAMAGED, KeyError) as error:
            raise InputError(f"{self._where}: expected an array saved by numpy; {error}") from error
        if self.dtype.hasobject:
            raise InputError(f"{self._where}: expected numbers; received Python objects, which are not read")
        if columns_first and len(self.shape) > 1:
            raise InputError(f"{self._where}: stored in Fortran order; save it again with numpy.ascontiguousarray")
        self._start = self._stream.tell()

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return consecutive rows."""
        start, stop, _ = rows.indices(self.shape[0])
        shape = (max(stop - start, 0), *self.shape[1:])
        row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        try:
            self._stream.seek(self._start + start * row_bytes)
            data = self._stream.read(shape[0] * row_bytes)
            return np.frombuffer(data, self.dtype, math.prod(shape)).reshape(shape)
        except _DAMAGED as error:
            raise InputError(f"{self._where}: damaged before row {stop}; {error}") from error
