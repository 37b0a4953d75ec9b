"""Progress of a run: a bar, or a function of the user."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

WIDTH = 30  # characters of the bar

Progress = Callable[[int, int], None]


def as_progress(progress: bool | Progress, doing: str = "scoring") -> Progress:
    """Return a function (done, total) that shows how far a run has come.

    Parameters
    ----------
    progress : bool or callable
        True shows a bar on the terminal with the time that is left; a callable is told itself.
    doing : str
        What the bar says.
    """
    if callable(progress):
        return progress
    return _bar(doing) if progress else _silent


def _silent(done: int, total: int) -> None:
    pass


def _bar(doing: str) -> Progress:
    """Return a bar of plain text: it needs no thread, and leaves nothing behind when scoring raises."""
    start = time.monotonic()

    def show(done: int, total: int) -> None:
        left = f", {(time.monotonic() - start) / done * (total - done):.0f} s left" if done else ""
        bar = "█" * (WIDTH * done // total)
        sys.stderr.write(f"\r{doing} {bar:░<{WIDTH}} {done}/{total}{left} " + "\n" * (done == total))
        sys.stderr.flush()

    return show
