"""What formats of other tools share: .npz and compressed .h5 files, written a few rows at a time.

HDF5 files are compressed by gzip, which every reader of HDF5 has, or by Blosc, as the field's own tools write them,
which takes hdf5plugin to read.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.lib import format as npy

from deeplift_tf.arrays.rows import RowArray, slices
from deeplift_tf.errors import InputError
from deeplift_tf.io.scores_h5 import make_room
from deeplift_tf.optional import require

ROWS = 256  # held in memory at a time
COMPRESSIONS = ("gzip", "blosc")


def write_npz(path: Path, array: RowArray, dtype: np.dtype[Any]) -> None:
    """Write one array, shape (N, length, 4), as (N, 4, length) into a compressed .npz, a few rows at a time."""
    rows, length, letters = array.shape
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": (rows, letters, length)}
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("arr_0.npy", "w", force_zip64=True) as out,
    ):
        npy.write_array_header_1_0(out, header)
        for part in slices(rows, ROWS):
            out.write(np.ascontiguousarray(np.asarray(array[part]).astype(dtype).swapaxes(1, 2)).tobytes())


Maker = Callable[[np.ndarray, np.ndarray], np.ndarray]


def write_h5(
    path: Path,
    x: RowArray,
    hypothetical: RowArray,
    datasets: Mapping[str, tuple[Any, Maker]],
    arrays: Mapping[str, np.ndarray] = {},
    compression: str = "gzip",
) -> None:
    """Write arrays, and compressed datasets made of some rows of x and of hypothetical contributions at a time."""
    check(x, hypothetical)
    compressed = compressed_by(compression)
    rows = x.shape[0]
    size = math.prod(x.shape) * sum(np.dtype(dtype).itemsize for dtype, _ in datasets.values())
    size += sum(array.nbytes for array in arrays.values())
    with h5py.File(path, "w") as file:
        make_room(path, size + size // 8)  # where nothing can be compressed
        for part in slices(rows, ROWS):
            one_hot, scores = np.asarray(x[part]), np.asarray(hypothetical[part])
            for name, (dtype, make) in datasets.items():
                made = make(one_hot, scores).astype(dtype)
                if name not in file:
                    chunk = (min(rows, 32), *made.shape[1:])
                    file.create_dataset(name, (rows, *made.shape[1:]), dtype, chunks=chunk, **compressed)
                file[name][part] = made
        for name, array in arrays.items():
            file[name] = array


def compressed_by(compression: str) -> dict[str, Any]:
    """Return arguments of `h5py.Group.create_dataset` for a compression.

    Raises
    ------
    InputError
        If there is no such one.
    MissingExtraError
        If hdf5plugin is not installed, for Blosc.
    """
    if compression not in COMPRESSIONS:
        raise InputError(f"compression: expected one of {', '.join(COMPRESSIONS)}; received {compression!r}")
    return dict(require("hdf5plugin", "blosc").Blosc()) if compression == "blosc" else {"compression": compression}


def check(x: RowArray, hypothetical: RowArray) -> None:
    """Refuse arrays that are not one-hot sequences and their hypothetical contributions."""
    if len(x.shape) != 3 or x.shape[2] != 4 or tuple(hypothetical.shape) != tuple(x.shape):
        raise InputError(
            "expected sequences and hypothetical contributions of one shape (N, length, 4); received "
            f"{tuple(x.shape)} and {tuple(hypothetical.shape)}"
        )
