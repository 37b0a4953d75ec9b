"""The benchmark of an exported function runs, and finds no wrong answer and no error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_concurrent_callers(tmp_path: Path) -> None:
    figures = tmp_path / "serving.json"
    command = [sys.executable, "-m", "benchmarks.serving", "--seconds", "3", "--callers", "8", "--json", str(figures)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(figures.read_text("utf-8"))
    assert (found["errors"], found["wrong_answers"]) == (0, 0)
    assert found["requests"] >= 8
    assert 0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p99"]
    assert found["memory_mib"]["growth"] < 200  # what grows with every request grows faster
