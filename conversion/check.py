"""Does a network compute what its model computes, and do its contributions sum up? Tried on random input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from deeplift_tf import walk
from deeplift_tf.audit import layer_errors
from deeplift_tf.conversion.readers import read
from deeplift_tf.conversion.readers.explain import quoted
from deeplift_tf.conversion.readers.graph_model import GraphModel
from deeplift_tf.conversion.readers.quantized import states_of
from deeplift_tf.conversion.traverse import is_graph_of_layers
from deeplift_tf.errors import DeepLiftError
from deeplift_tf.graph import Edge
from deeplift_tf.network import Network

SHORT_SIZES = (8, 4, 2, 1)  # tried where a model takes no 16, as one with a table of few positions
OPEN_SIZES = (16, 64, 256, 1024, 4096, 16384, 65536, 262144)  # tried in turn for axes that the model leaves open
MAX_ELEMENTS = 1 << 22  # of one row of all inputs
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
    length: int | None = None,
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
    length : int, optional
        Of axes whose size the model leaves open; by default the least that the model runs on, from 16 on.

    Returns
    -------
    CheckReport

    Raises
    ------
    DeepLiftError
        When no size of an open axis suits the model.
    """
    live = read(model, custom_objects=custom_objects, safe_mode=safe_mode, signature=signature)
    rng = np.random.default_rng(seed)
    x, expected = sample(live, network, rows, rng, length)
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
    model: Any, network: Network, rows: int, rng: np.random.Generator, length: int | None = None
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return random input that the model accepts, and what the model predicts for it.

    Raises
    ------
    DeepLiftError
        When no size of an open axis suits the model.
    """
    size = fitting_size(model, network) if length is None else length
    x = random_inputs(network, shapes(network, fixed_rows(model) or rows, size), rng)
    outputs = model_outputs(model, x)
    if isinstance(outputs, Exception):
        raise DeepLiftError(f"the model does not run on random input of the length {size}: {quoted(outputs)}")
    return x, outputs


def shapes(network: Network, rows: int, size: int) -> list[tuple[int, ...]]:
    """Return the shape of each input, with a size for the axes that the model leaves open."""
    return [(rows, *(size if n is None else n for n in value.shape[1:])) for value in network.graph.inputs]


def fixed_rows(model: Any) -> int | None:
    """Return the number of rows that a model takes, where it takes no other."""
    if isinstance(model, GraphModel) or not is_graph_of_layers(model):
        return None
    shape = model.inputs[0].shape
    return shape[0] if len(shape) else None


def zero_states(model: Any) -> list[tuple[Any, Any]]:
    """Return the states of stateful RNNs, each with zeros, from which the network starts."""
    layers = model._flatten_layers() if isinstance(model, keras.Layer) else ()
    return [(state, keras.ops.zeros_like(state)) for layer in layers for state in states_of(layer)]


def fitting_size(model: Any, network: Network) -> int:
    """Return a size for open axes: 16, else the largest of SHORT_SIZES, else the least above 16 that the model takes.

    Raises
    ------
    DeepLiftError
        When the model takes none of those that are tried.
    """
    first, too_short = OPEN_SIZES[0], OPEN_SIZES[0]
    if not any(None in value.shape[1:] for value in network.graph.inputs):
        return first
    problem = tried(model, network, first)
    if problem is None:
        return first
    for size in SHORT_SIZES:
        if tried(model, network, size) is None:
            return size
    for size in OPEN_SIZES[1:]:
        if sum(map(prod, shapes(network, fixed_rows(model) or 1, size))) > MAX_ELEMENTS:
            break
        if tried(model, network, size) is None:
            return least(model, network, too_short, size)
        too_short = size
    raise DeepLiftError(
        f"the model does not run on random input of any length from 1 to {too_short} that was tried; give one that it "
        f"takes: --length, or length=. Of {first} it says: {quoted(problem)}"
    )


def tried(model: Any, network: Network, size: int) -> Exception | None:
    """Return why the model does not run on random input of a size; None where it does."""
    rows = fixed_rows(model) or 1
    found = model_outputs(model, random_inputs(network, shapes(network, rows, size), np.random.default_rng(0)))
    return found if isinstance(found, Exception) else None


def least(model: Any, network: Network, low: int, high: int) -> int:
    """Return the least size above `low`, too short for the model, found by halving; one the model runs on."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if tried(model, network, middle) is None else (middle, high)
    return high


def model_outputs(model: Any, x: Sequence[np.ndarray]) -> list[np.ndarray] | Exception:
    """Return the model's own outputs, or why it has none for inputs of these sizes; none of its variables change."""
    parts = [tf.constant(array) for array in x]
    try:
        with keras.StatelessScope(state_mapping=zero_states(model)):
            outputs = keras.tree.flatten(model(structured(model, parts), training=False))
    except (ValueError, tf.errors.OpError) as error:
        return error
    arrays = [np.asarray(y) for y in outputs]
    return arrays if all(y.size for y in arrays) else ValueError("an output is empty")


def structured(model: Any, parts: Sequence[tf.Tensor]) -> Any:
    """Return inputs in the structure in which a model takes them."""
    structure = getattr(model, "_inputs_struct", None)
    if isinstance(structure, Mapping):
        return keras.tree.pack_sequence_as(structure, list(parts))
    return parts if len(parts) > 1 else parts[0]


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
    with keras.StatelessScope(state_mapping=zero_states(model)):
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
