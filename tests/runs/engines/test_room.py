"""Where workers go, and what is said where they cannot."""

from __future__ import annotations

import io
import socket
import time

import pytest

from deeplift_tf.errors import WorkerError
from deeplift_tf.runs.engines.ray import check_address, without_ray
from deeplift_tf.runs.engines.room import Node, check_room, spread, waited_for


def node(name: str, cpus: float, free: float | None = None, gpus: float = 0.0) -> Node:
    return Node(name, f"host-{name}", {"CPU": cpus, "GPU": gpus}, {"CPU": cpus if free is None else free, "GPU": gpus})


@pytest.mark.parametrize(
    ("nodes", "needs", "count", "expected"),
    [
        ([node("a", 4), node("b", 4)], {"CPU": 1}, 5, "ababa"),
        ([node("a", 4, 1), node("b", 4)], {"CPU": 1}, 9, "abbbb"),
        ([node("a", 1), node("b", 1)], {"CPU": 2}, 1, ""),  # two in all, but on no node
        ([node("a", 4, 0.0), node("b", 3)], {"CPU": 2}, 2, "b"),
        ([node("a", 4), node("b", 4, gpus=1)], {"CPU": 1, "GPU": 0.5}, 3, "bb"),
        ([node("a", 0), node("b", 0)], {}, 3, "aba"),
        ([], {"CPU": 1}, 1, ""),
    ],
)
def test_workers_go_where_there_is_room(nodes: list[Node], needs: dict[str, float], count: int, expected: str) -> None:
    assert "".join(spread(nodes, needs, count)) == expected


def test_workers_that_no_node_could_hold_are_refused() -> None:
    nodes = [node("a", 1), node("b", 1, 0.0)]
    check_room(nodes, {"CPU": 1}, 50)
    with pytest.raises(
        WorkerError, match=r"^1 workers with 2 CPUs each: no node of Ray has that; host-a has 1 CPU, 0 G"
    ):
        check_room(nodes, {"CPU": 2}, 1)
    with pytest.raises(WorkerError, match="there is none"):
        check_room([], {"CPU": 2}, 1)


def test_what_is_waited_for() -> None:
    nodes = [node("a", 2, 0.0), node("b", 1)]
    assert waited_for(nodes, {"CPU": 2}, 1, 3) == (
        "1 of 3 workers wait for 2 CPUs each on one node; free: host-a 0 CPUs, 0 GPUs; host-b 1 CPU, 0 GPUs"
    )


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "ray://localhost:{}"])
def test_nobody_at_an_address_is_said_at_once(form: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listened to
        address, start = form.format(taken.getsockname()[1]), time.monotonic()
        with pytest.raises(WorkerError, match=f"`address={address}`: no Ray cluster could be reached"):
            check_address(address)
    assert time.monotonic() - start < 6


def test_somebody_at_an_address_and_other_forms_are_left_to_ray() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_address(f"ray://127.0.0.1:{server.getsockname()[1]}")
    for address in (None, "auto", "local", "ray://name"):
        check_address(address)


def test_what_ray_prints_of_workers_is_left_out() -> None:
    kept = io.StringIO()
    stream = without_ray(kept)
    print("one", file=stream)
    print("\x1b[33m(raylet)\x1b[0m A worker died or was killed", file=stream)
    print("two\n", file=stream, flush=True)
    assert kept.getvalue() == "one\ntwo\n\n"
