"""Loops of a graph, unrolled once their number of steps is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deeplift_tf.conversion.readers.graph_model import node_of
from deeplift_tf.conversion.readers.untrusted.limits import MAX_ALL_STEPS, MAX_STEPS, MAX_TRIED_STEPS
from deeplift_tf.conversion.tf_graph.control_flow import is_true
from deeplift_tf.conversion.tf_graph.inlining import Entry, Inlining, LoopFrame, handles
from deeplift_tf.conversion.tf_graph.operation import Depends, Value
from deeplift_tf.errors import UnsupportedLayerError


@handles("While", "StatelessWhile")
def loop(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """A loop: how often it runs must not depend on the inputs."""
    steps = step_count(flat, frame, node, inputs)
    if flat.around * steps > MAX_ALL_STEPS:
        raise too_long(node, f"{steps} steps in each of {flat.around} around it, more than {MAX_ALL_STEPS}")
    body, values = node.attr["body"].func.name, inputs
    flat.around *= max(steps, 1)
    for _ in range(steps):
        step(flat, node)
        values = flat.call(frame, body, values)
    flat.around //= max(steps, 1)
    return values


def step_count(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> int:
    """Count the steps of a loop: only what its condition is made of is computed, mostly a counter.

    Raises
    ------
    UnsupportedLayerError
        If they are more than can be laid out, or depend on the inputs.
    """
    condition, body = (node.attr[name].func.name for name in ("cond", "body"))
    wanted = counters(flat, condition, body)
    values = [entry if index in wanted else None for index, entry in enumerate(inputs)]
    tried = 0
    for steps in range(MAX_STEPS + 1):
        (going,) = flat.call(frame, condition, values)
        tried += going not in flat.scratch.arrays
        if tried > MAX_TRIED_STEPS:
            raise too_long(node, f"more than {MAX_TRIED_STEPS} steps counted by other than whole numbers")
        if not is_true(flat, node, going):
            return steps
        if not wanted:
            raise too_long(node, "steps without an end")
        step(flat, node)
        values = computed(flat, flat.call(frame, body, values, wanted))
    raise too_long(node, f"more than {MAX_STEPS} steps")


def computed(flat: Inlining, values: list[Entry]) -> list[Entry]:
    """Return values as constants where they are, so that a step does not compute those before it once more."""
    known = [value for value in values if isinstance(value, Value) and value.depends == Depends.NOTHING]
    flat.scratch.fold(known)
    return [flat.scratch.known(value) if value in known else value for value in values]


def step(flat: Inlining, node: Any) -> None:
    """Count one step among those of all loops."""
    flat.steps += 1
    if flat.steps > MAX_ALL_STEPS:
        raise too_long(node, f"more than {MAX_ALL_STEPS} steps with those of the other loops")


def too_long(node: Any, what: str) -> UnsupportedLayerError:
    """Return what to say of a loop that is not laid out."""
    return UnsupportedLayerError(f"operation {node.name!r} ({node.op}) runs {what}")


def counters(flat: Inlining, condition: str, body: str) -> set[int]:
    """Return which values of a loop its condition is made of, from step to step."""
    wanted = set(read_by(flat, condition, range(1)))
    while True:
        further = wanted | read_by(flat, body, wanted)
        if further == wanted:
            return wanted
        wanted = further


def read_by(flat: Inlining, name: str, outputs: Iterable[int]) -> set[int]:
    """Return which arguments of a function some of its outputs are made of."""
    function = flat.functions.get(name)
    if function is None:
        return set()  # calling it says so
    arguments = {each.name: index for index, each in enumerate(function.signature.input_arg)}
    nodes = {node.name: node for node in function.node_def}
    names = [each.name for each in function.signature.output_arg]
    left, seen = [node_of(function.ret[names[index]]) for index in outputs], set[str]()
    while left:
        found = left.pop()
        if found not in seen:
            seen.add(found)
            inputs = nodes[found].input if found in nodes else ()
            left.extend(node_of(ref) for ref in inputs if not ref.startswith("^"))
    return {index for argument, index in arguments.items() if argument in seen}
