"""Layers decomposed into the Keras operations of their own code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras

from deeplift_tf.conversion.keras_graph.arguments import caller, named_arguments
from deeplift_tf.conversion.keras_graph.layer_call import LayerCall
from deeplift_tf.conversion.keras_graph.symbols import names_as_before, symbol
from deeplift_tf.conversion.keras_graph.tracing import copy_in
from deeplift_tf.conversion.keras_graph.traversal import traverse
from deeplift_tf.errors import DeepLiftError, UnsupportedLayerError
from deeplift_tf.graph.graph import Edge

if TYPE_CHECKING:
    from deeplift_tf.conversion.keras_graph.context import ConversionContext


WITH_HEADS = ("GroupedQueryAttention", "MultiHeadAttention")


def unfolded(context: ConversionContext) -> tuple[Edge, ...] | None:
    """Add a layer operation by operation; None if its code does not run on symbols.

    A layer whose `call` is written with keras.ops and further layers tells by itself what it is made of: given
    symbolic tensors it builds a graph of operations, each of which has a converter of its own. So attention, the
    cells of recurrent layers and layers of users stay exact.

    Parameters
    ----------
    context : ConversionContext
    """
    use = context.use
    # dropout does nothing at inference, but makes Keras write out its masks
    changes = {"dropout": 0.0} if type(use.operation).__name__ in WITH_HEADS else {}
    copied = copy_in(use.operation, context.dtype, **changes)
    if copied is use.operation and getattr(copied, "_layers", None):
        return None  # a call would leave its traces on the layers that it holds
    edges = dict(zip(map(id, use.symbols), context.inputs, strict=True))  # one for what is given twice
    made = {id(each): symbol(spec.shape, spec.dtype.name) for each, spec in zip(use.symbols, use.specs, strict=True)}
    attach_masks(use.operation, use.arguments, made)
    call = caller(use.arguments, use.symbols, context.dtype)
    symbols = [made[id(each)] for each in use.symbols]
    graph = graph_of(lambda: call(copied.call, *symbols), list(made.values()))
    if graph is None:
        return None
    pending = list(context.pending)
    try:
        return tuple(add_graph(context, graph, list(edges.values())))
    except UnsupportedLayerError:  # an operation inside mixes rows, which the whole may well not do
        context.pending[:] = pending
        return None


def attach_masks(operation: Any, arguments: tuple[Any, Any], symbols: Mapping[int, Any]) -> None:
    """Give symbols the masks that the call names for them: some layers look there."""
    given = named_arguments(operation, *arguments)
    for name, value in given.items():
        mask = given.get(f"{name}_mask")
        if id(value) in symbols and id(mask) in symbols:
            symbols[id(value)]._keras_mask = symbols[id(mask)]


def with_masks_attached(use: LayerCall) -> Callable[..., Any]:
    """Return the call of a use, on tensors that carry their masks: some layers look there, not at their arguments."""

    def call(operation: Any, *tensors: Any) -> Any:
        attach_masks(use.operation, use.arguments, dict(zip(map(id, use.symbols), tensors, strict=True)))
        return use.call(operation, *tensors)

    return call


def graph_of(make: Callable[[], Any], symbols: Sequence[Any]) -> keras.Function | None:
    """Return the graph of operations that some code builds from symbols; None if it fails or leaves some out."""
    with names_as_before():
        try:
            outputs = keras.tree.flatten(make())
            return keras.Function(list(symbols), outputs) if all(map(is_made, outputs)) else None
        except DeepLiftError:
            raise
        except Exception:  # code that was written for tensors may raise anything on symbols
            return None


def is_made(value: Any) -> bool:
    """Whether a value is a symbolic tensor that some operation has made."""
    return isinstance(value, keras.KerasTensor) and getattr(value, "_keras_history", None) is not None


def add_graph(context: ConversionContext, graph: keras.Function, inputs: Sequence[Edge]) -> list[Edge]:
    """Add a graph of operations to a scope; each is named by its class and number."""
    counts: Counter[str] = Counter()
    names: dict[int, str] = {}

    def name_of(operation: Any) -> str:
        if id(operation) not in names:
            stem = operation.name if isinstance(operation, keras.Layer) else type(operation).__name__.lower()
            counts[stem] += 1
            names[id(operation)] = stem if counts[stem] == 1 else f"{stem}_{counts[stem]}"
        return names[id(operation)]

    return traverse(graph, inputs, context.within, context.dtype, f"{context.name}/", name_of)
