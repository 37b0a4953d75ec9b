"""Regions of a genome, from BED and narrowPeak files."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from deeplift_tf.errors import InputError

SUMMIT = 9  # column of narrowPeak: the summit, counted from the start; -1 where none was called


class Region(NamedTuple):
    """A window around the summit of a peak.

    Attributes
    ----------
    chrom : str
    start, end : int
        Counted from 0, end excluded.
    summit : int
        Where the window is centred.
    line : str
        The line of the file that it comes from; empty for a whole sequence.
    """

    chrom: str
    start: int
    end: int
    summit: int
    line: str = ""

    @property
    def name(self) -> str:
        """What the window is called: chromosome and positions, or the name of a sequence that stands alone."""
        return f"{self.chrom}:{self.start}-{self.end}" if self.line else self.chrom


def read_regions(path: Path, length: int) -> list[Region]:
    """Read the regions of a file, as windows of one length.

    Parameters
    ----------
    path : Path
        BED, or 10-column narrowPeak, where the last column is the summit; may be compressed by gzip. A line without
        a summit is centred in its middle.
    length : int
        Of every window: from summit − length // 2 on.

    Returns
    -------
    list of Region
        In the order of the file.

    Raises
    ------
    InputError
        When a line is no region; names it.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as lines:
            regions = [
                parse(line.rstrip("\r\n"), f"{path}: line {number}", length)
                for number, line in enumerate(lines, 1)
                if line.strip() and not line.startswith(("#", "track", "browser"))
            ]
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise InputError(f"{path}: expected lines of text, chromosome, start and end; {error}") from error
    if not regions:
        raise InputError(f"{path}: expected regions; found none")
    return regions


def parse(line: str, where: str, length: int) -> Region:
    """Return the window that a line stands for."""
    fields = line.split("\t") if "\t" in line else line.split()
    try:
        chrom, start, end = fields[0], int(fields[1]), int(fields[2])
        offset = int(fields[SUMMIT]) if len(fields) > SUMMIT else -1
    except (IndexError, ValueError) as error:
        raise InputError(f"{where}: expected chromosome, start and end; received {line[:80]!r}") from error
    if not 0 <= start < end:
        raise InputError(f"{where}: expected 0 <= start < end; received {start}, {end}")
    summit = start + offset if offset >= 0 else (start + end) // 2
    first = summit - length // 2
    return Region(chrom, first, first + length, summit, line)


def within(regions: Iterable[Region], sizes: Mapping[str, int]) -> tuple[list[Region], list[Region]]:
    """Return the regions that lie inside of their chromosomes, and those that do not, or name no chromosome.

    Parameters
    ----------
    regions : iterable of Region
    sizes : mapping of str to int
        Length of each chromosome.
    """
    kept: list[Region] = []
    dropped: list[Region] = []
    for region in regions:
        inside = region.start >= 0 and region.end <= sizes.get(region.chrom, -1)
        (kept if inside else dropped).append(region)
    return kept, dropped


def write_regions(path: Path, regions: Sequence[Region]) -> None:
    """Write regions as the lines that they come from; those that come from none as BED."""
    lines = (region.line or f"{region.chrom}\t{region.start}\t{region.end}" for region in regions)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_windows(path: Path, regions: Sequence[Region]) -> None:
    """Write the windows themselves as narrowPeak: the middle of each is its summit, whichever of the two a tool takes.

    ``modisco seqlet-bed`` takes the middle, chrombpnet's tools the start and the summit.
    """
    lines = (
        f"{chrom}\t{start}\t{end}\t{row}\t0\t.\t0\t-1\t-1\t{(end - start) // 2}\n"
        for row, (chrom, start, end, *_) in enumerate(regions)
    )
    path.write_text("".join(lines), encoding="utf-8")


def read_sizes(path: Path) -> dict[str, int]:
    """Read the lengths of chromosomes, in the order of the file, from chrom.sizes or a .fai index."""
    sizes: dict[str, int] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected lines of text, a chromosome and its length; {error}") from error
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields or line.startswith("#"):
            continue
        if len(fields) < 2 or not fields[1].isdigit():
            raise InputError(f"{path}: line {number}: expected a chromosome and its length; received {line[:80]!r}")
        sizes[fields[0]] = int(fields[1])
    if not sizes:
        raise InputError(f"{path}: expected chromosomes and their lengths; found none")
    return sizes
