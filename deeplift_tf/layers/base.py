"""The base class of layers: a function, with a way to carry spreads forward and multipliers back."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import tensorflow as tf

from deeplift_tf.pickling import Portable
from deeplift_tf.rules.multipliers import Difference, Multipliers, Pairing
from deeplift_tf.rules.rules import Rule


class Step(NamedTuple):
    """The differences at one layer's inputs and outputs, and the rule in force.

    If the layer depends on the rule, and the rule has no reference, every difference has x⁰ := x.
    """

    inputs: tuple[Difference, ...]
    outputs: tuple[Difference, ...]
    rows: Pairing
    rule: Rule


@dataclasses.dataclass(frozen=True, eq=False)
class Layer(Portable, ABC):
    """One function of the network. Layers are values: they hold weights and settings, and no state."""

    kind: ClassVar[str]
    exact: ClassVar[bool] = True
    ruled: ClassVar[bool] = True  # whether the layer depends on the rule; affine maps do not
    fully_connected: ClassVar[bool] = False  # read by the genomics default: Dense and EinsumDense

    @abstractmethod
    def forward(self, *inputs: tf.Tensor) -> Any:
        """Return the output for inputs of shape (rows, ...): a tensor, or a tuple of tensors."""

    def differentiable(self) -> Layer:
        """Return the layer with a forward pass that TensorFlow can differentiate on any device."""
        return self

    def under(self, rule: Rule) -> Layer:
        """Return the layer with the rule in force in its subgraph too."""
        return self

    def reads_spread(self, rule: Rule, wanted: bool) -> bool:
        """Whether the layer reads the spread of its inputs; `wanted`: whether the spread of its output is read."""
        return False

    def spread(self, step: Step) -> tuple[tf.Tensor, ...]:
        """Return the spread of each output, shape (N·R, ...): |Δy| if the kind carries none."""
        return tuple(step.rows.merge_pairs(tf.abs(output.delta)) for output in step.outputs)

    @abstractmethod
    def backward(self, step: Step, *multipliers: Multipliers | None) -> list[Multipliers]:
        """Return the multipliers of each input, given those of each output; None for an output without a consumer."""
