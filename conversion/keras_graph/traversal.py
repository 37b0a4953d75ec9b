"""Traversal of a Keras model: every call of every layer, in order, with nested models inlined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplift_tf.conversion.builder.pending_node import DiscreteEdge
from deeplift_tf.conversion.keras_graph.arguments import caller, mask_arguments, symbols_in
from deeplift_tf.conversion.keras_graph.casts import merged_dtype
from deeplift_tf.conversion.keras_graph.heads import nested_names
from deeplift_tf.conversion.keras_graph.joint import JointMember, JointOperations
from deeplift_tf.conversion.keras_graph.layer_call import LayerCall
from deeplift_tf.conversion.keras_graph.scalars import scalar_values, without_scalars
from deeplift_tf.conversion.keras_graph.symbols import names_as_before, symbol
from deeplift_tf.conversion.keras_graph.tracing import as_scored
from deeplift_tf.errors import DeepLiftError, UnsupportedLayerError
from deeplift_tf.graph.graph import Edge, Input, LayerUse

Emit = Callable[[str, LayerCall], Sequence[Edge]]
Name = Callable[[Any], str]


def functional(model: Any) -> Any:
    """Return the functional model behind a model.

    Raises
    ------
    UnsupportedLayerError
        If its input shape is unknown.
    """
    if isinstance(model, keras.Sequential):
        if not model.built or model._functional is None:
            raise UnsupportedLayerError(
                f"model {model.name!r} has no input shape yet; build it: model.build((None, ...)), or call it once"
            )
        return model._functional
    return model


def is_graph_of_layers(model: Any) -> bool:
    """Whether a model lists its layers; other models only have Python code."""
    return isinstance(model, keras.Sequential) or is_functional(model)


def is_functional(operation: Any) -> bool:
    """Whether an operation is a model that is a graph of layers."""
    return isinstance(operation, keras.Model) and hasattr(operation, "_nodes_by_depth")


def model_inputs(model: Any, dtype: tf.DType) -> tuple[Input, ...]:
    """Return the inputs of a functional model: floats in the dtype of the network, tokens as integers."""
    specs = [spec_of(tensor, dtype) for tensor in model.inputs]
    return tuple(
        Input(tensor.name, spec.shape, tf.int32 if holds_tokens(model, tensor) else spec.dtype)
        for tensor, spec in zip(model.inputs, specs, strict=True)
    )


def holds_tokens(model: Any, tensor: Any) -> bool:
    """Whether an input declared as floats, the default of Keras, goes to embeddings and their masks alone."""
    readers = [node for node in ordered(model) if any(each is tensor for each in node.input_tensors)]
    inner = {type(node.operation).__name__: opened(node.operation) for node in readers}
    embeddings = {name for name, graph in inner.items() if name == "Embedding" or reads_tokens(graph)}
    return "float" in tensor.dtype and bool(embeddings) and inner.keys() <= embeddings | {"NotEqual"}


def reads_tokens(model: Any) -> bool:
    """Whether a nested model of one input starts with an embedding."""
    return model is not None and len(model.inputs) == 1 and holds_tokens(model, model.inputs[0])


def spec_of(tensor: Any, dtype: tf.DType) -> tf.TensorSpec:
    """Return shape and dtype of a symbolic tensor of Keras, the axis of rows open."""
    own = tf.as_dtype(tensor.dtype)
    return tf.TensorSpec(with_open_rows(tensor), dtype if own.is_floating else own)


def with_open_rows(tensor: Any) -> tuple[int | None, ...]:
    """Return the shape of a symbolic tensor, the axis of rows open."""
    return (None, *tensor.shape[1:]) if len(tensor.shape) else ()


def fixed_rows(operation: Any, arguments: tuple[Any, Any], symbols: Sequence[Any]) -> int | None:
    """Return the number of rows of a model of fixed rows, for code in it that runs on no other number.

    Keras's own layers run on any. Operations and the layers of users may have the number written into them, as
    `ops.reshape(x, (4, -1))` has: Keras tells what they make of symbols whose rows are open.
    """
    rows = symbols[0].shape[0] if symbols and len(symbols[0].shape) else None
    builtin = type(operation).__module__.startswith("keras.src.layers.") and not isinstance(
        operation, keras.layers.Lambda
    )
    if rows is None or builtin:
        return None
    opened_symbols = {id(each): symbol(with_open_rows(each), each.dtype) for each in symbols}
    args, kwargs = keras.tree.map_structure(lambda leaf: opened_symbols.get(id(leaf), leaf), arguments)
    with names_as_before():
        try:
            made = keras.tree.flatten(operation.compute_output_spec(*args, **kwargs))
        except DeepLiftError:
            raise
        except Exception:  # code that was written for one number of rows may raise anything
            return int(rows)
    return None if all(len(each.shape) and each.shape[0] is None for each in made) else int(rows)


def traverse(
    model: Any,
    edges: Sequence[Edge],
    emit: Emit,
    dtype: tf.DType,
    prefix: str = "",
    name_of: Name | None = None,
    nested: dict[str, Edge] | None = None,
    around: tuple[LayerUse, ...] = (),
) -> list[Edge]:
    """Visit every use of every layer; return the model's outputs.

    Parameters
    ----------
    model : functional model or keras.Function
    edges : sequence of Edge
        What enters the model.
    emit : callable
        (name, use) -> the outputs of one use.
    dtype : tf.DType
    prefix : str
        Names of the models around this one, each with a slash.
    name_of : callable, optional
        operation -> its name here; by default its own.
    nested : dict of str to Edge, optional
        Gets the outputs of nested models, by their names.
    around : tuple of LayerUse
        The models around this one.
    """
    known = dict(zip(map(id, model.inputs), edges, strict=True))
    visit = Visit(known, emit, dtype, prefix, name_of or own_name, {} if nested is None else nested, around)
    visit.dtypes = {id(tensor): tf.int32 for tensor in model.inputs if holds_tokens(model, tensor)}
    visit.count(model)
    for node in ordered(model):
        visit.node(node)
    visit.together(model.outputs)
    return [visit.edge(tensor) for tensor in model.outputs]


class Visit:
    """One walk through a model: what is known of each symbolic tensor.

    Parameters
    ----------
    known : dict of int to Edge
        By the identity of the tensor.
    emit, dtype, prefix, name_of, nested, around
        As for `traverse`.
    """

    def __init__(
        self,
        known: dict[int, Edge],
        emit: Emit,
        dtype: tf.DType,
        prefix: str,
        name_of: Name,
        nested: dict[str, Edge],
        around: tuple[LayerUse, ...],
    ) -> None:
        self.known, self.emit, self.dtype, self.prefix, self.name_of = known, emit, dtype, prefix, name_of
        self.nested, self.around = nested, around
        self.uses: Counter[int] = Counter()
        self.waiting: list[JointMember] = []
        self.reads: Counter[int] = Counter()
        self.dtypes: dict[int, tf.DType] = {}  # of tensors for which Keras declares another
        self.scalars: dict[int, Any] = {}  # values of tensors without rows

    def count(self, model: Any) -> None:
        """Count how often each tensor is read."""
        for node in ordered(model):
            self.reads.update(map(id, symbols_in(arguments_of(node))))
        self.reads.update(map(id, model.outputs))

    def edge(self, tensor: Any) -> Edge:
        """Return the edge of a tensor; a mask that the model's own graph leaves out is made when it is asked for."""
        self.meet(tensor)
        if id(tensor) in self.scalars:
            raise UnsupportedLayerError(
                f"output {tensor.name!r} of layer {tensor._keras_history.operation.name!r} is one value for all rows: "
                "expected a value for each row. Leave it out of the model's outputs"
            )
        if id(tensor) not in self.known:
            self.together([tensor])
        return self.known[id(tensor)]

    def meet(self, tensor: Any) -> None:
        """See that a tensor is known, or that the operation that makes it waits."""
        if id(tensor) not in self.known and not any(tensor is y for member in self.waiting for y in member.outputs):
            operation, node_index, _ = tensor._keras_history
            self.node(operation._inbound_nodes[node_index])

    def together(self, wanted: Sequence[Any]) -> None:
        """Emit the operations that wait as one group, whose outputs are those that others read."""
        members, self.waiting = tuple(self.waiting), []
        made = {id(tensor): tensor for member in members for tensor in member.outputs}
        inside = Counter(id(each) for member in members for each in member.use.symbols)
        read = {id(each) for each in wanted} | {key for key in made if self.reads[key] > inside[key]}
        outputs = tuple(tensor for key, tensor in made.items() if key in read)
        inputs = {id(each): each for member in members for each in member.use.symbols if id(each) not in made}
        if not outputs:
            return
        use = LayerCall(
            JointOperations(members, tuple(inputs.values()), outputs),
            tuple(self.edge(each) for each in inputs.values()),
            tuple(self.spec(each) for each in inputs.values()),
            lambda function, *tensors: function(*tensors),
            tuple(map(with_open_rows, outputs)),
            (tuple(inputs.values()), {}),
            tuple(inputs.values()),
            tuple(self.spec(each).dtype for each in outputs),
            members[-1].use.uses,
        )
        self.known |= zip(map(id, outputs), self.emit(members[-1].name, use), strict=True)

    def spec(self, tensor: Any) -> tf.TensorSpec:
        """Return shape and dtype of a tensor, as the model computes it."""
        spec = spec_of(tensor, self.dtype)
        return tf.TensorSpec(spec.shape, self.dtypes.get(id(tensor), spec.dtype))

    def node(self, node: Any) -> None:
        """Emit one use of an operation, or all that a nested model holds."""
        if all(id(tensor) in self.known or id(tensor) in self.scalars for tensor in node.output_tensors):
            return
        operation = node.operation
        args, kwargs = self.with_scalars((node.arguments.args, node.arguments.kwargs))
        if isinstance(operation, keras.Layer) and not operation._call_has_training_arg:
            kwargs = {key: value for key, value in kwargs.items() if key != "training"}  # Keras drops it, too
        arguments = (args, {**kwargs, **mask_arguments(operation, args, kwargs)})
        symbols = symbols_in(arguments)
        joins = is_operation(operation) and fixed_rows(operation, arguments, symbols) is None
        inputs = [] if joins else [self.edge(tensor) for tensor in symbols]
        here = LayerUse(self.name_of(operation), self.uses[id(operation)])
        name, uses = f"{self.prefix}{here.name}" + (f"/{here.use}" if here.use else ""), (*self.around, here)
        self.uses[id(operation)] += 1
        if joins:
            for tensor in symbols:
                self.meet(tensor)
            use = use_of(node, arguments, symbols, inputs, self.dtype)._replace(uses=uses)
            use = use._replace(specs=tuple(map(self.spec, symbols)))
            self.waiting.append(JointMember(name, use, tuple(node.output_tensors)))
            return
        inner = opened(operation)
        if inner is None:
            specs = tuple(map(self.spec, symbols))
            if merged := merged_dtype(operation, [spec.dtype for spec in specs]):
                self.dtypes[id(node.output_tensors[0])] = merged
            made = tuple(self.spec(tensor).dtype for tensor in node.output_tensors)
            use = use_of(node, arguments, symbols, inputs, self.dtype)
            self.leaf(name, node, use._replace(uses=uses, specs=specs, output_dtypes=made))
            return
        whole = inner if len(symbols) == len(inner.inputs) else with_masks(inner, arguments)
        entering = [
            self.as_declared(f"{name}/{inner_input.name}", tensor, edge, inner_input, whole)
            for tensor, edge, inner_input in zip(symbols, inputs, whole.inputs, strict=True)
        ]
        outputs = traverse(whole, entering, self.emit, self.dtype, f"{name}/", None, self.nested, uses)
        self.nested |= nested_names(name, inner, outputs)
        self.known |= zip(map(id, node.output_tensors), outputs, strict=True)

    def leaf(self, name: str, node: Any, use: LayerCall) -> None:
        """Emit one use of a layer; what it returns without rows is a constant for those who read it.

        What a layer of a user's returns that nobody reads is left out.
        """
        tensors, builtin = list(node.output_tensors), type(use.operation).__module__.startswith("keras.src.")
        read = [builtin or self.reads[id(tensor)] > 0 for tensor in tensors]
        ranks = [len(tensor.shape) if each or not any(read) else 0 for tensor, each in zip(tensors, read, strict=True)]
        if not all(ranks) and any(ranks):
            wanted = [index for index, rank in enumerate(ranks) if not rank and read[index]]
            try:
                values = scalar_values(use, wanted, self.dtype)
            except UnsupportedLayerError as error:
                raise UnsupportedLayerError(f"layer {name!r} ({type(use.operation).__name__}) {error}") from error
            self.scalars |= {id(tensor): values.get(i) for i, tensor in enumerate(tensors) if not ranks[i]}
            use = without_scalars(use, ranks)
        outputs = self.emit(name, use)
        if len(outputs) < len(tensors):
            tensors = [tensor for tensor, rank in zip(tensors, ranks, strict=True) if rank]
        self.known |= zip(map(id, tensors), outputs, strict=True)

    def with_scalars(self, arguments: tuple[Any, Any]) -> tuple[Any, Any]:
        """Return what an operation is called with, constants in the place of values without rows."""
        for tensor in symbols_in(arguments):
            if not len(tensor.shape) and id(tensor) not in self.known and tensor._keras_history.operation is not None:
                self.node(tensor._keras_history.operation._inbound_nodes[tensor._keras_history.node_index])

        def constant(leaf: Any) -> Any:
            value = self.scalars.get(id(leaf))
            return leaf if value is None else tf.constant(value)

        return keras.tree.map_structure(constant, arguments) if self.scalars else arguments

    def as_declared(self, name: str, tensor: Any, edge: Edge, declared: Any, model: Any) -> Edge:
        """Return the inputs of a nested model: integers become floats if its input is declared as floats."""
        spec = self.spec(tensor)
        if isinstance(edge, DiscreteEdge):
            return Edge(*edge)
        if spec.dtype.is_floating or not spec_of(declared, self.dtype).dtype.is_floating:
            return edge
        if holds_tokens(model, declared):
            return edge
        operation = cast_to(declared.dtype)
        call = caller(((tensor,), {}), [tensor], self.dtype)
        floats = spec_of(declared, self.dtype).dtype
        shapes = (with_open_rows(tensor),)
        use = LayerCall(operation, (edge,), (spec,), call, shapes, ((tensor,), {}), (tensor,), (floats,))
        return self.emit(name, use)[0]


