"""File formats of sequence scores for other tools: TF-MoDISco, chrombpnet and bpnet.

HDF5 files are compressed by gzip and not by Blosc, as those tools themselves write them: every reader of HDF5 has gzip,
and Blosc only those that import hdf5plugin.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.lib import format as npy

from deeplift_tf.errors import InputError
from deeplift_tf.genomics.regions import Region
from deeplift_tf.io.inputs import RowArray
from deeplift_tf.io.scores_h5 import make_room

ROWS = 256  # held in memory at a time


def write_modisco(x_path: Path, scores_path: Path, x: RowArray, hypothetical: RowArray) -> None:
    """Write what ``modisco motifs -s X.npz -a SCORES.npz`` reads: each an array arr_0 of shape (N, 4, length).

    Parameters
    ----------
    x_path, scores_path : Path
        Ending in .npz.
    x : array, shape (N, length, 4)
        One-hot sequences; a dataset of an open file too.
    hypothetical : array, shape (N, length, 4)
        Hypothetical contributions; TF-MoDISco takes those at the letters of x by itself.
    """
    check(x, hypothetical)
    write_npz(x_path, x, np.dtype(np.int8))
    write_npz(scores_path, hypothetical, np.dtype(np.float32))


def write_npz(path: Path, array: RowArray, dtype: np.dtype[Any]) -> None:
    """Write one array, shape (N, length, 4), as (N, 4, length) into a compressed .npz, a few rows at a time."""
    rows, length, letters = array.shape
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": (rows, letters, length)}
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("arr_0.npy", "w", force_zip64=True) as out,
    ):
        npy.write_array_header_1_0(out, header)
        for part in slices(rows):
            out.write(np.ascontiguousarray(np.asarray(array[part]).astype(dtype).swapaxes(1, 2)).tobytes())


def write_chrombpnet(path: Path, x: RowArray, hypothetical: RowArray) -> None:
    """Write chrombpnet's file of scores: raw/seq, shap/seq and projected_shap/seq, of shape (N, 4, length).

    shap/seq are the hypothetical contributions, projected_shap/seq those at the letters of the sequence.

    Parameters
    ----------
    path : Path
    x, hypothetical : array, shape (N, length, 4)
    """
    write_h5(
        path,
        x,
        hypothetical,
        {
            "raw/seq": (np.int8, lambda one_hot, scores: one_hot.swapaxes(1, 2)),
            "shap/seq": (np.float16, lambda one_hot, scores: scores.swapaxes(1, 2)),
            "projected_shap/seq": (np.float16, lambda one_hot, scores: (one_hot * scores).swapaxes(1, 2)),
        },
    )


def write_bpnet(path: Path, x: RowArray, hypothetical: RowArray, regions: Sequence[Region]) -> None:
    """Write bpnet's file of scores: hyp_scores and input_seqs, of shape (N, length, 4), and coords_*.

    Parameters
    ----------
    path : Path
    x, hypothetical : array, shape (N, length, 4)
    regions : sequence of Region
    """
    if len(regions) != x.shape[0]:
        raise InputError(f"regions: expected {x.shape[0]}, one for each sequence; received {len(regions)}")
    datasets: dict[str, tuple[Any, Maker]] = {
        "input_seqs": (np.int8, lambda one_hot, scores: one_hot),
        "hyp_scores": (np.float16, lambda one_hot, scores: scores),
    }
    places = {
        "coords_chrom": np.array([region.chrom.encode("ascii", "replace") for region in regions]),
        "coords_start": np.array([region.start for region in regions], np.int32),
        "coords_end": np.array([region.end for region in regions], np.int32),
    }
    write_h5(path, x, hypothetical, datasets, places)


Maker = Callable[[np.ndarray, np.ndarray], np.ndarray]


def write_h5(
    path: Path,
    x: RowArray,
    hypothetical: RowArray,
    datasets: Mapping[str, tuple[Any, Maker]],
    arrays: Mapping[str, np.ndarray] = {},
) -> None:
    """Write arrays, and compressed datasets made of some rows of x and of hypothetical contributions at a time."""
    check(x, hypothetical)
    rows = x.shape[0]
    size = math.prod(x.shape) * sum(np.dtype(dtype).itemsize for dtype, _ in datasets.values())
    size += sum(array.nbytes for array in arrays.values())
    with h5py.File(path, "w") as file:
        make_room(path, size + size // 8)  # where nothing can be compressed
        for part in slices(rows):
            one_hot, scores = np.asarray(x[part]), np.asarray(hypothetical[part])
            for name, (dtype, make) in datasets.items():
                made = make(one_hot, scores).astype(dtype)
                if name not in file:
                    chunk = (min(rows, 32), *made.shape[1:])
                    file.create_dataset(name, (rows, *made.shape[1:]), dtype, chunks=chunk, compression="gzip")
                file[name][part] = made
        for name, array in arrays.items():
            file[name] = array


def check(x: RowArray, hypothetical: RowArray) -> None:
    """Refuse arrays that are not one-hot sequences and their hypothetical contributions."""
    if len(x.shape) != 3 or x.shape[2] != 4 or tuple(hypothetical.shape) != tuple(x.shape):
        raise InputError(
            "expected sequences and hypothetical contributions of one shape (N, length, 4); received "
            f"{tuple(x.shape)} and {tuple(hypothetical.shape)}"
        )


def slices(rows: int) -> Iterator[slice]:
    """Cut rows into parts."""
    return (slice(start, min(start + ROWS, rows)) for start in range(0, rows, ROWS))
