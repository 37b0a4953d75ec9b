"""Score files: the scores of a finished run, read from .h5."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from deeplift_tf.arrays.rows import RowArray, StoredRows
from deeplift_tf.errors import InputError
from deeplift_tf.images import ImageRows, image_rows, is_images
from deeplift_tf.io.h5 import text_attributes
from deeplift_tf.io.inputs import open_arrays
from deeplift_tf.sequences.alphabet import Alphabet
from deeplift_tf.sequences.letters import letters_last

logger = logging.getLogger("deeplift_tf")


@dataclass(frozen=True)
class ScoresFile:
    """An open file of scores.

    Attributes
    ----------
    path : Path
    name : str
        Of the input, layer or target that the contributions belong to; empty if there is only one.
    contributions : RowArray, shape (N, ...)
    x : RowArray, shape (N, ...), or None
        What was scored: sequences in the file itself, else the run's input where that is still there; for the scores of
        an embedding the tokens, shape (N, length).
    arrays : mapping of str to RowArray
        Everything in the file.
    metadata : dict
        Arguments and versions of the run.
    names_of_rows : sequence of str, optional
        Of sequences and pictures.
    class_names : sequence of str
        Of the classes that the target "predicted", or its index, means; empty: their numbers.
    """

    path: Path
    name: str
    contributions: RowArray
    x: RowArray | None
    arrays: Mapping[str, RowArray]
    metadata: dict[str, Any]
    names_of_rows: Sequence[str] | None = None
    class_names: Sequence[str] = ()

    @property
    def count(self) -> int:
        """Number of rows."""
        return self.contributions.shape[0]

    @property
    def alphabet(self) -> str:
        """The letters of the sequences that were scored, in the order of the last axis."""
        return Alphabet.of(str(self.metadata.get("arguments", {}).get("alphabet", "dna"))).letters

    @property
    def letters_axis(self) -> int:
        """The axis of the contributions that holds the letters of sequences."""
        axis = self.metadata.get("arguments", {}).get("letters_axis", -1)
        if not isinstance(axis, int):
            raise InputError(f"{self.path}: expected letters_axis among its arguments to be an integer; found {axis!r}")
        return -1 if "sequences" in self.arrays else axis

    def sequence_rows(self, array: RowArray, rows: Sequence[int]) -> np.ndarray:
        """Return rows of an array of sequences, shape (len(rows), length, letters)."""
        return letters_last(take(array, rows), self.letters_axis, len(self.contributions.shape))

    def array(self, name: str) -> RowArray | None:
        """Return another array of the same scores, or None if there is no such array."""
        return self.arrays.get(f"{name}/{self.name}", self.arrays.get(name))

    def row_name(self, row: int) -> str:
        """Return what a row is called: by its sequence, its picture, or its number."""
        return f"row {row}" if self.names_of_rows is None else self.names_of_rows[row]

    def class_name(self, row: int) -> str | None:
        """Return the class whose output is explained in a row, where each row has its own or classes have names.

        Raises
        ------
        InputError
            If there are names, but none for the class.
        """
        kept, target = self.rows("classes", [row]), self.metadata.get("arguments", {}).get("target")
        one_for_all = type(target) is int and self.class_names and not self.name.startswith("target")
        found = int(kept[0]) if kept is not None else target if one_for_all else -1
        if found < 0:
            return None
        if self.class_names and found >= len(self.class_names):
            raise InputError(
                f"class names: expected one for every class; there are {len(self.class_names)}, and row {row} is of "
                f"class {found} (counted from 0)"
            )
        return self.class_names[found] if self.class_names else f"class {found}"

    def rows(self, name: str, indices: Sequence[int]) -> np.ndarray | None:
        """Return rows of another array of the same scores, or None if there is no such array."""
        array = self.array(name)
        return None if array is None else take(array, indices)


def take(array: RowArray, indices: Sequence[int]) -> np.ndarray:
    """Return rows of an array in any order, shape (len(indices), ...)."""
    return np.concatenate([np.asarray(array[slice(index, index + 1)]) for index in indices])


@dataclass(frozen=True)
class RowRange(StoredRows):
    """Some rows of an array, as an array of their own."""

    array: RowArray
    rows: range

    @property
    def shape(self) -> tuple[int, ...]:
        """All dimensions; the first counts rows."""
        return len(self.rows), *self.array.shape[1:]

    @property
    def dtype(self) -> np.dtype:
        """The dtype as stored."""
        return self.array.dtype

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return consecutive rows."""
        start, stop, _ = rows.indices(len(self.rows))
        return np.asarray(self.array[slice(self.rows.start + start, self.rows.start + stop)])


