"""Archives whose members are packed to fill the memory, or say that they are smaller than they are."""

from __future__ import annotations

import struct
import tracemalloc
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.errors import InputError, ModelFileError
from deeplift_tf.io.inputs import open_arrays

SIZE, SAID = 20_000_000, 1000
MOST = SIZE // 4
"""Bytes that reading may take: far fewer than a member unpacks to."""

MEMBERS = ["config.json", "metadata.json", "model.weights.h5", "assets/words.txt"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "model.keras"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(path)
    return path


def packed(source: Path, target: Path, member: str, method: int) -> Path:
    """An archive of which one member unpacks to zeros, more of them than it says."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if name != member:
                new.writestr(name, old.read(name))
        new.writestr(member, bytes(SIZE), compress_type=method)
    target.write_bytes(target.read_bytes().replace(struct.pack("<I", SIZE), struct.pack("<I", SAID)))
    return target


@pytest.mark.parametrize(
    ("member", "method"),
    [
        *((member, zipfile.ZIP_DEFLATED) for member in MEMBERS),
        ("config.json", zipfile.ZIP_BZIP2),
        ("assets/words.txt", zipfile.ZIP_LZMA),
    ],
)
def test_a_member_that_is_larger_than_it_says(whole: Path, tmp_path: Path, member: str, method: int) -> None:
    path = packed(whole, tmp_path / "model.keras", member, method)
    tracemalloc.start()
    with pytest.raises(ModelFileError, match="Bad CRC-32" if method == zipfile.ZIP_DEFLATED else "by deflate"):
        dl.convert(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < MOST


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_arrays_packed_otherwise_than_numpy_does(tmp_path: Path, method: int) -> None:
    np.savez(tmp_path / "x.npz", x=np.ones((2, 3)))
    with zipfile.ZipFile(tmp_path / "x.npz") as old, zipfile.ZipFile(tmp_path / "y.npz", "w", method) as new:
        new.writestr("x.npy", old.read("x.npy"))
    with pytest.raises(InputError, match="savez_compressed"), open_arrays(tmp_path / "y.npz"):
        pass


def test_rows_that_would_fill_the_memory(tmp_path: Path) -> None:
    """A row of 8 GB in an archive of a few kB; none of it is read."""
    header = np.lib.format.header_data_from_array_1_0(np.zeros((1, 1)))
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {**header, "shape": (1, 1 << 30)})
    with pytest.raises(InputError, match="expected rows of at most"), open_arrays(tmp_path / "x.npz"):
        pass
