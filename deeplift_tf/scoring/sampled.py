"""Network evaluation at many points for each x, shared by integrated gradients, Grad-CAM and occlusion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Graph
from deeplift_tf.graph.passes import differentiable
from deeplift_tf.rules.multipliers import Difference, Pairing
from deeplift_tf.rules.tensors import merge_leading, shape_of
from deeplift_tf.scoring.attribution import Attribution, Plan


class Ends(NamedTuple):
    """What a batch holds before any point beside x is looked at.

    Attributes
    ----------
    values : dict of Edge to tf.Tensor, shape (n, ...)
        For x.
    views : dict of Edge to Difference, shapes (n, 1, ...) and (1 or n, R, ...)
        Of x from the references.
    weights : tf.Tensor, shape (K, n, ...)
        Of the targets.
    """

    values: propagation.Values
    views: dict[Edge, Difference]
    weights: tf.Tensor


class Sampled(Attribution):
    """An attribution from values, or plain gradients, of the network at points of its own choice.

    A point is a view (P, n, R, ...) of P places for each pair of an example and a reference. What does not depend on
    the scored values stays as it is for x, as do masks and integers.

    Attributes
    ----------
    reads_references : bool
        Whether scores depend on references; where none are given for such a method, it is said.
    """

    reads_references: ClassVar[bool] = True

    def __init__(self, graph: Graph, plan: Plan) -> None:
        super().__init__(differentiable(graph), plan)

    def ends(self, x: Sequence[tf.Tensor], references: Sequence[tf.Tensor], weights: tf.Tensor) -> Ends:
        """Run x and the references forward."""
        values = propagation.forward(self.nodes, dict(zip(self.inputs, x, strict=True)))
        rows = Pairing(tf.shape(references[0])[1])
        reference_values = self._reference_values(values, references, rows)
        views = {
            edge: Difference(rows.example(values[edge]), rows.pair(reference_values[edge]))
            for edge in (*self.inputs, *self.plan.scored, self.plan.target)
        }
        weights = self._weights(weights, values[self.plan.target])
        return Ends(values, views, weights + tf.zeros_like(values[self.plan.target]))

    def outputs_at(self, ends: Ends, points: Mapping[Edge, tf.Tensor], lead: Sequence[Any]) -> tf.Tensor:
        """Return the target's value at points, shape (P·n·R, ...).

        Parameters
        ----------
        ends : Ends
        points : mapping of Edge to tf.Tensor, shape (P·n·R, ...)
            Of the scored values, and of others that do not stay.
        lead : sequence of int or tf.Tensor
            P, n and R.
        """
        below = self.graph.descendants(self.plan.scored)
        nodes = [node for node in self.nodes if node.name in below]
        read = {edge for node in nodes for edge in node.inputs} | {self.plan.target}
        held = {
            edge: spread_out(value, lead)
            for edge, value in ends.values.items()
            if edge in read and edge not in points and not (edge.node in below and value.dtype.is_floating)
        }
        return propagation.forward(nodes, {**held, **points})[self.plan.target]

    def weighted(self, ends: Ends, outputs: tf.Tensor, lead: Sequence[Any]) -> tf.Tensor:
        """Return the targets at points, shape (K, P, n, R)."""
        outputs = tf.reshape(outputs, [*lead, *shape_of(outputs)[1:]])
        weights = ends.weights[:, None, :, None]
        return tf.reduce_sum(weights * outputs, list(range(4, weights.shape.rank)))

    def gradients_at(
        self, ends: Ends, watched: Sequence[tf.Tensor], outputs: Callable[[], tf.Tensor], lead: Sequence[Any]
    ) -> list[tf.Tensor]:
        """Return the gradients of the targets with respect to each of some tensors, shape (K, P, n, R, ...).

        Parameters
        ----------
        ends : Ends
        watched : sequence of tf.Tensor, shape (P·n·R, ...)
        outputs : callable
            Returns the target's value, made from the watched tensors.
        lead : sequence
            P, n and R.
        """
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(watched)
            made = outputs()
        found = []
        for index in range(len(self.plan.selectors)):
            weights = spread_out(ends.weights[index], lead)
            found.append(tape.gradient(made, watched, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO))
        stacks = [tf.stack([tf.convert_to_tensor(g) for g in each]) for each in zip(*found, strict=True)]
        return [tf.reshape(g, [shape_of(g)[0], *lead, *shape_of(g)[2:]]) for g in stacks]


def spread_out(tensor: tf.Tensor, lead: Sequence[Any]) -> tf.Tensor:
    """Return rows of x, shape (n, ...), once for each point, shape (P·n·R, ...)."""
    view = tensor[None, :, None]
    return merge_leading(tf.broadcast_to(view, [*lead, *shape_of(view)[3:]]), 3)


def add_up(body: Callable[[tf.Tensor], Sequence[tf.Tensor]], steps: tf.Tensor) -> list[tf.Tensor]:
    """Return the sums of what a function returns for the steps 0, 1, ... of a loop; there is at least one."""
    first = list(body(tf.constant(0)))
    shapes = [total.shape for total in first]

    def further(step: tf.Tensor, *totals: tf.Tensor) -> tuple[Any, ...]:
        parts = zip(totals, body(step), shapes, strict=True)
        return (step + 1, *(tf.ensure_shape(total + part, shape) for total, part, shape in parts))

    return list(tf.while_loop(lambda step, *_: step < steps, further, (tf.constant(1), *first))[1:])


def chunks(array: np.ndarray, size: int, fill: float) -> np.ndarray:
    """Cut an array into pieces of one size along its first axis, shape (pieces, size, ...); the last is filled up."""
    pieces = -(-len(array) // size)
    whole = np.full((pieces * size, *array.shape[1:]), fill, array.dtype)
    whole[: len(array)] = array
    return whole.reshape(pieces, size, *array.shape[1:])
