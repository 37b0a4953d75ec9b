"""Signals that ask a process to end."""

from __future__ import annotations

import signal

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))
"""Ctrl-C; of a scheduler; of a terminal that closes; and Ctrl-Break, of Windows, which has no SIGHUP."""


def handled(numbers: tuple[int, ...] = ENDING) -> list[int]:
    """Return those that this process does not ignore, as it does under nohup."""
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
