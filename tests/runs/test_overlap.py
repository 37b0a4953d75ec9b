from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing

import pytest

from deeplift_tf.runs.prefetch import AHEAD, AT_LEAST, prefetch, write_behind


def test_items_come_in_order_and_no_more_than_a_few_are_read_ahead() -> None:
    read: list[int] = []

    def one(item: int) -> int:
        read.append(item)
        return 10 * item

    with closing(prefetch(one, range(20))) as items:
        for done, item in enumerate(items):
            assert item == 10 * done
            assert len(read) <= done + 1 + AHEAD
    assert read == list(range(20))


def test_reading_goes_on_while_an_item_is_used() -> None:
    second = threading.Event()
    with closing(prefetch(lambda item: second.set() if item == 2 else None, [1, 2])) as items:
        next(items)
        assert second.wait(10)


def test_what_reading_raises_comes_in_its_place() -> None:
    with closing(prefetch(lambda item: 6 // item, [3, 2, 0, 1])) as items:
        assert [next(items), next(items)] == [2, 3]
        with pytest.raises(ZeroDivisionError):
            next(items)
    assert not [each for each in threading.enumerate() if each.name.startswith("reader")]


def test_what_was_handed_over_is_written_after_an_exception_too() -> None:
    written: list[int] = []
    with pytest.raises(KeyError), write_behind(written.append, lambda: None) as write:
        for item in range(3):
            write(item)
        raise KeyError
    assert written == [0, 1, 2]


def failing(written: list[int]) -> Callable[[int], None]:
    def write(item: int) -> None:
        if item == 2:
            raise OSError("disk full")
        written.append(item)

    return write


def test_nothing_is_written_after_a_failure_and_the_failure_is_raised() -> None:
    written: list[int] = []
    handed = 0
    with pytest.raises(OSError, match="disk full"), write_behind(failing(written), lambda: None) as write:
        for item in range(1000):
            write(item)
            handed += 1
    assert written == [0, 1]
    assert handed <= 3 + AHEAD


def test_a_failure_of_the_last_write_is_raised() -> None:
    with pytest.raises(OSError, match="disk full"), write_behind(failing([]), lambda: None) as write:
        write(2)


def test_what_was_written_is_flushed_when_nothing_waits() -> None:
    done: list[object] = []
    go_on = threading.Event()

    def write(item: int) -> None:
        go_on.wait(10)
        done.append(item)

    with write_behind(write, lambda: done.append("flush")) as hand_over:
        hand_over(1)
        hand_over(2)
        go_on.set()
    assert done == [1, 2, "flush"]


def test_what_was_written_is_flushed_now_and_then_where_something_always_waits() -> None:
    done: list[object] = []
    another_waits = threading.Semaphore(0)

    def write(item: int) -> None:
        assert another_waits.acquire(timeout=10)
        done.append(item)

    count = 2 * AT_LEAST + 1
    with write_behind(write, lambda: done.append("flush")) as hand_over:
        for item in range(count):
            hand_over(item)
            if item:
                another_waits.release()
        assert "flush" in done
        another_waits.release()
    first, second = range(AT_LEAST), range(AT_LEAST, 2 * AT_LEAST)
    assert done == [*first, "flush", *second, "flush", count - 1, "flush"]
