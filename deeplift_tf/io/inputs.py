"""Rows to be scored, read slice by slice from .npy, .npz and .h5 files."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from deeplift_tf.arrays.checks import not_finite, require_real
from deeplift_tf.arrays.heaps import check_heaps
from deeplift_tf.arrays.packing import IN_PIECES
from deeplift_tf.arrays.rows import RowArray, stored
from deeplift_tf.errors import InputError
from deeplift_tf.io.h5 import SEARCHED_BYTES, arrays_in
from deeplift_tf.io.npy import DAMAGED, NpyRows

HDF5 = (".h5", ".hdf5")
ALL = slice(None)


@contextmanager
def open_arrays(path: Path) -> Iterator[Mapping[str, RowArray]]:
    """Open the arrays of a file by name, without reading them; they are closed on leaving.

    Parameters
    ----------
    path : Path
        An .npy file (one array, named after the file), an .npz archive, or an .h5 file.

    Yields
    ------
    Mapping of str to RowArray

    Raises
    ------
    InputError
        The file is missing, has another ending, or is not what its ending says.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    openers = {".npy": _open_npy, ".npz": _open_npz, **dict.fromkeys(HDF5, _open_h5)}
    if path.suffix.lower() not in openers:
        raise InputError(f"{path}: expected a file ending in .npy, .npz, .h5 or .hdf5; received {path.name!r}")
    with openers[path.suffix.lower()](path) as arrays:
        yield {name: array for name, array in arrays.items() if array.shape}  # a lone number has no rows


@contextmanager
def _open_npy(path: Path) -> Iterator[Mapping[str, RowArray]]:
    with path.open("rb") as stream:
        yield {path.stem: NpyRows(stream, path.stat().st_size, str(path))}


@contextmanager
def _open_npz(path: Path) -> Iterator[Mapping[str, RowArray]]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
    except DAMAGED as error:
        raise InputError(f"{path}: expected an .npz archive saved by numpy; {error}") from error
    with ExitStack() as stack:
        yield {name.removesuffix(".npy"): _member(path, name, stack) for name in names}


def _member(path: Path, name: str, stack: ExitStack) -> NpyRows:
    """Open an array with its own archive object: if several share one, Python 3.13 seeks from another's position."""
    where = f"{path}: array {name.removesuffix('.npy')!r}"
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
        member, stream = archive.getinfo(name), stack.enter_context(archive.open(name))
    except DAMAGED as error:
        raise InputError(f"{where}: damaged; {error}") from error
    if member.compress_type not in IN_PIECES:
        raise InputError(f"{where}: packed otherwise than numpy does; save it again with numpy.savez_compressed")
    return NpyRows(stream, member.file_size, where)


@contextmanager
def _open_h5(path: Path) -> Iterator[Mapping[str, RowArray]]:
    try:
        if path.stat().st_size <= SEARCHED_BYTES:
            check_heaps(path)
        file = h5py.File(path, "r")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected an HDF5 file; {error}") from error
    with file:
        yield arrays_in(file, path)


def select(
    arrays: Mapping[str, RowArray], input_names: Sequence[str], path: Path, dataset: str | None = None
) -> dict[str, RowArray]:
    """Choose the array of each model input.

    Several inputs go by their names. A single one takes the array named in `dataset`, else the one that has the
    input's name, else the only one in the file.

    Parameters
    ----------
    arrays : Mapping of str to RowArray
    input_names : sequence of str
        The model's inputs.
    path : Path
        The file, for messages.
    dataset : str, optional
        Name of the array that a single input takes.

    Returns
    -------
    dict of str to RowArray
        By the names of the inputs, in their order.

    Raises
    ------
    InputError
        An input has no array, or more than one could be meant.
    """
    found = _listed(arrays)
    if len(input_names) > 1:
        if dataset is not None:
            raise InputError(
                f"{path}: expected arrays named as the inputs of the model, {_listed(input_names)}; "
                f"received the one name {dataset!r}"
            )
        missing = [name for name in input_names if name not in arrays]
        if missing:
            raise InputError(
                f"{path}: expected one array for each input of the model, {_listed(input_names)}; "
                f"found {found}; missing {_listed(missing)}"
            )
        return {name: arrays[name] for name in input_names}
    (name,) = input_names
    if dataset is not None:
        if dataset not in arrays:
            raise InputError(f"{path}: no array is named {dataset!r}; found {found}")
        return {name: arrays[dataset]}
    if name in arrays:
        return {name: arrays[name]}
    if len(arrays) != 1:
        raise InputError(f"{path}: expected one array, or one named {name!r} as the model's input; found {found}")
    return {name: next(iter(arrays.values()))}


def _listed(names: Mapping[str, RowArray] | Sequence[str], most: int = 10) -> str:
    """Return names for a message, not more of them than can be read."""
    shown = [repr(name) for name in list(names)[:most]]
    return (", ".join(shown) or "none") + (f" and {len(names) - most} more" if len(names) > most else "")


