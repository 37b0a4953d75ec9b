"""Checks of a network on random input: predictions against the model's, contributions against the difference."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from math import prod
from os import PathLike
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.keras_graph.traversal import is_graph_of_layers
from deeplift_tf.conversion.precision import EXACT, precision_of
from deeplift_tf.conversion.readers import read
from deeplift_tf.conversion.readers.graph_model import GraphModel
from deeplift_tf.conversion.readers.quantized import states_of
from deeplift_tf.conversion.readers.untrusted.errors import quoted
from deeplift_tf.conversion.tf_graph.rows import texts
from deeplift_tf.errors import DeepLiftError
from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Input
from deeplift_tf.graph.layer_errors import layer_errors
from deeplift_tf.network import Network
from deeplift_tf.references import normalize_references
from deeplift_tf.scoring.inputs import as_input_arrays

SHORT_SIZES = (8, 4, 2, 1)  # tried where a model takes no 16, as one with a table of few positions
OPEN_SIZES = (16, 64, 256, 1024, 4096, 16384, 65536, 262144)  # tried in turn for axes that the model leaves open
MAX_ELEMENTS = 1 << 22  # of one row of all inputs
GAP = EXACT  # of a sum from its difference; above it a layer is named
SCALES = (1.0, 1e-2, 1e2)  # of random input, in units of normal numbers


class CheckReport(NamedTuple):
    """What a check found.

    Attributes
    ----------
    prediction_error : float
        Largest difference to the predictions of the model as Keras or TensorFlow runs it, over the largest prediction.
    relative_delta : float or None
        Largest sum-to-delta error, over the largest difference of the target from its reference. None under rules
        without a reference, which promise no sum, and where outputs do not differ from those of the references.
    worst_layer : str or None
        The layer in which the larger gap arises: of predictions where it is above `tolerance`, else of sums above 1e-4.
    notes : tuple of str
        What else a reader should know.
    errors : dict of str to float
        The prediction error on each input that was tried: random input by its scale, x and references where given.
    layers : dict of str to float
        The layers that part from the model's, by more than `tolerance` on the input where predictions differ most.
    tolerance : float
        How far predictions may lie apart: 1e-4, and as far as its own rounding explains where the model computes in
        float16, bfloat16 or quantised. The network computes in float32, and so does a model of float16 or bfloat16 that
        is read from a file of layers.
    """

    prediction_error: float
    relative_delta: float | None
    worst_layer: str | None
    notes: tuple[str, ...]
    errors: dict[str, float]
    layers: dict[str, float]
    tolerance: float = EXACT

    @property
    def passed(self) -> bool:
        """Whether predictions are the model's."""
        return self.prediction_error <= self.tolerance


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
    x: Any = None,
    references: Any = None,
) -> CheckReport:
    """Compare a network with its model, as Keras or TensorFlow runs it, on random input of several scales and on given.

    Sums of contributions are tried on x and its references; where none are given on random input with a random
    reference for each row. The target is a random weighted sum over all positions of all outputs.

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
    x, references : optional
        As for a score call; the first reference of each row counts.

    Returns
    -------
    CheckReport

    Raises
    ------
    DeepLiftError
        If no size of an open axis suits the model.
    """
    live, remarks = as_keras_runs_it(model, custom_objects, safe_mode, signature)
    rng = np.random.default_rng(seed)
    drawn, expected = sample(live, network, rows, rng, length)
    other = random_inputs(network, [array.shape for array in drawn], rng)
    tries = {f"random input of scale {scale:g}": scaled(network, drawn, scale) for scale in SCALES}
    if x is not None:
        batch = as_input_arrays(x, network.graph.inputs)
        given = normalize_references(0.0 if references is None else references, batch, network.graph.inputs)
        drawn = [as_numbers(array, value) for array, value in zip(batch.arrays, network.graph.inputs, strict=True)]
        first = [array[:, 0] for array in given.take(0, len(batch))]
        other = [
            as_numbers(np.broadcast_to(array, own.shape), value)
            for array, own, value in zip(first, drawn, network.graph.inputs, strict=True)
        ]
        tries |= {"x": drawn, "references": other}
        expected = required(model_outputs(live, drawn), "x")
    errors_of = {name: error_on(live, network, arrays) for name, arrays in tries.items()}
    prediction_error = max(error for error in errors_of.values() if error is not None)
    remarks += tuple(
        f"{name}: the model's own predictions are no finite numbers there"
        for name, error in errors_of.items()
        if error is None
    )
    start = {
        edge: tf.constant(rng.normal(size=y.shape), network.dtype)
        for edge, y in zip(network.graph.outputs.values(), expected, strict=True)
    }
    errors, delta, difference = layer_errors(network.graph, tensors(network, drawn), tensors(network, other), start)
    promised = any(node.rule.reference for node in network.graph.nodes)
    relative_delta = delta / difference if promised and difference else None
    worst, parted = None, dict[str, float]()
    tolerance, coarse = precision_of(live)
    if coarse:
        remarks += (
            f"the model computes in {' and '.join(coarse)}: differences up to {tolerance:.1g} are its rounding",
        )
    if prediction_error > tolerance:
        where = max((name for name in errors_of if errors_of[name] is not None), key=lambda name: errors_of[name] or 0)
        parted = different_layers(live, network, tries[where], tolerance)
        worst = next(iter(parted), None)
    elif relative_delta is not None and relative_delta > GAP:
        worst = max(errors, key=lambda name: errors[name])
    notes = (*notes_on(network, drawn), *remarks)
    if not promised:
        notes = ("rules without a reference promise no sum of contributions", *notes)
    elif not difference:
        notes = ("outputs do not differ on random input, as of a saturated sigmoid: no sum could be tried", *notes)
    found = {name: error for name, error in errors_of.items() if error is not None}
    return CheckReport(prediction_error, relative_delta, worst, notes, found, parted, tolerance)


