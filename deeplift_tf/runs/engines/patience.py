"""Bounded waits: ask again after 1, 2, 4, ... seconds, a minute in all."""

from __future__ import annotations

from collections.abc import Callable

IN_ALL = 60.0  # seconds
Clock = Callable[[], float]


class Patience:
    """How long something is waited for, and when to ask again.

    Parameters
    ----------
    clock : callable
        Returns seconds.

    Attributes
    ----------
    next : float
        When to ask again, by the clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._end, self._step = clock, clock() + IN_ALL, 1.0
        self.next = clock()

    @property
    def due(self) -> bool:
        """Whether it is time to ask again."""
        return self._clock() >= self.next

    @property
    def over(self) -> bool:
        """Whether a minute has passed."""
        return self._clock() >= self._end

    def asked(self) -> None:
        """Wait twice as long as before until the next time, but not beyond the minute."""
        self.next = min(self._clock() + self._step, self._end)
        self._step *= 2
