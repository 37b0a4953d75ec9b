"""The benchmark measures, marks what is wrong or refused, and its file holds what the tables quote."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import pages
from benchmarks.cases import CASES, PUBLISHED, data_of
from benchmarks.driver import Job, found_already
from benchmarks.gathering import gather
from benchmarks.results import Results
from benchmarks.rows import PEER_ROWS, ROWS
from benchmarks.timing import Thing, interleaved, missed
from benchmarks.worker import card

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one quick run of the command leaves."""
    path = tmp_path_factory.mktemp("benchmark")
    command = [sys.executable, "-m", "benchmarks", "--quick", "--models", "tiny", "--what", "time,floor", "--no-peers"]
    done = subprocess.run([*command, "-o", str(path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Rescale, shared reference" in done.stdout
    assert "WRONG" not in done.stdout
    return path


@pytest.mark.slow
def test_one_command_measures_everything(folder: Path) -> None:
    results = Results.read(folder / "results.json")
    measured = {line.thing: line for line in results.lines()}
    assert set(measured) == set(ROWS)
    assert measured["gradient"].ratio == 1
    assert all(line.milliseconds > 0 and line.ratio > 0 for line in measured.values())
    assert all(line.error is not None and line.error < 1e-5 for name, line in measured.items() if ROWS[name].brief)
    (floor,) = results.floors()
    assert floor.rescale > 0 and floor.back >= 0
    assert {"products, forward", "products, backward"} < set(floor.spent)
    assert (folder / "results.png").stat().st_size > 10_000
    (facts,) = results.found["facts"]
    assert facts["threads"] == 2
    assert facts["versions"]["tensorflow"]


@pytest.mark.slow
def test_tables_for_the_pages_come_from_the_file(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- speed -->\nold\n<!-- /speed -->\nafter\n", encoding="utf-8")
    results = Results.read(folder / "results.json")
    pages.write_between(page, "speed", pages.short(results))
    line = results.line("tiny", "rescale")
    assert line
    text = page.read_text(encoding="utf-8")
    assert f"| Rescale, shared reference | {line.ratio:.2f} |" in text
    assert re.fullmatch(r"before\n<!-- speed -->\n\n\|.*roughly\.\n\n<!-- /speed -->\nafter\n", text, re.DOTALL)
    with pytest.raises(ValueError, match="expected one <!-- other -->"):
        pages.write_between(page, "other", "")


def made_up(ours: dict[str, Any], torch: dict[str, Any], path: Path) -> Results:
    """Results of jobs whose things have these (seconds, pairs, error)."""
    (path / "raw").mkdir()
    for framework, things in (("tensorflow", ours), ("torch", torch)):
        for part, factor in enumerate((1, 2, 10)):
            found: dict[str, Any] = {name: {"failed": "no"} for name in things}
            for name, (seconds, pairs, error) in ((name, each) for name, each in things.items() if each):
                times = [factor * second for second in seconds]
                found[name] = {"seconds": times, "pairs": pairs, "error": error}
            job = {"task": "time", "framework": framework, "model": "basset", "part": part, "found": found}
            (path / "raw" / f"{framework}.{part}.json").write_text(json.dumps(job), encoding="utf-8")
    return Results(gather(path))


def test_medians_ratios_and_verdicts(tmp_path: Path) -> None:
    ours = {"gradient": ([1.0, 2.0, 9.0], 2, None), "rescale": ([3.0], 2, 0.5), "ten_targets": ([15.0], 2, 0.0)}
    ours["one_of_ten"] = ([3.0], 2, 0.0)
    ours["rescale_20_shared"] = ([10.0], 40, 1e-6)
    results = made_up(
        ours, {"gradient": ([4.0], 2, None), "captum_20": ([40.0], 40, 1e-6), "captum_each": None}, tmp_path
    )
    rescale, captum = results.line("basset", "rescale"), results.peer_line("basset", "captum_20")
    assert rescale
    assert captum
    assert (rescale.milliseconds, rescale.ratio, rescale.aim) == (3000, 1.5, ROWS["rescale"].aims["basset"])
    assert rescale.wrong
    assert pages.ratio(rescale) == "wrong"
    assert captum.ratio == 0.5
    assert captum.factor == 4
    assert not captum.wrong
    ten, refused = results.line("basset", "ten_targets"), results.peer_line("basset", "captum_each")
    assert ten
    assert ten.ratio == 0.5
    assert refused
    assert pages.factor(refused) == "refuses"
    assert results.line("basset", "reveal_cancel") is None


def test_growth_is_the_median_of_processes(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for part, seconds in enumerate(([1.0, 9.0], [2.0], [7.0, 8.0, 9.0])):
        found = {"batch": [{"count": 4, "things": {"rescale": {"pairs": 4, "seconds": seconds}}}]}
        job = {"task": "growth", "framework": "tensorflow", "model": "basset", "part": part, "found": found}
        (tmp_path / "raw" / f"{part}.json").write_text(json.dumps(job), encoding="utf-8")
    ((model, grown),) = Results(gather(tmp_path)).growth()
    assert model == "basset"
    assert statistics.median(grown["batch"][0]["things"]["rescale"]["seconds"]) == 5


def test_a_job_that_failed_is_run_again(tmp_path: Path) -> None:
    job = Job("time", "tensorflow", "tiny")
    assert not found_already(tmp_path, job)
    for text, has in (({"failed": "Killed"}, False), ({"found": {}}, True)):
        (tmp_path / job.file).write_text(json.dumps(text), encoding="utf-8")
        assert found_already(tmp_path, job) is has


def test_a_thing_that_raises_is_a_finding() -> None:
    def refuse() -> None:
        raise NotImplementedError("on the way\nno such layer")

    found = interleaved({"good": Thing(lambda: 1, 3, lambda result: result / 2), "bad": Thing(refuse, 1)}, repeats=2)
    assert found["bad"] == {"pairs": 1, "failed": "NotImplementedError: no such layer"}
    assert len(found["good"]["seconds"]) == 2
    assert found["good"]["error"] == 0.5


def test_what_is_missed_is_relative_to_the_largest_difference() -> None:
    contributions = np.array([[1.0, 2.0], [4.0, 4.0]])
    assert missed(contributions, np.array([3.0, 10.0])) == pytest.approx(0.2)


def test_data_is_the_same_in_every_process() -> None:
    case = CASES["tiny"]
    first, second = data_of(case), data_of(case)
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert (first.x.sum(-1) == 1).all()
    assert np.ptp(first.shared) > 0.1


def test_aims_are_of_what_is_measured() -> None:
    aims = [row.aims for row in ROWS.values()] + [row.aims for row in PEER_ROWS.values()]
    assert {model for each in aims for model in each} <= set(PUBLISHED)
    assert {row.ours for row in PEER_ROWS.values()} <= set(ROWS)


def test_the_twin_predicts_as_the_model(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is an extra: pip install -e '.[bench]'")
    from benchmarks.torch_peers import AGREEMENT, TorchPeers
    from benchmarks.worker import prepare

    prepare(CASES["tiny"], tmp_path / "tiny.npz")
    peers = TorchPeers(CASES["tiny"], tmp_path / "tiny.npz", data_of(CASES["tiny"]))
    assert peers.difference < AGREEMENT


def test_hours_come_from_the_rate_of_measured_workers() -> None:
    """330,000 rows at 26 a second on two workers: 13 a second each."""
    command = [sys.executable, "-m", "benchmarks.estimate", "--rows-per-second", "26", "--of-workers", "2"]
    done = subprocess.run([*command, "--workers", "50"], capture_output=True, text=True, check=True, cwd=ROOT)
    one, many = 330_000 / 13 / 3600, 330_000 / 13 / 50 / 3600
    assert done.stdout.splitlines() == [f"1 workers: {one:.3g} hours", f"50 workers: {many:.3g} hours"]


def test_a_gpu_that_is_not_there_is_said() -> None:
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has one")
    assert card("cpu") == ""
    with pytest.raises(SystemExit, match="expected a GPU that TensorFlow sees"):
        card("gpu")
