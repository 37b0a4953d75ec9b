"""Perturbation methods, which change x and compare outputs: occlusion, in-silico mutagenesis."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import InputError
from deeplift_tf.graph.graph import Edge, Graph
from deeplift_tf.methods.call import Call, Options
from deeplift_tf.rules.tensors import merge_leading, shape_of
from deeplift_tf.scoring.attribution import Plan
from deeplift_tf.scoring.inputs import as_input_arrays
from deeplift_tf.scoring.mutants import Mutants
from deeplift_tf.scoring.sampled import Ends, Sampled, add_up, chunks, spread_out
from deeplift_tf.scoring.scores import Scores
from deeplift_tf.sequences.letters import require_letters

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from deeplift_tf.network import Network

Size = int | Sequence[int]


class Occluded(Sampled):
    """Differences of the outputs when windows of one scored value take the reference.

    Parameters
    ----------
    graph, plan
    index : int
        Which of the scored values is covered.
    """

    def __init__(self, graph: Graph, plan: Plan, index: int) -> None:
        super().__init__(graph, plan)
        self.covered = plan.scored[index]

    def run(  # type: ignore[override]
        self, x: Sequence[tf.Tensor], references: Sequence[tf.Tensor], weights: tf.Tensor, windows: tf.Tensor
    ) -> dict[str, Any]:
        """Return the results of a batch; see `compile_plan`.

        Parameters
        ----------
        x, references, weights
            See `compile_plan`.
        windows : tf.Tensor, shape (pieces, P, axes, 2), int32
            First position and end of each window; P are looked at together.
        """
        ends = self.ends(x, references, weights)
        view = ends.views[self.covered]
        lead = [shape_of(windows)[1], *shape_of(view.delta)[:2]]
        whole = tf.reduce_sum(ends.weights * ends.values[self.plan.target], list(range(2, ends.weights.shape.rank)))

        def differences(piece: tf.Tensor) -> list[tf.Tensor]:
            masks = inside(windows[piece], shape_of(view.delta)[2:])  # (P, ...)
            covered = tf.reshape(masks, [lead[0], 1, 1, *shape_of(masks)[1:]])
            point = tf.broadcast_to(tf.where(covered, view.reference, view.x), [*lead, *shape_of(view.x)[2:]])
            outputs = self.outputs_at(ends, self.others(ends, lead) | {self.covered: merge_leading(point, 3)}, lead)
            falls = whole[:, None, :, None] - self.weighted(ends, outputs, lead)
            counted = tf.cast(masks, falls.dtype)
            return [tf.tensordot(falls, counted, [[1], [0]]), tf.reduce_sum(counted, 0)]

        total, covers = add_up(differences, shape_of(windows)[0])
        contributions = tf.math.divide_no_nan(total, tf.reshape(covers, [1, 1, 1, *shape_of(covers)]))
        m = tf.math.divide_no_nan(contributions, view.delta)
        results = {"contributions": [tf.reduce_sum(contributions, 2)], "multipliers": [tf.reduce_sum(m, 2)]}
        return results | self._completeness(ends.weights, ends.views[self.plan.target], [contributions])

    def others(self, ends: Ends, lead: Sequence[Any]) -> dict[Edge, tf.Tensor]:
        """Return the scored values that stay uncovered."""
        return {edge: spread_out(ends.values[edge], lead) for edge in self.plan.scored if edge != self.covered}


def inside(windows: tf.Tensor, shape: Sequence[Any]) -> tf.Tensor:
    """Return for windows, shape (P, axes, 2), which positions lie inside, shape (P, *shape)."""
    masks = tf.ones([1] * (len(shape) + 1), tf.bool)
    for axis, size in enumerate(shape):
        positions = tf.range(size)
        within = (positions >= windows[:, axis, :1]) & (positions < windows[:, axis, 1:])
        masks &= tf.reshape(within, [-1, *[size if each == axis else 1 for each in range(len(shape))]])
    return masks


def windows_over(shape: Sequence[int], window: Size, stride: Size | None) -> np.ndarray:
    """Return windows that cover a value, shape (W, axes, 2); the last along an axis ends at its border.

    Raises
    ------
    InputError
        If a window or stride does not fit the shape.
    """
    widths = sizes("window", window, shape)
    strides = widths if stride is None else sizes("stride", stride, shape)
    starts = [sorted({*range(0, n - w, s), n - w}) for n, w, s in zip(shape, widths, strides, strict=True)]
    return np.array([[(a, a + w) for a, w in zip(each, widths, strict=True)] for each in itertools.product(*starts)])


def sizes(what: str, given: Size, shape: Sequence[int]) -> list[int]:
    """Return one size for each axis; channels, the last of several axes, are taken whole unless they are given."""
    values = [given] * max(1, len(shape) - 1) if isinstance(given, int) else list(given)
    values += list(shape[-1:]) if len(values) == len(shape) - 1 else []
    if len(values) != len(shape) or not all(value >= 1 for value in values):
        raise InputError(f"{what}: expected sizes of at least 1 for the axes {tuple(shape)}; received {given}")
    return [min(value, size) for value, size in zip(values, shape, strict=True)]


def occlusion(
    network: Network,
    x: Any,
    references: Any = None,
    target: Any = 0,
    *,
    window: Size = 1,
    stride: Size | None = None,
    multiply_by_inputs: bool = True,
    **options: Unpack[Options],
) -> Scores:
    """Occlusion: by how much the target falls when a window takes the reference (Zeiler and Fergus 2014).

    A position's contribution is the mean over the windows that cover it.

    Parameters are those of `integrated_gradients`, with the references as what fills the windows, None: zeros, and

    Parameters
    ----------
    window, stride : int or sequence of int
        For all axes, or one for each; where channels are left out, windows cover all of them. Windows lie side by side
        unless a stride is given. Several inputs are covered one after the other.
    multiply_by_inputs : bool
        False divides by Δx.

    Raises
    ------
    InputError
        If hypothetical contributions are asked for, or a window does not fit.
    """
    if options.get("hypothetical"):
        raise InputError(
            "occlusion: has no hypothetical contributions, which files of DNA, or hypothetical=True, ask for"
        )
    call = covering(network, x, references, target, options, 0)
    found = cover(call, 0, window, stride)
    for index in range(1, len(call.plan.scored)):
        further = cover(covering(network, x, references, target, options, index), index, window, stride)
        found = {name: [*found[name], *v] if isinstance(v, list) else v for name, v in further.items()}
    return call.scores(found, multiply_by_inputs).replace(delta=None)


def covering(network: Network, x: Any, references: Any, target: Any, options: Options, index: int) -> Call:
    """Return the call that covers one of the scored values."""
    extra = (tf.TensorSpec([None, None, None, 2], tf.int32),)
    return Call(network, x, references, target, options, Occluded, extra, settings=(index,))


def cover(call: Call, index: int, window: Size, stride: Size | None) -> dict[str, Any]:
    """Return what is found on covering one of the scored values."""
    edge = call.plan.scored[index]
    shape = list(call.network.graph.shape(edge)[1:])
    for value, array in zip(call.network.graph.inputs, call.question.x.arrays, strict=True):
        shape = list(array.shape[1:]) if value.edge == edge else shape
    if None in shape:
        raise InputError(f"occlusion: expected a value of known size; {edge.node!r} has shape {shape}")
    table = windows_over(shape, window, stride).astype(np.int32)
    return call.run(lambda part, size: (tf.constant(chunks(table, min(size, len(table)), 0)),))


class Mutated(Sampled):
    """Differences of the outputs when one position of a one-hot sequence holds another letter."""

    reads_references = False

    def run(  # type: ignore[override]
        self, x: Sequence[tf.Tensor], references: Sequence[tf.Tensor], weights: tf.Tensor, mutations: tf.Tensor
    ) -> dict[str, Any]:
        """Return the results of a batch; see `compile_plan`.

        Parameters
        ----------
        x, references, weights
            See `compile_plan`; references are not read.
        mutations : tf.Tensor, shape (pieces, P, 2), int32
            A position, −1 for none, and by how many letters the one that stands there is moved on.
        """
        ends = self.ends(x, references, weights)
        (edge,) = self.plan.scored
        rows_of_model = shape_of(ends.values[edge])
        letters = self.as_sequences(ends.values[edge])  # (n, length, C)
        rows, length, alphabet = shape_of(letters)
        whole = tf.reduce_sum(ends.weights * ends.values[self.plan.target], list(range(2, ends.weights.shape.rank)))
        moved = tf.stack([tf.roll(letters, shift, 2) for shift in range(letters.shape[2])])  # (C, n, length, C)

        def differences(piece: tf.Tensor) -> list[tf.Tensor]:
            position, shift = tf.unstack(mutations[piece], axis=1)
            here = tf.one_hot(position, length, dtype=letters.dtype)  # (P, length)
            other = tf.gather(moved, shift % letters.shape[2])  # (P, n, length, C)
            lead = [shape_of(position)[0], rows, 1]
            outputs = self.mutated(ends, letters, position, here, other)
            change = self.weighted(ends, outputs, lead)[..., 0] - whole[:, None]  # (K, P, n)
            return [tf.einsum("kpn,pl,pnlc->knlc", change, here, other)]

        (total,) = add_up(differences, shape_of(mutations)[0])
        centred = total - tf.reduce_sum(total, -1, keepdims=True) / alphabet
        found = {"contributions": centred * letters, "multipliers": total, "hypothetical": centred}
        results = {
            name: [tf.reshape(self.as_model_rows(merge_leading(value, 2), rows_of_model[1:]), [-1, *rows_of_model])]
            for name, value in found.items()
        }
        return results | self._completeness(ends.weights, ends.views[self.plan.target], [])

    def mutated(
        self, ends: Ends, letters: tf.Tensor, position: tf.Tensor, here: tf.Tensor, other: tf.Tensor
    ) -> tf.Tensor:
        """Return the target's value for mutants, shape (P·n, ...).

        Parameters
        ----------
        ends : Ends
        letters : tf.Tensor, shape (n, length, C)
        position : tf.Tensor, shape (P,)
        here : tf.Tensor, shape (P, length)
            One-hot positions.
        other : tf.Tensor, shape (P, n, length, C)
            The letters of the mutants.
        """
        (edge,), rows = self.plan.scored, shape_of(letters)[0]
        if ends.values[edge].shape.rank == 3 and None not in ends.values[edge].shape[1:] and not self.letters_first:
            below = self.graph.descendants(self.plan.scored)
            nodes = [node for node in self.nodes if node.name in below]
            change = tf.einsum("pl,pnlc->pnc", here, other - letters)
            mutants = Mutants(ends.values, tf.maximum(position, 0), rows)
            return mutants.outputs(nodes, edge, merge_leading(change, 2)[:, None], self.plan.target)
        points = self.as_model_rows(
            merge_leading(letters + here[:, None, :, None] * (other - letters), 2), shape_of(ends.values[edge])[1:]
        )
        return self.outputs_at(ends, {edge: points}, [shape_of(position)[0], rows, 1])

    @property
    def letters_first(self) -> bool:
        """Whether the letters stand before the positions."""
        (edge,) = self.plan.scored
        shape = self.graph.shape(edge).as_list()
        return any(size != 1 for size in shape[self.letters_axis(edge) % len(shape) + 1 :])

    def as_sequences(self, x: tf.Tensor) -> tf.Tensor:
        """Return rows of the model as sequences, shape (N, length, C)."""
        (edge,) = self.plan.scored
        rows, letters = shape_of(x)[0], self.graph.shape(edge)[self.letters_axis(edge)]
        if self.letters_first:
            return tf.transpose(tf.reshape(x, [rows, letters, -1]), [0, 2, 1])
        return tf.reshape(x, [rows, -1, letters])

    def as_model_rows(self, x: tf.Tensor, shape: Sequence[Any]) -> tf.Tensor:
        """Return sequences, shape (N, length, C), as rows of the model."""
        turned = tf.transpose(x, [0, 2, 1]) if self.letters_first else x
        return tf.reshape(turned, [shape_of(x)[0], *shape])


def in_silico_mutagenesis(
    network: Network, x: Any, references: Any = None, target: Any = 0, **options: Unpack[Options]
) -> Scores:
    """In-silico mutagenesis of one-hot sequences: the target for every letter at every position.

    Parameters
    ----------
    network : Network
    x : np.ndarray, shape (N, length, C), or with `letters_axis` given for example (N, C, length)
        A position without a letter, all zeros, stays as it is.
    references
        Not read.
    target
        As for `Score.__call__`.
    **options
        See `Options`.

    Returns
    -------
    Scores
        `multipliers` is the change of the target when a letter takes the place of the one that is there, zero for
        that one. `hypothetical` is the same less the mean over the letters of each position, and `contributions` is
        `hypothetical` at the letters that are there.
    """
    shapes, axis = [value.shape for value in network.graph.inputs], options.get("letters_axis", -1)
    long = [size for size in tuple(shapes[0])[1:] if size != 1]
    if len(shapes) != 1 or (len(long) != 2 and shapes[0].rank != 3) or options.get("layers") is not None:
        raise InputError(
            f"in_silico_mutagenesis: expected one input of one-hot sequences, shape (N, length, letters); received "
            f"inputs of shapes {[tuple(shape) for shape in shapes]} and layers={options.get('layers')}"
        )
    require_letters(as_input_arrays(x, network.graph.inputs).arrays, axis, "in_silico_mutagenesis")
    call = Call(network, x, 0.0, target, options, Mutated, (tf.TensorSpec([None, None, 2], tf.int32),), False)
    (given,) = call.question.x.arrays
    alphabet = given.shape[axis]
    length = given[0].size // alphabet
    table = np.array([*itertools.product(range(length), range(1, alphabet))], np.int32)
    found = call.run(lambda part, size: (tf.constant(chunks(table, min(size, len(table)), -1)),))
    return call.scores(found)
