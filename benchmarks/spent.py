"""Where the time of a call under Rescale goes: TensorFlow's profiler, one operation after another.

The driver starts this with one thread between operations, so that their times add up to that of the call.
"""

from __future__ import annotations

import copy
import dataclasses
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import tensorflow as tf

from benchmarks.cases import Case, data_of
from benchmarks.floor import PRODUCTS
from benchmarks.models import build
from benchmarks.ours import Ours
from deeplift_tf.graph.graph import Graph
from deeplift_tf.graph.passes import optimize
from deeplift_tf.layers.base import Layer
from deeplift_tf.scoring import programs

CALLS = 5
PASSES = ("forward", "spread", "backward")
SCOPE = re.compile(rf"(\w+)\.({'|'.join(PASSES)})\.\d+")
OPERATION = re.compile(r"[\w./-]+:\w+")  # its name in the graph and its kind
EVERY = 3  # level of the profiler: at 2 it leaves out what it takes to be cheap


def spent(case: Case) -> dict[str, float]:
    """Return the seconds for an example of each group of operations.

    Returns
    -------
    dict
        By "layers' module, pass", where the pass is forward, spread or backward (that of the reference was made in a
        call before); "products" stands for the modules of all layers that the floor counts, "between" for what belongs
        to no layer.
    """
    ours = Ours(case, build(case), data_of(case))
    with patch.object(programs, "optimize", lambda *given: scoped(optimize(*given))):
        call = ours.scores("rescale", ours.data.shared).call
        call()
    found: Counter[str] = Counter()
    for name, duration in operations(call):
        found[group(name)] += duration
    return {name: 1e-12 * duration / CALLS / case.batch for name, duration in found.most_common()}


def scoped(graph: Graph) -> Graph:
    """Return the graph with layers whose operations are named after them."""
    nodes = [dataclasses.replace(node, layer=with_scopes(node.layer, i)) for i, node in enumerate(graph.nodes)]
    return dataclasses.replace(graph, nodes=tuple(nodes))


def with_scopes(layer: Layer, index: int) -> Layer:
    """Return a copy of a layer that names its operations after its module and the pass."""
    made = copy.copy(layer)
    module = "products" if isinstance(layer, PRODUCTS) else type(layer).__module__.rsplit(".", 1)[-1]
    for each in PASSES:
        object.__setattr__(made, each, under(f"{module}.{each}.{index}", getattr(layer, each)))
    return made


def under(scope: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose operations bear a name."""

    def named(*given: Any) -> Any:
        with tf.name_scope(scope):
            return function(*given)

    return named


def operations(call: Callable[[], Any]) -> Iterator[tuple[str, int]]:
    """Return the name and the picoseconds of every operation in some calls."""
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder, tf.profiler.experimental.ProfilerOptions(host_tracer_level=EVERY))
        for _ in range(CALLS):
            call()
        tf.profiler.experimental.stop()
        (path,) = Path(folder).rglob("*.xplane.pb")
        space = XSpace.FromString(path.read_bytes())
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                if OPERATION.fullmatch(name) and not name.endswith("PartitionedCall"):
                    yield name, event.duration_ps


def group(name: str) -> str:
    """Return the group of an operation."""
    found = SCOPE.search(name)
    return "between" if found is None else ", ".join(found.groups())
