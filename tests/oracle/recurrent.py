"""An LSTM step by step: products of gates and nonlinearities, as the paper's rules have them."""

from __future__ import annotations

import numpy as np

from tests.oracle.functions import SIGMOID, TANH
from tests.oracle.layers import concatenate, dense, weighted_sum
from tests.oracle.ops import Elementwise, Multiply, Routing
from tests.oracle.walk import Array, Node


def pick(size: int, start: int, stop: int) -> Routing:
    """Units start to stop of a flattened value."""
    return Routing((np.eye(size)[:, start:stop],), np.zeros(stop - start), (stop - start,))


def lstm(name: str, source: str, shape: tuple[int, int], kernel: Array, recurrent: Array, bias: Array) -> list[Node]:
    """The nodes of an LSTM over a source of shape (steps, channels); the last state goes by the name.

    Keras lays the gates out as input, forget, candidate, output. The states before the first step are zeros.
    """
    (steps, channels), units = shape, len(recurrent)
    nodes: list[Node] = []

    def add(node: str, op: object, *inputs: str) -> str:
        nodes.append(Node(f"{name}/{node}", op, inputs))  # type: ignore[arg-type]
        return f"{name}/{node}"

    hidden = cell = ""
    for step in range(steps):
        x = add(f"x{step}", pick(steps * channels, step * channels, (step + 1) * channels), source)
        if hidden:
            both = add(f"both{step}", concatenate((channels,), (units,)), x, hidden)
            gates = add(f"gates{step}", dense(np.concatenate([kernel, recurrent]), bias), both)
        else:
            gates = add(f"gates{step}", dense(kernel, bias), x)
        functions = {"input": SIGMOID, "forget": SIGMOID, "candidate": TANH, "output": SIGMOID}
        made = {}
        for index, (gate, function) in enumerate(functions.items()):
            before = add(f"{gate}{step}/linear", pick(4 * units, index * units, (index + 1) * units), gates)
            made[gate] = add(f"{gate}{step}", Elementwise(function), before)
        new = add(f"new{step}", Multiply(), made["input"], made["candidate"])
        if cell:
            kept = add(f"kept{step}", Multiply(), made["forget"], cell)
            cell = add(f"cell{step}", weighted_sum((units,), 1, 1), kept, new)
        else:
            cell = new
        activation = add(f"active{step}", Elementwise(TANH), cell)
        hidden = add(f"hidden{step}", Multiply(), made["output"], activation)
    nodes[-1] = nodes[-1]._replace(name=name)
    return nodes
