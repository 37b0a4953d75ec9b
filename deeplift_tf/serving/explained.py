"""The values that an exported function explains: its targets, those of one value together."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from deeplift_tf.errors import TargetError
from deeplift_tf.graph.graph import Edge, Graph
from deeplift_tf.scoring.target_layer import resolve_target
from deeplift_tf.scoring.targets import Selector
from deeplift_tf.serving.served_target import ServedTarget, asked_of_value


class Explained(NamedTuple):
    """Targets that are positions of one value, so that they share the forward passes.

    Attributes
    ----------
    edge : Edge
        The value.
    asked : tuple of ServedTarget
    places : tuple of int
        Of each among all targets.
    """

    edge: Edge
    asked: tuple[ServedTarget, ...]
    places: tuple[int, ...]

    @property
    def selectors(self) -> tuple[Selector | None, ...]:
        """What makes weights from the outputs of x; None for a target whose weights are known without them."""
        return tuple(each.selectors[0] if each.selectors else None for each in self.asked)

    @property
    def from_request(self) -> bool:
        """Whether requests bring indices."""
        return any(each.from_request for each in self.asked)

    def weights(self, index: tf.Tensor | None) -> tf.Tensor:
        """Return the weights of all, shape (K, 1 or N, ...), from the indices that a request brings, or None."""
        parts = [each.weights(index) for each in self.asked]
        like = functools.reduce(tf.add, map(tf.zeros_like, parts))
        return tf.stack([part + like for part in parts])


def explained(
    graph: Graph, targets: Sequence[Any], outputs: Sequence[str | None], pre_activation: bool, dtype: tf.DType
) -> list[Explained]:
    """Return the targets, grouped by the value that they lie in.

    Parameters
    ----------
    graph : Graph
    targets : sequence
        Each as for `as_asked`; None, an index with each request, only where it is the only one.
    outputs : sequence of str or None
        The head of each.
    pre_activation : bool
    dtype : tf.DType

    Raises
    ------
    TargetError, LayerNameError
        If a target does not fit its output.
    """
    groups: dict[Edge, Explained] = {}
    for place, (target, output) in enumerate(zip(targets, outputs, strict=True)):
        value = resolve_target(graph, output, pre_activation)
        asked = asked_of_value(target, value, graph, dtype)
        if asked.from_request and len(targets) > 1:
            raise TargetError("targets: expected each to be baked in; an index with each request is target=None alone")
        known = groups.get(value.edge, Explained(value.edge, (), ()))
        groups[value.edge] = Explained(value.edge, (*known.asked, asked), (*known.places, place))
    return [*groups.values()]
