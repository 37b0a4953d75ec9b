"""Named spans, as hits of motifs, drawn as bars under a logo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from deeplift_tf.plots.figure import plain

LANE = 0.16  # height of a lane, of that of the track
COLOUR = "#8e44ad"
ARROWS = {"+": " →", "-": " ←"}
LETTER = 1.1  # positions that a letter of a name takes, about, where 120 positions fill the picture


class Annotation(NamedTuple):
    """A named span.

    Attributes
    ----------
    start, end : int
        Positions of the sequence, end excluded.
    name : str
    strand : str
        "+", "-", or anything else for neither.
    """

    start: int
    end: int
    name: str = ""
    strand: str = "."

    @property
    def words(self) -> str:
        """What is written on it."""
        return plain(self.name) + ARROWS.get(self.strand, "")


def lanes(spans: Sequence[Annotation], shown: int) -> list[int]:
    """Return for each span the lane, counted from the top, in which neither it nor its name lies over another."""
    free: list[float] = []  # where each lane is free again
    found = dict.fromkeys(range(len(spans)), 0)
    for index in sorted(found, key=lambda each: spans[each]):
        span = spans[index]
        half = max(span.end - span.start, len(span.words) * LETTER * shown / 120) / 2
        middle = (span.start + span.end) / 2
        lane = next((number for number, end in enumerate(free) if end <= middle - half), len(free))
        free[lane : lane + 1] = [middle + half + shown / 120]
        found[index] = lane
    return [found[index] for index in range(len(spans))]


def annotate(panel: Any, spans: Sequence[Annotation], start: int, end: int) -> None:
    """Draw the spans that lie in a part of the sequence below what an axes shows, which gets room for them.

    Parameters
    ----------
    panel : matplotlib axes
    spans : sequence of Annotation
    start, end : int
        The part of the sequence that is drawn.
    """
    seen = [
        span._replace(start=max(span.start, start), end=min(span.end, end))
        for span in spans
        if span.end > start and span.start < end
    ]
    if not seen:
        return
    low, high = panel.get_ylim()
    height = LANE * (high - low)
    places = lanes(seen, end - start)
    for span, lane in zip(seen, places, strict=True):
        top = low - height * (lane + 0.3)
        panel.axhspan(
            top - 0.8 * height,
            top,
            *((each - start) / (end - start) for each in (span.start, span.end)),
            color=COLOUR,
            alpha=0.3,
            linewidth=0,
        )
        middle = (span.start + span.end - 1) / 2
        panel.text(middle, top - 0.4 * height, span.words, ha="center", va="center", fontsize="x-small")
    panel.set_ylim(low - height * (max(places) + 1.4), high)