def as_keras_runs_it(
    model: Any, custom_objects: Mapping[str, Any] | None, safe_mode: bool, signature: str | None
) -> tuple[Any, tuple[str, ...]]:
    """Return the model that predictions are compared with, and what to say where Keras's own loader did not read it.

    A .keras file is loaded by Keras, with its config as it was judged. Keras is given another file as it stands only if
    the user trusts it: what it holds could run.

    Parameters
    ----------
    model : path, pair of paths, or keras.Model
    custom_objects, safe_mode, signature
        As for `convert`.
    """
    live = read(model, custom_objects, safe_mode, signature, as_stored=True)
    if isinstance(live, GraphModel):
        return live, ()  # a graph, which TensorFlow runs as it stands
    is_file = isinstance(model, (str, PathLike))
    if callable(model) or (is_file and zipfile.is_zipfile(model)):
        return live, ()
    reason = "Keras itself is given no file that may bring code along" if is_file else "Keras reads no such files"
    if is_file and not safe_mode:
        try:
            return keras.models.load_model(model, dict(custom_objects or {}), compile=False, safe_mode=False), ()
        except DeepLiftError:
            raise
        except Exception as error:  # Keras refuses older files with errors of every kind
            reason = f"Keras does not read the file: {quoted(error)}"
    return live, (f"{reason}. Compared is the model as this package reads it",)


def scaled(network: Network, arrays: Sequence[np.ndarray], scale: float) -> list[np.ndarray]:
    """Return inputs with floats multiplied by a number."""
    return [
        (array * np.float32(scale)).astype(array.dtype) if value.dtype.is_floating else array
        for array, value in zip(arrays, network.graph.inputs, strict=True)
    ]


def as_numbers(array: np.ndarray, value: Input) -> np.ndarray:
    """Return an array in the dtype in which a model takes it."""
    if value.dtype == tf.string:
        return array
    return array.astype("float32" if value.dtype.is_floating else value.dtype.as_numpy_dtype)


def required(outputs: list[np.ndarray] | Exception, where: str) -> list[np.ndarray]:
    """Return outputs.

    Raises
    ------
    DeepLiftError
        If the model has none.
    """
    if isinstance(outputs, Exception):
        raise DeepLiftError(f"the model does not run on {where}: {quoted(outputs)}")
    return outputs


