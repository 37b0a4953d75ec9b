"""Recurrent layers: the cell is a subgraph, run in a loop over time."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from deeplift_tf.graph import propagation
from deeplift_tf.graph.backward_loop import BackwardLoop
from deeplift_tf.graph.recurrence import Recurrence, along, stacked
from deeplift_tf.graph.subgraph import values_of
from deeplift_tf.layers.base import Layer, Step
from deeplift_tf.rules.multipliers import Multipliers
from deeplift_tf.rules.tensors import shape_of


@dataclasses.dataclass(frozen=True, eq=False)
class Recurrent(Recurrence, Layer):
    """A cell run over time: (xₜ, statesₜ₋₁) -> (outputₜ, statesₜ).

    Its outputs are: the output, the last states, and, for the backward pass, the outputs and the states of all
    steps. That pass recomputes everything else, for a block of steps at once, so memory grows only with the states,
    and the graph does not grow with time. What the cell makes of the input alone is outside the loop in both passes:
    for an LSTM that is one matrix product for all steps. RevealCancel acts inside the cell: at each step positive and
    negative parts are formed anew from the differences of the input and of the states; the layer as a whole carries no
    spread, s_y = |Δy|.
    """

    kind = "Recurrent"

    @property
    def exact(self) -> bool:  # type: ignore[override]
        """Whether every layer of the cell is."""
        return all(node.layer.exact for node in self.cell.nodes)

    def forward(self, *inputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Run the cell over time."""
        steps, (rows, *_) = self.in_order(inputs[0]), shape_of(inputs[0])
        mask = self.in_order(inputs[-1]) if self.masked else None
        sequence, *states = (value.edge for value in self.cell.inputs)
        input_nodes, loop_nodes, boundary = self.parts()
        made = values_of(input_nodes, {sequence: steps}, 2)
        before = [self.zeros(edge, rows, steps.dtype) for edge in (self.ends[0], *states)]
        before[1:] = inputs[1 : 1 + self.states] if self.initial else before[1:]

        # the output of an LSTM is a state too; under a mask what is kept of the two may differ
        places = [index if self.masked else self.ends.index(edge) for index, edge in enumerate(self.ends)]
        written = sorted(set(places))

        def body(t: tf.Tensor, before: Any, kept: Any) -> Any:
            given = {edge: tf.gather(made[edge], t) for edge in boundary}
            values = propagation.forward(loop_nodes, given | dict(zip(states, before[1:], strict=True)))
            after = [values[edge] for edge in self.ends]
            if mask is not None:
                held = [tf.zeros_like(before[0]) if self.zero_masked else before[0], *before[1:]]
                after = [tf.where(along(tf.gather(mask, t), y), y, old) for y, old in zip(after, held, strict=True)]
            kept = [array.write(t, after[index]) for array, index in zip(kept, written, strict=True)]
            return t + 1, [tf.ensure_shape(y, old.shape) for y, old in zip(after, before, strict=True)], kept

        length = tf.shape(steps)[0]
        arrays = [tf.TensorArray(steps.dtype, length) for _ in written]
        _, after, kept = tf.while_loop(lambda t, *_: t < length, body, (tf.constant(0), before, arrays))
        stacks = {
            index: stacked(array, self.sizes(self.ends[index])) for array, index in zip(kept, written, strict=True)
        }
        every = [stacks[index] for index in places]
        return (every[0] if self.sequences else after[0], *after[1:], *every)

    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Any]:
        """Propagate back through the cell, from the last step to the first."""
        return BackwardLoop(self, step).run(multipliers)
