"""How far a run has come."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]


def as_progress(progress: bool | Progress) -> Progress:
    """Return a function (done, total) that shows how far a run has come.

    Parameters
    ----------
    progress : bool or callable
        True shows a bar on the terminal with the time that is left; a callable is told itself.
    """
    if callable(progress):
        return progress
    return _bar() if progress else _silent


def _silent(done: int, total: int) -> None:
    pass


def _bar() -> Progress:
    from rich.progress import Progress as Bar

    bar = Bar(transient=False)
    task = bar.add_task("scoring")
    bar.start()

    def show(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)
        if done >= total:
            bar.stop()

    return show
