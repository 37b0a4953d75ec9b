"""Starts one process after another, and keeps what each of them finds in a folder."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.cases import CASES
from benchmarks.rows import ARCHITECTURES

ROOT = Path(__file__).parent.parent
NEEDS = {"tensorflow": ("tensorflow",), "torch": ("torch",), "shap": ("shap",)}
PEERS = ("shap", "torch", "captum", "tangermeme")
REMEMBERED = {  # things whose peak memory is measured
    "tensorflow": ("gradient", "rescale", "rescale_each", "rescale_20", "reveal_cancel"),
    "torch": ("gradient", "captum_each", "captum_20", "tangermeme_20"),
    "shap": ("shap_20",),
}
SEQUENCES = ("tangermeme_20",)  # things that read sequences alone
GROWN = ("basset", "bpnet", "tiny")


class Job(NamedTuple):
    """What one process measures.

    Attributes
    ----------
    task : str
        One of `gathering.TASKS`.
    framework, model : str
    part : int or str
        Which of several equal processes, or the thing whose memory is measured.
    """

    task: str
    framework: str
    model: str
    part: int | str = 0

    @property
    def file(self) -> str:
        """Where the folder keeps what it finds."""
        return f"{self.task}.{self.framework}.{self.model}.{self.part}.json"


def names_of(job: Job, task: str) -> list[str]:
    """Return the things that a job measures; empty for all."""
    if task == "memory":
        return [str(job.part)]
    return [] if CASES[job.model].peers else [*ARCHITECTURES]


def found_already(folder: Path, job: Job) -> bool:
    """Whether a folder holds what a job found; one that failed is run again."""
    path = folder / job.file
    return path.exists() and "failed" not in json.loads(path.read_text(encoding="utf-8"))


def absent() -> list[str]:
    """Return the peers that are not installed."""
    return [name for name in PEERS if not importlib.util.find_spec(name)]


def frameworks(peers: bool) -> list[str]:
    """Return those that are installed."""
    names = list(NEEDS) if peers else ["tensorflow"]
    return [name for name in names if all(map(importlib.util.find_spec, NEEDS[name]))]


def jobs(models: Sequence[str], tasks: Sequence[str], processes: int, peers: bool) -> Iterator[Job]:
    """Return what there is to measure; the processes of one network lie far apart in time."""
    for index in range(processes):
        for model in models:
            known = frameworks(peers and CASES[model].peers)
            if "time" in tasks:
                yield from (Job("time", framework, model, index) for framework in known)
            if "growth" in tasks and model in GROWN:
                yield Job("growth", "tensorflow", model, index)
            if "floor" in tasks and CASES[model].peers:
                yield Job("floor", "tensorflow", model, index)
    for model in models:
        if not CASES[model].peers:
            continue
        if "floor" in tasks:
            yield Job("spent", "tensorflow", model)
        if "memory" in tasks:
            for framework in frameworks(peers):
                things = [name for name in REMEMBERED[framework] if name not in SEQUENCES or CASES[model].sequence]
                yield from (Job("memory", framework, model, thing) for thing in things)


class Driver:
    """Runs jobs.

    Parameters
    ----------
    folder : Path
        Gets a file for each job; another run into the same folder adds to it, or measures anew.
    repeats, threads : int
    device : {"cpu", "gpu"}
    """

    def __init__(self, folder: Path, repeats: int, threads: int, device: str = "cpu") -> None:
        self.device = device
        self.raw, self.repeats, self.threads = folder / "raw", repeats, threads
        self.raw.mkdir(parents=True, exist_ok=True)
        self._weights, self._preparing = tempfile.TemporaryDirectory(), threading.Lock()

    def run(self, job: Job) -> dict[str, Any]:
        """Run a job in a process of its own, and keep what it finds."""
        weights = Path(self._weights.name) / f"{job.model}.npz"
        with self._preparing:
            if job.framework == "torch" and not weights.exists():
                self._worker("prepare", job, weights)
        start = time.monotonic()
        result = {**job._asdict(), **self._worker(job.task, job, weights)}
        result["took"] = time.monotonic() - start
        path = self.raw / job.file
        path.with_suffix(".part").write_text(json.dumps(result), encoding="utf-8")
        path.with_suffix(".part").replace(path)
        return result

    def _worker(self, task: str, job: Job, weights: Path) -> dict[str, Any]:
        asked = {
            "task": task,
            "framework": job.framework,
            "model": job.model,
            "weights": str(weights),
            "repeats": self.repeats,
            "device": self.device,
            "names": names_of(job, task),
        }
        command = [sys.executable, "-m", "benchmarks.worker", json.dumps(asked)]
        environment = self._environment() | ({"TF_NUM_INTEROP_THREADS": "1"} if task == "spent" else {})
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            return {"failed": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:300]}
        return json.loads(done.stdout.strip().splitlines()[-1])

    def _environment(self) -> dict[str, str]:
        threads = [f"{name}_NUM_THREADS" for name in ("OMP", "MKL", "NUMBA")]
        threads += ["TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"]
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"} | ({} if self.device == "gpu" else {"CUDA_VISIBLE_DEVICES": "-1"})
        return {**os.environ, **dict.fromkeys(threads, str(self.threads)), **quiet}
