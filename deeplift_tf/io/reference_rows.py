"""References from the command line: a number, a name, or arrays in a file, sliced like the rows that are scored."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deeplift_tf.arrays.checks import require_real
from deeplift_tf.arrays.rows import RowArray, check_finite
from deeplift_tf.errors import InputError, ReferencesError
from deeplift_tf.images import is_images
from deeplift_tf.io.deferred_references import DeferredReferences, OpenedFile, as_they_are, named_references, refusal
from deeplift_tf.io.inputs import Rows, one_or_all, open_arrays, select

if TYPE_CHECKING:
    from deeplift_tf.network import Network
    from deeplift_tf.references import ReferenceSampler


@contextmanager
def open_references(
    given: str, seed: int = 0, letters_axis: int = -1
) -> Iterator[float | ReferenceSampler | DeferredReferences | Mapping[str, RowArray]]:
    """Read the references of a command, without reading the arrays of a file.

    Parameters
    ----------
    given : str
        "zeros", a number, a name like "dinucleotide-shuffle:20", or the path of an .npy, .npz or .h5 file, or of
        pictures.
    seed : int
        For references that are drawn at random.
    letters_axis : int
        For those made of one-hot sequences.

    Yields
    ------
    float, Maker, Asked, or Mapping of str to RowArray
        The number that fills all references, what makes them, what makes them when the network is there (see `ready`),
        or the arrays of the file by name.

    Raises
    ------
    ReferencesError
        It is none of these.
    """
    number = _as_number(given)
    if number is not None:
        yield number
        return
    with ExitStack() as stack:
        named = named_references(given, seed, stack, letters_axis)
        if named is not None:
            yield named
        elif is_images(Path(given)):
            yield DeferredReferences(as_they_are, {"data": OpenedFile(Path(given), None, True)})
        else:
            try:
                arrays = stack.enter_context(open_arrays(Path(given)))
            except InputError as error:
                raise refusal(given, error) from error
            yield arrays


def ready(
    given: float | ReferenceSampler | DeferredReferences | Mapping[str, RowArray],
    network: Network,
    preprocess: str | None = None,
) -> float | ReferenceSampler | Mapping[str, RowArray]:
    """Return references that wait for a network made; others as they are.

    Parameters
    ----------
    given
        As `open_references` yields it.
    network : Network
    preprocess : str, optional
        What pictures go through before the model.
    """
    return given.made(network, preprocess) if isinstance(given, DeferredReferences) else given


def _as_number(given: str) -> float | None:
    if given == "zeros":
        return 0.0
    try:
        number = float(given)
    except ValueError:
        return None
    if not math.isfinite(number):
        raise ReferencesError(f"references: expected 'zeros', a finite number or a file of arrays; received {given!r}")
    return number


class ReferenceRows(NamedTuple):
    """References of the rows of an input, one number, what makes them, or one array for each input.

    An array of one dimension less than the input is shared by all rows; one with as many dimensions, or one more
    (several references), has a first axis of length 1 (shared) or of one entry for each row.
    """

    made: float | ReferenceSampler | None
    arrays: Mapping[str, RowArray]
    per_row: frozenset[str]  # names of arrays that have an entry for each row
    rows: Rows | None = None  # that they are matched with
    path: Path = Path()  # for messages

    def read(self, rows: slice) -> float | ReferenceSampler | np.ndarray | dict[str, np.ndarray]:
        """Return the references of consecutive rows, as a scoring function takes them."""
        if self.made is not None:
            return self.made
        return one_or_all(
            {name: np.asarray(array[rows] if name in self.per_row else array) for name, array in self.arrays.items()}
        )

    def check_values(self, rows: slice) -> None:
        """Look through the references of consecutive rows for NaN and infinity; shared references are skipped.

        Raises
        ------
        ReferencesError
            Names the first row.
        """
        for name in sorted(self.per_row):
            largest = np.inf if self.rows is None else self.rows.largest(name)
            check_finite(self.arrays[name], where(self.path, name), ReferencesError, rows, largest)


def match_references(given: float | ReferenceSampler | Mapping[str, RowArray], path: Path, rows: Rows) -> ReferenceRows:
    """Match references with the rows they are for.

    Parameters
    ----------
    given : float, ReferenceSampler, or Mapping of str to RowArray
        As `ready` returns it.
    path : Path
        The file of the references, for messages.
    rows : Rows
        The input, of known shape.

    Returns
    -------
    ReferenceRows

    Raises
    ------
    ReferencesError
        An array has another shape than references of this input have, or holds no real numbers; or one that all rows
        share holds NaN or infinity.
    """
    if not isinstance(given, Mapping):
        return ReferenceRows(given, {}, frozenset())
    try:
        arrays = select(given, rows.scored, path)
    except InputError as error:
        raise ReferencesError(f"references: {error}") from error
    for name, array in arrays.items():
        _check_shape(where(path, name), array.shape, rows.arrays[name].shape)
        require_real(array.dtype, where(path, name), ReferencesError)
    per_row = {name for name, array in arrays.items() if _is_per_row(array.shape, rows.arrays[name].shape)}
    shared = {name: np.asarray(array[:]) for name, array in arrays.items() if name not in per_row}
    shared = {name: a[0] if a.ndim == len(rows.arrays[name].shape) else a for name, a in shared.items()}
    for name, array in shared.items():
        check_finite(array, where(path, name), ReferencesError, largest=rows.largest(name))
    return ReferenceRows(None, arrays | shared, frozenset(per_row), rows, path)


def as_background(
    given: float | ReferenceSampler | Mapping[str, RowArray], rows: Rows
) -> float | ReferenceSampler | Mapping[str, RowArray]:
    """Return arrays with rows, shape (R, ...), as a background for all rows of the input, shape (1, R, ...)."""
    if not isinstance(given, Mapping):
        return given
    ranks = {len(array.shape) for array in rows.arrays.values()}
    return {
        name: np.asarray(array[:])[None] if len(array.shape) == rank_of(name, rows, ranks) else array
        for name, array in given.items()
    }


def rank_of(name: str, rows: Rows, ranks: set[int]) -> int:
    """Return the rank of an input's rows; an array of another name, the only one of its file, is for the only input."""
    return len(rows.arrays[name].shape) if name in rows.arrays else max(ranks)


def where(path: Path, name: str) -> str:
    """Return the name of an input's references in messages."""
    return f"{path}: references of input {name!r}"


def _is_per_row(received: tuple[int, ...], x: tuple[int, ...]) -> bool:
    return len(received) >= len(x) and received[0] != 1


def _check_shape(where: str, received: tuple[int, ...], x: tuple[int, ...]) -> None:
    axes = len(received) - len(x)  # -1: one for all; 0: one for each row; 1: several
    fits = -1 <= axes <= 1 and received[axes + 1 :] == x[1:] and (axes == -1 or received[0] in (1, x[0]))
    fits = fits and 0 not in received
    if not fits:
        raise ReferencesError(
            f"{where}: expected shape {x[1:]}, (1 or {x[0]}, ...) or (1 or {x[0]}, R, ...) with {x[1:]} for the dots; "
            f"received {received}"
        )