def error_on(model: Any, network: Network, x: Sequence[np.ndarray]) -> float | None:
    """Return the largest relative difference of predictions; None where the model's are no finite numbers."""
    expected = required(model_outputs(model, x), "the input of the check")
    if not all(np.isfinite(y).all() for y in expected if y.dtype.kind == "f"):
        return None
    return max(map(relative_gap, predictions(network, x), expected))


def sample(
    model: Any, network: Network, rows: int, rng: np.random.Generator, length: int | None = None
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return random input that the model accepts, and what the model predicts for it.

    Raises
    ------
    DeepLiftError
        If no size of an open axis suits the model.
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
        If the model takes none of those that are tried.
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
        f"takes: `length`. Of {first} it says: {quoted(problem)}"
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
            outputs = keras.tree.flatten(call_of(model, parts)(structured(model, parts)))
    except DeepLiftError:
        raise
    except (ValueError, tf.errors.OpError) as error:
        return error
    arrays = [np.asarray(y) for y in outputs]
    return arrays if all(y.size for y in arrays) else ValueError("an output is empty")


def call_of(model: Any, parts: Sequence[tf.Tensor]) -> Callable[[Any], Any]:
    """Return the function that a model computes in inference.

    Outside of a graph Keras rounds resized pictures of uint8; `predict` and exports, which run one, do not.
    """

    def call(x: Any) -> Any:
        return model(x, training=False)

    has_pictures = isinstance(model, keras.Model) and any(part.dtype == tf.uint8 for part in parts)
    return tf.function(call, autograph=False) if has_pictures else call


def structured(model: Any, parts: Sequence[tf.Tensor]) -> Any:
    """Return inputs in the structure in which a model takes them."""
    structure = getattr(model, "_inputs_struct", None)
    if isinstance(structure, Mapping):
        return keras.tree.pack_sequence_as(structure, list(parts))
    return parts if len(parts) > 1 else parts[0]


def random_inputs(network: Network, shapes: Sequence[tuple[int, ...]], rng: np.random.Generator) -> list[np.ndarray]:
    """Return normal numbers for inputs of floats, a few words for texts, and zeros and ones for others."""

    def drawn(dtype: tf.DType, shape: tuple[int, ...]) -> np.ndarray:
        if dtype == tf.string:
            return texts(shape, rng)
        numbers = rng.normal(size=shape) if dtype.is_floating else rng.integers(0, 2, shape)
        return numbers.astype("float32" if dtype.is_floating else dtype.as_numpy_dtype)

    return [drawn(value.dtype, shape) for value, shape in zip(network.graph.inputs, shapes, strict=True)]


def tensors(network: Network, arrays: Sequence[np.ndarray]) -> list[tf.Tensor]:
    """Return arrays in the dtypes of the network's inputs."""
    return [tf.cast(array, value.dtype) for array, value in zip(arrays, network.graph.inputs, strict=True)]


def predictions(network: Network, x: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the network's outputs in their order."""
    found = network.predict(dict(zip(network.input_names, x, strict=True)))
    return list(found.values()) if isinstance(found, dict) else [found]


def relative_gap(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference over the largest finite value expected; infinite where one alone is no number."""
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        gap = np.where(same, 0, np.abs(found - expected))
    if not np.isfinite(gap).all():
        return float("inf")
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    return float(gap.max() / max(float(scale), np.finfo("float32").tiny))


def different_layers(model: Any, network: Network, x: Sequence[np.ndarray], gap: float = GAP) -> dict[str, float]:
    """Return the layers of the model whose outputs the network does not match, in order; none where none are known."""
    if isinstance(model, GraphModel) or not is_graph_of_layers(model):
        return {}
    layers = [layer for layer in model.layers if layer.name in network.layers]
    inner = keras.Model(model.inputs, [layer.output for layer in layers])
    with keras.StatelessScope(state_mapping=zero_states(model)):
        expected = keras.tree.flatten(inner([tf.constant(array) for array in x], training=False))
    edges = [value.edge for value in network.graph.inputs]
    values = propagation.forward(network.graph.nodes, dict(zip(edges, tensors(network, x), strict=True)))
    gaps = {
        str(layer.name): relative_gap(values[Edge(layer.name)].numpy(), np.asarray(y))
        for layer, y in zip(layers, expected, strict=True)
    }
    return {name: found for name, found in gaps.items() if found > gap}


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
