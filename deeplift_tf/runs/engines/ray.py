"""The Ray engine: several processes, on one machine or many; every actor has the model in memory."""

from __future__ import annotations

import io
import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any, NamedTuple, TextIO

from deeplift_tf.errors import WorkerError
from deeplift_tf.optional import require
from deeplift_tf.runs.engines.local import Engine
from deeplift_tf.runs.engines.pool import Place, Pool
from deeplift_tf.runs.engines.room import check_room, nodes_of, spread, waited_for
from deeplift_tf.runs.identity import of_model
from deeplift_tf.runs.request import Arrays, Request, Scorer

REACHED = 5  # seconds to connect to a cluster


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
    """What runs in a process of its own: the model is read once, by `start`."""

    def answer(self) -> None:
        """Say that the process is there."""

    def start(self, request: Request, made: Any, threads: int, identity: Mapping[str, Any]) -> None:
        """Read the model.

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

    Batches go to the workers that are up, never more than a few to each, and their scores come back in the order of the
    rows; see `pool.Pool` for workers that are late, die, or do not answer.

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
    with redirect_stdout(without_ray(sys.stdout)):
        try:
            yield pool_of(ray, absolute(request), workers, made).scored
        finally:
            ray.shutdown()


def pool_of(ray: Any, request: Request, workers: Workers, made: Any) -> Pool:
    """Return the pool of a run's workers.

    Raises
    ------
    WorkerError
        If no node has room for any of them.
    """
    needs = {"CPU": 0.0 if workers.address is None else float(workers.threads), "GPU": workers.gpus}
    asked = {kind: amount for kind, amount in needs.items() if amount}
    check_room(nodes_of(ray), asked, workers.number)
    actor = ray.remote(num_cpus=needs["CPU"], num_gpus=needs["GPU"], max_restarts=0, max_task_retries=0)(Worker)
    shared, identity = ray.put(made), of_model(request.model)
    names: dict[str, str] = {}

    def place(count: int) -> tuple[list[Place], str]:
        nodes = nodes_of(ray)
        names.update({node.id: node.name for node in nodes})
        chosen = [Place(node, names[node]) for node in spread(nodes, asked, count)]
        return chosen, waited_for(nodes, asked, count - len(chosen), workers.number)

    def make(node: str) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return actor.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True)).remote()

    return Pool(
        ray,
        workers.number,
        place,
        make,
        start=lambda worker: worker.start.remote(request, shared, workers.threads, identity),
        score=lambda worker, batch: worker.score.remote(batch.x, None if made is not None else batch.references),
    )


class without_ray(io.TextIOBase):  # noqa: N801 # read as a word: redirect_stdout(without_ray(stdout))
    """A stream without what Ray prints of workers that have died; the pool says it in a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._dropped = stream, False

    def write(self, text: str) -> int:
        """Write text, unless it is Ray's, and the end of a line, unless the line was."""
        if "(raylet)" in text or (self._dropped and text == "\n"):
            self._dropped = text != "\n"
            return len(text)
        self._dropped = False
        return self._stream.write(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()


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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own next versions
            ray.init(address="local" if address is None else address, **quiet, **here)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise WorkerError(f"`address={address}`: no Ray cluster could be reached; {error}") from error
    return ray


def check_address(address: str | None) -> None:
    """Refuse HOST:PORT or ray://HOST:PORT where nobody answers: Ray itself would try for minutes."""
    host, _, port = (address or "").removeprefix("ray://").partition("?")[0].rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED).close()
    except (OSError, OverflowError) as error:
        raise WorkerError(f"`address={address}`: no Ray cluster could be reached; {error}") from error


def leave_gpus() -> None:
    """Keep TensorFlow in this process off the GPUs: they are for the workers."""
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")


def absolute(request: Request) -> Request:
    """Return the same request for another working directory."""
    return request._replace(model=request.model.elsewhere())
