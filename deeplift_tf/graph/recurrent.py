"""Recurrent layers: the cell is a subgraph, run in a loop over time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Graph
from deeplift_tf.graph.subgraph import Views, inner_views, lead_of, mapped, under
from deeplift_tf.layers.base import Layer, Step
from deeplift_tf.layers.non_differentiable import all_pairs, side_rows
from deeplift_tf.rules.multipliers import Difference, Multipliers, Pairing, collapse
from deeplift_tf.rules.tensors import shape_of


@dataclasses.dataclass(frozen=True, eq=False)
class Recurrent(Layer):
    """A cell run over time: (xₜ, statesₜ₋₁) -> (outputₜ, statesₜ).

    Its outputs are: the output, the last states, and, for the backward pass, the outputs and the states of all
    steps. That pass recomputes everything else that a step needs, so memory grows only with the states, and the graph
    does not grow with time. RevealCancel acts inside the cell: at each step positive and negative parts are formed anew
    from the differences of the input and of the states; the layer as a whole carries no spread, s_y = |Δy|.

    Attributes
    ----------
    cell : Graph
        Inputs: a step of the sequence, then the states; outputs: the step's output, then the new states.
    initial : bool
        Whether initial states are among the layer's inputs, after the sequence; otherwise they are zero.
    masked : bool
        Whether the last input is a mask, shape (rows, time): if it is false, states and output do not change.
    zero_masked : bool
        Whether the output is zero there instead.
    backwards : bool
        Whether time runs from the end; outputs are in the order in which they are computed.
    sequences : bool
        Whether every step's output is returned, rather than the last.
    """

    kind = "Recurrent"
    cell: Graph
    initial: bool = False
    masked: bool = False
    zero_masked: bool = False
    backwards: bool = False
    sequences: bool = False

    @property
    def exact(self) -> bool:  # type: ignore[override]
        """Whether every layer of the cell is."""
        return all(node.layer.exact for node in self.cell.nodes)

    @property
    def states(self) -> int:
        """Number of states."""
        return len(self.cell.inputs) - 1

    @property
    def ends(self) -> list[Edge]:
        """The cell's output and new states."""
        return list(self.cell.outputs.values())

    def sizes(self, edge: Edge) -> list[int]:
        """Return the shape of a value of the cell, without rows."""
        return list(self.cell.shape(edge)[1:])

    def zeros(self, edge: Edge, rows: Any, dtype: tf.DType) -> tf.Tensor:
        """Return zeros shaped like rows of a value of the cell."""
        return tf.zeros([rows, *self.sizes(edge)], dtype)

    def in_order(self, sequence: tf.Tensor) -> tf.Tensor:
        """Return (rows, time, ...) as (time, rows, ...), in the order in which the cell sees it."""
        steps = swapped(sequence)
        return tf.reverse(steps, [0]) if self.backwards else steps

    def forward(self, *inputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Run the cell over time."""
        steps, (rows, *_) = self.in_order(inputs[0]), shape_of(inputs[0])
        mask = self.in_order(inputs[-1]) if self.masked else None
        edges = [value.edge for value in self.cell.inputs]
        before = [self.zeros(edge, rows, steps.dtype) for edge in (self.ends[0], *edges[1:])]
        before[1:] = inputs[1 : 1 + self.states] if self.initial else before[1:]

        def body(t: tf.Tensor, before: Any, kept: Any) -> Any:
            values = propagation.forward(self.cell.nodes, dict(zip(edges, [steps[t], *before[1:]], strict=True)))
            after = [values[edge] for edge in self.ends]
            if mask is not None:
                held = [tf.zeros_like(before[0]) if self.zero_masked else before[0], *before[1:]]
                after = [tf.where(along(mask[t], y), y, old) for y, old in zip(after, held, strict=True)]
            kept = [array.write(t, y) for array, y in zip(kept, after, strict=True)]
            return t + 1, [tf.ensure_shape(y, old.shape) for y, old in zip(after, before, strict=True)], kept

        length = tf.shape(steps)[0]
        arrays = [tf.TensorArray(steps.dtype, length) for _ in before]
        _, after, kept = tf.while_loop(lambda t, *_: t < length, body, (tf.constant(0), before, arrays))
        every = [stacked(array, self.sizes(edge)) for array, edge in zip(kept, self.ends, strict=True)]
        return (every[0] if self.sequences else after[0], *after[1:], *every)

    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Any]:
        """Propagate back through the cell, from the last step to the first."""
        return BackwardLoop(self, step).run(multipliers)


def swapped(sequence: tf.Tensor) -> tf.Tensor:
    """Return (rows, time, ...) as (time, rows, ...), or the other way round."""
    return tf.transpose(sequence, [1, 0, *range(2, sequence.shape.rank)])


def stacked(array: tf.TensorArray, sizes: Sequence[int]) -> tf.Tensor:
    """Return the steps of an array as (rows, time, ...)."""
    return swapped(tf.ensure_shape(array.stack(), [None, None, *sizes]))


def along(mask: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Return a mask of rows in a shape that broadcasts against values of these rows."""
    return tf.reshape(mask, [-1, *[1] * (values.shape.rank - 1)])


def at_step(value: Difference, t: Any, rows: Pairing) -> Difference:
    """Return one step of a sequence."""
    return mapped(value, (lambda view: view[:, t]) if rows.references is None else (lambda view: view[:, :, t]))


class BackwardLoop:
    """One backward pass through time, as it is traced.

    Parameters
    ----------
    layer : Recurrent
    step : Step
    """

    def __init__(self, layer: Recurrent, step: Step) -> None:
        self.layer, self.step, self.rows = layer, step, step.rows
        self.nodes = under(layer.cell.nodes, step.rule)
        self.edges = [value.edge for value in layer.cell.inputs]
        self.length = shape_of(step.inputs[0].x)[lead_of(step.rows)]
        self.kept = step.outputs[2 + layer.states :]
        still = [mapped(at_step(value, 0, self.rows), tf.zeros_like) for value in self.kept]
        self.start = list(step.inputs[1 : 1 + layer.states]) if layer.initial else still
        self.mask = side_rows(step.inputs[-1], step.rows) if layer.masked else None

    def place(self, t: Any) -> Any:
        """Return the position in the sequence of the t-th step of the cell."""
        return self.length - 1 - t if self.layer.backwards else t

    def views(self, t: Any) -> Views:
        """Return the difference of everything in the cell at a step."""
        given = [at_step(self.step.inputs[0], self.place(t), self.rows)]
        for start, kept in zip(self.start, self.kept, strict=True):
            before = at_step(kept, tf.maximum(t - 1, 0), self.rows)
            x, reference = (tf.where(t > 0, b, a) for a, b in zip(start[:2], before[:2], strict=True))
            given.append(Difference(x, x if start.x is start.reference else reference))
        return inner_views(self.nodes, dict(zip(self.edges, given, strict=True)), self.rows)

    def collapsed(self, m: Multipliers | None, value: Difference, zeros: tf.Tensor) -> tf.Tensor:
        """Return m̂, or zeros if no multipliers arrive."""
        return zeros if m is None else collapse(m, value.delta, self.rows)

    def run(self, multipliers: Sequence[Multipliers | None]) -> list[Any]:
        """Return the multipliers of the sequence and of the initial states."""
        layer, outputs = self.layer, self.step.outputs
        some = next(m.mean for m in multipliers if m is not None)
        zeros = [layer.zeros(edge, shape_of(some)[0], some.dtype) for edge in layer.ends]
        ends = zip(multipliers[: 1 + layer.states], outputs[: 1 + layer.states], zeros, strict=True)
        every = None
        if layer.sequences:
            first, output, _ = next(ends)
            every = None if first is None else collapse(first, output.delta, self.rows)
        arriving = [self.collapsed(*end) for end in ends]
        arriving = [zeros[0], *arriving] if layer.sequences else arriving

        def body(t: tf.Tensor, arriving: Any, sent: Any) -> Any:
            if every is not None:
                arriving = [arriving[0] + every[:, t], *arriving[1:]]
            through, passed = self.divided(t, arriving)
            step, *states = self.through_cell(t, through, some)
            passed[1:] = [old + new for old, new in zip(passed[1:], states, strict=True)]
            passed = [tf.ensure_shape(m, zero.shape) for m, zero in zip(passed, zeros, strict=True)]
            return t - 1, passed, sent.write(self.place(t), step)

        sent = tf.TensorArray(some.dtype, self.length)
        start = tf.convert_to_tensor(self.length, tf.int32) - 1
        _, states, sent = tf.while_loop(lambda t, *_: t >= 0, body, (start, arriving, sent))
        sequence = Multipliers(stacked(sent, layer.sizes(self.edges[0])))
        initial = [Multipliers(m) for m in states[1:]] if layer.initial else []
        return [sequence, *initial, *([None] if layer.masked else [])]

    def divided(self, t: Any, arriving: list[tf.Tensor]) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Return the multipliers that pass the cell, and those that a mask passes to the previous output and states."""
        if self.mask is None:
            return arriving, [tf.zeros_like(m) for m in arriving]
        seen = self.mask[:, self.place(t)]
        through = [tf.where(along(seen, m), m, tf.zeros_like(m)) for m in arriving]
        passed = [m - part for m, part in zip(arriving, through, strict=True)]
        if self.layer.zero_masked:
            passed[0] = tf.zeros_like(passed[0])
        return through, passed

    def through_cell(self, t: Any, arriving: Sequence[tf.Tensor], some: tf.Tensor) -> list[tf.Tensor]:
        """Return the multipliers of the step's input and of the states before it."""
        views, start = self.views(t), dict[Edge, Multipliers]()
        for edge, m in zip(self.layer.ends, arriving, strict=True):
            start[edge] = Multipliers(m).plus(start.get(edge))
        reached = propagation.backward(self.nodes, views, start, self.rows)
        return [self.collapsed(reached.get(edge), views[edge], self.nothing(views[edge], some)) for edge in self.edges]

    def nothing(self, value: Difference, some: tf.Tensor) -> tf.Tensor:
        """Return zeros in place of missing multipliers."""
        return tf.zeros([shape_of(some)[0], *shape_of(all_pairs(value, self.rows))[lead_of(self.rows) :]], some.dtype)