@contextmanager
def open_scores(path: Path, name: str | None = None, x: Path | None = None) -> Iterator[ScoresFile]:
    """Open a file of scores, and the input that it was made from.

    Parameters
    ----------
    path : Path
        An .h5 file that ``deeplift-tf score`` has written.
    name : str, optional
        The input or layer whose contributions are meant, if there are several.
    x : Path, optional
        The input; by default the file that the run has read, if it lies beside the scores and has as many rows.

    Yields
    ------
    ScoresFile

    Raises
    ------
    InputError
        If it holds no contributions, or those of several inputs and none is named.
    """
    with ExitStack() as stack:
        arrays = stack.enter_context(open_arrays(path))
        key = contributions_in(arrays, path, name)
        check_arrays(arrays, key, path)
        metadata = check_metadata(metadata_of(path), path)
        recorded = metadata.get("arguments", {})
        source = x or (None if "sequences" in arrays else beside(path, recorded.get("input"), "input", "input"))
        found: RowArray | None = arrays.get("sequences") if x is None else None
        start, stop, count = metadata.get("rows") or (0, *2 * (arrays[key].shape[0],))  # of the whole run
        if found is None and source is not None and is_images(source) and (x is not None or source.exists()):
            whole = image_rows(source, (None, *arrays[key].shape[1:]))  # as they are, not as the model takes them
            found = replace(whole, paths=whole.paths[start:stop]) if whole.shape[0] == count else None
        elif found is None and source is not None and (x is not None or source.is_file()):
            given = stack.enter_context(open_arrays(source))
            dataset = recorded.get("dataset") if x is None else None
            fitting = matching(given, (count, *arrays[key].shape[1:]), dataset, name)
            found = None if fitting is None else RowRange(fitting, range(start, stop))
        if x is not None and found is None:
            raise InputError(f"{x}: expected one array of shape {arrays[key].shape}, as the contributions have")
        yield ScoresFile(path, key.partition("/")[2], arrays[key], found, arrays, metadata, names_in(arrays, found))


def names_in(arrays: Mapping[str, RowArray], x: RowArray | None) -> list[str] | None:
    """Return the names of rows, if the sequences or pictures have names."""
    if "names" in arrays:
        return [_name(name) for name in arrays["names"][slice(None)].ravel().tolist()]
    return [path.name for path in x.paths] if isinstance(x, ImageRows) else None


