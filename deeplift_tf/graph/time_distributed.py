"""TimeDistributed: a subgraph applied to each step of a sequence alone; time is folded into the rows."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Graph
from deeplift_tf.graph.subgraph import Views, inner_views, lead_of, under
from deeplift_tf.layers.base import Layer, Step
from deeplift_tf.rules.multipliers import Difference, Multipliers, Pairing
from deeplift_tf.rules.rules import Rule
from deeplift_tf.rules.tensors import merge_leading, shape_of


@dataclasses.dataclass(frozen=True, eq=False)
class TimeDistributed(Layer):
    """y[:, t] = f(x[:, t]). Spreads and multipliers pass through it as they would for one step.

    Rows pair up as (example, step) with references, so a reference shared by all examples is repeated for each.

    Attributes
    ----------
    graph : Graph
        f, of one input and one output; its nodes follow rules of their own.
    """

    kind = "TimeDistributed"
    graph: Graph

    @property
    def exact(self) -> bool:  # type: ignore[override]
        """Whether every layer of the graph is."""
        return all(node.layer.exact for node in self.graph.nodes)

    @property
    def start(self) -> Edge:
        """What enters the graph."""
        return self.graph.inputs[0].edge

    @property
    def end(self) -> Edge:
        """What the graph makes of it."""
        return next(iter(self.graph.outputs.values()))

    def forward(self, *inputs: tf.Tensor) -> tf.Tensor:
        """Return f of every step."""
        (x,) = inputs
        y = propagation.forward(self.graph.nodes, {self.start: merge_leading(x, 2)})[self.end]
        return tf.reshape(y, [*shape_of(x)[:2], *shape_of(y)[1:]])

    def under(self, rule: Rule) -> TimeDistributed:
        """Return the layer with the rule in force at every node inside."""
        return dataclasses.replace(self, graph=dataclasses.replace(self.graph, nodes=under(self.graph.nodes, rule)))

    def reads_spread(self, rule: Rule, wanted: bool) -> bool:
        """Read where a rule inside may read it."""
        return wanted or any(node.rule.spread for node in self.graph.nodes)

    def spread(self, step: Step) -> tuple[tf.Tensor, ...]:
        """Return the spread that the graph gives each step."""
        size = self.views(step, wanted=True)[self.end].size
        return (step.rows.merge_pairs(unfolded(size, step_count(step), step.rows)),)

    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Multipliers]:
        """Walk back through the graph, all steps at once."""
        (m,) = multipliers
        assert m is not None
        start = Multipliers(*(None if part is None else fold_targets(part, step.rows) for part in m))
        reached = propagation.backward(self.graph.nodes, self.views(step), {self.end: start}, step.rows)[self.start]
        time = step_count(step)
        return [Multipliers(*(None if part is None else unfold_targets(part, time, step.rows) for part in reached))]

    def views(self, step: Step, wanted: bool = False) -> Views:
        """Return the differences inside, steps being examples."""
        (value,) = step.inputs
        x = folded(value.x, step.rows)
        if value.x is value.reference:
            given = Difference(x, x)
        else:
            sizes = [shape_of(value.x)[0], *shape_of(value.reference)[1:]]
            reference = folded(tf.broadcast_to(value.reference, sizes), step.rows)
            given = Difference(x, reference, None if value.spread is None else folded(value.spread, step.rows))
        return inner_views(self.graph.nodes, {self.start: given}, step.rows, [self.end] if wanted else [])


def step_count(step: Step) -> Any:
    """Return the number of steps."""
    return shape_of(step.inputs[0].x)[lead_of(step.rows)]


def moved(view: tf.Tensor, source: int, target: int) -> tf.Tensor:
    """Return a view with one axis in another place."""
    order = [axis for axis in range(view.shape.rank) if axis != source]
    order.insert(target, source)
    return tf.transpose(view, order)


def folded(view: tf.Tensor, rows: Pairing) -> tf.Tensor:
    """Return (N, R, time, ...) as (N·time, R, ...)."""
    return merge_leading(view if rows.references is None else moved(view, 2, 1), 2)


def unfolded(view: tf.Tensor, time: Any, rows: Pairing) -> tf.Tensor:
    """Return (N·time, R, ...) as (N, R, time, ...)."""
    split = tf.reshape(view, [-1, time, *shape_of(view)[1:]])
    return split if rows.references is None else moved(split, 1, 2)


def fold_targets(multipliers: tf.Tensor, rows: Pairing) -> tf.Tensor:
    """Return (K·N·R, time, ...) as (K·N·time·R, ...)."""
    first = int(rows.targets is not None)
    view = rows.target(multipliers)
    view = view if rows.references is None else moved(view, first + 2, first + 1)
    return merge_leading(view, first + 1 + lead_of(rows))


def unfold_targets(multipliers: tf.Tensor, time: Any, rows: Pairing) -> tf.Tensor:
    """Return (K·N·time·R, ...) as (K·N·R, time, ...)."""
    first = int(rows.targets is not None)
    view = rows.target(multipliers)
    sizes = shape_of(view)
    view = tf.reshape(view, [*sizes[:first], -1, time, *sizes[first + 1 :]])
    view = view if rows.references is None else moved(view, first + 1, first + 2)
    return rows.merge_targets(view)
