"""Values of a network at rows of x, and targets that stay the same while x is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deeplift_tf.arrays.rows import slices
from deeplift_tf.errors import InputError
from deeplift_tf.graph.graph import Edge
from deeplift_tf.methods.call import cached, value_function
from deeplift_tf.scoring.batches import as_tensor
from deeplift_tf.scoring.inputs import InputArrays
from deeplift_tf.scoring.score import Score
from deeplift_tf.scoring.target_layer import resolve_target
from deeplift_tf.scoring.targets import as_target, chosen

if TYPE_CHECKING:
    from deeplift_tf.network import Network


def require_one_input(network: Network, what: str) -> None:
    """Refuse a network of several inputs, or of integers; `what` is the function that takes one.

    Raises
    ------
    InputError
    """
    inputs = network.graph.inputs
    if len(inputs) != 1 or not inputs[0].dtype.is_floating:
        raise InputError(f"{what}: expected a network of one input, of floats")


def values_at(network: Network, x: InputArrays, edge: Edge, batch_size: int = 32) -> np.ndarray:
    """Return one value of the network for all rows of x, shape (N, ...)."""
    graph = network.graph
    function = cached(graph, ("value", edge), lambda: value_function(graph, edge))
    made = []
    for part in slices(len(x), batch_size):
        rows = zip(x.arrays, graph.inputs, strict=True)
        made.append(function(*(as_tensor(array[part], value.dtype) for array, value in rows)).numpy())
    return np.concatenate(made)


def scored_values(network: Network, x: InputArrays, layers: str | Sequence[str] | None, batch_size: int = 32) -> Any:
    """Return the values that are scored, in the structure of contributions: x itself, or the outputs of layers."""
    score = Score(network, layers)
    return score.structured(x, [values_at(network, x, edge, batch_size) for edge in score.scored])


def weights_at(network: Network, x: InputArrays, target: Any, options: Mapping[str, Any]) -> np.ndarray:
    """Return a target as weights of the output, shape (1 or N, ...); those of a name or a function are chosen at x."""
    value = resolve_target(network.graph, options.get("output"), options.get("pre_activation", False))
    outputs = value.as_output(tf.constant(values_at(network, x, value.edge, options.get("batch_size", 32))))
    found = as_target(target, tuple(outputs.shape[1:]), len(x))
    return found if isinstance(found, np.ndarray) else chosen(found, outputs)


def held(network: Network, x: InputArrays, target: Any, options: Mapping[str, Any]) -> Any:
    """Return a target that means the same for changed rows: "predicted" the classes, a function the weights, at x."""
    if not (isinstance(target, str) or callable(target)):
        return target
    weights = weights_at(network, x, target, options)
    return weights.argmax(-1) if isinstance(target, str) else weights


def target_values(network: Network, x: InputArrays, weights: np.ndarray, options: Mapping[str, Any]) -> np.ndarray:
    """Return the target's value for every row, shape (N,).

    Parameters
    ----------
    network : Network
    x : InputArrays
    weights : np.ndarray, shape (1 or N, ...)
        Of the output.
    options : mapping
        Those of the method that name the output, and the size of batches.
    """
    value = resolve_target(network.graph, options.get("output"), options.get("pre_activation", False))
    outputs = value.as_output(tf.constant(values_at(network, x, value.edge, options.get("batch_size", 32)))).numpy()
    return (weights * outputs).reshape(len(x), -1).sum(1)
