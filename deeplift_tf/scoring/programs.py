"""Compiled functions of a network, each traced once, and the cache of shared references."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.graph.graph import Graph
from deeplift_tf.graph.passes import optimize
from deeplift_tf.platform.memory import memory_bytes
from deeplift_tf.scoring.attribution import Attribution, Plan, compile_plan, compile_references

CACHE_PART = 8  # activations of references are kept for the next call up to this part of the memory


def cache_bytes() -> int:
    """Return how many bytes of activations of references one scoring function may keep."""
    return memory_bytes() // CACHE_PART


class ReferenceCache(NamedTuple):
    """Cached activations of the last shared references, for one explained value."""

    references: tuple[np.ndarray, ...]
    values: tuple[tf.Tensor, ...]

    @property
    def bytes(self) -> int:
        """Bytes of the values."""
        return sum(value.dtype.size * value.shape.num_elements() for value in self.values)


class Programs:
    """The compiled functions of a graph, by plan. Safe to call from several threads.

    Parameters
    ----------
    graph : Graph
    dtype : tf.DType
        Of every float in it.
    """

    def __init__(self, graph: Graph, dtype: tf.DType) -> None:
        self.graph, self.dtype = graph, dtype
        self._made: dict[Any, Any] = {}
        self._kept: dict[Any, ReferenceCache] = {}
        self._notes: dict[Plan, list[str]] = {}
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out compiled functions: a copy compiles its own."""
        return {"graph": self.graph, "dtype": self.dtype}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["graph"], state["dtype"])  # type: ignore[misc] # what Compiled(graph, dtype) does

    def __call__(self, plan: Plan) -> Any:
        """Return the compiled function of a plan; see `compile_plan`."""

        def make() -> Any:
            known = self.reference_pass(plan).structured_outputs if plan.known_references else ()
            values = self.value_pass(plan).structured_outputs if plan.known_values else ()
            notes = self._notes.setdefault(plan, [])
            graph = self.simplified(plan)
            return compile_plan(graph, plan, self.dtype, known, values, notes).get_concrete_function()

        return self._once(plan, make)

    def notes(self, plan: Plan) -> Sequence[str]:
        """Return the names of values fixed at x, once the function of a plan is compiled."""
        return self._notes.get(plan, [])

    def reference_pass(self, plan: Plan) -> Any:
        """Return the compiled forward pass of the references of a plan; see `compile_references`."""
        return self._once(_pass_of(plan), lambda: compile_references(self.simplified(plan), plan))

    def value_pass(self, plan: Plan) -> Any:
        """Return the compiled forward pass of x; see `compile_values`."""
        return self.reference_pass(plan._replace(several_references=False))

    def values_of(self, plan: Plan, x: Sequence[tf.Tensor]) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
        """Return the activations of x, and the value that the target lies in.

        Parameters
        ----------
        plan : Plan
        x : sequence of tf.Tensor, shape (n, ...), one for each input
        """
        made = self.value_pass(plan)(tuple(x))
        attribution = Attribution(self.simplified(plan), plan)
        values = dict(zip([*attribution.inputs, *attribution.made], [*x, *made], strict=True))
        return made, values[plan.target]

    def all_differ(self, plan: Plan) -> bool:
        """Whether no value is fixed at x for the references, such as masks and integers, which differ by rows."""

        def look() -> bool:
            inputs = all(value.dtype.is_floating for value in self.graph.inputs)
            return inputs and all(y.dtype.is_floating for y in self.reference_pass(plan).structured_outputs)

        return bool(self._once(("all differ", _pass_of(plan)), look))

    def simplified(self, plan: Plan) -> Graph:
        """Return the simplified graph that a plan's functions are compiled from."""
        values = (plan.target, *plan.scored)
        return self._once(values, lambda: optimize(self.graph, values))

    def known(self, plan: Plan, references: Sequence[np.ndarray], tensors: Any) -> tuple[tf.Tensor, ...]:
        """Return the activations of shared references, from the last call if the references are the same.

        Weights never change, so the activations are the same too.

        Parameters
        ----------
        plan : Plan
        references : sequence of np.ndarray
            As the user passed them.
        tensors : tuple of tf.Tensor
            The same as the compiled function takes them.
        """
        kept = self._kept.get(_pass_of(plan))
        if kept and all(map(np.array_equal, kept.references, references)):
            return kept.values
        made = ReferenceCache(tuple(np.array(array) for array in references), self.reference_pass(plan)(tensors))
        self._keep(_pass_of(plan), made)
        return made.values

    def _keep(self, key: Any, made: ReferenceCache) -> None:
        with self._lock:
            self._kept.pop(key, None)
            allowed = cache_bytes()
            if made.bytes <= allowed:
                self._kept[key] = made
            while sum(kept.bytes for kept in self._kept.values()) > allowed:
                del self._kept[next(iter(self._kept))]  # the oldest

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]


def _pass_of(plan: Plan) -> Any:
    """Return everything that the forward pass of references depends on."""
    return (plan.target, plan.scored, plan.several_references)
