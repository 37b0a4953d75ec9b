"""Processes that are killed lose nothing that was whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from deeplift_tf.errors import WorkerError
from deeplift_tf.runs.engines.ray import Workers, on_ray
from deeplift_tf.runs.identity import of_model
from deeplift_tf.runs.model import ModelSource
from deeplift_tf.runs.request import Request
from deeplift_tf.runs.source import RowBatch
from tests.cli.conftest import files as files
from tests.cli.test_score import arrays_of
from tests.genomics.conftest import data as data
from tests.support.command_line import run

LOOPBACK = {"0100007F", "0" * 24 + "01000000", "0" * 16 + "FFFF00000100007F"}  # as the kernel writes it
SCRIPT = Path(__file__).with_name("killed.py")


def killed(out: Path, times: int, *arguments: object) -> list[int]:
    """Kill a command again and again, and return how far it was each time."""
    command = [sys.executable, str(SCRIPT), "7", str(times), str(out), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    assert not list(out.parent.glob("*.partial*"))
    return [int(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_a_run_killed_at_20_moments_equals_one_that_was_not(files: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(4000, 12, 4)).astype("float32")
    x[1234, 3, 2] = np.nan
    np.save(tmp_path / "x.npy", x)
    out = tmp_path / "s.h5"
    arguments = ("score", "-m", files / "one.keras", "-i", tmp_path / "x.npy", "-o", out, "--batch-size", 8)
    options = ("--on-error", "skip", "--multipliers", "--no-jit-compile")  # so that most moments are not of compiling
    far = killed(out, 20, *arguments, *options)
    assert len(far) == 20
    # some of the moments were in the middle; one that is killed while it starts has what the one before had
    assert len({rows for rows in far if 0 < rows < 4000}) >= 3, far
    assert all(rows % 8 == 0 for rows in far)
    assert out.read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert (tmp_path / "s.h5.skipped.tsv").read_text().splitlines()[1].startswith("1234\t")


@pytest.mark.slow
def test_a_folder_of_dna_is_whole_after_kills_as_well(data: Path, tmp_path: Path) -> None:
    letters = np.random.default_rng(0).choice(list("ACGT"), (800, 30))
    fasta = "".join(f">s{index}\n{''.join(row)}\n" for index, row in enumerate(letters))
    (tmp_path / "x.fa").write_text(fasta)
    out = tmp_path / "out"
    arguments = ("score", "-m", data / "tasks.keras", "-i", tmp_path / "x.fa", "-o", out, "--batch-size", 4)
    far = killed(out, 8, *arguments, "--references", "dinucleotide-shuffle:3")
    assert any(0 < rows < 800 for rows in far), far
    for path in (tmp_path / "whole").iterdir():
        if path.suffix == ".npz":
            np.testing.assert_array_equal(np.load(path)["arr_0"], np.load(out / path.name)["arr_0"])
        elif path.suffix != ".h5":
            assert path.read_bytes() == (out / path.name).read_bytes()
    assert (out / "scores.h5").read_bytes() == (tmp_path / "whole" / "scores.h5").read_bytes()
    with h5py.File(out / "target_0.chrombpnet.h5") as file:
        assert file["shap/seq"].shape == (800, 4, 30)


def descendants(parent: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found = list(children.get(parent, []))
    for each in found:
        found += children.get(each, [])
    return found


def named(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def listening(processes: list[int]) -> set[str]:
    """Return the addresses, as the kernel writes them, at which processes wait for connections."""
    sockets = {
        str(path.readlink())[8:-1]
        for process in processes
        for path in Path(f"/proc/{process}/fd").glob("*")
        if path.is_symlink() and str(path.readlink()).startswith("socket:")
    }
    lines = [
        line.split() for kind in ("tcp", "tcp6") for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]
    ]
    return {fields[1].split(":")[0] for fields in lines if fields[3] == "0A" and fields[9] in sockets}


def wait_for_rows(journal: Path, process: subprocess.Popen[str], lines: int) -> None:
    end = time.monotonic() + 240
    while (not journal.exists() or journal.read_bytes().count(b"\n") <= lines) and time.monotonic() < end:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


@pytest.mark.slow
def test_workers_of_ray_may_die(files: Path, tmp_path: Path) -> None:
    """Two workers, one killed in the middle: the same bytes as one process; nobody else can connect."""
    pytest.importorskip("ray")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(6000, 12, 4)).astype("float32"))
    out = tmp_path / "s.h5"
    arguments = ["score", "-m", files / "one.keras", "-i", tmp_path / "x.npy", "-o", out, "--batch-size", "4"]
    command = [sys.executable, "-m", "deeplift_tf.cli", *map(str, arguments), "--engine", "ray", "--workers", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for_rows(tmp_path / "s.h5.partial.journal", process, 3)
    family = descendants(process.pid)
    assert listening([process.pid, *family]) <= LOOPBACK
    workers = [each for each in family if named(each).startswith("ray::Worker")]
    assert len(workers) == 2, [named(each) for each in family]
    os.kill(workers[0], signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    assert stdout.startswith("6000 rows in ")
    assert stderr.count("a worker died on ") == 1
    assert not any(text in stderr for text in ("raylet", "core_worker", "ray-project")), stderr  # Ray's own
    assert "Traceback" not in stderr
    assert not [each for each in family if named(each).startswith("ray::")]
    local = run(*arguments[:-3], tmp_path / "local.h5", "--batch-size", "4")
    assert local.exit_code == 0, local.stderr
    for name, array in arrays_of(tmp_path / "local.h5").items():
        assert arrays_of(out)[name].tobytes() == array.tobytes()


@pytest.mark.slow
def test_mistakes_on_ray_end_in_one_line(files: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    command = ["score", "-m", files / "one.keras", "-i", files / "x.npy", "-o", tmp_path / "s.h5", "--engine", "ray"]
    for options, message in [
        (["--target", "7"], "target"),
        (["--gpus-per-worker", "3"], "1 workers with 3 GPUs each: no node of Ray has that"),
        (["--address", "127.0.0.1:9"], "--address 127.0.0.1:9: no Ray cluster could be reached"),
    ]:
        command_line = [sys.executable, "-m", "deeplift_tf.cli", *map(str, [*command, *options])]
        done = subprocess.run(command_line, capture_output=True, text=True, check=False, timeout=200)
        assert done.returncode == 2, done.stderr
        assert message in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_worker_that_cannot_start_says_why(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    request = Request(ModelSource(tmp_path / "none.keras"))
    batch = RowBatch(slice(0, 3), np.zeros((3, 2), "float32"), 0.0, {}, {})
    with (
        pytest.raises(WorkerError, match=r"a worker on .* could not start; .*none.keras: expected a model file"),
        on_ray(request, Workers(1), 0.0) as engine,
    ):
        list(engine(iter([batch])))


@pytest.mark.slow
def test_a_worker_with_another_model_ends_the_run(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    request = Request(ModelSource(files / "one.keras"))
    other = of_model(request.model) | {str(files / "one.keras"): "0" * 64}
    monkeypatch.setattr("deeplift_tf.runs.engines.ray.of_model", lambda model: other)
    batch = RowBatch(slice(0, 3), np.zeros((3, 12, 4), "float32"), 0.0, {}, {})
    with (
        pytest.raises(WorkerError, match=r"worker on .*one.keras is not the file that it is there"),
        on_ray(request, Workers(1), 0.0) as engine,
    ):
        list(engine(iter([batch])))
