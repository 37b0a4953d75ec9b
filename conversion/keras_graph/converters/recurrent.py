"""Converters of recurrent layers, and of wrappers that apply a layer over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.builder.build_graph import build_graph
from deeplift_tf.conversion.keras_graph.arguments import caller, is_symbol
from deeplift_tf.conversion.keras_graph.context import ConversionContext
from deeplift_tf.conversion.keras_graph.layer_call import LayerCall
from deeplift_tf.conversion.keras_graph.registry import converts
from deeplift_tf.conversion.keras_graph.symbols import symbol
from deeplift_tf.conversion.keras_graph.tracing import copy_in
from deeplift_tf.conversion.keras_graph.unfolding import add_graph, graph_of
from deeplift_tf.graph.graph import Edge, Graph, Input
from deeplift_tf.graph.recurrent import Recurrent
from deeplift_tf.graph.time_distributed import TimeDistributed
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.functional import RoutingFunction
from deeplift_tf.layers.merging import Add, Average, Concatenate, Multiply

EACH_UNIT = {"Activation", "ActivityRegularization", "Dense", "Dropout", "ELU", "Identity", "LeakyReLU", "ReLU"}


def edges_of(context: ConversionContext) -> dict[int, Edge]:
    """Return the edge of each symbol that a layer is called with."""
    return dict(zip(map(id, context.use.symbols), context.inputs, strict=True))


def graph_in(context: ConversionContext, graph: keras.Function) -> Graph:
    """Return a graph of operations as a graph of layers that stands inside one layer."""
    dtype = context.dtype
    inputs = tuple(
        Input(f"input_{index}", tf.TensorShape(symbol.shape), dtype) for index, symbol in enumerate(graph.inputs)
    )
    inside = ConversionContext(f"{context.name}/cell", context.use, dtype, context.converter_of)
    ends = add_graph(inside, graph, [value.edge for value in inputs])
    outputs = {f"output_{index}": edge for index, edge in enumerate(ends)}
    return Graph(inputs, build_graph(inputs, inside.pending), outputs)


@converts("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "LSTM", "RNN", "SimpleRNN")
def recurrent(layer: Any, context: ConversionContext) -> Edge | tuple[Edge, ...]:
    """The cell's own operations, in a loop over time."""
    given, edges = context.named_arguments, edges_of(context)
    initial = keras.tree.flatten(given.get("initial_state"))
    initial = [] if initial == [None] else initial
    cell = None if not all(map(is_symbol, initial)) else cell_graph(layer, context)
    if cell is None:
        return context.path()
    mask = given.get("mask")
    loop = Recurrent(
        cell,
        initial=bool(initial),
        masked=mask is not None,
        zero_masked=bool(getattr(layer, "zero_output_for_mask", False)),
        backwards=layer.go_backwards,
        sequences=layer.return_sequences,
    )
    further = [edges[id(symbol)] for symbol in [*initial, *([] if mask is None else [mask])]]
    output = context.add(loop, context.inputs[0], *further, outputs=2 + 2 * loop.states)
    states = tuple(Edge(output.node, 1 + index) for index in range(loop.states))
    return (output, *states) if layer.return_state else output


def cell_graph(layer: Any, context: ConversionContext) -> Graph | None:
    """Return the graph of one step; None where the cell's code does not run on symbols, or starts from no zeros."""
    copied = copy_in(layer, context.dtype)
    cell = copied.cell
    if copied is layer and getattr(cell, "_layers", None):
        return None  # a call would leave its traces on the cells that it holds
    start = layer.get_initial_state(1)
    if any(np.any(np.asarray(state)) for state in keras.tree.flatten(start)):
        return None
    dtype = context.dtype.name
    step = symbol((None, *context.shape[2:]), dtype)
    states = keras.tree.map_structure(lambda state: symbol((None, *state.shape[1:]), dtype), start)
    training = {"training": False} if getattr(cell, "_call_has_training_arg", False) else {}
    graph = graph_of(lambda: cell.call(step, states, **training), [step, *keras.tree.flatten(states)])
    return None if graph is None else graph_in(context, graph)


@converts("Bidirectional")
def bidirectional(layer: Any, context: ConversionContext) -> Edge | tuple[Edge, ...]:
    """One layer forwards, one backwards, and both results merged."""
    given, edges = context.named_arguments, edges_of(context)
    initial = keras.tree.flatten(given.get("initial_state"))
    half = 0 if initial == [None] else len(initial) // 2
    parts = []
    for wrapped, states in ((layer.forward_layer, initial[:half]), (layer.backward_layer, initial[half : 2 * half])):
        arguments = {"initial_state": states or None, "mask": given.get("mask")}
        symbols = [context.use.symbols[0], *states, *([] if arguments["mask"] is None else [arguments["mask"]])]
        parts.append(one_way(context, wrapped, arguments, symbols, edges))
    (first, *states), (second, *further) = parts
    if layer.return_sequences:
        second = context.add(RoutingFunction(lambda x: tf.reverse(x, [1])), second)
    merges: dict[str, Layer] = {"concat": Concatenate(-1), "sum": Add(), "ave": Average(), "mul": Multiply()}
    merged = (first, second) if layer.merge_mode is None else (context.add(merges[layer.merge_mode], first, second),)
    return (*merged, *states, *further) if layer.return_state else merged


def one_way(
    context: ConversionContext, layer: Any, arguments: dict[str, Any], symbols: Sequence[Any], edges: dict[int, Edge]
) -> tuple[Edge, ...]:
    """Add one of the two layers."""
    given = ((symbols[0],), arguments)
    specs = {id(symbol): spec for symbol, spec in zip(context.use.symbols, context.use.specs, strict=True)}
    call = caller(given, symbols, context.dtype)
    inputs = tuple(edges[id(symbol)] for symbol in symbols)
    shapes = (context.use.output_shapes[0],)
    use = LayerCall(layer, inputs, tuple(specs[id(symbol)] for symbol in symbols), call, shapes, given, tuple(symbols))
    return context.within(f"{context.name}/{layer.name}", use)


@converts("TimeDistributed")
def time_distributed(layer: Any, context: ConversionContext) -> Edge | tuple[Edge, ...]:
    """The layer inside, on every step alone."""
    wrapped, shape = layer.layer, context.shape
    if wrapped._call_has_mask_arg and len(context.inputs) > 1:
        return context.path()
    if type(wrapped).__name__ in EACH_UNIT and context.converter_of(wrapped) is not None:
        value = symbol(shape, context.dtype.name)
        shapes = context.use.output_shapes[:1]
        given: tuple[Any, Any] = ((value,), {})
        use = LayerCall(wrapped, context.inputs[:1], context.use.specs[:1], lambda f, x: f(x), shapes, given, (value,))
        return context.within(f"{context.name}/{wrapped.name}", use)
    copied = copy_in(layer, context.dtype)
    if copied is layer:
        return context.path()
    step = symbol((None, *shape[2:]), context.dtype.name)
    graph = graph_of(lambda: copied.layer(step), [step])
    if graph is None or len(graph.outputs) > 1:
        return context.path()
    return context.add(TimeDistributed(graph_in(context, graph)), context.inputs[0])
