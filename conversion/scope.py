"""The place at which a converter adds its layers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplift_tf.capacity import check_row, row_elements
from deeplift_tf.conversion.activations import layer_of
from deeplift_tf.conversion.casts import cast_symbols, is_rounded
from deeplift_tf.conversion.draft import Draft
from deeplift_tf.conversion.graphs.live import graph_of_function
from deeplift_tf.conversion.graphs.road import MIXES, layers_within
from deeplift_tf.conversion.tracing import Traced, assigning, traced
from deeplift_tf.conversion.unfolding import unfolded, with_masks_attached
from deeplift_tf.conversion.use import Use
from deeplift_tf.errors import ModelFileError, UnsupportedLayerError
from deeplift_tf.graph import Edge
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.given import Rearrangement
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.merging import Multiply
from deeplift_tf.layers.path import Path
from deeplift_tf.layers.reshaping import Identity
from deeplift_tf.layers.side import Embedding, Side
from deeplift_tf.slopes import sigmoid


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
        self.drafts.append(Draft(unique, layer, inputs or self.inputs, self.name, kind, outputs, self.use.uses))
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
        first, second = (self.add(Rearrangement(lambda x, i=i: tf.split(x, 2, -1)[i]), value) for i in (0, 1))
        return self.add(Multiply(), first, self.add(Elementwise(sigmoid()), second))

    def nested(self, layer: Any, value: Edge) -> Edge:
        """Add a Keras layer that stands inside this one, on a value of this layer's output shape."""
        shape = self.use.output_shapes[0]
        symbol = keras.KerasTensor(shape, self.dtype.name)
        use = Use(
            layer,
            (value,),
            (tf.TensorSpec(shape, self.dtype),),
            lambda f, x: f(x),
            (shape,),
            ((symbol,), {}),
            (symbol,),
        )
        return self.within(f"{self.name}/{layer.name}", use)[0]

    def within(self, name: str, use: Use) -> tuple[Edge, ...]:
        """Add what stands for another use of a layer or operation; its nodes count as this layer's."""
        edges, drafts = Scope(name, use, self.dtype, self.converter_of).converted()
        self.drafts.extend(map(self.owned, drafts))
        return edges

    def owned(self, draft: Draft) -> Draft:
        """Return a draft of something inside this layer as one of the layer's own."""
        kind = type(self.use.operation).__name__
        return dataclasses.replace(draft, owner=self.name, keras_class=kind, uses=self.use.uses)

    def converted(self) -> tuple[tuple[Edge, ...], list[Draft]]:
        """Convert this use: by its converter, by the operations that it is written in, or along a path."""
        for shape in self.use.output_shapes:
            check_row(self.name, row_elements(shape), UnsupportedLayerError)
        floats = any(dtype.is_floating for dtype in self.use.output_dtypes)
        converter = self.converter_of(self.use.operation)
        if self.use.fixed_rows is not None:
            converter = None
        if not floats or is_rounded(self.use.operation, self.use.specs):
            return self.finish(self.side())
        self.cast_inputs(known=converter is not None)
        if converter is not None:
            return self.finish(converter(self.use.operation, self))
        if not any(spec.dtype.is_floating for spec in self.use.specs):
            return self.finish(self.side())
        if self.use.fixed_rows is not None:
            return self.finish(self.path())
        if isinstance(self.use.operation, keras.Layer) and assigning(self.traced[0].function):
            return self.finish(self.walked() or self.path())
        return self.finish(unfolded(self) or self.walked() or self.path())

    def cast_inputs(self, known: bool) -> None:
        """Turn integers and booleans among the inputs into floats where Keras does; these are what is scored then."""
        use = self.use
        chosen = cast_symbols(use.operation, use.arguments, use.specs, known)
        edges: dict[Edge, Edge] = {}
        for symbol, edge, spec in zip(use.symbols, use.inputs, use.specs, strict=True):
            if id(symbol) in chosen and edge not in edges:
                is_mask = spec.dtype == tf.bool and not is_model_input(symbol)
                kind = Side if is_mask else Embedding
                edges[edge] = self.add(kind(lambda x: tf.cast(x, self.dtype)), edge, name="cast")
        if edges:
            cast = [id(symbol) in chosen for symbol in use.symbols]
            inputs = [edges[edge] if each else edge for edge, each in zip(use.inputs, cast, strict=True)]
            specs = [
                tf.TensorSpec(spec.shape, self.dtype) if each else spec
                for spec, each in zip(use.specs, cast, strict=True)
            ]
            self.use = use._replace(inputs=tuple(inputs), specs=tuple(specs))
            self.inputs = self.use.inputs

    @functools.cached_property
    def traced(self) -> tuple[Traced, int | None]:
        """The whole Keras layer as a traced function, and how many values it returns."""
        use = self.use
        return traced(use.operation, with_masks_attached(use), use.specs, self.dtype, use.fixed_rows)

    def walked(self) -> tuple[Edge, ...] | None:
        """Add the whole Keras layer by the TensorFlow operations that it runs; None where they cannot be followed.

        A single operation of keras.ops that stays approximate is better followed as a whole.

        Raises
        ------
        UnsupportedLayerError
            Where rows look at one another, or variables change, which no path can follow either.
        """
        function, _ = self.traced
        inputs = [f"input_{index}" for index in range(len(self.use.specs))]
        outputs = [f"output_{index}" for index in range(len(self.use.output_shapes))]
        model = graph_of_function(self.name, function.function, inputs, outputs)
        try:
            road = layers_within(model, self.dtype, self.inputs, f"{self.name}/")
        except (UnsupportedLayerError, ModelFileError):
            return None
        if road.mixes_rows:
            raise UnsupportedLayerError(MIXES)
        exact = all(draft.layer.exact for draft in road.drafts)
        if road.problems or not (exact or isinstance(self.use.operation, keras.Layer)):
            return None
        self.drafts.extend(map(self.owned, road.drafts))
        return tuple(road.outputs.values())

    def path(self) -> Edge | tuple[Edge, ...]:
        """Add the whole Keras layer as one approximate layer of the Path kind.

        Raises
        ------
        UnsupportedLayerError
            Where it changes variables: scores would depend on the calls before.
        """
        function, outputs = self.traced
        if names := assigning(function.function):
            raise UnsupportedLayerError(
                f"changes variables while it runs, by {', '.join(map(repr, names[:3]))}: expected a layer whose calls "
                "do not depend on the calls before. Let it change them under `if training:` alone"
            )
        edge = self.add(Path(function), outputs=outputs or 1)
        return edge if outputs is None else tuple(Edge(edge.node, index) for index in range(outputs))

    def side(self) -> Edge | tuple[Edge, ...]:
        """Add the whole Keras layer as a function of values that have no difference."""
        function, outputs = self.function()
        tokens = any(dtype.is_floating for dtype in self.use.output_dtypes) and any(
            not spec.dtype.is_floating and (spec.dtype != tf.bool or is_model_input(symbol))
            for spec, symbol in zip(self.use.specs, self.use.symbols, strict=True)
        )
        edge = self.add(Embedding(function) if tokens else Side(function), outputs=outputs or 1)
        return edge if outputs is None else tuple(Edge(edge.node, index) for index in range(outputs))

    def function(self) -> tuple[Callable[..., Any], int | None]:
        """Return the layer as a function of tensors, and how many it returns; operations hold no weights to trace."""
        operation, call, dtype = self.use.operation, self.use.call, self.dtype
        if isinstance(operation, keras.Layer):
            return traced(operation, call, self.use.specs, dtype, self.use.fixed_rows, self.use.output_dtypes)

        def run(*tensors: tf.Tensor) -> Any:
            flat = [tf.convert_to_tensor(y) for y in keras.tree.flatten(call(operation.call, *tensors))]
            outputs = tuple(tf.cast(y, dtype) if y.dtype.is_floating else y for y in flat)
            return outputs[0] if len(outputs) == 1 else outputs

        count = len(self.use.output_shapes)
        return run, None if count == 1 else count

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


def is_model_input(symbol: Any) -> bool:
    """Whether a symbolic tensor is an input of a model, not made by a layer."""
    return isinstance(symbol._keras_history.operation, keras.layers.InputLayer)


def known(sizes: Iterable[int | None]) -> tuple[int, ...] | None:
    """Return sizes of axes that are all known; None where one of them is open."""
    found = tuple(sizes)
    closed = tuple(size for size in found if size is not None)
    return closed if len(closed) == len(found) else None
