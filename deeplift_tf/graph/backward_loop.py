"""The walk back through time of a recurrent layer, as it is traced."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Node
from deeplift_tf.graph.recurrence import Recurrence, along, axis_first, stacked, swapped
from deeplift_tf.graph.subgraph import Views, lead_of, mapped, under, views_of
from deeplift_tf.layers.base import Step
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.non_differentiable import all_pairs, side_rows
from deeplift_tf.rules.multipliers import Difference, Multipliers, collapse
from deeplift_tf.rules.rules import Slopes
from deeplift_tf.rules.tensors import merge_leading, shape_of, split_leading

BLOCK = 2**20  # units of a state, over all rows, whose steps are walked back through at once
SHORTEST = 16  # steps, however large they are


def at_step(value: Difference, t: Any) -> Difference:
    """Return one step of a sequence whose steps are the first axis."""
    spread = None if value.spread is None else tf.gather(value.spread, t)
    return mapped(value, lambda view: tf.gather(view, t))._replace(spread=spread)


class Block(NamedTuple):
    """Some steps of the sequence, and all that can be computed of them before the loop.

    Attributes
    ----------
    first, last : tf.Tensor
        The steps first, ..., last - 1, in the order of the cell.
    views : dict of Edge to Difference
        Of everything in the cell, steps first.
    slopes : dict of str to Slopes
        Of elementwise nodes in the loop, by name, steps first.
    """

    first: tf.Tensor
    last: tf.Tensor
    views: Views
    slopes: dict[str, Slopes]


class BackwardLoop:
    """One backward pass through time, as it is traced.

    The values of all steps are known from the states. So they and the slopes are computed for a block of steps at once,
    and the loop itself only multiplies.

    Parameters
    ----------
    layer : Recurrence
    step : Step
    """

    def __init__(self, layer: Recurrence, step: Step) -> None:
        self.layer, self.step, self.rows = layer, step, step.rows
        input_nodes, loop_nodes, self.boundary = layer.parts()
        self.input_nodes, self.loop_nodes = under(input_nodes, step.rule), under(loop_nodes, step.rule)
        self.sequence, *self.states = (value.edge for value in layer.cell.inputs)
        self.lead, self.dtype = lead_of(step.rows), step.outputs[0].x.dtype
        self.entering = {self.sequence: mapped(step.inputs[0], self.steps_first)} | self.states_entering()
        self.length = shape_of(self.entering[self.sequence].x)[0]
        self.mask = layer.in_order(side_rows(step.inputs[-1], step.rows)) if layer.masked else None

    def steps_first(self, view: tf.Tensor) -> tf.Tensor:
        """Return a view of a sequence of inputs with its steps first, in the order of the cell."""
        steps = axis_first(view, self.lead)
        return tf.reverse(steps, [0]) if self.layer.backwards else steps

    def states_entering(self) -> Views:
        """Return the differences of the states as they enter each step, steps first."""
        layer, kept = self.layer, self.step.outputs[2 + self.layer.states :]
        starts = self.step.inputs[1 : 1 + layer.states] if layer.initial else kept
        pairs = zip(self.states, starts, kept, strict=True)
        return {edge: mapped_pair(start, after, self.entering_each) for edge, start, after in pairs}

    def entering_each(self, start: tf.Tensor, after: tf.Tensor) -> tf.Tensor:
        """Return a state as it enters each step.

        Parameters
        ----------
        start : tf.Tensor
            As it enters the first, with an initial state; otherwise that is zero.
        after : tf.Tensor, shape (..., time, ...)
            As it leaves each.
        """
        left = axis_first(after, self.lead)
        sizes = shape_of(left)[1:]
        start = tf.broadcast_to(start, sizes) if self.layer.initial else tf.zeros(sizes, left.dtype)
        return tf.concat([start[None], left[:-1]], 0)

    def block(self, first: Any, last: Any) -> Block:
        """Return what is known of some steps."""
        nodes = [*self.input_nodes, *self.loop_nodes]
        given = {edge: mapped(value, lambda view: view[first:last]) for edge, value in self.entering.items()}
        views = views_of(nodes, given, 1 + self.lead)
        if self.step.rule.spread:
            merged = {edge: self.merged(value) for edge, value in views.items()}
            spreads = propagation.with_spreads(nodes, merged, self.rows)
            views = {edge: self.with_spread(value, spreads[edge], last - first) for edge, value in views.items()}
        slopes = {
            node.name: node.rule.slopes(node.layer.function, views[node.inputs[0]])
            for node in self.loop_nodes
            if type(node.layer) is Elementwise
        }
        return Block(first, last, views, slopes)

    def merged(self, value: Difference) -> Difference:
        """Return a difference whose steps are examples: a reference that examples share is repeated for each."""
        x = merge_leading(value.x, 2)
        if value.x is value.reference:
            return Difference(x, x)
        sizes = [*shape_of(value.x)[:2], *shape_of(value.reference)[2:]]
        spread = None if value.spread is None else merge_leading(value.spread, 2)
        return Difference(x, merge_leading(tf.broadcast_to(value.reference, sizes), 2), spread)

    def with_spread(self, value: Difference, merged: Difference, steps: Any) -> Difference:
        """Return a difference, steps first, with the spread of the same with steps merged."""
        spread = merged.spread
        return value if spread is None else value._replace(spread=split_leading(spread, [steps, -1]))

    def collapsed(self, m: Multipliers | None, value: Difference, zeros: tf.Tensor) -> tf.Tensor:
        """Return m̂, or zeros if no multipliers arrive."""
        return zeros if m is None else collapse(m, value.delta, self.rows)

    def run(self, multipliers: Sequence[Multipliers | None]) -> list[Any]:
        """Return the multipliers of the sequence and of the initial states."""
        layer, outputs = self.layer, self.step.outputs
        some = next(m.mean for m in multipliers if m is not None)
        zeros = [layer.zeros(edge, shape_of(some)[0], self.dtype) for edge in layer.ends]
        ends = zip(multipliers[: 1 + layer.states], outputs[: 1 + layer.states], zeros, strict=True)
        every = None
        if layer.sequences:
            first, output, _ = next(ends)
            every = None if first is None else swapped(collapse(first, output.delta, self.rows))
        arriving = [self.collapsed(*end) for end in ends]
        arriving = [zeros[0], *arriving] if layer.sequences else arriving
        size = tf.maximum(SHORTEST, BLOCK // tf.maximum(1, tf.size(zeros[0])))

        def body(last: tf.Tensor, arriving: Any, sent: Any) -> Any:
            block = self.block(tf.maximum(last - size, 0), last)
            arriving, steps = self.through_block(block, arriving, every, zeros)
            return block.first, arriving, sent.scatter(tf.range(block.first, last), steps)

        sent = tf.TensorArray(self.dtype, self.length)
        start = tf.convert_to_tensor(self.length, tf.int32)
        _, states, sent = tf.while_loop(lambda last, *_: last > 0, body, (start, arriving, sent))
        sequence = stacked(sent, layer.sizes(self.sequence))
        sequence = Multipliers(tf.reverse(sequence, [1]) if layer.backwards else sequence)
        initial = [Multipliers(m) for m in states[1:]] if layer.initial else []
        return [sequence, *initial, *([None] if layer.masked else [])]

    def through_block(
        self, block: Block, arriving: Any, every: tf.Tensor | None, zeros: list[tf.Tensor]
    ) -> tuple[Any, tf.Tensor]:
        """Walk back through some steps.

        Returns
        -------
        list of tf.Tensor
            The multipliers that reach what the first of them starts from.
        tf.Tensor, shape (steps, K·N·R, ...)
            Those of the sequence.
        """

        def body(t: tf.Tensor, arriving: Any, arrays: Any) -> Any:
            if every is not None:
                arriving = [arriving[0] + tf.gather(every, t), *arriving[1:]]
            through, passed = self.divided(t, arriving)
            index = t - block.first
            sent, states = self.through_cell(block, index, through)
            passed[1:] = [old + new for old, new in zip(passed[1:], states, strict=True)]
            passed = [tf.ensure_shape(m, zero.shape) for m, zero in zip(passed, zeros, strict=True)]
            return t - 1, passed, [array.write(index, m) for array, m in zip(arrays, sent, strict=True)]

        halves = 1 + self.step.rule.spread
        arrays = [tf.TensorArray(self.dtype, block.last - block.first) for _ in range(halves * len(self.boundary))]
        _, arriving, arrays = tf.while_loop(lambda t, *_: t >= block.first, body, (block.last - 1, arriving, arrays))
        reached_boundary = [array.stack() for array in arrays]
        start = {
            edge: Multipliers(*map(self.merged_targets, reached_boundary[index :: len(self.boundary)]))
            for index, edge in enumerate(self.boundary)
        }
        return arriving, self.through_input_nodes(block, start, shape_of(zeros[0])[0])

    def through_input_nodes(self, block: Block, start: dict[Edge, Multipliers], rows: Any) -> tf.Tensor:
        """Return the multipliers of the sequence, shape (steps, K·N·R, ...), for all steps of a block at once."""
        read = {self.sequence, *(edge for node in self.input_nodes for edge in (*node.inputs, *node.outputs))}
        views = {edge: self.merged(block.views[edge]) for edge in read}
        m = propagation.backward(self.input_nodes, views, start, self.rows).get(self.sequence)
        if m is None:
            return tf.zeros([block.last - block.first, rows, *self.layer.sizes(self.sequence)], self.dtype)
        return self.split_targets(collapse(m, views[self.sequence].delta, self.rows), block.last - block.first)

    def merged_targets(self, m: tf.Tensor) -> tf.Tensor:
        """Return multipliers, shape (steps, K·N·R, ...), as (K·steps·N·R, ...)."""
        if self.rows.targets is None:
            return merge_leading(m, 2)
        steps, _, *sizes = shape_of(m)
        by_target = swapped(tf.reshape(m, [steps, self.rows.targets, -1, *sizes]))
        return merge_leading(by_target, 3)

    def split_targets(self, m: tf.Tensor, steps: Any) -> tf.Tensor:
        """Undo `merged_targets`."""
        if self.rows.targets is None:
            return split_leading(m, [steps, -1])
        return merge_middle(swapped(split_leading(m, [self.rows.targets, steps, -1])))

    def divided(self, t: Any, arriving: list[tf.Tensor]) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Return the multipliers that pass the cell, and those that a mask passes to the previous output and states."""
        if self.mask is None:
            return arriving, [tf.zeros_like(m) for m in arriving]
        through = [tf.where(along(tf.gather(self.mask, t), m), m, tf.zeros_like(m)) for m in arriving]
        passed = [m - part for m, part in zip(arriving, through, strict=True)]
        if self.layer.zero_masked:
            passed[0] = tf.zeros_like(passed[0])
        return through, passed

    def through_cell(
        self, block: Block, index: Any, arriving: Sequence[tf.Tensor]
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Return the multipliers of what crosses into the loop, and of the states before the step.

        Those of what crosses are all means, then, under a rule that reads spreads, all half-differences.
        """
        views, start = self.views_at(block, index), dict[Edge, Multipliers]()
        for edge, m in zip(self.layer.ends, arriving, strict=True):
            start[edge] = Multipliers(m).plus(start.get(edge))
        nodes = [with_slopes(node, block.slopes.get(node.name), index) for node in self.loop_nodes]
        reached = propagation.backward(nodes, views, start, self.rows)
        zeros = {edge: self.nothing(views[edge], arriving[0]) for edge in (*self.boundary, *self.states)}
        reached_boundary = [reached.get(edge, Multipliers(zeros[edge])) for edge in self.boundary]
        sent = [m.mean for m in reached_boundary]
        if self.step.rule.spread:
            halves = [m.half_difference for m in reached_boundary]
            sent += [tf.zeros_like(m) if half is None else half for m, half in zip(sent, halves, strict=True)]
        return sent, [self.collapsed(reached.get(edge), views[edge], zeros[edge]) for edge in self.states]

    def views_at(self, block: Block, index: Any) -> Views:
        """Return the differences that the loop reads at a step of a block."""
        read = [edge for node in self.loop_nodes for edge in (*node.inputs, *node.outputs)]
        edges = dict.fromkeys([*read, *self.boundary, *self.states])
        return {edge: at_step(block.views[edge], index) for edge in edges}

    def nothing(self, value: Difference, some: tf.Tensor) -> tf.Tensor:
        """Return zeros in place of missing multipliers."""
        return tf.zeros([shape_of(some)[0], *shape_of(all_pairs(value, self.rows))[self.lead :]], some.dtype)


def with_slopes(node: Node, slopes: Slopes | None, index: Any) -> Node:
    """Return a node that multiplies by known slopes of one of several steps."""
    if slopes is None:
        return node
    known = Slopes(*(None if each is None else tf.gather(each, index) for each in slopes))
    return dataclasses.replace(node, rule=dataclasses.replace(node.rule, slopes=lambda *_: known, product=None))


def mapped_pair(
    first: Difference, second: Difference, function: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
) -> Difference:
    """Return a function of both ends of two differences; of one if they are the same."""
    x = function(first.x, second.x)
    still = second.x is second.reference
    return Difference(x, x if still else function(first.reference, second.reference))


def merge_middle(tensor: tf.Tensor) -> tf.Tensor:
    """Merge the second and the third axis of a tensor."""
    first, _, _, *sizes = shape_of(tensor)
    return tf.reshape(tensor, [first, -1, *sizes])