def cast_to(dtype: str) -> Any:
    """Return Keras's operation of a cast."""
    value = keras.ops.cast(keras.KerasTensor((None,), "int32"), dtype)
    return value._keras_history.operation


def arguments_of(node: Any) -> tuple[Any, Any]:
    """Return what an operation is called with, masks included that Keras passes along."""
    args, kwargs = node.arguments.args, node.arguments.kwargs
    return args, {**kwargs, **mask_arguments(node.operation, args, kwargs)}


def is_operation(operation: Any) -> bool:
    """Whether this is an operation of keras.ops, rather than a layer."""
    return isinstance(operation, keras.Operation) and not isinstance(operation, keras.Layer)


def own_name(operation: Any) -> str:
    """Return an operation's own name."""
    return operation.name


def with_masks(model: Any, arguments: tuple[Any, Any]) -> keras.Function:
    """Return a copy of a nested model as a function of its inputs and of the masks that come with them."""
    copied = keras.models.clone_model(model)
    copied.set_weights(model.get_weights())
    masks = iter(keras.tree.flatten(arguments[1]["mask"]))
    symbols, further = [], []
    for tensor in copied.inputs:
        symbols.append(symbol(tensor.shape, tensor.dtype))
        if (mask := next(masks)) is not None:
            further.append(symbol(mask.shape, "bool"))
            symbols[-1]._keras_mask = further[-1]
    return keras.Function([*symbols, *further], copied._run_through_graph(symbols, operation_fn=lambda op: op))


