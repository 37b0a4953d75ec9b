"""The XLA pass: compiles the arithmetic of activations on request, one pass over memory instead of many.

Convolutions and products stay with TensorFlow, whose kernels are faster on a CPU. Each kernel is compiled anew for each
shape that it meets, so batches are best of few sizes.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from deeplift_tf.graph.graph import Graph, Node
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.pooling import MaxPooling
from deeplift_tf.rules.rules import Rule


class Kernels:
    """Runs arithmetic compiled by XLA; layers with the same function and shapes share a kernel."""

    def __init__(self) -> None:
        self._made: dict[Any, Any] = {}

    def __call__(self, arithmetic: Callable[..., Any], rule: Rule, function: Any, *values: Any) -> Any:
        """Return arithmetic(rule, function, *values), for tensors, tuples of them, and None."""
        specs = tf.nest.map_structure(lambda t: None if t is None else tf.TensorSpec(t.shape, t.dtype), values)
        key = (arithmetic, rule, function, *tf.nest.flatten(specs))
        if key not in self._made:
            kernel = tf.function(functools.partial(arithmetic, rule, function), jit_compile=True, autograph=False)
            self._made[key] = kernel.get_concrete_function(*specs)
        return self._made[key](*values)


def with_kernels(graph: Graph) -> Graph:
    """Return the same graph with the arithmetic of its elementwise layers and of its pooling compiled by XLA."""
    kernels = Kernels()

    def compiled(node: Node) -> Node:
        if not isinstance(node.layer, (Elementwise, MaxPooling)):
            return node
        return dataclasses.replace(node, layer=dataclasses.replace(node.layer, run=kernels))

    return dataclasses.replace(graph, nodes=tuple(compiled(node) for node in graph.nodes))
