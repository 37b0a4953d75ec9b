"""BigWig files of scores, for genome browsers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deeplift_tf.arrays.rows import RowArray
from deeplift_tf.errors import InputError, OutputFileError
from deeplift_tf.genomics.formats.files import check
from deeplift_tf.genomics.formats.scored import ScoredSequences
from deeplift_tf.genomics.regions import Region
from deeplift_tf.optional import require

QUANTILES = {
    "Min": 0,
    ".1%": 0.1,
    "1%": 1,
    "50%": 50,
    "99%": 99,
    "99.9%": 99.9,
    "99.95%": 99.95,
    "99.99%": 99.99,
    "Max": 100,
}


def write(folder: Path, scored: ScoredSequences) -> None:
    """Write TARGET.bw of the scores at the letters for every target, and TARGET.stats.txt of their quantiles."""
    for target, hypothetical in scored.hypothetical.items():
        stats = write_bigwig(folder / f"{target}.bw", scored.x, hypothetical, scored.regions, scored.sizes)
        lines = "".join(f"{name}\t{value:.6g}\n" for name, value in stats.items())
        (folder / f"{target}.stats.txt").write_text(lines, encoding="utf-8", newline="\n")


class Segment(NamedTuple):
    """The part of a region whose scores are written: row of the region, and positions on its chromosome."""

    row: int
    start: int
    end: int


def segments(regions: Sequence[Region], sizes: Mapping[str, int]) -> Iterator[Segment]:
    """Return parts of regions that do not overlap, in the order of the genome.

    Where a region reaches into the next one, the scores change over midway between the two summits.

    Parameters
    ----------
    regions : sequence of Region
    sizes : mapping of str to int
        Chromosomes in the order of the file.
    """
    place = {chrom: index for index, chrom in enumerate(sizes)}
    order = sorted(
        range(len(regions)), key=lambda row: (place[regions[row].chrom], regions[row].start, regions[row].end)
    )
    chrom, done = "", 0
    for row, after in zip(order, [*order[1:], None], strict=True):
        region = regions[row]
        start = max(region.start, done) if region.chrom == chrom else region.start
        end = region.end
        if after is not None and regions[after].chrom == region.chrom and regions[after].start < end:
            end = min(end, (region.summit + regions[after].summit) // 2)
        chrom, done = region.chrom, max(start, end)
        if start < end:
            yield Segment(row, start, end)


def check_places(regions: Sequence[Region], sizes: Mapping[str, int]) -> None:
    """Refuse regions that do not lie on chromosomes of known lengths.

    Raises
    ------
    InputError
        Names the first.
    """
    missing = sorted({region.chrom for region in regions} - set(sizes))
    if missing:
        raise InputError(f"bigWig: the lengths of these chromosomes are not known: {', '.join(missing[:5])}")
    beyond = [region for region in regions if region.end > sizes[region.chrom] or region.start < 0]
    if beyond:
        raise InputError(f"bigWig: {beyond[0].chrom}:{beyond[0].start}-{beyond[0].end} lies over its chromosome's edge")


def write_bigwig(
    path: Path, x: RowArray, hypothetical: RowArray, regions: Sequence[Region], sizes: Mapping[str, int]
) -> dict[str, float]:
    """Write the contribution of every position, summed over bases.

    Parameters
    ----------
    path : Path
        Ending in .bw.
    x, hypothetical : array, shape (N, length, 4)
        Read row by row.
    regions : sequence of Region
        Where the rows lie.
    sizes : mapping of str to int
        Lengths of all chromosomes, in the order that the file's header shall have.

    Returns
    -------
    dict of str to float
        Quantiles of the values written, by name.

    Raises
    ------
    InputError
        If a region is not on one of the chromosomes.
    OutputFileError
        If the disk is full.
    MissingExtraError
        If pyBigWig is not installed.
    """
    check(x, hypothetical)
    check_places(regions, sizes)
    written = []
    file = require("pyBigWig", "genomics").open(str(path), "w")
    try:
        file.addHeader(list(sizes.items()))
        for row, start, end in segments(regions, sizes):
            region = regions[row]
            at = np.asarray(x[row : row + 1][0]) * np.asarray(hypothetical[row : row + 1][0], np.float64)
            values = at.sum(-1)[start - region.start : end - region.start]
            file.addEntries(region.chrom, start, values=values.tolist(), span=1, step=1)
            written.append(values.astype(np.float32))
    finally:
        file.close()
    check_whole(path)
    whole = np.concatenate(written)
    return {name: float(np.percentile(whole, level)) for name, level in QUANTILES.items()}


def check_whole(path: Path) -> None:
    """Refuse a file without the number that ends a bigWig as it begins one: of a full disk pyBigWig tells no exception.

    Raises
    ------
    OutputFileError
    """
    with path.open("rb") as file:
        first = file.read(4)
        file.seek(max(4, path.stat().st_size - 4))
        last = file.read()
    if not first or last != first:
        raise OutputFileError(f"{path}: could not be written whole; is the disk full?")