def ordered(model: Any) -> Iterator[Any]:
    """Return the uses of layers in an order in which each follows its inputs."""
    for depth in sorted(model._nodes_by_depth, reverse=True):
        yield from (node for node in model._nodes_by_depth[depth] if not node.is_input)


def opened(operation: Any) -> Any:
    """Return the functional model that an operation is, or None if it is not a model to inline."""
    if isinstance(operation, keras.Sequential):
        return operation._functional
    return operation if is_functional(operation) else None


def use_of(
    node: Any, arguments: tuple[Any, Any], symbols: Sequence[Any], inputs: Sequence[Edge], dtype: tf.DType
) -> LayerCall:
    """Return one use of a layer, with a way to call it as the model does."""
    operation, (args, kwargs) = as_scored(node.operation, dtype), arguments
    if isinstance(operation, keras.Layer) and operation._call_has_training_arg:
        kwargs = {**kwargs, "training": False}
    return LayerCall(
        operation,
        tuple(inputs),
        tuple(spec_of(tensor, dtype) for tensor in symbols),
        caller((args, kwargs), symbols, dtype),
        tuple(map(with_open_rows, node.output_tensors)),
        (args, kwargs),
        tuple(symbols),
        tuple(spec_of(tensor, dtype).dtype for tensor in node.output_tensors),
        fixed_rows=fixed_rows(operation, (args, kwargs), symbols),
    )
