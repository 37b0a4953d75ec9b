"""Room for workers: which node of a Ray cluster each of them goes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from deeplift_tf.errors import WorkerError

SHOWN = ("CPU", "GPU")


class Node(NamedTuple):
    """A machine of a cluster: what it has, and what of that is free."""

    id: str
    name: str
    has: Mapping[str, float]
    free: Mapping[str, float]


def nodes_of(ray: Any) -> list[Node]:
    """Return the nodes that are alive. A client of a cluster (ray://) is not told what is free: all, then."""
    alive = [node for node in ray.nodes() if node.get("Alive")]
    free: Mapping[str, Mapping[str, float]] = {}
    if not ray.util.client.ray.is_connected():
        from ray._private import state

        look: Any = state.available_resources_per_node
        free = look()
    found = []
    for node in alive:
        has = node.get("Resources", {})
        here = free.get(node["NodeID"], has if not free else {})
        found.append(Node(node["NodeID"], node.get("NodeManagerHostname", node["NodeID"]), has, here))
    return found


def spread(nodes: Sequence[Node], needs: Mapping[str, float], count: int) -> list[str]:
    """Return the nodes of the workers for which there is room now, the emptiest first; shorter than asked for if not.

    Parameters
    ----------
    nodes : sequence of Node
    needs : mapping of str to float
        Of each worker.
    count : int
        Workers.
    """
    free = {node.id: dict(node.free) for node in nodes}
    taken: Counter[str] = Counter()
    chosen: list[str] = []
    for _ in range(count):
        fitting = [node.id for node in nodes if fits(free[node.id], needs)]
        if not fitting:
            break
        best = min(fitting, key=lambda node: taken[node])
        taken[best] += 1
        free[best] = {kind: amount - needs.get(kind, 0) for kind, amount in free[best].items()}
        chosen.append(best)
    return chosen


def fits(there: Mapping[str, float], needs: Mapping[str, float]) -> bool:
    """Whether there is room for a worker."""
    return all(there.get(kind, 0.0) >= wanted for kind, wanted in needs.items() if wanted)


def check_room(nodes: Sequence[Node], needs: Mapping[str, float], count: int) -> None:
    """Refuse workers of which no node could ever hold a single one.

    Raises
    ------
    WorkerError
        Says what each node has.
    """
    if not any(fits(node.has, needs) for node in nodes):
        raise WorkerError(
            f"{count} workers with {in_words(needs)} each: no node of Ray has that; "
            + ("; ".join(f"{node.name} has {in_words(shown(node.has))}" for node in nodes) or "there is none")
        )


def waited_for(nodes: Sequence[Node], needs: Mapping[str, float], missing: int, count: int) -> str:
    """Return what is waited for, and what is free."""
    free = "; ".join(f"{node.name} {in_words(shown(node.free))}" for node in nodes) or "no node"
    return f"{missing} of {count} workers wait for {in_words(needs)} each on one node; free: {free}"


def shown(amounts: Mapping[str, float]) -> dict[str, float]:
    """Return what a user asks for of all that a node has."""
    return {kind: amounts.get(kind, 0.0) for kind in SHOWN}


def in_words(amounts: Mapping[str, float]) -> str:
    """Return amounts as text: 2 CPUs, 0.5 GPUs."""
    return ", ".join(f"{amount:g} {kind}{'' if amount == 1 else 's'}" for kind, amount in amounts.items())
