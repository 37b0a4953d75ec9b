"""Progress of a run: a bar, lines, or a function of the user, all of them called with (done, in all)."""

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
        True shows a bar on the terminal with the time that is left; a callable is called itself.
    doing : str
        What the bar says.
    """
    if callable(progress):
        return progress
    return bar(doing) if progress else _silent


def _silent(done: int, total: int) -> None:
    pass


def bar(doing: str) -> Progress:
    """Return a bar of plain text: it needs no thread, and what is printed next takes its line."""

    def show(done: int, total: int, left: str) -> None:
        filled = "█" * (WIDTH * done // total)
        sys.stderr.write(f"{doing} {filled:░<{WIDTH}} {done}/{total}{left} " + ("\n" if done == total else "\r"))
        sys.stderr.flush()

    return _timed(show)


def counted_on_a_terminal(doing: str, total: int) -> Callable[[int], None]:
    """Return a function that is told how many more are done: a bar on a terminal, and nothing where nobody sees it.

    Parameters
    ----------
    doing : str
        What the bar says.
    total : int
    """
    show, done = bar(doing) if sys.stderr.isatty() else _silent, 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        show(done, total)

    return advance


def lines() -> Progress:
    """Return lines for every tenth, where nobody sees a bar."""
    tenths = -1

    def show(done: int, total: int, left: str) -> None:
        nonlocal tenths
        before, tenths = tenths, 10 * done // total
        if left and tenths > before:
            print(f"{done} of {total} rows ({100 * done // total} %){left}", file=sys.stderr, flush=True)

    return _timed(show)


def _timed(show: Callable[[int, int, str], None]) -> Progress:
    """Return a progress that knows how long the rest takes; what its first call says was done before is not timed."""
    first: tuple[int, float] | None = None

    def progress(done: int, total: int) -> None:
        nonlocal first
        first = first or (done, time.monotonic())
        since, start = first
        seconds = (time.monotonic() - start) / max(1, done - since) * (total - done)
        show(done, total, f", {seconds:.0f} s left" if done > since else "")

    return progress
