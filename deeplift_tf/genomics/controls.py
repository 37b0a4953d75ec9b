"""Control tracks, the inputs of a profile model beside its sequence; they are not scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deeplift_tf.arrays.rows import RowArray, StoredRows
from deeplift_tf.errors import InputError
from deeplift_tf.genomics.bigwig_reader import BigWig
from deeplift_tf.genomics.regions import Region
from deeplift_tf.io.inputs import Rows, open_arrays, select

BIGWIG = (".bw", ".bigwig")
Shapes = Mapping[str, tuple[int | None, ...]]


@contextmanager
def open_controls(given: str | None, regions: Sequence[Region], shapes: Shapes) -> Iterator[dict[str, RowArray]]:
    """Open what the other inputs hold, for each region one row.

    Parameters
    ----------
    given : str, optional
        "zeros"; bigWigs, separated by commas; or an .npz or .h5 file of arrays that are named as the inputs.
    regions : sequence of Region
    shapes : mapping of str to tuple
        The other inputs of the model.

    Yields
    ------
    dict of str to array, shape (N, ...)

    Raises
    ------
    InputError
        If it is not said what they hold, or that does not fit them.
    """
    if not shapes or given is None:
        if bool(shapes) != (given is not None):
            others = ", ".join(f"{name!r} {shape}" for name, shape in shapes.items()) or "none"
            raise InputError(
                f"inputs besides the sequence: {others}; `control` says what they hold: zeros, bigWigs or an .npz file"
            )
        yield {}
    elif given == "zeros":
        yield {name: ZeroRows((len(regions), *sizes(name, shape))) for name, shape in shapes.items()}
    elif all(each.lower().endswith(BIGWIG) for each in given.split(",")):
        with ExitStack() as stack:
            files = [stack.enter_context(open_bigwig(Path(each), regions)) for each in given.split(",")]
            yield of_tracks(files, regions, shapes)
    else:
        with open_arrays(Path(given)) as arrays:
            rows = Rows(Path(given), select(arrays, list(shapes), Path(given)))
            rows.check(shapes)
            if rows.count != len(regions):
                raise InputError(f"{given}: expected {len(regions)} rows, one for each sequence; received {rows.count}")
            yield dict(rows.arrays)


def sizes(name: str, shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """Return the shape of a row.

    Raises
    ------
    InputError
        If the model leaves an axis open.
    """
    found = tuple(size for size in shape[1:] if size is not None)
    if len(found) < len(shape) - 1:
        raise InputError(f"`control`: input {name!r} is of open shape {shape}; give arrays in an .npz file")
    return found


@contextmanager
def open_bigwig(path: Path, regions: Sequence[Region]) -> Iterator[BigWig]:
    """Open a bigWig that has the chromosomes of all regions."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with BigWig(path) as file:
        missing = sorted({region.chrom for region in regions} - set(file.chroms))
        if missing:
            raise InputError(f"{path}: has no chromosome {', '.join(missing[:5])}")
        yield file


def of_tracks(files: Sequence[BigWig], regions: Sequence[Region], shapes: Shapes) -> dict[str, RowArray]:
    """Return profiles (N, length, tracks) and counts (N, tracks) or (N, 1), from bigWigs in the order of the tracks.

    Counts are log(1 + the sum of the profile), of each track or of all together, as bpnet has them; the first counts
    belong to the first profile.
    """
    profiles = {name: sizes(name, shape) for name, shape in shapes.items() if len(shape) == 3}
    counts = {name: sizes(name, shape) for name, shape in shapes.items() if len(shape) == 2}
    wanted = sum(tracks for _, tracks in profiles.values())
    if len(profiles) + len(counts) < len(shapes) or len(counts) > len(profiles) or wanted != len(files):
        raise InputError(
            f"`control`: expected {wanted} bigWigs, one for each track of {', '.join(profiles) or 'no profile'}; "
            f"received {len(files)}; anything else comes in an .npz file, named as the inputs are: {', '.join(shapes)}"
        )
    rows: dict[str, Any] = {}
    first = 0
    for name, (length, tracks) in profiles.items():
        rows[name] = TrackRows(files[first : first + tracks], regions, length)
        first += tracks
    for name, profile in zip(counts, list(profiles), strict=False):
        (width,) = counts[name]
        if width not in (1, profiles[profile][1]):
            raise InputError(
                f"`control`: input {name!r} takes {width} counts, and {profile!r} {profiles[profile][1]} tracks"
            )
        rows[name] = CountRows(rows[profile], width == 1)
    return {name: rows[name] for name in shapes}


@dataclass(frozen=True)
class ZeroRows(StoredRows):
    """Rows of zeros."""

    shape: tuple[int, ...]
    dtype = np.dtype(np.float32)

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return consecutive rows."""
        return np.zeros((len(range(*rows.indices(self.shape[0]))), *self.shape[1:]), self.dtype)

    def check(self, rows: slice, where: str, largest: float) -> None:
        """There is nothing to be found."""


@dataclass(frozen=True)
class TrackRows(StoredRows):
    """Windows of bigWigs around the summits of regions, shape (N, length, tracks); zeros where nothing is known."""

    files: Sequence[BigWig]
    regions: Sequence[Region]
    length: int
    dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, length, tracks)."""
        return len(self.regions), self.length, len(self.files)

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return consecutive rows."""
        return np.stack([np.stack([self.window(file, each) for file in self.files], -1) for each in self.regions[rows]])

    def window(self, file: BigWig, region: Region) -> np.ndarray:
        """Return the values of one track, shape (length,)."""
        first = region.summit - self.length // 2
        start, end = max(first, 0), min(first + self.length, file.chroms[region.chrom])
        values = np.zeros(self.length, self.dtype)
        if start < end:
            found = file.values(region.chrom, start, end)
            if np.isinf(found).any():
                raise InputError(f"{file.path}: {region.chrom}:{start}-{end}: expected finite numbers; found infinity")
            values[start - first : end - first] = np.nan_to_num(found)
        return values

    def check(self, rows: slice, where: str, largest: float) -> None:
        """A bigWig holds numbers alone, and looking through it would mean to read it twice."""


@dataclass(frozen=True)
class CountRows(StoredRows):
    """log(1 + the sum of a profile) for each track, shape (N, tracks), or for all together, shape (N, 1)."""

    profile: TrackRows
    together: bool
    dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, tracks) or (N, 1)."""
        return len(self.profile.regions), 1 if self.together else len(self.profile.files)

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return consecutive rows."""
        sums = np.asarray(self.profile[rows], np.float64).sum(1)
        sums = sums.sum(1, keepdims=True) if self.together else sums
        if (sums < 0).any():
            raise InputError("`control`: counts are logarithms of sums, and a track has a sum below zero")
        return np.log1p(sums).astype(self.dtype)

    def check(self, rows: slice, where: str, largest: float) -> None:
        """Nothing to be looked for before it is read."""
