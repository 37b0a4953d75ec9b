"""What a run shows of how far it has come."""

from __future__ import annotations

import pytest

from deeplift_tf.scoring.progress import as_progress, counted_on_a_terminal, lines


def test_lines_for_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    progress = lines()
    for done in range(0, 1001, 4):
        progress(done, 1000)
    captured = capsys.readouterr()
    found = captured.err.splitlines()
    assert captured.out == ""
    assert found[0].startswith("100 of 1000 rows (10 %), ")
    assert [line.split()[0] for line in found] == [str(100 * tenth) for tenth in range(1, 11)]
    assert found[-1] == "1000 of 1000 rows (100 %), 0 s left"


def test_few_rows_are_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    progress = lines()
    for done in (0, 2, 3):
        progress(done, 3)
    assert capsys.readouterr().err.count("\n") == 2


def test_what_was_done_before_is_not_timed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that goes on at 80 of 100 rows and takes 10 s for the next 10 has 10 s left, not 10 / 90 of them."""
    times = iter([0.0, 0.0, 10.0])
    monkeypatch.setattr("deeplift_tf.scoring.progress.time.monotonic", lambda: next(times))
    progress = as_progress(True, "searching")
    progress(80, 100)
    progress(90, 100)
    first, second = capsys.readouterr().err.rstrip("\r").split("\r")
    assert first.startswith("searching ███") and first.endswith(" 80/100 ")
    assert second.endswith(" 90/100, 10 s left ")


def test_the_bar_ends_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    progress = as_progress(True)
    progress(0, 10)
    progress(10, 10)
    assert capsys.readouterr().err.endswith("10/10, 0 s left \n")


def test_counting_is_shown_on_a_terminal_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted_on_a_terminal("drawing", 2)(1)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    advance = counted_on_a_terminal("drawing", 2)
    advance(1)
    advance(1)
    assert capsys.readouterr().err.endswith("2/2, 0 s left \n")
