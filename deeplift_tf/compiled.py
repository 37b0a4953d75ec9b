"""The compiled functions of a network: each is traced once, and a shared reference is run once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.attribution import Plan, compile_plan, compile_references
from deeplift_tf.graph import Graph
from deeplift_tf.rewriting import simplify

KEPT_BYTES = 256 * 2**20  # what the network makes of a reference is kept for the next call up to here


class Kept(NamedTuple):
    """What the network made of the last references that all rows shared."""

    key: Any
    references: tuple[np.ndarray, ...]
    values: tuple[tf.Tensor, ...]


class Compiled:
    """The compiled functions of a graph, by what they compute. Safe to be called from several threads.

    Parameters
    ----------
    graph : Graph
    dtype : tf.DType
        Of every float in it.
    """

    def __init__(self, graph: Graph, dtype: tf.DType) -> None:
        self.graph, self.dtype = graph, dtype
        self._made: dict[Any, Any] = {}
        self._kept: Kept | None = None
        self._lock = threading.RLock()

    def __call__(self, plan: Plan) -> Any:
        """Return the compiled function of a plan; see `compile_plan`."""

        def make() -> Any:
            known = self.reference_pass(plan).structured_outputs if plan.known_references else ()
            return compile_plan(self.simplified(plan), plan, self.dtype, known).get_concrete_function()

        return self._once(plan, make)

    def reference_pass(self, plan: Plan) -> Any:
        """Return the compiled forward pass of the references of a plan; see `compile_references`."""
        key = ("references", *_values_of(plan), plan.several_references)
        return self._once(key, lambda: compile_references(self.simplified(plan), plan))

    def simplified(self, plan: Plan) -> Graph:
        """Return the graph that a plan's functions are made from."""
        values = _values_of(plan)
        return self._once(("graph", *values), lambda: simplify(self.graph, values))

    def known(self, plan: Plan, references: Sequence[np.ndarray], tensors: Any) -> tuple[tf.Tensor, ...]:
        """Return what the network makes of references that all rows share, from the last call where they are the same.

        Weights never change, so it is the same too.

        Parameters
        ----------
        plan : Plan
        references : sequence of np.ndarray
            As they were given.
        tensors : tuple of tf.Tensor
            The same as the compiled function takes them.
        """
        kept, run = self._kept, self.reference_pass(plan)
        if kept and kept.key is run and all(map(np.array_equal, kept.references, references)):
            return kept.values
        values = run(tensors)
        small = sum(value.dtype.size * int(tf.size(value)) for value in values) <= KEPT_BYTES
        self._kept = Kept(run, tuple(np.array(array) for array in references), values) if small else None
        return values

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]


def _values_of(plan: Plan) -> tuple[Any, ...]:
    return (plan.target, *plan.scored)
