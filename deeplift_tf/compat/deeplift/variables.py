"""Activations of layers as values that a compiled function takes and returns, in place of TensorFlow 1's tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import InputError
from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge
from deeplift_tf.network import Network
from deeplift_tf.scoring.batches import as_tensor
from deeplift_tf.scoring.inputs import as_input_arrays

ACTIVATION, REFERENCE, DIFFERENCE = "activation", "reference", "difference"


@dataclasses.dataclass(frozen=True)
class Variable:
    """What a layer makes of the input, or of the reference.

    Attributes
    ----------
    network : Network
    edge : Edge
        The layer's output.
    part : {"activation", "reference", "difference"}
    """

    network: Network
    edge: Edge
    part: str


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer of a converted model.

    Attributes
    ----------
    network : Network
    edge : Edge
    name : str
        In deeplift's spelling.
    """

    network: Network
    edge: Edge
    name: str

    def get_name(self) -> str:
        """Return the layer's name."""
        return self.name

    def get_shape(self) -> tuple[int | None, ...]:
        """Return the shape of the layer's output, None for the axis of rows."""
        return tuple(self.network.graph.shape(self.edge))

    def get_activation_vars(self) -> Variable:
        """Return the layer's activation."""
        return Variable(self.network, self.edge, ACTIVATION)

    def get_reference_vars(self) -> Variable:
        """Return the layer's activation at the reference."""
        return Variable(self.network, self.edge, REFERENCE)

    def get_diff_from_reference_vars(self) -> Variable:
        """Return the difference of the two."""
        return Variable(self.network, self.edge, DIFFERENCE)


def compile_func(inputs: Any, outputs: Any) -> Callable[[Any], Any]:
    """Return a function that computes activations.

    Parameters
    ----------
    inputs : Variable or sequence of Variable
        Activations of input layers, and their references where an output needs them.
    outputs : Variable or sequence of Variable

    Returns
    -------
    callable
        Of a list with one array of rows for each input (of a single input, the array alone is taken too). Returns an
        array, or a list of arrays if `outputs` is a sequence.

    Raises
    ------
    InputError
        If an input is not the activation or the reference of an input layer.
    """
    given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    wanted = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    network = wanted[0].network
    places = {value.edge for value in network.graph.inputs}
    wrong = [variable.edge.node for variable in given if variable.edge not in places or variable.part == DIFFERENCE]
    if wrong:
        raise InputError(f"inputs: expected activations or references of input layers; received those of {wrong}")
    forward = _forward_function(network, [variable.edge for variable in wanted])

    def values_of(part: str, arrays: Sequence[Any]) -> list[np.ndarray]:
        fed = {v.edge.node: array for v, array in zip(given, arrays, strict=True) if v.part == part}
        missing = [name for name in network.input_names if name not in fed]
        if missing:
            raise InputError(f"inputs: expected the {part} of every input layer; {', '.join(missing)} is missing")
        return forward(fed)

    def function(arrays: Any) -> Any:
        """Return what the layers make of a list of arrays."""
        alone = len(given) == 1 and np.ndim(arrays) == len(network.graph.shape(given[0].edge))
        arrays = [arrays] if alone else list(arrays)
        if len(arrays) != len(given):
            raise InputError(f"expected a list of {len(given)} arrays; received {len(arrays)}")
        parts = {v.part for v in wanted}
        x = values_of(ACTIVATION, arrays) if parts & {ACTIVATION, DIFFERENCE} else []
        r = values_of(REFERENCE, arrays) if parts & {REFERENCE, DIFFERENCE} else []
        computed = [
            x[i] if v.part == ACTIVATION else r[i] if v.part == REFERENCE else x[i] - r[i] for i, v in enumerate(wanted)
        ]
        return computed if isinstance(outputs, (list, tuple)) else computed[0]

    return function


def _forward_function(network: Network, edges: Sequence[Edge]) -> Callable[[Mapping[str, Any]], list[np.ndarray]]:
    """Return the forward pass up to some values as a function of arrays by input name."""
    inputs = network.graph.inputs
    nodes = network.graph.ancestors(edges)

    def forward(*tensors: tf.Tensor) -> list[tf.Tensor]:
        values = propagation.forward(nodes, dict(zip((value.edge for value in inputs), tensors, strict=True)))
        return [values[edge] for edge in edges]

    signature = [tf.TensorSpec(value.shape, value.dtype) for value in inputs]
    compiled = tf.function(forward, input_signature=signature, autograph=False).get_concrete_function()

    def run(fed: Mapping[str, Any]) -> list[np.ndarray]:
        batch = as_input_arrays(dict(fed), inputs)
        tensors = [as_tensor(array, value.dtype) for array, value in zip(batch.arrays, inputs, strict=True)]
        return [value.numpy() for value in compiled(*tensors)]

    return run


class Session:
    """What scripts call a session for: values of variables for what is fed to others."""

    def run(self, fetches: Any, feed_dict: Mapping[Variable, Any]) -> Any:
        """Return the values of variables.

        Parameters
        ----------
        fetches : Variable or sequence of Variable
        feed_dict : mapping of Variable to array
        """
        return compile_func(list(feed_dict), fetches)(list(feed_dict.values()))
