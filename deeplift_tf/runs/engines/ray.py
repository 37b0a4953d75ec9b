"""The Ray engine: several processes, on one machine or many; every actor has the model in memory."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any, NamedTuple

from deeplift_tf.errors import WorkerError
from deeplift_tf.optional import require
from deeplift_tf.runs.engines.local import Engine
from deeplift_tf.runs.identity import of_model
from deeplift_tf.runs.request import Arrays, Request, Scorer
from deeplift_tf.runs.source import RowBatch

RETRIES = 3  # of a batch whose worker has died, before the run ends
EACH = 2  # batches that a worker holds: one that is scored and one that waits, so that it is never idle


class Workers(NamedTuple):
    """Which workers there are to be.

    Attributes
    ----------
    number : int
    address : str, optional
        Of a Ray cluster; "auto" for the one that this machine is part of. None starts one on this machine alone.
    gpus : float
        For each worker; several share one GPU with a part of it.
    cpus : int, optional
        For each worker; by default the cores of this machine in equal parts, or one in a cluster.
    """

    number: int
    address: str | None = None
    gpus: float = 0.0
    cpus: int | None = None

    @property
    def threads(self) -> int:
        """Threads of each worker."""
        shared = 1 if self.address is not None else max(1, (os.cpu_count() or 1) // self.number)
        return self.cpus or shared


class Worker:
    """What runs in a process of its own: the model is read once.

    Parameters
    ----------
    request : Request
    made : float or Maker, optional
    threads : int
    identity : dict
        That of the model and of the versions where the run was started; see `identity.of_model`.

    Raises
    ------
    WorkerError
        If the model, or a version, is another one here.
    """

    def __init__(self, request: Request, made: Any, threads: int, identity: Mapping[str, Any]) -> None:
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
        os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # another worker may share the GPU
        check_identity(identity, of_model(request.model))
        self._score, self._made = Scorer(request), made

    def score(self, x: Any, references: Any) -> Arrays:
        """Score a batch; references of None are those that were made for all."""
        return self._score(x, self._made if references is None else references)


@contextmanager
def on_ray(request: Request, workers: Workers, made: Any = None) -> Iterator[Engine]:
    """Start workers, and yield an engine that scores on them; they end with it.

    Batches go to the worker with the fewest at hand, never more than a few to each, and their scores come back in the
    order of the rows. A worker that dies is started again, and scores its batches again.

    Parameters
    ----------
    request : Request
    workers : Workers
    made : float or Maker, optional
        References that are the same for all batches, or are made in the worker.

    Raises
    ------
    MissingExtraError
        If Ray is not installed.
    WorkerError
        If no cluster can be reached, it cannot take the workers, or they die again and again.
    """
    ray = start(workers.address)
    with redirect_stdout(sys.stderr):  # where Ray is to say that a worker has died; some of it only as it ends
        try:
            check_room(ray, workers)
            cpus = 0 if workers.address is None else workers.threads
            actor = ray.remote(num_cpus=cpus, num_gpus=workers.gpus, max_restarts=-1, max_task_retries=RETRIES)(Worker)
            shared = ray.put(made)
            request = absolute(request)
            identity = of_model(request.model)
            pool = [actor.remote(request, shared, workers.threads, identity) for _ in range(workers.number)]
            yield lambda batches: scored(ray, pool, batches, made is not None)
        finally:
            ray.shutdown()


def check_identity(expected: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Refuse to score with another model, or other versions, than the run was started with.

    Raises
    ------
    WorkerError
        Names the machine and what differs.
    """
    other = [name for name in expected if found.get(name) != expected[name]]
    if other:
        said = [
            f"{name} is not the file that it is there"
            if "/" in name or len(str(expected[name])) == 64
            else f"{name} is {found.get(name)}, there {expected[name]}"
            for name in other
        ]
        raise WorkerError(
            f"worker on {socket.gethostname()}: expected the model and the versions of the machine that started the "
            f"run; {'; '.join(said)}. Copy the model to the same path on every machine, and install the same versions"
        )


def start(address: str | None) -> Any:
    """Connect to a cluster, or start one that this machine alone can reach; return Ray."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None:  # Ray keeps to loopback where it makes no clusters; its _node_ip_address alone does not
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    ray = require("ray", "ray")
    check_address(address)
    logging.getLogger("ray").setLevel(logging.ERROR)
    quiet = {"configure_logging": False, "log_to_driver": False}
    here = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"} if address is None else {}
    try:
        ray.init(address="local" if address is None else address, **quiet, **here)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise WorkerError(f"`address={address}`: no Ray cluster could be reached; {error}") from error
    return ray


def check_address(address: str | None) -> None:
    """Refuse HOST:PORT where nobody answers: Ray itself would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise WorkerError(f"`address={address}`: no Ray cluster could be reached; {error}") from error


def check_room(ray: Any, workers: Workers) -> None:
    """Refuse more CPUs or GPUs than there are: Ray would wait for them for ever."""
    each = {"GPU": workers.gpus, "CPU": 0 if workers.address is None else workers.threads}
    for kind, wanted in each.items():
        there = ray.cluster_resources().get(kind, 0.0)
        if workers.number * wanted > there:
            raise WorkerError(
                f"{workers.number} workers with {wanted:g} {kind}s each: expected {workers.number * wanted:g}; Ray has "
                f"{there:g}"
            )


def leave_gpus() -> None:
    """Keep TensorFlow in this process off the GPUs: they are for the workers."""
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")


def absolute(request: Request) -> Request:
    """Return the same request for another working directory."""
    return request._replace(model=request.model.elsewhere())


def scored(ray: Any, pool: list[Any], batches: Iterator[RowBatch], made: bool) -> Iterator[tuple[RowBatch, Arrays]]:
    """Yield batches with their scores, in order."""
    waiting: deque[tuple[RowBatch, Any, int]] = deque()
    for batch in batches:
        if len(waiting) == EACH * len(pool):
            yield result(ray, *waiting.popleft()[:2])
        index = idlest(ray, waiting, len(pool))
        task = pool[index].score.remote(batch.x, None if made else batch.references)
        waiting.append((batch._replace(x=None), task, index))
    while waiting:
        yield result(ray, *waiting.popleft()[:2])


def idlest(ray: Any, waiting: deque[tuple[RowBatch, Any, int]], count: int) -> int:
    """Return the worker with the fewest batches that are not done yet."""
    tasks = [task for _, task, _ in waiting]
    left = set(ray.wait(tasks, num_returns=len(tasks), timeout=0)[1]) if tasks else set()
    held = [sum(index == worker and task in left for _, task, index in waiting) for worker in range(count)]
    return held.index(min(held))


def result(ray: Any, batch: RowBatch, task: Any) -> tuple[RowBatch, Arrays]:
    """Return the scores of a batch when they are there; what the worker has raised is raised here."""
    try:
        return batch, ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        raise WorkerError(f"rows {batch.rows.start} to {batch.rows.stop}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Return why there is no worker: what it has raised at its start, or that it has died."""
    lines = str(error).strip().splitlines()
    if getattr(error, "actor_init_failed", False):
        said = next((line for line in reversed(lines) if "WorkerError: " in line), "")
        if said:
            return said.partition("WorkerError: ")[2]
        return f"a worker could not start; is the package there, and the model under the same path? {lines[-1]}"
    return f"a worker died {RETRIES + 1} times; is there memory for all of them? {lines[0]}"
