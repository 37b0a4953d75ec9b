"""Arrays of an HDF5 file, read a few rows at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from deeplift_tf.errors import InputError

DAMAGED = (OSError, RuntimeError, KeyError, ValueError, TypeError)  # HDF5 has one for every part of a file


class H5Rows:
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
    arrays: dict[str, H5Rows] = {}

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = H5Rows(item, f"{path}: array {name!r}")

    try:
        file.visititems(add)
    except DAMAGED as error:
        raise InputError(f"{path}: expected an HDF5 file that is whole; {error}") from error
    return arrays
