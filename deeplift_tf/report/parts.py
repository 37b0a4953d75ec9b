"""Which part of each sequence is drawn, where it lies in the genome, and what is known about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.io.scores_file import ScoresFile
from deeplift_tf.plots.annotations import Annotation
from deeplift_tf.plots.stretch import around, busiest

PLACE = re.compile(r"(?P<chromosome>.+):(?P<start>\d+)-(?P<end>\d+)")


class Part(NamedTuple):
    """The part of a sequence that is drawn.

    Attributes
    ----------
    kind : str
        "busiest", the stretch with the largest scores; "all"; "span", from `start` to `end`; "around", `start` and
        `end` positions on either side of it; "summit", the middle of the window and `end` positions on either side.
    start, end : int
    """

    kind: str = "busiest"
    start: int = 0
    end: int = 0

    def of(self, scores: np.ndarray) -> tuple[int, int]:
        """Return start and end for a sequence.

        Parameters
        ----------
        scores : np.ndarray, shape (length, letters)

        Raises
        ------
        InputError
            When the part does not lie in the sequence.
        """
        length = len(scores)
        if self.kind == "busiest":
            return busiest(scores)
        if self.kind == "all":
            return 0, length
        start, end = (self.start, self.end) if self.kind == "span" else (self.start, self.start + 1)
        if self.kind == "summit":
            return around(length // 2, self.end, length)
        if not 0 <= start < end <= length:
            raise InputError(f"expected a part of the sequence, positions 0 to {length}; received {start}:{end}")
        return (start, end) if self.kind == "span" else around(start, self.end, length)


def place_of(name: str, length: int) -> tuple[str, int] | None:
    """Return chromosome and start of a window that is called by its place, as chr1:100-600; None for another name."""
    found = PLACE.fullmatch(name)
    if found is None or int(found["end"]) - int(found["start"]) != length:
        return None
    return found["chromosome"], int(found["start"])


def read_annotations(path: Path) -> dict[str, list[Annotation]]:
    """Read named spans from a BED file, by chromosome; of sequences without a place by their name.

    Columns are chromosome, start, end, and if they are there name, score and strand.

    Raises
    ------
    InputError
        When a line is no region; names it.
    """
    found: dict[str, list[Annotation]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a BED file, plain text; {error}") from error
    for number, line in enumerate(lines, 1):
        fields = line.split("\t")
        if not line.strip() or line.startswith(("#", "track", "browser")) or is_header(fields, number):
            continue
        try:
            start, end = int(fields[1]), int(fields[2])
        except (IndexError, ValueError):
            start = end = 0
        if not 0 <= start < end:
            raise InputError(
                f"{path}, line {number}: expected chromosome, start, end, name, score, strand with tabs between them; "
                f"found {line[:80]!r}"
            )
        name, strand = (fields[column] if len(fields) > column else "" for column in (3, 5))
        found.setdefault(fields[0], []).append(Annotation(start, end, name, strand))
    return found


def is_header(fields: Sequence[str], number: int) -> bool:
    """Whether a line names columns."""
    return number == 1 and len(fields) > 2 and not fields[1].isdigit() and not fields[2].isdigit()


def annotations_of(
    known: Sequence[dict[str, list[Annotation]]], file: ScoresFile, row: int, length: int
) -> list[Annotation]:
    """Return what is known about a row, in positions of its sequence."""
    name = file.row_name(row)
    chromosome, first = place_of(name, length) or (name, 0)
    return [
        span._replace(start=span.start - first, end=span.end - first)
        for each in known
        for span in each.get(chromosome, ())
        if span.end > first and span.start < first + length
    ]
