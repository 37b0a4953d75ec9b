"""Selection of the regions of a file that are scored."""

from __future__ import annotations

import bisect
import itertools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.genomics.regions import Peak, Placed, lines_of

logger = logging.getLogger("deeplift_tf")

Where = TypeVar("Where", bound=Placed)

Spans = Mapping[str, tuple[list[int], list[int]]]  # by chromosome: starts in order, and ends, none overlapping


class Selection(NamedTuple):
    """Which regions are scored; of all that lie inside of the genome, if nothing is given.

    Attributes
    ----------
    chromosomes : sequence of str
        Of these alone.
    exclude : Path, optional
        BED: no window that overlaps one of these regions.
    first : int, optional
        The first ones alone.
    sample : int, optional
        As many, drawn at random without repetition; they keep their order.
    seed : int
    """

    chromosomes: Sequence[str] = ()
    exclude: Path | None = None
    first: int | None = None
    sample: int | None = None
    seed: int = 0

    def on_genome(self, regions: Sequence[Where], path: str, what: str = "regions") -> list[Where]:
        """Return the regions of the chromosomes, without those that are excluded.

        Parameters
        ----------
        regions : sequence of Region or of Variant
        path, what : str
            For messages.

        Raises
        ------
        InputError
            If none is left, or a chromosome has no region.
        """
        there = {region.chrom for region in regions}
        missing = [chrom for chrom in self.chromosomes if chrom not in there]
        if missing:
            raise InputError(
                f"{path}: expected {what} of the chromosomes {', '.join(self.chromosomes)}; there are none of "
                f"{', '.join(missing)}. The file names {', '.join(sorted(there)[:8])}"
            )
        chosen = [region for region in regions if not self.chromosomes or region.chrom in self.chromosomes]
        if self.exclude is None:
            return chosen
        spans = spans_of(self.exclude)
        left = [region for region in chosen if not overlaps(region, spans)]
        logger.info("%d of %d %s are excluded by %s", len(chosen) - len(left), len(chosen), what, self.exclude)
        if not left:
            raise InputError(f"{path}: all {len(chosen)} {what} are excluded by {self.exclude}")
        return left

    def of_kept(self, regions: Sequence[Where]) -> list[Where]:
        """Return the first, or a random sample, of the regions that can be scored."""
        if self.sample is not None and self.sample < len(regions):
            drawn = np.random.default_rng(self.seed).choice(len(regions), self.sample, replace=False)
            regions = [regions[index] for index in np.sort(drawn)]
        return list(regions[: self.first])


def spans_of(path: Path) -> Spans:
    """Return the regions of a BED file by chromosome, in order, those that overlap or touch made one."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    peaks = sorted(Peak.of(line, f"{path}: line {number}")[:3] for number, line in lines_of(path))
    found: dict[str, tuple[list[int], list[int]]] = {}
    for chrom, group in itertools.groupby(peaks, key=lambda peak: peak[0]):
        starts, ends = found.setdefault(chrom, ([], []))
        for _, start, end in group:
            if ends and start <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                starts.append(start)
                ends.append(end)
    return found


def overlaps(region: Placed, spans: Spans) -> bool:
    """Whether a window has a base in common with one of the spans."""
    starts, ends = spans.get(region.chrom, ([], []))
    before = bisect.bisect_left(starts, region.end) - 1  # the last span that begins before the window ends
    return before >= 0 and ends[before] > region.start