def _name(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def scored_in(path: Path) -> list[str]:
    """Return the names of the contributions in a file: of inputs, layers or targets; one empty name if it has one.

    Raises
    ------
    InputError
        If it holds none.
    """
    with open_arrays(path) as arrays:
        several = [each.partition("/")[2] for each in arrays if each.startswith("contributions/")]
        if not several:
            contributions_in(arrays, path, None)
        return several or [""]


def contributions_in(arrays: Mapping[str, RowArray], path: Path, name: str | None) -> str:
    """Return the name of the contributions that are meant."""
    wanted = "contributions" if name is None else f"contributions/{name}"
    several = [each.partition("/")[2] for each in arrays if each.startswith("contributions/")]
    if wanted in arrays:
        return wanted
    if name is None and len(several) == 1:
        return f"contributions/{several[0]}"
    if several:
        raise InputError(f"{path}: holds contributions of {', '.join(several)}; name one of them, `name`")
    raise InputError(
        f"{path}: expected contributions, as `deeplift-tf score` writes them; found {', '.join(arrays) or 'none'}"
    )


def matching(
    arrays: Mapping[str, RowArray], shape: tuple[int, ...], dataset: str | None, name: str | None
) -> RowArray | None:
    """Return the array that was scored: the one of that name, else the only one of the same shape; None if unclear.

    Tokens have the shape of their embedding's scores less its last axis.
    """
    fitting = {
        each: array
        for each, array in arrays.items()
        if tuple(array.shape) == tuple(shape) or (tuple(array.shape) == tuple(shape[:-1]) and array.dtype.kind in "iu")
    }
    for wanted in (dataset, name):
        if wanted in fitting:
            return fitting[wanted]
    return next(iter(fitting.values())) if len(fitting) == 1 else None


def metadata_of(path: Path) -> dict[str, Any]:
    """Return the metadata that the attributes of a file hold as JSON.

    Raises
    ------
    InputError
        If it is not an HDF5 file, or a damaged one.
    """
    found = {}
    for name, value in text_attributes(path).items():
        try:
            found[name] = json.loads(value)
        except (ValueError, RecursionError):
            continue  # not one of ours
    return found


KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("input", "dataset", "weights", "alphabet", "dtype", "signature"), (str,)),
    "letters_axis": (int,),
    "model": (str, list),
    "rule": (str, dict),
}
"""Types of the arguments that are read back, by name."""

PARTS = ("arguments", "versions", "files")


def check_metadata(metadata: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the metadata of scores, once what is read of it is of the right types.

    Raises
    ------
    InputError
    """
    wrong = [f"{name!r} is {metadata[name]!r:.80}" for name in PARTS if not isinstance(metadata.get(name, {}), dict)]
    arguments = {} if wrong else metadata.get("arguments", {})
    wrong += [
        f"argument {name!r} is {arguments[name]!r:.80}"
        for name, kinds in KINDS.items()
        if not isinstance(arguments.get(name), (*kinds, type(None)))
    ]
    rows = metadata.get("rows", [0, 0, 0])
    counts = isinstance(rows, list) and len(rows) == 3 and all(type(each) is int for each in rows)
    if not counts or not 0 <= rows[0] <= rows[1] <= rows[2]:
        wrong.append(f"'rows' is {rows!r:.80}")
    if wrong:
        raise InputError(
            f"{path}: expected the metadata that `deeplift-tf score` writes; found otherwise: {', '.join(wrong)}"
        )
    return metadata


def check_arrays(arrays: Mapping[str, RowArray], key: str, path: Path) -> None:
    """Refuse arrays that are not those of scores: numbers, as many rows in each, and one for each row of some.

    Raises
    ------
    InputError
    """
    count = arrays[key].shape[0]
    for name, array in arrays.items():
        part = name.partition("/")[0]
        numbers = part in ("names", "regions") or array.dtype.kind in "biuf"
        single = part not in ("names", "outputs", "reference_outputs", "delta", "classes") or len(array.shape) == 1
        if array.shape[0] != count or not numbers or not single:
            raise InputError(
                f"{path}: expected scores of {count} rows; found an array {name!r} of shape {array.shape} and type "
                f"{array.dtype}"
            )


def beside(scores: Path, recorded: str | None, what: str, argument: str) -> Path | None:
    """Return a file that a file of scores names, if it lies in the same folder or below; None for any other.

    A file of scores may come from anyone, and name any file of this machine.

    Parameters
    ----------
    scores : Path
    recorded : str, optional
        The name.
    what, argument : str
        What it is, and the argument that names it, for the note that it is not read.
    """
    if not recorded:
        return None
    folder = scores.resolve().parent
    for path in (Path(recorded), folder / Path(recorded).name):
        with suppress(OSError, ValueError, RuntimeError):  # names that no file can have
            if path.exists() and path.resolve().is_relative_to(folder):
                return path
    note = "%s: made from the %s %s, which does not lie beside it and is not read; name it with `%s`"
    logger.info(note, scores, what, recorded, argument)
    return None
