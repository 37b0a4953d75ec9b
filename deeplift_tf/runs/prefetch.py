"""Prefetching and background writing, each in its own thread with a bounded queue."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

AT_LEAST = 16  # batches after which what was written is flushed, where writing takes longer than scoring
AHEAD = 2  # batches that are read, or wait to be written, while one is scored

Item = TypeVar("Item")
Read = TypeVar("Read")


def prefetch(read: Callable[[Item], Read], items: Iterable[Item]) -> Generator[Read, None, None]:
    """Yield read(item) for every item, in order; the next ones are read meanwhile.

    What reading raises is raised here, in the place of what was to be read.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="reader")
    waiting: deque[Future[Read]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(read, item))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def write_behind(write: Callable[..., None], flush: Callable[[], None]) -> Iterator[Callable[..., None]]:
    """Yield a function that has its arguments written, in order, while the caller goes on.

    Everything handed over is written before this is left, after an exception of the caller's too. What writing raises
    is raised by a later call, or on leaving; nothing is written after it.

    Parameters
    ----------
    write : callable
    flush : callable
        Is called whenever nothing waits to be written, and after every few items.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="writer")
    waiting: deque[Future[None]] = deque()
    failed = threading.Event()
    handed = written = 0

    def guarded(*arguments: Any) -> None:
        nonlocal written
        if failed.is_set():
            return
        try:
            write(*arguments)
            written += 1
            if written == handed or written % AT_LEAST == 0:
                flush()
        except BaseException:
            failed.set()
            raise

    def hand_over(*arguments: Any) -> None:
        nonlocal handed
        handed += 1
        waiting.append(pool.submit(guarded, *arguments))
        while len(waiting) > AHEAD or (waiting and waiting[0].done()):
            waiting.popleft().result()

    try:
        yield hand_over
        while waiting:
            waiting.popleft().result()
    finally:
        pool.shutdown()
