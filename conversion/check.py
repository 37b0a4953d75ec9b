"""Does a network compute what its model computes, and do its contributions sum up? Tried on random input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from deeplift_tf import walk
from deeplift_tf.audit import layer_errors
from deeplift_tf.conversion.readers import read
from deeplift_tf.conversion.readers.graph_model import GraphModel
from deeplift_tf.conversion.traverse import is_graph_of_layers
from deeplift_tf.errors import DeepLiftError
from deeplift_tf.graph import Edge
from deeplift_tf.network import Network

OPEN_SIZES = (16, 64, 256, 1024, 4096)  # tried in turn for axes whose size the model leaves open
GAP = 1e-4  # relative; above it a layer is named


class CheckReport(NamedTuple):
    """What a check found.

    Attributes
    ----------
    prediction_error : float
        Largest difference to the model's own predictions, over the largest prediction.
    relative_delta : float or None
        Largest sum-to-delta error, over the largest difference of the target from its reference. None under rules
        without a reference, which promise no sum, and where outputs do not differ from those of the references.
    worst_layer : str or None
        The layer in which the larger gap arises, where one is above 1e-4.
    notes : tuple of str
        What else a reader should know.
    """

    prediction_error: float
    relative_delta: float | None
    worst_layer: str | None
    notes: tuple[str, ...]


def check(
    model: Any,
    network: Network,
    rows: int = 4,
    seed: int = 0,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    signature: str | None = None,
) -> CheckReport:
    """Compare a network with its model on random input with a random reference for each row.

    The target is a random weighted sum over all positions of all outputs.

    Parameters
    ----------
    model : path, pair of paths, or keras.Model
        What the network was converted from.
    network : Network
    rows : int
    seed : int
    custom_objects, safe_mode, signature
        As for `convert`.

    Returns
    -------
    CheckReport
    """
    live = read(model, custom_objects=custom_objects, safe_mode=safe_mode, signature=signature)
    rng = np.random.default_rng(seed)
    x, expected = sample(live, network, rows, rng)
    references = random_inputs(network, [array.shape for array in x], rng)
    prediction_error = max(map(relative_gap, predictions(network, x), expected))
    start = {
        edge: tf.constant(rng.normal(size=y.shape), network.dtype)
        for edge, y in zip(network.graph.outputs.values(), expected, strict=True)
    }
    errors, delta, difference = layer_errors(network.graph, tensors(network, x), tensors(network, references), start)
    promised = any(node.rule.reference for node in network.graph.nodes)
    relative_delta = delta / difference if promised and difference else None
    worst = None
    if prediction_error > GAP:
        worst = first_different(live, network, x)
    elif relative_delta is not None and relative_delta > GAP:
        worst = max(errors, key=lambda name: errors[name])
    notes = notes_on(network, x)
    if not promised:
        notes = ("rules without a reference promise no sum of contributions", *notes)
    elif not difference:
        notes = ("outputs do not differ on random input, as of a saturated sigmoid: no sum could be tried", *notes)
    return CheckReport(prediction_error, relative_delta, worst, notes)


def sample(
    model: Any, network: Network, rows: int, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return random input that the model accepts, and what the model predicts for it.

    Raises
    ------
    DeepLiftError
        When no size of an open axis suits the model.
    """
    problem: Exception | None = None
    for size in OPEN_SIZES:
        shapes = [(rows, *(size if n is None else n for n in value.shape[1:])) for value in network.graph.inputs]
        x = random_inputs(network, shapes, rng)
        try:
            parts = [tf.constant(array) for array in x]
            outputs = model(parts if len(parts) > 1 else parts[0], training=False)
            return x, [np.asarray(y) for y in keras.tree.flatten(outputs)]
        except (ValueError, tf.errors.OpError) as error:
            problem = error
    raise DeepLiftError(f"the model does not run on random input: {problem}") from problem


def random_inputs(network: Network, shapes: Sequence[tuple[int, ...]], rng: np.random.Generator) -> list[np.ndarray]:
    """Return normal numbers for inputs of floats, and zeros and ones for others."""
    return [
        rng.normal(size=shape).astype("float32")
        if value.dtype.is_floating
        else rng.integers(0, 2, shape).astype(value.dtype.as_numpy_dtype)
        for value, shape in zip(network.graph.inputs, shapes, strict=True)
    ]


def tensors(network: Network, arrays: Sequence[np.ndarray]) -> list[tf.Tensor]:
    """Return arrays in the dtypes of the network's inputs."""
    return [tf.cast(array, value.dtype) for array, value in zip(arrays, network.graph.inputs, strict=True)]


def predictions(network: Network, x: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the network's outputs in their order."""
    found = network.predict(dict(zip(network.input_names, x, strict=True)))
    return list(found.values()) if isinstance(found, dict) else [found]


def relative_gap(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference over the largest value expected."""
    return float(np.abs(found - expected).max() / max(float(np.abs(expected).max()), np.finfo("float32").tiny))


def first_different(model: Any, network: Network, x: Sequence[np.ndarray]) -> str | None:
    """Return the first layer of the model whose output the network does not match; None where no layers are known."""
    if isinstance(model, GraphModel) or not is_graph_of_layers(model):
        return None
    layers = [layer for layer in model.layers if layer.name in network.layers]
    inner = keras.Model(model.inputs, [layer.output for layer in layers])
    expected = keras.tree.flatten(inner([tf.constant(array) for array in x], training=False))
    edges = [value.edge for value in network.graph.inputs]
    values = walk.forward(network.graph.nodes, dict(zip(edges, tensors(network, x), strict=True)))
    for layer, y in zip(layers, expected, strict=True):
        if relative_gap(values[Edge(layer.name)].numpy(), np.asarray(y)) > GAP:
            return str(layer.name)
    return None


def notes_on(network: Network, x: Sequence[np.ndarray]) -> tuple[str, ...]:
    """Return what a reader should know besides the figures."""
    notes = []
    approximate = [node.name for node in network.graph.nodes if not node.layer.exact]
    if approximate:
        notes.append(f"approximate layers: {', '.join(approximate)}")
    for value, array in zip(network.graph.inputs, x, strict=True):
        if None in value.shape[1:]:
            notes.append(f"input {value.name!r} of open shape {value.shape} was tried at {array.shape[1:]}")
    return tuple(notes)
