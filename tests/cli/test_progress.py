from __future__ import annotations

import pytest

from deeplift_tf.cli.progress import progress


def test_lines_for_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(1000) as advance:
        for _ in range(250):
            advance(4)
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert lines[0].startswith("100 of 1000 rows (10 %), ")
    assert [line.split()[0] for line in lines] == [str(100 * tenth) for tenth in range(1, 11)]
    assert lines[-1] == "1000 of 1000 rows (100 %), 0 s left"


def test_few_rows_are_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(3) as advance:
        advance(2)
        advance(1)
    assert capsys.readouterr().err.count("\n") == 2


def test_a_bar_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress(10) as advance:
        advance(10)
    assert "10/10" in capsys.readouterr().err
