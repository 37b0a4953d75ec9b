"""Progress of a run: a bar on a terminal, otherwise a line for every tenth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

Advance = Callable[[int], None]


@contextmanager
def progress(rows: int, before: int = 0) -> Iterator[Advance]:
    """Show progress on stderr.

    Parameters
    ----------
    rows : int
        Number of rows in all.
    before : int
        How many of them an earlier run has done.

    Yields
    ------
    Callable
        To be called with the number of rows done since the last call.
    """
    from rich.console import Console

    console = Console(stderr=True)
    show = _bar if console.is_terminal else _lines
    with show(rows, before, console) as advance:
        yield advance


@contextmanager
def _bar(rows: int, before: int, console: Console) -> Iterator[Advance]:
    from rich import progress as bars

    columns = (bars.BarColumn(), bars.MofNCompleteColumn(), bars.TextColumn("rows"), bars.TaskProgressColumn())
    with bars.Progress(*columns, bars.TimeRemainingColumn(), bars.TextColumn("left"), console=console) as bar:
        task = bar.add_task("", total=rows, completed=before)
        yield lambda count: bar.advance(task, count)


@contextmanager
def _lines(rows: int, before: int, console: Console) -> Iterator[Advance]:
    start, done = time.monotonic(), before

    def advance(count: int) -> None:
        nonlocal done
        tenths, done = 10 * done // rows, done + count
        if 10 * done // rows > tenths:
            left = (time.monotonic() - start) * (rows - done) / (done - before)
            line = f"{done} of {rows} rows ({100 * done // rows} %), {left:.0f} s left"
            console.print(line, highlight=False, soft_wrap=True)

    yield advance
