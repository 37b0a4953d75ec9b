"""Two real nodes of Ray on this machine: one is lost, one has other files, one has no room, a worker dies at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import files as files
from tests.cli.test_score import arrays_of
from tests.runs.test_killed import wait_for_rows
from tests.support.command_line import run

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'deeplift-tf[ray]'")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # files that Ray leaves to the end of the process
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
COMMAND = [sys.executable, "-m", "deeplift_tf.cli"]
RAYS_OWN = ("raylet", "core_worker", "ray-project", "Traceback")

DIES = """
import os, signal, sys
if "default_worker" in sys.argv[0]:  # a worker of Ray
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of one CPU each."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    made: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    try:
        yield made
    finally:
        made.shutdown()


def asked(files: Path, folder: Path, rows: int, *more: object) -> list[str]:
    np.save(folder / "x.npy", np.random.default_rng(0).normal(size=(rows, 12, 4)).astype("float32"))
    arguments = ["score", "-m", files / "one.keras", "-i", folder / "x.npy", "--batch-size", 4, *more]
    return list(map(str, arguments))


def on(cluster: Any, workers: int = 2) -> list[str]:
    return ["--engine", "ray", "--workers", str(workers), "--address", cluster.address]


def ended(command: list[str], seconds: float = 400) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    assert not any(text in done.stderr for text in RAYS_OWN), done.stderr
    return done.returncode, done.stderr


def same(folder: Path, command: list[str], out: Path) -> None:
    """Whether scores equal those of one process to the byte."""
    assert run(*command, "-o", folder / "local.h5").exit_code == 0
    found = arrays_of(out)
    for name, array in arrays_of(folder / "local.h5").items():
        assert found[name].tobytes() == array.tobytes()


def test_the_loss_of_a_node_half_way(cluster: Any, files: Path, tmp_path: Path) -> None:
    command, out = asked(files, tmp_path, 6000), tmp_path / "s.h5"
    process = subprocess.Popen(
        [*COMMAND, *command, "-o", str(out), *on(cluster)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for_rows(tmp_path / "s.h5.partial.journal", process, 3)
    cluster.remove_node(cluster.list_all_nodes()[1], allow_graceful=False)
    stdout, stderr = process.communicate(timeout=500)
    assert process.returncode == 0, stderr
    assert stdout.startswith("6000 rows in ")
    assert not any(text in stderr for text in RAYS_OWN), stderr
    same(tmp_path, command, out)


def test_workers_that_no_node_could_hold(cluster: Any, files: Path, tmp_path: Path) -> None:
    command = [*COMMAND, *asked(files, tmp_path, 40), "-o", str(tmp_path / "s.h5"), *on(cluster, 1)]
    code, stderr = ended([*command, "--cpus-per-worker", "2"])
    assert code == 2
    assert "1 workers with 2 CPUs each: no node of Ray has that" in stderr.splitlines()[-1]


def test_a_node_that_another_job_has_taken(cluster: Any, files: Path, tmp_path: Path) -> None:
    """One of two workers has room: it scores, and the other is said to be waited for."""
    script = (
        "import ray, sys, time\n"
        f"ray.init(address={cluster.address!r}, log_to_driver=False)\n"
        "actor = ray.remote(num_cpus=1)(type('Busy', (), {'here': lambda self: True})).remote()\n"
        "ray.get(actor.here.remote()); print('taken', flush=True); time.sleep(1000)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "taken\n"
        command, out = asked(files, tmp_path, 400), tmp_path / "s.h5"
        code, stderr = ended([*COMMAND, *command, "-o", str(out), *on(cluster)])
    finally:
        other.kill()
        other.wait()
    assert code == 0, stderr
    assert "1 of 2 workers wait for 1 CPU each on one node" in stderr
    same(tmp_path, command, out)


def test_a_worker_killed_while_it_starts(cluster: Any, files: Path, tmp_path: Path) -> None:
    (tmp_path / "dies.py").write_text(DIES)
    command = asked(files, tmp_path, 40, "--custom-objects", tmp_path / "dies.py")
    start = time.monotonic()
    code, stderr = ended([*COMMAND, *command, "-o", str(tmp_path / "s.h5"), *on(cluster, 1)])
    assert code == 2
    assert "died 3 times while it started; is there memory for all of them?" in stderr.splitlines()[-1]
    assert time.monotonic() - start < 300


def test_a_stale_file_on_one_node(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node in a mount namespace of its own, in which another file lies under the path of the model."""
    if os.geteuid() or shutil.which("unshare") is None:
        pytest.skip("to give a node files of its own, unshare(1) and its rights are needed")
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("unshare -m is not allowed here")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    model, stale = tmp_path / "model.keras", tmp_path / "stale.keras"
    shutil.copy(files / "one.keras", model)
    shutil.copy(files / "two.keras", stale)
    made: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    inside = f"mount --bind {stale} {model} && exec {sys.executable} -m ray.scripts.scripts start --block"
    node = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", f"{inside} --num-cpus 1 --address {made.address}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        np.save(tmp_path / "x.npy", np.zeros((8, 12, 4), "float32"))
        ray.init(address=made.address, log_to_driver=False, configure_logging=False)
        end = time.monotonic() + 120
        while len(ray.nodes()) < 2 and time.monotonic() < end:
            time.sleep(0.5)
        ray.shutdown()
        command = [*COMMAND, "score", "-m", str(model), "-i", str(tmp_path / "x.npy"), "-o", str(tmp_path / "s.h5")]
        code, stderr = ended([*command, *on(made, 1)])
    finally:
        os.killpg(node.pid, signal.SIGTERM)
        try:
            node.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(node.pid, signal.SIGKILL)
            node.wait(30)
        made.shutdown()
    assert code == 2
    assert "model.keras is not the file that it is there" in stderr.splitlines()[-1]