@dataclass(frozen=True)
class Rows:
    """Rows of the arrays that feed a network, one array for each input.

    Attributes
    ----------
    path : Path
    arrays : mapping of str to RowArray
    held : frozenset of str
        Inputs that are passed on and not scored: each is its own reference.
    dtypes : mapping of str to str
        What the network takes for each input; a wider one in the file may hold more than that can.
    references : mapping of str to RowArray
        Those that come with the rows, as the reference alleles of variants do; empty where they are asked for apart.
    """

    path: Path
    arrays: Mapping[str, RowArray]
    held: frozenset[str] = frozenset()
    dtypes: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, RowArray] = field(default_factory=dict)

    @property
    def scored(self) -> list[str]:
        """The inputs that are scored."""
        return [name for name in self.arrays if name not in self.held]

    @property
    def count(self) -> int:
        """Number of rows."""
        return next(iter(self.arrays.values())).shape[0]

    def largest(self, name: str) -> float:
        """The largest number that the network takes for an input."""
        dtype = self.dtypes.get(name, "")
        return float(np.finfo(dtype).max) if dtype in ("float16", "float32") else np.inf

    def read(self, rows: slice) -> np.ndarray | dict[str, np.ndarray]:
        """Return consecutive rows in the structure that a scoring function takes."""
        return one_or_all({name: np.asarray(array[rows]) for name, array in self.arrays.items()})

    def read_good(self, rows: slice) -> tuple[np.ndarray | dict[str, np.ndarray], dict[int, str]]:
        """Return consecutive rows with zeros in the place of those that cannot be scored, and why not.

        Returns
        -------
        (array or dict of arrays, dict of int to str)
            The rows, and a reason for each bad one, counted from the first of these.
        """
        parts: dict[str, np.ndarray] = {}
        bad: dict[int, str] = {}
        for name, array in self.arrays.items():
            parts[name], unread = stored(array).readable(rows)
            found = not_finite(parts[name], self.largest(name))
            bad |= {row: f"input {name!r} {what}" for row, what in found.items()} | unread
        if bad:
            parts = {name: np.array(part) for name, part in parts.items()}
            for part in parts.values():
                part[list(bad)] = np.zeros((), part.dtype)
        return one_or_all(parts), dict(sorted(bad.items()))

    def names(self, rows: slice) -> dict[str, np.ndarray]:
        """Return the names of rows as an array "names", and the lines of their regions, where an array has some."""
        found: dict[str, np.ndarray] = {}
        for array in self.arrays.values():
            for key, made in (("names", stored(array).names(rows)), ("regions", stored(array).lines(rows))):
                if made is not None:
                    found.setdefault(key, made)
        return found

    def check_shapes(self, expected: Mapping[str, tuple[int | None, ...]]) -> None:
        """Refuse arrays with shapes that the inputs do not take; None if any size fits."""
        for name, array in self.arrays.items():
            _check_shape(f"{self.path}: input {name!r}", array.shape, expected[name])

    def check(self, expected: Mapping[str, tuple[int | None, ...]]) -> None:
        """Refuse arrays that the network cannot score, before any of them is.

        Parameters
        ----------
        expected : Mapping of str to tuple
            Shape of each input; None if any size fits.

        Raises
        ------
        InputError
            Shapes or numbers of rows differ, there are no rows, or values are not real numbers.
        """
        self.check_shapes(expected)
        for name, array in self.arrays.items():
            require_real(array.dtype, f"{self.path}: input {name!r}", InputError)
        counts = {name: array.shape[0] for name, array in self.arrays.items()}
        if len(set(counts.values())) > 1:
            raise InputError(f"{self.path}: expected as many rows for every input; received {counts}")
        if self.count == 0:
            raise InputError(f"{self.path}: expected rows to score; received none")

    def check_values(self, rows: slice = ALL) -> None:
        """Look through rows for what cannot be scored: values that are no finite numbers, files that are no pictures.

        Raises
        ------
        InputError
            Names the first.
        """
        for name, array in self.arrays.items():
            stored(array).check(rows, f"{self.path}: input {name!r}", self.largest(name))


def one_or_all(values: Mapping[str, np.ndarray]) -> np.ndarray | dict[str, np.ndarray]:
    """Return the array itself if there is one, else the arrays by name."""
    return dict(values) if len(values) > 1 else next(iter(values.values()))


def _check_shape(where: str, received: tuple[int, ...], expected: tuple[int | None, ...]) -> None:
    if not _fits(received[1:], expected[1:]):
        hint = "; a single row needs a first axis of length 1" if _fits(received, expected[1:]) else ""
        raise InputError(f"{where}: expected shape {expected}; received {received}{hint}")


def _fits(received: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(received) == len(expected) and all(
        want in (None, got) for got, want in zip(received, expected, strict=True)
    )
