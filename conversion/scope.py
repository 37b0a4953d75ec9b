"""The place at which a converter adds its layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.activations import layer_of
from deeplift_tf.conversion.tracing import traced
from deeplift_tf.graph import Edge
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.merging import Multiply
from deeplift_tf.layers.path import Path
from deeplift_tf.layers.reshaping import Crop, Identity
from deeplift_tf.slopes import sigmoid


class Use(NamedTuple):
    """One use of a Keras layer or operation in a model.

    Attributes
    ----------
    operation : keras.Layer or keras.Operation
    inputs : tuple of Edge
    specs : tuple of tf.TensorSpec
        Of the inputs, the axis of rows open.
    call : callable
        (operation, *tensors) -> outputs, with the further arguments that the model gives.
    output_shapes : tuple of tuple
        As Keras knows them.
    """

    operation: Any
    inputs: tuple[Edge, ...]
    specs: tuple[tf.TensorSpec, ...]
    call: Callable[..., Any]
    output_shapes: tuple[tuple[int | None, ...], ...]


@dataclasses.dataclass
class Draft:
    """A node whose shapes are not known yet."""

    name: str
    layer: Layer
    inputs: tuple[Edge, ...]
    owner: str
    keras_class: str
    outputs: int = 1


class Scope:
    """One use of a Keras layer, and the drafts of the nodes that come to stand for it.

    Parameters
    ----------
    name : str
        Of the layer at this use, with those of the models around it.
    use : Use
    dtype : tf.DType
        Of the network.
    converter_of : callable
        Finds the converter of a Keras layer, for layers that hold others.
    """

    def __init__(self, name: str, use: Use, dtype: tf.DType, converter_of: Callable[[Any], Any]) -> None:
        self.name, self.use, self.dtype, self.converter_of = name, use, dtype, converter_of
        self.inputs = use.inputs
        self.drafts: list[Draft] = []

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape of the first input, None for the axis of rows."""
        return tuple(self.use.specs[0].shape)

    @property
    def shapes(self) -> tuple[tuple[int | None, ...], ...]:
        """Shape of each input, None for the axis of rows."""
        return tuple(tuple(spec.shape) for spec in self.use.specs)

    def add(self, layer: Layer, *inputs: Edge, name: str = "", outputs: int = 1) -> Edge:
        """Add a layer and return its first output.

        Parameters
        ----------
        layer : Layer
        *inputs : Edge
            The Keras layer's own inputs where none are given.
        name : str
            A word behind the Keras layer's name; the node of the result goes by the name alone.
        outputs : int
            How many outputs it has.
        """
        taken = {draft.name for draft in self.drafts}
        stem = f"{self.name}/{name or type(layer).__name__.lower()}"
        unique = next(name for name in (stem, *(f"{stem}_{i}" for i in range(2, len(taken) + 3))) if name not in taken)
        kind = type(self.use.operation).__name__
        self.drafts.append(Draft(unique, layer, inputs or self.inputs, self.name, kind, outputs))
        return Edge(unique)

    def weight(self, value: Any) -> tf.Tensor:
        """Return a variable or an array as a constant in the dtype of the network; None stays None."""
        return None if value is None else tf.constant(np.asarray(value), self.dtype)

    def activation(self, function: Any, value: Edge) -> Edge:
        """Add what an activation argument of Keras does to a value: a function, a layer, or None."""
        if function is None or function is keras.activations.linear:
            return value
        if isinstance(function, keras.Layer):
            return self.nested(function, value)
        layer = layer_of(function)
        if layer is not None:
            return self.add(layer, value)
        if function is getattr(keras.activations, "glu", None):
            return self.glu(value)
        spec = tf.TensorSpec(self.use.output_shapes[0], self.dtype)
        return self.add(Path(traced(function, lambda f, x: f(x), [spec], self.dtype)[0]), value)

    def glu(self, value: Edge) -> Edge:
        """Add a·σ(b), a and b the halves of the last axis."""
        rank, size = len(self.shape), self.shape[-1]
        before = ((0, 0),) * (rank - 1)
        first = self.add(Crop((*before, (0, size // 2))), value)
        second = self.add(Crop((*before, (size // 2, 0))), value)
        return self.add(Multiply(), first, self.add(Elementwise(sigmoid()), second))

    def nested(self, layer: Any, value: Edge) -> Edge:
        """Add a Keras layer that stands inside this one, on a value of this layer's output shape."""
        shape = self.use.output_shapes[0]
        use = Use(layer, (value,), (tf.TensorSpec(shape, self.dtype),), lambda f, x: f(x), (shape,))
        inner = Scope(f"{self.name}/{layer.name}", use, self.dtype, self.converter_of)
        converter = self.converter_of(layer)
        (result, *_), drafts = inner.finish(converter(layer, inner) if converter else inner.path())
        self.drafts.extend(drafts)
        return result

    def path(self) -> Edge | tuple[Edge, ...]:
        """Add the whole Keras layer as one approximate layer of the Path kind."""
        function, outputs = traced(self.use.operation, self.use.call, self.use.specs, self.dtype)
        edge = self.add(Path(function), outputs=outputs or 1)
        return edge if outputs is None else tuple(Edge(edge.node, index) for index in range(outputs))

    def finish(self, results: Edge | tuple[Edge, ...]) -> tuple[tuple[Edge, ...], list[Draft]]:
        """Give the node of the first result the layer's own name; return all results and drafts."""
        edges = (results,) if isinstance(results, Edge) else tuple(results)
        if edges[0].node not in {draft.name for draft in self.drafts}:
            edges = (self.add(Identity(), edges[0]), *edges[1:])
        old = edges[0].node

        def renamed(edge: Edge) -> Edge:
            return edge._replace(node=self.name) if edge.node == old else edge

        for draft in self.drafts:
            draft.name = self.name if draft.name == old else draft.name
            draft.inputs = tuple(renamed(edge) for edge in draft.inputs)
        return tuple(renamed(edge) for edge in edges), self.drafts
