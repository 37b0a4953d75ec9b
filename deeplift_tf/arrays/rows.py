"""Arrays of rows that are read a few at a time: what they offer, and how they are cut into pieces."""

from __future__ import annotations

import abc
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from deeplift_tf.arrays.checks import not_finite, require_real
from deeplift_tf.errors import DeepLiftError, InputError

SLICE_BYTES = 16 * 2**20  # of one array, when a whole file is looked through


class RowArray(Protocol):
    """An array whose shape and dtype are known, and whose rows are read when asked for; one of NumPy fits too."""

    @property
    def shape(self) -> tuple[int, ...]:
        """All dimensions; the first counts rows."""

    @property
    def dtype(self) -> np.dtype:
        """The dtype as stored."""

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        """Return consecutive rows."""


class StoredRows(abc.ABC):
    """Base class of arrays of rows, in files or made when they are read.

    A subclass has the shape, the dtype and the rows; what is here may be overridden.
    """

    if TYPE_CHECKING:  # a subclass has them as attributes, as fields or as properties

        @property
        def shape(self) -> tuple[int, ...]: ...  # noqa: D102

        @property
        def dtype(self) -> np.dtype[Any]: ...  # noqa: D102

    @abc.abstractmethod
    def __getitem__(self, rows: slice, /) -> np.ndarray:
        """Return consecutive rows."""

    def check(self, rows: slice, where: str, largest: float) -> None:
        """Look through rows for what cannot be scored; by default, values that are no finite numbers.

        Parameters
        ----------
        rows : slice
        where : str
            Name of the array, for messages.
        largest : float
            The largest magnitude that the model takes.

        Raises
        ------
        InputError
            Names the first.
        """
        check_finite(self, where, InputError, rows, largest)

    def readable(self, rows: slice) -> tuple[np.ndarray, dict[int, str]]:
        """Return consecutive rows, and the reasons for those that cannot be read, counted from the first of these."""
        return np.asarray(self[rows]), {}

    def names(self, rows: slice) -> np.ndarray | None:
        """Return the names of consecutive rows, as bytes of one length for all; None if they have none."""
        return None

    def lines(self, rows: slice) -> np.ndarray | None:
        """Return the lines of the file that consecutive rows come from, as bytes; None if there are none."""
        return None


class MemoryRows(StoredRows):
    """An array that is in memory, or whose rows another library reads."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __init__(self, array: RowArray) -> None:
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return consecutive rows."""
        return np.asarray(self._array[rows])


def stored(array: RowArray) -> StoredRows:
    """Return an array as one of `StoredRows`."""
    return array if isinstance(array, StoredRows) else MemoryRows(array)


def slices(stop: int, step: int, start: int = 0) -> Iterator[slice]:
    """Cut the rows from start to stop into pieces of a size, the last of which may be smaller."""
    return (slice(first, min(first + step, stop)) for first in range(start, stop, step))


def rows_together(*arrays: RowArray, size: int | None = None) -> int:
    """Return how many rows of all arrays, at least one, are of a size in bytes; by default, of a slice of a file."""
    row_bytes = sum(array.dtype.itemsize * math.prod(array.shape[1:]) for array in arrays)
    return max(1, (SLICE_BYTES if size is None else size) // max(1, row_bytes))


def check_finite(
    array: RowArray, where: str, error: type[DeepLiftError], rows: slice = slice(None), largest: float = np.inf
) -> None:
    """Look through an array, slice by slice, for values that are not finite numbers, or of a magnitude above another.

    Raises
    ------
    DeepLiftError
        Of the class `error`; names the first such value by its row.
    """
    require_real(array.dtype, where, error)
    if array.dtype.kind != "f":
        return
    first, stop, _ = rows.indices(array.shape[0])
    for piece in slices(stop, rows_together(array), first):
        for row, what in not_finite(np.asarray(array[piece]), largest).items():
            raise error(f"{where}: row {piece.start + row} (counted from 0) {what}")
