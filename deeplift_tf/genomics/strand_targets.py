"""Targets on the other strand."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.arrays.rows import slices
from deeplift_tf.errors import TargetError
from deeplift_tf.genomics.orientation import Orientation
from deeplift_tf.graph import propagation
from deeplift_tf.network import Network
from deeplift_tf.scoring.batches import as_tensor
from deeplift_tf.scoring.inputs import as_input_arrays
from deeplift_tf.scoring.target_layer import TargetValue, resolve_target

ALONE = "or score each strand by itself"


class Head(NamedTuple):
    """The value that a target lies in.

    Attributes
    ----------
    name : str
    shape : tuple of int or None
        Of a row.
    positions : tuple of int
        Its axes that count positions, as axes of a row counted from the end.
    flat : bool
        Whether positions are its only axis.
    """

    name: str
    shape: tuple[int | None, ...]
    positions: tuple[int, ...]
    flat: bool

    @property
    def channels(self) -> list[int]:
        """The axes of two channels, which may be the strands, counted from the end."""
        rank = len(self.shape)
        return [axis - rank for axis in range(rank) if self.shape[axis] == 2 and axis - rank not in self.positions]


class StrandTargets:
    """Turns targets to the other strand.

    Parameters
    ----------
    network : Network or None
    stranded : bool or None
        Whether two channels are the strands; None: not known.
    letters_axis : int
    """

    def __init__(self, network: Network | None, stranded: bool | None, letters_axis: int = -1) -> None:
        self.network, self.stranded = network, stranded
        self._functions: dict[TargetValue, Any] = {}
        self._orientation = None if network is None else Orientation(network.graph, letters_axis)

    def both(self, x: Any, other: Any, target: Any, **arguments: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the arguments that name the targets of a strand and of its reverse complement.

        Parameters
        ----------
        x, other : array, or list or dict of arrays
            Both strands.
        target
        **arguments
            Of the scoring function; targets, output, pre_activation and batch_size are read.

        Raises
        ------
        TargetError
            If it is not clear what a target is on the other strand.
        """
        if arguments.get("targets") is None:
            pairs = self.pair(x, other, target, arguments)
            return {"target": pairs[0]}, {"target": pairs[1]}
        each = [self.pair(x, other, one, arguments) for one in arguments["targets"]]
        given = {} if isinstance(target, int) and target == 0 else {"target": target}  # the function refuses both
        return given | {"targets": [one for one, _ in each]}, {"targets": [one for _, one in each]}

    def pair(self, x: Any, other: Any, target: Any, arguments: dict[str, Any]) -> tuple[Any, Any]:
        """Return one target on both strands."""
        if callable(target):
            return target, target
        head, value = self.head(arguments.get("output"), arguments.get("pre_activation", False))
        if isinstance(target, str):
            if target != "predicted" or len(head.shape) != 1:
                return target, target  # the scoring function says what is wrong
            self.turned(0, head)
            chosen = self._predicted(value, x, other, arguments.get("batch_size", 32))
            return chosen, self.turned(chosen, head)
        return target, self.turned(target, head)

    def check(self, target: Any, output: str | None, pre_activation: bool = False) -> None:
        """Raise a TargetError if it is not clear what a target is on the other strand."""
        if not callable(target):
            self.turned(0 if isinstance(target, str) else target, self.head(output, pre_activation)[0])

    def head(self, output: str | None, pre_activation: bool) -> tuple[Head, TargetValue]:
        """Return what is known of the value that targets lie in."""
        if self.network is None or self._orientation is None:
            raise TargetError(
                "both_strands: expected the network, so that a target can be turned: both_strands(score, network); "
                "callables need none"
            )
        graph = self.network.graph
        value = resolve_target(graph, output, pre_activation)
        edge = value.output  # whose positions the target counts
        shape = tuple(graph.shape(edge).as_list()[1:])
        name = output or next((name for name, each in graph.outputs.items() if each == edge), edge.node)
        axes = tuple(sorted(axis - len(shape) - 1 for axis in self._orientation.position_axes(edge)))
        named = "profile" in name.lower() and len(shape) == 1 and (shape[0] or 3) > 2
        return Head(name, shape, axes, len(shape) == 1 and bool(axes or named)), value

    def turned(self, target: Any, head: Head) -> Any:
        """Return a target of one strand as one of the other: an index, or an array of indices or weights."""
        array = np.asarray(target)
        if array.dtype.kind not in "iuf" or not head.shape:
            return target
        if array.dtype.kind == "f":
            return self._turned_weights(array, head)
        if array.ndim == 0 or isinstance(target, tuple):
            return self._turned_index(tuple(int(i) for i in np.atleast_1d(array)), head)
        if len(head.shape) > 1:
            return target  # one index for each row is for outputs of one axis; the scoring function says so
        turned = [self._turned_index((int(i),), head) for i in array.ravel()]
        return np.array([index for (index,) in turned], np.int64)

    def _turned_index(self, index: tuple[int, ...], head: Head) -> tuple[int, ...]:
        if head.flat:
            raise TargetError(_flat(head, f"index {index[0]}"))
        if len(index) != len(head.shape):
            return index  # the scoring function says so
        swapped = self._swapped_axes(head, f"position {index}")
        return tuple(~i if axis - len(index) in swapped else i for axis, i in enumerate(index))

    def _turned_weights(self, weights: np.ndarray, head: Head) -> np.ndarray:
        rank = len(head.shape)
        if weights.ndim not in (rank, rank + 1):
            return weights  # the scoring function says so
        rows = weights.reshape(-1, *weights.shape[weights.ndim - rank :])
        if head.flat:
            if (rows == rows[:, :1]).all():
                return weights
            raise TargetError(_flat(head, "weights"))
        both = [axis for axis in head.channels if self.stranded is None]
        even = all((weights == np.flip(weights, axis)).all() for axis in both)
        alike = all((weights == np.flip(weights, axis)).all() for axis in range(-rank, 0))
        if alike:
            return weights
        return np.flip(weights, tuple(self._swapped_axes(head, "weights", even)))

    def _swapped_axes(self, head: Head, what: str, even: bool = False) -> list[int]:
        """Return the axes that change direction on the other strand, counted from the end of a row."""
        rank = len(head.shape)
        if rank > 1 and not head.positions:
            raise TargetError(
                f"target: expected to know which axis of {head.name!r}, shape {head.shape}, counts positions, to turn "
                f"{what} to the other strand; it is made of a vector. Give a callable, {ALONE}"
            )
        tracks = rank > 1 or "count" in head.name.lower()
        if self.stranded is None and head.channels and tracks and not even:
            raise TargetError(
                f"target: the two channels of {head.name!r}, shape {head.shape}, may be the two strands, which change "
                f"places on the reverse complement; received {what}. Say which with `stranded=True` or "
                f"`stranded=False`, {ALONE}"
            )
        return [*head.positions, *(head.channels if self.stranded else [])]

    def _predicted(self, value: TargetValue, x: Any, other: Any, batch_size: int) -> np.ndarray:
        """Return the class with the largest mean output over both strands, for each row."""
        return np.asarray((self._values(value, x, batch_size) + self._values(value, other, batch_size)).argmax(-1))

    def _values(self, value: TargetValue, x: Any, batch_size: int) -> np.ndarray:
        assert self.network is not None
        inputs = self.network.graph.inputs
        batch, forward = as_input_arrays(x, inputs), self._forward(value)
        parts = []
        for part in slices(len(batch), batch_size):
            rows = [as_tensor(a[part], each.dtype) for a, each in zip(batch.arrays, inputs, strict=True)]
            parts.append(forward(*rows).numpy())
        return np.concatenate(parts)

    def _forward(self, value: TargetValue) -> Any:
        """Return the compiled function of the inputs that makes a value."""
        assert self.network is not None
        if value in self._functions:
            return self._functions[value]
        graph = self.network.graph
        edges = [each.edge for each in graph.inputs]

        def forward(*x: tf.Tensor) -> tf.Tensor:
            values = propagation.forward(graph.ancestors([value.edge]), dict(zip(edges, x, strict=True)))
            return value.as_output(values[value.edge])

        signature = [tf.TensorSpec(each.shape, each.dtype) for each in graph.inputs]
        self._functions[value] = tf.function(forward, input_signature=signature, autograph=False)
        return self._functions[value]


def _flat(head: Head, what: str) -> str:
    return (
        f"target: {head.name!r} holds a profile laid flat, shape {head.shape}, and {what} would be another position on "
        "the other strand. Name the layer before it that has an axis of positions with `output` and give a "
        f"position of it, take 'profile', {ALONE}"
    )
