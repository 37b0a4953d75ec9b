"""Conversion of a model, saved or live, into a network."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import tensorflow as tf

import deeplift_tf.conversion.keras_graph.converters  # noqa: F401 - fills the registry
from deeplift_tf.conversion.builder.build_graph import build_graph, with_ranges
from deeplift_tf.conversion.builder.pending_node import PendingNode, declared
from deeplift_tf.conversion.check import check as compare
from deeplift_tf.conversion.keras_graph.context import ConversionContext
from deeplift_tf.conversion.keras_graph.heads import output_names
from deeplift_tf.conversion.keras_graph.joint import JointOperations
from deeplift_tf.conversion.keras_graph.layer_call import LayerCall
from deeplift_tf.conversion.keras_graph.registry import Converter, converter_of
from deeplift_tf.conversion.keras_graph.tracing import as_scored
from deeplift_tf.conversion.keras_graph.traversal import functional, is_graph_of_layers, model_inputs, traverse
from deeplift_tf.conversion.readers import read
from deeplift_tf.conversion.readers.graph_model import GraphModel
from deeplift_tf.conversion.readers.untrusted.errors import quoted, reading
from deeplift_tf.conversion.tf_graph.from_python import graph_of_model
from deeplift_tf.conversion.tf_graph.frontend import operations_as_layers
from deeplift_tf.deprecation import renamed_keyword
from deeplift_tf.errors import DeepLiftError, DeepLiftWarning, UnsupportedLayerError
from deeplift_tf.graph.graph import Edge, Graph
from deeplift_tf.graph.rule_assignment import RuleChoice, with_rules
from deeplift_tf.network import Network, Origin

DTYPES = {"float32": tf.float32, "float64": tf.float64}


@renamed_keyword("approximate", "exact_only", operator.not_)
def convert(
    model: Any,
    rule: RuleChoice = "rescale",
    *,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    signature: str | None = None,
    exact_only: bool = False,
    dtype: str = "float32",
    converters: Mapping[str, Converter] | None = None,
    check: bool = False,
) -> Network:
    """Build beside a Keras model a network of DeepLIFT layers. The model itself stays as it is.

    Weights are copied: a model that is trained further has to be converted again.

    Parameters
    ----------
    model : path, pair of paths, keras.Model or tf_keras.Model
        A .keras or .h5 file of any Keras version, (architecture.json, weights.h5), a SavedModel folder, a live model,
        or a live model of tf_keras.
    rule : str, Rule or mapping
        "rescale", "reveal_cancel", "genomics_default", "gradient", "guided_backprop", "deconvnet", a `dl.rules.Rule`
        of your own, or {layer name or Keras class name: rule, "default": rule}. A name means all uses of a layer,
        "name/1" the second; "inner/name" is a layer of a nested model, "inner" all of them.
    custom_objects : mapping, optional
        Classes and functions of yours that the file names.
    safe_mode : bool
        Whether code in the file is refused.
    signature : str, optional
        Of a SavedModel folder: what its graph computes under this name, even where the folder describes layers too.
        By default serving_default, or the only one.
    exact_only : bool
        Whether layers without exact rules are refused, all in one message; if not, they are followed along a path.
    dtype : {"float32", "float64"}
        In which the network computes.
    converters : mapping, optional
        Converters of Keras layers by class name, which go before registered ones.
    check : bool
        Compare with the model as Keras or TensorFlow runs it, on random input of several scales, and warn where
        predictions differ; see `Network.check`.

    Returns
    -------
    Network

    Raises
    ------
    ModelFileError, UnsafeModelError
        If the model cannot be read, or asks for code to be run.
    UnsupportedLayerError
        If layers cannot be converted.
    RuleError
        If a rule is unknown or given to a layer that is not there.

    Examples
    --------
    >>> network = dl.convert("model.keras", rule="genomics_default")  # doctest: +SKIP
    >>> scores = network.compile()(x, target=0)  # doctest: +SKIP
    """
    if dtype not in DTYPES:
        raise DeepLiftError(f"dtype: expected one of {', '.join(DTYPES)}; received {dtype!r}")
    live = read(model, custom_objects=custom_objects, safe_mode=safe_mode, signature=signature)
    graph = Conversion(converters or {}, not exact_only, DTYPES[dtype]).graph_of(live)
    options = {"custom_objects": custom_objects, "safe_mode": safe_mode, "signature": signature}
    network = Network(with_rules(graph, rule), DTYPES[dtype], Origin(model, options, compare))
    if check:
        warn_of_differences(network)
    return network


def warn_of_differences(network: Network) -> None:
    """Compare a network with its model and warn where predictions differ."""
    report = network.check()
    if not report.passed:
        parted = f"; the first layer that differs is {report.worst_layer!r}" if report.worst_layer else ""
        warnings.warn(
            f"predictions differ from the model's by {report.prediction_error:.2g} of the largest{parted}. "
            "network.check(x) compares on your own input",
            DeepLiftWarning,
            stacklevel=4,  # past the decorator of `convert`
        )


class Conversion:
    """One conversion: gathers the nodes of every layer, and the layers that cannot be converted.

    Parameters
    ----------
    converters : mapping
    approximate : bool
    dtype : tf.DType
    """

    def __init__(self, converters: Mapping[str, Converter], approximate: bool, dtype: tf.DType) -> None:
        self.converters, self.approximate, self.dtype = converters, approximate, dtype
        self.pending: list[PendingNode] = []
        self.problems: list[str] = []

    def graph_of(self, model: Any) -> Graph:
        """Return the graph of a live model."""
        if isinstance(model, GraphModel):
            with reading(model.name, "a graph of operations that TensorFlow accepts"):
                return self.graph_of_operations(model)
        if not is_graph_of_layers(model):
            return self.graph_of_operations(graph_of_model(as_scored(model, self.dtype)))
        inner = functional(model)
        inputs = model_inputs(inner, self.dtype)
        nested: dict[str, Edge] = {}
        edges = traverse(inner, [value.edge for value in inputs], self.emit, self.dtype, nested=nested)
        if self.problems:
            raise UnsupportedLayerError(self.complaint())
        kinds = [tf.as_dtype(tensor.dtype) for tensor in inner.outputs]
        edges = [declared(edge, kind, self.pending) for edge, kind in zip(edges, kinds, strict=True)]
        outputs = dict(zip(output_names(inner, edges), edges, strict=True))
        inputs = with_ranges(inputs, self.pending)
        return Graph(inputs, build_graph(inputs, self.pending), outputs, nested)

    def graph_of_operations(self, model: GraphModel) -> Graph:
        """Return the graph of a model that has no layers."""
        lowered = operations_as_layers(model, self.dtype)
        self.pending, self.problems = lowered.pending, lowered.problems
        if not self.approximate:
            self.problems += [each.described for each in lowered.pending if not each.layer.exact]
        if self.problems:
            raise UnsupportedLayerError(self.complaint())
        inputs = with_ranges(lowered.inputs, self.pending)
        return Graph(inputs, build_graph(inputs, self.pending), lowered.outputs)

    def emit(self, name: str, use: LayerCall) -> Sequence[Edge]:
        """Add the nodes of one use of a layer; a layer without a converter is noted, and the walk goes on."""
        try:
            own = type(use.operation).__name__ in self.converters
            with (
                nullcontext() if own else settings_of(use.operation)
            ):  # a converter of the user's raises what it raises
                edges, pending = ConversionContext(name, use, self.dtype, self.converter_of).converted()
        except UnsupportedLayerError as error:
            self.problems.append(str(error) if isinstance(use.operation, JointOperations) else f"{name}: {error}")
            return tuple(Edge(name, index) for index in range(len(use.output_shapes)))
        if not self.approximate:
            self.problems += [each.described for each in pending if not each.layer.exact]
        self.pending.extend(pending)
        return edges

    def complaint(self) -> str:
        """Return what to say of the layers that are noted, all at once, and what to do."""
        head, advice = (
            ("that cannot be converted", "or convert the part of the model behind them.")
            if self.approximate
            else ("that have no exact rule", "or follow them along a path with exact_only=False.")
        )
        listed = "\n  ".join([f"layers {head}:", *self.problems])
        return f"{listed}\nRegister a converter of yours with dl.register, {advice}"

    def converter_of(self, operation: Any) -> Converter | None:
        """Return the converter of a layer, if there is one."""
        return converter_of(operation, self.converters)


@contextmanager
def settings_of(operation: Any) -> Iterator[None]:
    """Turn what a converter, numpy or TensorFlow says of settings that no layer can have into an error of the package.

    Raises
    ------
    UnsupportedLayerError
    """
    try:
        yield
    except DeepLiftError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, tf.errors.OpError) as error:
        raise UnsupportedLayerError(
            f"a {type(operation).__name__} whose settings cannot be converted; {quoted(error)}"
        ) from error
