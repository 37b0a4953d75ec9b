"""Deletion and insertion curves (Petsiuk et al. 2018): the output as the positions of highest score go, or come."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deeplift_tf.deprecation import warn
from deeplift_tf.errors import InputError
from deeplift_tf.evaluate.ranks import per_position
from deeplift_tf.graph.graph import Graph
from deeplift_tf.methods.call import Call, Options
from deeplift_tf.methods.gradients import or_zero
from deeplift_tf.plots.figure import alone
from deeplift_tf.rules.tensors import merge_leading, shape_of
from deeplift_tf.scoring.attribution import Plan
from deeplift_tf.scoring.display import Displayed
from deeplift_tf.scoring.sampled import Sampled, chunks
from deeplift_tf.scoring.scores import Scores, ranged

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from deeplift_tf.network import Network


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Curve(Displayed):
    """Outputs as positions are replaced.

    Attributes
    ----------
    fractions : np.ndarray, shape (S,)
        Of the positions that are replaced, from 0 to 1.
    outputs : np.ndarray, shape (N, S)
        The target's value, averaged over references.
    areas : np.ndarray, shape (N,)
        Below each row's curve. Of a deletion curve low is good, of an insertion curve high.
    """

    fractions: np.ndarray
    outputs: np.ndarray
    areas: np.ndarray

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return the lines that are shown of it."""
        first, last = self.outputs[:, 0].mean(), self.outputs[:, -1].mean()
        return [
            ("rows", str(len(self.areas))),
            ("fractions", f"{len(self.fractions)}, from {self.fractions[0]:.4g} to {self.fractions[-1]:.4g}"),
            ("mean output", f"from {first:.4g} to {last:.4g}"),
            ("areas", ranged(self.areas)),
        ]

    def plot(self, ax: Any = None, *, label: str | None = None) -> tuple[Any, Any]:
        """Draw the curve of every row, faintly, and their mean with the area below it.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Several curves in one axes compare methods.
        label : str, optional
            What the legend calls it.

        Returns
        -------
        fig : matplotlib.figure.Figure
        ax : matplotlib axes
        """
        fig, panel = alone(ax, (4.8, 3.2))
        (line,) = panel.plot(
            self.fractions, self.outputs.mean(0), linewidth=2, label=f"{label or 'mean'}, area {self.areas.mean():.3g}"
        )
        panel.plot(self.fractions, self.outputs.T, linewidth=0.6, alpha=0.35, color=line.get_color())
        panel.set(xlabel="fraction of the positions", ylabel="output")
        panel.legend()
        return fig, panel


class Replaced(Sampled):
    """Outputs with the first k positions of an order taken from the reference, or from x.

    Parameters
    ----------
    graph, plan
    count : int
        How many k there are.
    insert : bool
        Whether the first k positions are those of x, in the reference, rather than the other way round.
    """

    def __init__(self, graph: Graph, plan: Plan, count: int, insert: bool) -> None:
        super().__init__(graph, plan)
        self.count, self.insert = count, insert

    def run(  # type: ignore[override]
        self,
        x: Sequence[tf.Tensor],
        references: Sequence[tf.Tensor],
        weights: tf.Tensor,
        places: tf.Tensor,
        numbers: tf.Tensor,
    ) -> dict[str, Any]:
        """Return the results of a batch; see `compile_plan`.

        Parameters
        ----------
        x, references, weights
            See `compile_plan`.
        places : tf.Tensor, shape (n, ...), int32
            Of each position in the order; broadcasts against x.
        numbers : tf.Tensor, shape (pieces, P), int32
            The k, of which P are looked at together.
        """
        ends = self.ends(x, references, weights)
        (edge,) = self.plan.scored
        view = ends.views[edge]
        lead = [shape_of(numbers)[1], *shape_of(view.delta)[:2]]
        inner, outer = (view.reference, view.x) if self.insert else (view.x, view.reference)
        order = places[None, :, None]

        def outputs(k: tf.Tensor) -> tf.Tensor:
            first = order < tf.reshape(k, [-1, *[1] * (order.shape.rank - 1)])
            point = tf.broadcast_to(tf.where(first, outer, inner), [*lead, *shape_of(view.delta)[2:]])
            return self.weighted(ends, self.outputs_at(ends, {edge: merge_leading(point, 3)}, lead), lead)

        dtype = ends.weights.dtype
        curves = tf.map_fn(outputs, numbers, parallel_iterations=1, fn_output_signature=dtype)  # (pieces, K, P, n, R)
        curves = tf.reduce_sum(tf.transpose(curves, [1, 3, 0, 2, 4]), -1)
        shape = shape_of(curves)
        return {"curves": tf.reshape(curves, [shape[0], shape[1], -1])[..., : self.count]}


