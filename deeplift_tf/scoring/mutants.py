"""Values of mutants of sequences, of which only what a mutation changes is computed.

A mutation of one position changes a stretch of each value, as wide as the windows of the convolutions before it reach
(Nair et al. 2020, fastISM). That stretch is carried forward as a difference from x: linear layers need nothing else,
and functions of single units need the value of x there. Layers that look further get the whole value, and from there on
the network runs as it is.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.graph.graph import Edge, Node
from deeplift_tf.graph.propagation import Values, as_tuple
from deeplift_tf.layers.convolution import Conv
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.merging import Add
from deeplift_tf.layers.pooling import Mean
from deeplift_tf.layers.reshaping import Crop, Identity, Pad
from deeplift_tf.rules.secants.function import Function


class Stretch(NamedTuple):
    """The part of a value, shape (P·n, length, channels), that mutations change.

    Attributes
    ----------
    offset : int
        Where it begins, counted from the position that is mutated.
    change : tf.Tensor, shape (P·n, width, channels)
        Difference from the value of x; zero beyond the ends of the sequence.
    """

    offset: int
    change: tf.Tensor

    @property
    def width(self) -> int:
        """Positions of it."""
        return int(self.change.shape[1])


class Mutants:
    """Mutants of some sequences, each at one position.

    Parameters
    ----------
    values : mapping of Edge to tf.Tensor, shape (n, ...)
        The values of x.
    position : tf.Tensor, shape (P,), int32
    rows : tf.Tensor
        n.
    """

    def __init__(self, values: Values, position: tf.Tensor, rows: Any) -> None:
        self._values, self._position, self._rows = values, position, rows

    def outputs(self, nodes: Sequence[Node], edge: Edge, change: tf.Tensor, target: Edge) -> tf.Tensor:
        """Return the target's value for all mutants, shape (P·n, ...).

        Parameters
        ----------
        nodes : sequence of Node
            Those that depend on the mutated value, in order.
        edge : Edge
            The mutated value, shape (n, length, channels).
        change : tf.Tensor, shape (P·n, 1, channels)
            By how much the mutated position changes.
        target : Edge
        """
        parts: dict[Edge, Stretch] = {edge: Stretch(0, change)}
        whole: dict[Edge, tf.Tensor] = {}
        for node in nodes:
            found = self._local(node, parts, whole)
            if found is not None:
                (output,) = node.outputs
                (parts if isinstance(found, Stretch) else whole)[output] = found
                continue
            inputs = [self._whole(each, parts, whole) for each in node.inputs]
            for output, value in zip(node.outputs, as_tuple(node.layer.forward(*inputs)), strict=True):
                whole[output] = value
        return self._whole(target, parts, whole)

    def _local(self, node: Node, parts: Mapping[Edge, Stretch], whole: Mapping[Edge, Any]) -> Stretch | Any | None:
        """Return what a layer makes of stretches alone; None where it needs the whole."""
        if any(each in whole for each in node.inputs) or len(node.outputs) != 1:
            return None
        layer, changed = node.layer, [each for each in node.inputs if each in parts]
        shape = self._values[Edge(node.name)].shape
        if type(layer) is Add:
            same = all(self._values[each].shape[1:] == shape[1:] for each in node.inputs)
            return joined([parts[each] for each in changed]) if same else None
        if len(node.inputs) != 1:
            return None
        (edge,) = changed
        part, length = parts[edge], self._values[edge].shape[1]
        if type(layer) is Mean and layer.axes in ((1,), (-2,)):
            total = tf.reduce_sum(part.change, 1, keepdims=layer.keepdims) / length
            return self._spread(Edge(node.name)) + total
        if type(layer) is Identity:
            return part
        if type(layer) is Elementwise and alike(layer.function):
            before = self._at(edge, part)
            return part._replace(change=layer.forward(before + part.change) - layer.forward(before))
        moved = moves(layer, part)
        if moved is None or moved.width >= shape[1]:
            return None
        return self._inside(moved, shape[1])

    def _indices(self, part: Stretch) -> tf.Tensor:
        """Return the positions of a stretch, shape (P, width), also those beyond the ends."""
        return self._position[:, None] + part.offset + tf.range(part.width)

    def _inside(self, part: Stretch, length: int) -> Stretch:
        """Return a stretch with zeros beyond the ends of the sequence."""
        indices = self._indices(part)
        inside = tf.cast((indices >= 0) & (indices < length), part.change.dtype)
        return part._replace(change=part.change * tf.repeat(inside, self._rows, axis=0)[..., None])

    def _at(self, edge: Edge, part: Stretch) -> tf.Tensor:
        """Return the value of x at a stretch, shape (P·n, width, channels)."""
        value = self._values[edge]
        indices = tf.clip_by_value(self._indices(part), 0, value.shape[1] - 1)
        found = tf.transpose(tf.gather(value, indices, axis=1), [1, 0, 2, 3])
        return tf.reshape(found, [-1, part.width, value.shape[2]])

    def _spread(self, edge: Edge) -> tf.Tensor:
        """Return the value of x for all mutants, shape (P·n, ...)."""
        value = self._values[edge]
        return tf.tile(value, [tf.size(self._position), *[1] * (value.shape.rank - 1)])

    def _whole(self, edge: Edge, parts: Mapping[Edge, Stretch], whole: Mapping[Edge, tf.Tensor]) -> tf.Tensor:
        """Return the whole value of all mutants, shape (P·n, ...)."""
        if edge in whole:
            return whole[edge]
        if edge not in parts:
            return self._spread(edge)
        part, length = parts[edge], self._values[edge].shape[1]
        back = tf.range(length) - self._position[:, None] - part.offset  # place in the stretch of each position
        back = tf.where((back >= 0) & (back < part.width), back, part.width)
        padded = tf.pad(part.change, [[0, 0], [0, 1], [0, 0]])
        return self._spread(edge) + tf.gather(padded, tf.repeat(back, self._rows, axis=0), axis=1, batch_dims=1)


def joined(parts: Sequence[Stretch]) -> Stretch:
    """Return the sum of stretches, as wide as all of them together."""
    start = min(part.offset for part in parts)
    end = max(part.offset + part.width for part in parts)
    padded = [
        tf.pad(part.change, [[0, 0], [part.offset - start, end - part.offset - part.width], [0, 0]]) for part in parts
    ]
    return Stretch(start, tf.add_n(padded))


def moves(layer: Any, part: Stretch) -> Stretch | None:
    """Return what a convolution, a crop or zeros around make of a stretch; None of any other layer."""
    if type(layer) is Conv and layer.strides == (1,) and not layer.channels_first:
        ((before, _),), (reach,) = layer.pads, layer.reach
        alone = dataclasses.replace(layer, bias=None, padding="valid")
        return Stretch(
            part.offset + before - reach, alone.linear(tf.pad(part.change, [[0, 0], [reach, reach], [0, 0]]))
        )
    if type(layer) in (Crop, Pad) and not any(map(any, (layer.amounts[0], *layer.amounts[2:]))):
        first = layer.amounts[1][0]
        return part._replace(offset=part.offset + (first if type(layer) is Pad else -first))
    return None


def alike(function: Any) -> bool:
    """Whether a function of single units is the same one at every position: none holds a number for each of them."""
    if isinstance(function, tf.Tensor | tf.Variable | np.ndarray):
        return len(function.shape) < 2 or function.shape[-2] == 1  # slopes for each channel are
    if isinstance(function, Function):
        return alike(function.value)
    if isinstance(function, functools.partial):
        return all(map(alike, (function.func, *function.args, *function.keywords.values())))
    return all(alike(cell.cell_contents) for cell in getattr(function, "__closure__", None) or ())
