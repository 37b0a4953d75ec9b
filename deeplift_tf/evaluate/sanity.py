"""Sanity checks (Adebayo et al., NeurIPS 2018): scores that do not change with the weights explain nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import InputError
from deeplift_tf.evaluate.ranks import flat_rows, mean_over_ordered, rank_correlation
from deeplift_tf.graph.graph import Node
from deeplift_tf.graph.rule_assignment import LAYER, MODEL_AROUND, NODE, layer_name, place_of
from deeplift_tf.methods import method_named
from deeplift_tf.methods.table import Method
from deeplift_tf.plots.figure import alone, plain
from deeplift_tf.printable import text_table
from deeplift_tf.scoring.display import DisplayedTable
from deeplift_tf.scoring.reference_sampler import generator

if TYPE_CHECKING:
    from deeplift_tf.network import Network


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class SanityCheck(DisplayedTable):
    """How far scores stay the same while weights are randomised.

    Attributes
    ----------
    layers : tuple of str
        The model's layers, as they were randomised one after the other.
    correlations : np.ndarray, shape (layers, N)
        Rank correlation of each row's scores with those of the model as it is. Near zero is good: a method whose
        correlations stay high does not look at the weights.
    magnitudes : np.ndarray, shape (layers, N)
        The same for the scores without their signs.
    kept : tuple of str
        Layers that hold a traced function, whose weights, if any, stay as they are.
    """

    layers: tuple[str, ...]
    correlations: np.ndarray
    magnitudes: np.ndarray
    kept: tuple[str, ...]

    def __str__(self) -> str:
        means = zip(self.layers, mean_over_ordered(self.correlations), mean_over_ordered(self.magnitudes), strict=True)
        rows = [(name, f"{signed:.3f}", f"{size:.3f}") for name, signed, size in means]
        return text_table(("randomised", "signed", "magnitudes"), rows, numbers=True)

    def plot(self, ax: Any = None) -> tuple[Any, Any]:
        """Draw how similar the scores remain, layer by layer; near zero is good.

        Parameters
        ----------
        ax : matplotlib axes, optional

        Returns
        -------
        fig : matplotlib.figure.Figure
        ax : matplotlib axes
        """
        fig, panel = alone(ax, (max(3.6, 1.6 + 0.5 * len(self.layers)), 3.4))
        for label, values in (("signed", self.correlations), ("magnitudes", self.magnitudes)):
            panel.plot([1.0, *mean_over_ordered(values)], marker="o", label=label)
        panel.set_xticks(range(len(self.layers) + 1), ["none", *map(plain, self.layers)], rotation=45, ha="right")
        panel.axhline(0, color="black", linewidth=0.8)
        panel.set(xlabel="randomised", ylabel="rank correlation", ylim=(-1.05, 1.05))
        panel.legend()
        return fig, panel


def sanity_check(
    network: Network,
    x: Any,
    method: str | Method = "deeplift",
    references: Any = None,
    target: Any = 0,
    *,
    cascading: bool = True,
    seed: int = 0,
    **arguments: Any,
) -> SanityCheck:
    """Randomise weights layer by layer, from the output to the input, and compare the scores.

    Parameters
    ----------
    network : Network
    x, references, target
        As for `Score.__call__`. A target that depends on the outputs would change with the weights: give positions.
    method : str or callable
        A name from `METHODS`, or any function with their arguments.
    cascading : bool
        Whether a layer stays randomised while the next ones are; if not, each is randomised alone.
    seed : int
    **arguments
        Of the method.

    Raises
    ------
    InputError
        If no layer has weights.
    """
    names = list(dict.fromkeys(layer_name(node) for node in network.graph.nodes if weights_of(node)))
    if not names:
        raise InputError("sanity_check: expected a network with weights; no layer has any that can be randomised")
    scored = method_named(method)
    before = flat_rows(scored(network, x, references, target, **arguments).contributions)
    signed, sizes, done = [], [], []
    for name in reversed(names):
        done.append(name)
        other = randomised(network, done if cascading else [name], seed)
        after = flat_rows(scored(other, x, references, target, **arguments).contributions)
        signed.append(rank_correlation(before, after))
        sizes.append(rank_correlation(np.abs(before), np.abs(after)))
    kept = tuple(node.name for node in network.graph.nodes if node.layer.kind == "Path")
    return SanityCheck(tuple(done), np.stack(signed), np.stack(sizes), kept)


def randomised(network: Network, layers: Iterable[str], seed: int = 0) -> Network:
    """Return the network with the weights of some layers drawn anew; the others are shared.

    Kernels are drawn from a normal distribution of the same mean square; vectors, as biases and scales, are shuffled.
    What is drawn follows from the seed and the weights themselves: those that several layers, or several uses of one,
    share are the same afterwards as well.

    Parameters
    ----------
    network : Network
    layers : iterable of str
        Names of nodes, or of the model's layers: all nodes that come from them, in all of their uses.
    seed : int
    """
    chosen = {name for layer in layers for name in nodes_of(network, layer)}
    nodes = tuple(
        dataclasses.replace(node, layer=_drawn(node, seed)) if node.name in chosen else node
        for node in network.graph.nodes
    )
    return type(network)(dataclasses.replace(network.graph, nodes=nodes), network.dtype)


def nodes_of(network: Network, layer: str) -> list[str]:
    """Return the names of the nodes that come from a layer of the model, or of the one node that is meant.

    Raises
    ------
    LayerNameError
        If there is none.
    """
    places = {node.name: place_of(layer, node) for node in network.graph.nodes}
    meant = [name for name, place in places.items() if place is not None and place.level in (NODE, LAYER, MODEL_AROUND)]
    return meant or [network.edge(layer).node]


def weights_of(node: Node) -> dict[str, tf.Tensor]:
    """Return the tensors of floats that a layer holds, by the names of its fields."""
    held = {field.name: getattr(node.layer, field.name) for field in dataclasses.fields(node.layer)}
    return {name: value for name, value in held.items() if tf.is_tensor(value) and value.dtype.is_floating}


def _drawn(node: Node, seed: int) -> Any:
    return dataclasses.replace(node.layer, **{name: _like(w, seed) for name, w in weights_of(node).items()})


def _like(weights: tf.Tensor, seed: int) -> tf.Tensor:
    values = weights.numpy()
    random = generator(seed, np.asarray(values, np.float64))
    if values.ndim > 1:
        return tf.constant(random.normal(0, np.sqrt(np.mean(values**2)), values.shape), weights.dtype)
    return tf.constant(random.permutation(values) if values.ndim else values, weights.dtype)
