"""The conversion context: a converter adds its layers to the graph through it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.builder.pending_node import DiscreteEdge, PendingNode
from deeplift_tf.conversion.keras_graph.activations import layer_of
from deeplift_tf.conversion.keras_graph.arguments import named_arguments
from deeplift_tf.conversion.keras_graph.casts import cast_symbols, is_rounded
from deeplift_tf.conversion.keras_graph.joint import JointOperations, follow
from deeplift_tf.conversion.keras_graph.layer_call import LayerCall
from deeplift_tf.conversion.keras_graph.tracing import TracedFunction, assigning, traced
from deeplift_tf.conversion.keras_graph.unfolding import unfolded, with_masks_attached
from deeplift_tf.conversion.tf_graph.control_flow import RowCountError
from deeplift_tf.conversion.tf_graph.from_python import graph_of_function
from deeplift_tf.conversion.tf_graph.frontend import MIXES, layers_within
from deeplift_tf.conversion.tf_graph.op_subgraph import check_derivative
from deeplift_tf.conversion.tf_graph.rows import function_mixes_rows
from deeplift_tf.errors import ModelFileError, UnsupportedLayerError
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.functional import RoutingFunction
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.merging import Multiply
from deeplift_tf.layers.non_differentiable import Embedding, NonDifferentiable
from deeplift_tf.layers.path import Path
from deeplift_tf.layers.reshaping import Identity
from deeplift_tf.rules.secants import sigmoid
from deeplift_tf.scoring.capacity import check_row, row_elements


class ConversionContext:
    """One use of a Keras layer, and the drafts of the nodes that come to stand for it.

    Parameters
    ----------
    name : str
        Of the layer at this use, with those of the models around it.
    use : LayerCall
    dtype : tf.DType
        Of the network.
    converter_of : callable
        Finds the converter of a Keras layer, for layers that hold others.
    """

    def __init__(self, name: str, use: LayerCall, dtype: tf.DType, converter_of: Callable[[Any], Any]) -> None:
        self.name, self.use, self.dtype, self.converter_of = name, use, dtype, converter_of
        self.inputs = use.inputs
        self.pending: list[PendingNode] = []
        self.ends: tuple[Edge, ...] = ()
        self.reason = ""

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape of the first input, None for the axis of rows."""
        return tuple(self.use.specs[0].shape)

    @property
    def shapes(self) -> tuple[tuple[int | None, ...], ...]:
        """Shape of each input, None for the axis of rows."""
        return tuple(tuple(spec.shape) for spec in self.use.specs)

    @property
    def named_arguments(self) -> dict[str, Any]:
        """What the layer is called with, by the names of its parameters."""
        return named_arguments(self.use.operation, *self.use.arguments)

    def add(self, layer: Layer, *inputs: Edge, name: str = "", outputs: int = 1) -> Edge:
        """Add a layer and return its first output.

        Parameters
        ----------
        layer : Layer
        *inputs : Edge
            By default the Keras layer's own inputs.
        name : str
            A word behind the Keras layer's name; the node of the result goes by the name alone.
        outputs : int
            How many outputs it has.
        """
        taken = {pending_node.name for pending_node in self.pending}
        stem = f"{self.name}/{name or type(layer).__name__.lower()}"
        unique = next(name for name in (stem, *(f"{stem}_{i}" for i in range(2, len(taken) + 3))) if name not in taken)
        kind = type(self.use.operation).__name__
        self.pending.append(PendingNode(unique, layer, inputs or self.inputs, self.name, kind, outputs, self.use.uses))
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
        return self.along_path(traced(function, lambda f, x: f(x), [spec], self.dtype)[0], [spec], value)

    def glu(self, value: Edge) -> Edge:
        """Add a·σ(b), a and b the halves of the last axis."""
        first, second = (self.add(RoutingFunction(lambda x, i=i: tf.split(x, 2, -1)[i]), value) for i in (0, 1))
        return self.add(Multiply(), first, self.add(Elementwise(sigmoid()), second))

    def nested(self, layer: Any, value: Edge) -> Edge:
        """Add a Keras layer that stands inside this one, on a value of this layer's output shape."""
        shape = self.use.output_shapes[0]
        symbol = keras.KerasTensor(shape, self.dtype.name)
        use = LayerCall(
            layer,
            (value,),
            (tf.TensorSpec(shape, self.dtype),),
            lambda f, x: f(x),
            (shape,),
            ((symbol,), {}),
            (symbol,),
        )
        return self.within(f"{self.name}/{layer.name}", use)[0]

    def within(self, name: str, use: LayerCall) -> tuple[Edge, ...]:
        """Add the layers of another call of a layer or operation; its nodes belong to this layer."""
        edges, pending = ConversionContext(name, use, self.dtype, self.converter_of).converted()
        self.pending.extend(map(self.owned, pending))
        return edges

    def owned(self, pending_node: PendingNode) -> PendingNode:
        """Return a draft of something inside this layer as one of the layer's own."""
        kind = type(self.use.operation).__name__
        return dataclasses.replace(pending_node, owner=self.name, keras_class=kind, uses=self.use.uses)

    def converted(self) -> tuple[tuple[Edge, ...], list[PendingNode]]:
        """Convert this use: by its converter, by the operations that it is written in, or along a path."""
        for shape in self.use.output_shapes:
            check_row(self.name, row_elements(shape), UnsupportedLayerError)
        if isinstance(self.use.operation, JointOperations):
            return self.joined(self.use.operation)
        floats = any(dtype.is_floating for dtype in self.use.output_dtypes)
        converter = self.converter_of(self.use.operation)
        if self.use.fixed_rows is not None:
            converter = None
        if self.counts():
            followed = unfolded(self) or self.walked()
            if followed is not None:
                return self.finish(followed)
            self.inputs = tuple(map(self.held, self.inputs, self.use.specs))
            self.use = self.use._replace(inputs=self.inputs)
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
        """Cast integers and booleans among the inputs to floats as Keras does; these floats are then scored."""
        use = self.use
        chosen = cast_symbols(use.operation, use.arguments, use.specs, known)
        edges: dict[Edge, Edge] = {}
        for symbol, edge, spec in zip(use.symbols, use.inputs, use.specs, strict=True):
            if id(symbol) in chosen and edge not in edges:
                kind = NonDifferentiable if spec.dtype == tf.bool else Embedding
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

    def counts(self) -> bool:
        """Whether booleans or integers computed from floats enter a layer's code, or leave it."""
        if self.use.fixed_rows is not None or not isinstance(self.use.operation, keras.Layer):
            return False
        made = not any(dtype.is_floating for dtype in self.use.output_dtypes)
        floats = any(spec.dtype.is_floating for spec in self.use.specs)
        return any(isinstance(edge, DiscreteEdge) for edge in self.inputs) or (made and floats)

    def held(self, edge: Edge, spec: tf.TensorSpec) -> Edge:
        """Return a value in the model's dtype: a counted one is fixed at x if its reader cannot be followed."""
        if not isinstance(edge, DiscreteEdge):
            return edge
        return self.add(NonDifferentiable(lambda x: tf.cast(x, spec.dtype)), Edge(*edge), name=spec.dtype.name)

    def joined(self, joint: JointOperations) -> tuple[tuple[Edge, ...], list[PendingNode]]:
        """Add operations that stand side by side: all at once, or else one at a time.

        Raises
        ------
        UnsupportedLayerError
            If one of them mixes rows, needs too much memory, or cannot be followed at all.
        """
        for member in joint.members:
            for shape in member.use.output_shapes:
                check_row(member.name, row_elements(shape), UnsupportedLayerError)
        own = [self.converter_of(member.use.operation) for member in joint.members]
        problem = "" if any(own) else self.together(joint)
        if problem is None:
            return self.ends, self.pending
        if len(joint.members) == 1 and own[0] is None:
            return self.alone(joint, problem)
        known = dict(zip(map(id, joint.inputs), self.inputs, strict=True))
        for member, converter in zip(joint.members, own, strict=True):
            edges = tuple(known[id(each)] for each in member.use.symbols)
            use = member.use._replace(inputs=edges)
            if converter is None:
                inputs = {id(each): each for each in use.symbols}
                specs = dict(zip(map(id, use.symbols), use.specs, strict=True))
                single = JointOperations((member,), tuple(inputs.values()), member.outputs)
                use = use._replace(
                    operation=single,
                    inputs=tuple(known[key] for key in inputs),
                    specs=tuple(specs[key] for key in inputs),
                    symbols=single.inputs,
                )
            ends, pending = ConversionContext(member.name, use, self.dtype, self.converter_of).converted()
            self.pending.extend(pending)
            known |= zip(map(id, member.outputs), ends, strict=True)
        return tuple(known[id(each)] for each in joint.outputs), self.pending

    def together(self, joint: JointOperations) -> str | None:
        """Convert operations together; return the obstacle, or None."""
        try:
            lowered = follow(joint, self.name, self.use, self.dtype)
        except (UnsupportedLayerError, ModelFileError) as error:
            return str(error)
        if lowered.problems:
            return "; ".join(lowered.problems)
        self.pending.extend(lowered.pending)
        self.ends = tuple(lowered.outputs.values())
        return None

    def alone(self, joint: JointOperations, problem: str) -> tuple[tuple[Edge, ...], list[PendingNode]]:
        """Add one operation that cannot be walked through, along a path.

        Raises
        ------
        UnsupportedLayerError
            If rows affect one another.
        """
        (member,) = joint.members
        _, mixes, detail = problem.partition("mixes rows: ")
        if mixes or MIXES in problem:
            raise UnsupportedLayerError(f"{member.name}: {member.kind} mixes rows: {detail or MIXES}")
        if member.kind == "View" and self.dtype != tf.float32:
            raise UnsupportedLayerError(f"{member.name}: View reads the bits of float32: expected dtype='float32'")
        edges = dict(zip(map(id, joint.inputs), self.inputs, strict=True))
        use = member.use._replace(inputs=tuple(edges[id(each)] for each in member.use.symbols))
        context = ConversionContext(member.name, use, self.dtype, self.converter_of)
        context.inputs, context.reason = tuple(map(context.held, use.inputs, use.specs)), problem
        floats = any(spec.dtype.is_floating for spec in use.specs) and any(y.is_floating for y in use.output_dtypes)
        try:
            return context.finish(context.path() if floats else context.side())
        except UnsupportedLayerError as error:
            mixes = f"{member.kind} mixes rows: " if MIXES in str(error) else ""
            raise UnsupportedLayerError(f"{member.name}: {mixes}{error}") from error

    @functools.cached_property
    def traced(self) -> tuple[TracedFunction, int | None]:
        """The whole Keras layer as a traced function, and how many values it returns."""
        use = self.use
        return traced(use.operation, with_masks_attached(use), use.specs, self.dtype, use.fixed_rows)

    def walked(self) -> tuple[Edge, ...] | None:
        """Add the whole Keras layer by its TensorFlow operations; None, and the reason, if they cannot be converted.

        Raises
        ------
        UnsupportedLayerError
            If rows affect one another, or variables change, which no path can follow either.
        """
        function, _ = self.traced
        inputs = [f"input_{index}" for index in range(len(self.use.specs))]
        outputs = [f"output_{index}" for index in range(len(self.use.output_shapes))]
        model = graph_of_function(self.name, function.function, inputs, outputs, function.tables)
        try:
            lowered = layers_within(model, self.dtype, self.inputs, f"{self.name}/")
        except RowCountError:
            raise
        except UnsupportedLayerError as error:
            if function_mixes_rows(function.function, self.use.specs, function.rows):
                raise UnsupportedLayerError(f"{MIXES}: {error}") from error
            self.reason = str(error)
            return None
        except ModelFileError as error:
            self.reason = str(error)
            return None
        if lowered.mixes_rows:
            raise UnsupportedLayerError(MIXES)
        if lowered.problems:
            self.reason = "; ".join(lowered.problems)
            return None
        self.pending.extend(map(self.owned, lowered.pending))
        return tuple(lowered.outputs.values())

    def path(self) -> Edge | tuple[Edge, ...]:
        """Add the whole Keras layer as one approximate layer of the Path kind.

        Raises
        ------
        UnsupportedLayerError
            If it changes variables, so that scores would depend on the calls before; where rows look at one
            another; and where TensorFlow has no derivative of it.
        """
        function, outputs = self.traced
        if names := assigning(function.function):
            raise UnsupportedLayerError(
                f"changes variables while it runs, by {', '.join(map(repr, names[:3]))}: expected a layer whose calls "
                "do not depend on the calls before. Let it change them under `if training:` alone"
            )
        edge = self.along_path(function, self.use.specs, outputs=outputs or 1)
        return edge if outputs is None else tuple(Edge(edge.node, index) for index in range(outputs))

    def along_path(
        self, function: TracedFunction, specs: Sequence[tf.TensorSpec], *inputs: Edge, outputs: int = 1
    ) -> Edge:
        """Add a function along a path.

        Raises
        ------
        UnsupportedLayerError
            If rows affect one another, or TensorFlow has no derivative of it.
        """
        if function_mixes_rows(function.function, specs, function.rows):
            raise UnsupportedLayerError(MIXES)
        check_derivative(function, specs)
        edge = self.add(Path(function), *inputs, outputs=outputs)
        self.pending[-1].reason = self.reason
        return edge

    def side(self) -> Edge | tuple[Edge, ...]:
        """Add the whole Keras layer as a function of values that have no difference.

        Raises
        ------
        UnsupportedLayerError
            If rows affect one another in code that does not belong to a Keras layer.
        """
        function, outputs = self.function()
        own = not type(self.use.operation).__module__.startswith("keras.src.layers.")
        if own and function_mixes_rows(function, self.use.specs, self.use.fixed_rows):
            raise UnsupportedLayerError(MIXES)
        tokens = any(dtype.is_floating for dtype in self.use.output_dtypes) and any(
            not spec.dtype.is_floating and spec.dtype != tf.bool for spec in self.use.specs
        )
        edge = self.add(Embedding(function) if tokens else NonDifferentiable(function), outputs=outputs or 1)
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

    def finish(self, results: Edge | tuple[Edge, ...]) -> tuple[tuple[Edge, ...], list[PendingNode]]:
        """Give the node of the first result the layer's own name; return all results and drafts."""
        edges = (results,) if isinstance(results, Edge) else tuple(results)
        if edges[0].node not in {pending_node.name for pending_node in self.pending}:
            edges = (self.add(Identity(), edges[0]), *edges[1:])
        old = edges[0].node

        def renamed(edge: Edge) -> Edge:
            return edge._replace(node=self.name) if edge.node == old else edge

        for pending_node in self.pending:
            pending_node.name = self.name if pending_node.name == old else pending_node.name
            pending_node.inputs = tuple(renamed(edge) for edge in pending_node.inputs)
        return tuple(renamed(edge) for edge in edges), self.pending


def known(sizes: Iterable[int | None]) -> tuple[int, ...] | None:
    """Return sizes of axes that are all known; None if one of them is open."""
    found = tuple(sizes)
    closed = tuple(size for size in found if size is not None)
    return closed if len(closed) == len(found) else None
