"""Regions of a genome, from BED and narrowPeak files."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from deeplift_tf.errors import InputError

logger = logging.getLogger("deeplift_tf")

SUMMIT = 9  # column of narrowPeak: the summit, counted from the start; -1 where none was called


NO_COLUMNS = ("", "0", ".", "0", "-1", "-1")
"""What stands in the columns 4 to 9 of narrowPeak where nothing is known; the name is the row then."""

NOTHING = ("", "-", ".", "na")  # in the place of a number


class Placed(Protocol):
    """What lies on a chromosome, from `start` to `end`."""

    @property
    def chrom(self) -> str:
        """The chromosome."""

    @property
    def start(self) -> int:
        """Counted from 0."""

    @property
    def end(self) -> int:
        """Excluded."""


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
        BED or narrowPeak, which alone has summits: the content decides which of them it is. May be compressed by gzip
        or bgzip. A line without a summit is centred in its middle; a header line is passed over.
    length : int
        Of every window: from summit − length // 2 on.

    Returns
    -------
    list of Region
        In the order of the file.

    Raises
    ------
    InputError
        If a line is no region, or its summit lies beyond its peak; names it.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        peaks = [Peak.of(line, f"{path}: line {number}") for number, line in lines_of(path)]
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: expected lines of text, chromosome, start and end; {error}") from error
    if not peaks:
        raise InputError(f"{path}: expected regions; found none")
    wide = [peak for peak in peaks if len(peak.fields) > SUMMIT]
    summits = bool(wide) and has_summits(wide, path)
    if wide and not summits:
        logger.info("%s: has no summits, as narrowPeak would: windows lie around the middle of each region", path)
    return [peak.window(length, summits and len(peak.fields) > SUMMIT) for peak in peaks]


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Return the lines of a file that hold regions, with their numbers."""
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    opened = gzip.open if compressed else open
    with opened(path, "rt", encoding="utf-8-sig") as lines:
        first = True
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith(("#", "track", "browser")):
                continue
            if first and is_header(line, f"{path}: line {number}"):
                logger.info("%s: line %d is a header: %s", path, number, line.strip()[:80])
            else:
                yield number, line.rstrip("\r\n")
            first = False


def is_header(line: str, where: str) -> bool:
    """Whether a line names columns.

    Raises
    ------
    InputError
        If they are those of a table whose positions count from 1.
    """
    fields = line.lower().split()
    if len(fields) < 3 or not ("start" in fields[1] and ("end" in fields[2] or "stop" in fields[2])):
        return False
    if "abs_summit" in fields:
        raise InputError(f"{where}: a table of MACS, whose positions count from 1; give its narrowPeak file instead")
    return True


class Peak(NamedTuple):
    """A line of a file of regions."""

    chrom: str
    start: int
    end: int
    fields: list[str]
    line: str
    where: str

    @classmethod
    def of(cls, line: str, where: str) -> Peak:
        """Read a line."""
        fields = line.split("\t") if "\t" in line else line.split()
        try:
            chrom, start, end = fields[0], int(fields[1]), int(fields[2])
        except (IndexError, ValueError) as error:
            raise InputError(f"{where}: expected chromosome, start and end; received {line[:80]!r}") from error
        if not 0 <= start < end:
            raise InputError(f"{where}: expected 0 <= start < end; received {start}, {end}")
        return cls(chrom, start, end, fields, line, where)

    @property
    def is_narrow_peak(self) -> bool:
        """Whether the columns look like those of narrowPeak: numbers, or nothing, and an integer in the tenth."""
        score, _, *numbers, summit = (each.strip() for each in self.fields[4 : SUMMIT + 1])
        return all(_is_number(each) for each in (score, *numbers)) and summit.lstrip("-").isdigit()

    @property
    def has_thick_part(self) -> bool:
        """Whether the columns 7 and 8 lie within the region, as thickStart and thickEnd of BED do."""
        thick = [each.strip() for each in self.fields[6:8]]
        return all(each.isdigit() for each in thick) and self.start <= int(thick[0]) <= int(thick[1]) <= self.end

    def window(self, length: int, has_summit: bool) -> Region:
        """Return the window around the summit, or the middle.

        Raises
        ------
        InputError
            If the summit lies beyond the peak.
        """
        offset = int(self.fields[SUMMIT]) if has_summit else -1
        if not -1 <= offset < self.end - self.start:
            raise InputError(
                f"{self.where}: expected a summit from 0 to {self.end - self.start - 1}, counted from the start of the "
                f"peak, or -1; received {offset}"
            )
        summit = self.start + offset if offset >= 0 else (self.start + self.end) // 2
        first = summit - length // 2
        return Region(self.chrom, first, first + length, summit, self.line)


def has_summits(peaks: Sequence[Peak], path: Path) -> bool:
    """Whether lines of ten and more columns are those of narrowPeak; BED with blocks has a count of them there."""
    if ".narrowpeak" in path.name.lower():
        return all(peak.fields[SUMMIT].strip().lstrip("-").isdigit() for peak in peaks)
    return all(peak.is_narrow_peak for peak in peaks) and not all(peak.has_thick_part for peak in peaks)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.lower() in NOTHING
    return True


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


def names_differ(regions: Iterable[Placed], sizes: Mapping[str, int], what: str = "regions") -> str:
    """Return what to say of chromosomes that a genome names with, or without, "chr"; empty if it does not."""
    for chrom in dict.fromkeys(region.chrom for region in regions):
        other = chrom.removeprefix("chr") if chrom.startswith("chr") else f"chr{chrom}"
        if chrom not in sizes and other in sizes:
            command = "sed 's/^chr//'" if chrom.startswith("chr") else "sed 's/^/chr/'"
            return f"; the {what} name {chrom!r} and the genome {other!r}: change the {what} with {command}"
    return ""


def write_regions(path: Path, regions: Sequence[Region]) -> None:
    """Write regions as the lines that they come from; those that come from none as BED."""
    lines = (region.line or f"{region.chrom}\t{region.start}\t{region.end}" for region in regions)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def write_windows(path: Path, regions: Sequence[Region]) -> None:
    """Write the windows themselves as narrowPeak, with names and columns of the peaks.

    The middle of each is its summit, whichever of the two a tool takes.

    ``modisco seqlet-bed`` takes the middle, chrombpnet's tools the start and the summit.
    """
    lines = (
        "\t".join([chrom, str(start), str(end), *columns_kept(line, row), str((end - start) // 2)]) + "\n"
        for row, (chrom, start, end, _, line) in enumerate(regions)
    )
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def columns_kept(line: str, row: int) -> list[str]:
    """Return the columns 4 to 9 of narrowPeak from the line that a window comes from; its row where it has no name."""
    fields = [each.strip() for each in (line.split("\t") if "\t" in line else line.split())]
    name, score, strand = (*fields[3:6], *NO_COLUMNS[len(fields[3:6]) : 3])
    is_peak = len(fields) > SUMMIT and Peak.of(line, "").is_narrow_peak
    return [str(row) if name in NOTHING else name, score, strand, *(fields[6:SUMMIT] if is_peak else NO_COLUMNS[3:])]


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