def scores_first(curve: Callable[..., Curve]) -> Callable[..., Curve]:
    """Let a curve take (network, x, scores, references, target) too, the order of version 0, with a warning."""

    @functools.wraps(curve)
    def call(network: Network, x: Any, *others: Any, **keywords: Any) -> Curve:
        if "scores" not in keywords and others:
            warn(f"{curve.__name__}(network, x, scores): give scores= after references and target", 2)
            keywords["scores"], *rest = others
            others = tuple(rest)
        return curve(network, x, *others, **keywords)

    return call


@scores_first
def deletion(
    network: Network,
    x: np.ndarray,
    references: Any = None,
    target: Any = 0,
    *,
    scores: Scores | np.ndarray,
    steps: int = 20,
    **options: Unpack[Options],
) -> Curve:
    """Replace the positions of x by the reference, those of the highest scores first.

    Parameters
    ----------
    network : Network
    x, references, target
        As for `Score.__call__`, x of one input; references None: zeros.
    scores : Scores or np.ndarray, shape of x or (N, ..., 1)
        A position's score is the sum over channels.
    steps : int
        Equal parts in which the positions are replaced.
    **options
        See `Options`.
    """
    return _curve(network, x, scores, references, target, steps, False, options)


@scores_first
def insertion(
    network: Network,
    x: np.ndarray,
    references: Any = None,
    target: Any = 0,
    *,
    scores: Scores | np.ndarray,
    steps: int = 20,
    **options: Unpack[Options],
) -> Curve:
    """Bring the positions of x into the reference, those of the highest scores first.

    Parameters are those of `deletion`.
    """
    return _curve(network, x, scores, references, target, steps, True, options)


def _curve(
    network: Network, x: Any, scores: Any, references: Any, target: Any, steps: int, insert: bool, options: Options
) -> Curve:
    values = np.asarray(scores.contributions if isinstance(scores, Scores) else scores)
    if len(network.graph.inputs) != 1 or options.get("targets") is not None or options.get("layers") is not None:
        raise InputError("curves: expected a network of one input, and one target")
    shape = np.shape(x)
    if values.shape not in (shape, (*shape[:-1], 1)):
        raise InputError(f"scores: expected shape {shape} or {(*shape[:-1], 1)}; received {values.shape}")
    places, fractions = positions_in_order(values), np.arange(steps + 1) / steps
    numbers = np.rint(fractions * places[0].size).astype(np.int32)
    extra = (tf.TensorSpec([None] * len(shape), tf.int32), tf.TensorSpec([None, None], tf.int32))
    call = Call(network, x, or_zero(references), target, options, Replaced, extra, settings=(len(numbers), insert))
    found = call.run(
        lambda part, size: (
            tf.constant(places[part.rows]),
            tf.constant(chunks(numbers, min(size, len(numbers)), 0)),
        )
    )
    outputs = found["curves"]
    areas = ((outputs[:, 1:] + outputs[:, :-1]) / 2 * np.diff(fractions)).sum(1)
    return Curve(fractions, outputs, areas)


def positions_in_order(scores: np.ndarray) -> np.ndarray:
    """Return the place of each position, the highest score first; equal ones in the order of the positions.

    Parameters
    ----------
    scores : np.ndarray, shape (N, ..., channels) or (N, features)

    Returns
    -------
    np.ndarray, shape (N, ..., 1) or (N, features), int32
    """
    values = per_position(scores)
    order = np.argsort(-values.reshape(len(values), -1), 1, kind="stable")
    places = np.argsort(order, 1).reshape(values.shape)
    return (places[..., None] if scores.ndim > 2 else places).astype(np.int32)
