"""A way to run a command in this process."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from click.testing import CliRunner, Result

from deeplift_tf.cli.commands import commands
from deeplift_tf.scoring.progress import Progress


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


def with_options(command: Sequence[object], *more: object) -> list[object]:
    """Return a command with further options, which take the place of those of the same name; each has one value."""
    given = {str(each) for each in more}
    kept: list[object] = []
    for each in command:
        if kept and str(kept[-1]) in given and str(kept[-1]).startswith("-"):
            kept.pop()
        else:
            kept.append(each)
    return [*kept, *more]


@contextmanager
def interruptible() -> Iterator[None]:
    """Have SIGINT interrupt, in processes started meanwhile too: some shells have it ignored in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def interrupted(monkeypatch: pytest.MonkeyPatch, *arguments: object, batches: int = 2) -> int:
    """Interrupt a run after some batches were scored; return how many rows it says are kept."""

    def ending() -> Progress:
        left = iter(range(batches))  # the first call says what is done already

        def progress(done: int, total: int) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt

        return progress

    with monkeypatch.context() as patch:
        patch.setattr("deeplift_tf.cli.score.lines", ending)
        result = run(*arguments)
    assert result.exit_code == 130, result.stderr
    found = re.search(r"error: interrupted; (\d+) of \d+ rows are kept; the same command goes on", result.stderr)
    assert found, result.stderr
    return int(found[1])
