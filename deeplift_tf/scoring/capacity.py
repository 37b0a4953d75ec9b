"""Memory checks: whether the values of a batch fit into memory, computed from their shapes in advance."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any, NamedTuple

import tensorflow as tf

from deeplift_tf.errors import DeepLiftError, InputError
from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Graph
from deeplift_tf.layers.kinds import Elementwise, Secant
from deeplift_tf.platform.memory import memory_bytes

MAX_ROW_ELEMENTS = 1 << 28
"""Elements of one value of one example. A layer that makes more has a wrong size in its settings."""

COPIES = 6
"""Tensors of the size of the largest value that scoring holds at once at least: x, the reference, their difference, the
multipliers that arrive and leave, contributions. Some twenty were measured."""

KEEP = (Elementwise, Secant)
"""Layers whose multipliers follow from what went in and came out: something of that size waits for them."""

COPIES_FORWARD = 2
"""As many that a prediction holds: what goes in and what comes out."""


class RowValue(NamedTuple):
    """What a layer makes of one row: the elements of its largest tensor, and of what is kept for the way back."""

    layer: str
    elements: int
    kept: int = 0


class BackwardNeeds(NamedTuple):
    """What the way back needs: the nodes that it passes, and how many examples a batch has at most."""

    nodes: Collection[str]
    examples: int


def require_room(
    graph: Graph, shapes: Sequence[tuple[int, ...]], rows: int, copies: int = COPIES, kept: BackwardNeeds | None = None
) -> None:
    """Refuse a batch whose largest value, or whose values that are alive at once, cannot fit into memory.

    Parameters
    ----------
    graph : Graph
    shapes : sequence of tuple of int
        Of one row of each input.
    rows : int
        (Example, reference) pairs in a batch.
    copies : int
        Tensors of the size of the largest value that are held at once.
    kept : BackwardNeeds, optional
        Where multipliers go back: of every nonlinear layer on the way at least one tensor is kept from the pass forward
        until they arrive there, be it the value or the difference.

    Raises
    ------
    InputError
        Naming the layer, what it needs, and how many rows would fit.
    """
    if _fits_by_larger(graph, shapes, rows * copies, kept):
        return
    values = row_values(graph, shapes)
    largest = _largest(values)
    check_row(largest.layer, largest.elements)
    _require(f"layer {largest.layer!r}", graph, largest.elements, copies, rows)
    if kept is not None:
        elements, layers = _kept(values, kept)
        _require(f"{layers} nonlinear layers whose values are kept for the way back", graph, elements, 1, kept.examples)


def _require(what: str, graph: Graph, elements: int, copies: int, rows: int) -> None:
    needed, memory = copies * bytes_of(graph, elements), memory_bytes()
    if needed * rows > memory:
        fitting = memory // needed
        advice = f"use a batch_size of at most {fitting}" if fitting else "not even one row fits"
        makes = "it makes" if what.startswith("layer ") else "they make"
        raise InputError(
            f"{what}: expected values that fit into {memory / 1e9:.3g} GB of memory; {makes} {elements} numbers of "
            f"every row, so that a batch of {rows} takes at least {needed * rows / 1e9:.3g} GB: {advice}"
        )


@contextmanager
def computing(what: str) -> Iterator[None]:
    """Turn what TensorFlow says of a computation that fails into an error of the package.

    Parameters
    ----------
    what : str
        What is computed, for messages.

    Raises
    ------
    InputError
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise InputError(f"{what}: out of memory; use a smaller batch_size. {_first_line(error)}") from error
    except tf.errors.OpError as error:
        raise InputError(f"{what}: the model does not run on this input: {_first_line(error)}") from error


def _first_line(error: tf.errors.OpError) -> str:
    """Return what TensorFlow says, without the lines of Python that it lists before."""
    text = (error.message or "").rpartition("(most recent call last):")[2]
    said = (line.strip() for line in text.splitlines())
    lines = [line for line in said if line and not line.startswith(("File ", "<stack traces"))]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:500]


def bytes_of(graph: Graph, elements: int) -> int:
    """Return the bytes of values of one row."""
    floats = [value.dtype.size for value in graph.inputs if value.dtype.is_floating]
    return elements * max([4, *floats])


def _largest(values: Sequence[RowValue]) -> RowValue:
    return max(values, key=lambda value: value.elements, default=RowValue("", 0))


def _kept(values: Sequence[RowValue], kept: BackwardNeeds) -> tuple[int, int]:
    """Return the elements of one row that nonlinear layers on the way back keep, and the number of those layers."""
    found = [value.kept for value in values if value.kept and value.layer in kept.nodes]
    return sum(found), len(found)


def _fits_by_larger(graph: Graph, shapes: Sequence[tuple[int, ...]], times: int, kept: BackwardNeeds | None) -> bool:
    """Whether inputs that were larger in every axis would fit: so that not every length of a sequence is traced."""
    for key, values in _KNOWN.get(graph, {}).items():
        pairs = [pair for known, shape in zip(key, shapes, strict=False) for pair in zip(known, shape, strict=False)]
        if pairs and all(known >= size for known, size in pairs):
            largest, alive = _largest(values).elements, _kept(values, kept)[0] * kept.examples if kept else 0
            return largest <= MAX_ROW_ELEMENTS and bytes_of(graph, max(largest * times, alive)) <= memory_bytes()
    return False


def check_row(layer: str, elements: int, kind: type[DeepLiftError] = InputError) -> None:
    """Refuse a layer whose output for one row is larger than any real one.

    Raises
    ------
    InputError
        Or an error of another kind.
    """
    if elements > MAX_ROW_ELEMENTS:
        raise kind(
            f"layer {layer!r}: expected at most {MAX_ROW_ELEMENTS} numbers for one row; it makes {elements}. "
            "A size in its settings is wrong, or the file is damaged"
        )


def row_values(graph: Graph, shapes: Sequence[tuple[int, ...]]) -> tuple[RowValue, ...]:
    """Return what a graph makes of one row of inputs of some shapes."""
    known = _KNOWN.setdefault(graph, {})
    key = tuple(map(tuple, shapes)) if _is_open(graph) else ()
    if key not in known:
        known[key] = tuple(_values(graph, key))
    return known[key]


def row_elements(shape: Sequence[int | None] | tf.TensorShape) -> int:
    """Return the elements of one row of a value; an axis of open size counts once."""
    return prod(1 if size is None else abs(int(size)) for size in list(shape)[1:])


def _is_open(graph: Graph) -> bool:
    """Whether a value has an axis of open size besides that of rows."""
    shapes = [value.shape for value in graph.inputs] + [shape for node in graph.nodes for shape in node.shapes]
    return any(shape.rank is None or None in shape[1:] for shape in shapes)


def _values(graph: Graph, shapes: Sequence[tuple[int, ...]]) -> list[RowValue]:
    if not shapes:
        return [value for node in graph.nodes for value in _node_values(node.name, node.shapes, node.layer)]
    return _traced_values(graph, shapes)


def _node_values(name: str, shapes: Sequence[tf.TensorShape], layer: object) -> list[RowValue]:
    """Return the values of a node, and of the graph that it applies to every step of a sequence."""
    keeps = isinstance(layer, KEEP)
    found = [RowValue(name, row_elements(shape), row_elements(shape) if keeps else 0) for shape in shapes]
    inner = getattr(layer, "graph", None)
    if isinstance(inner, Graph) and shapes[0].rank > 1:
        values = [value for node in inner.nodes for value in _node_values(node.name, node.shapes, node.layer)]
        found += [RowValue(f"{name}/{value.layer}", shapes[0][1] * value.elements) for value in values]
    return found


def _traced_values(graph: Graph, shapes: Sequence[tuple[int, ...]]) -> list[RowValue]:
    """Return the tensors that one row of the given shapes makes, from a trace that never runs."""
    found: list[RowValue] = []

    def trace(*x: tf.Tensor) -> None:
        values = dict(zip([value.edge for value in graph.inputs], x, strict=True))
        trace_graph, seen, of_rows = tf.compat.v1.get_default_graph(), 0, {y.ref() for y in x}
        for node in graph.nodes:
            try:
                values |= propagation.forward([node], values)
            finally:  # a size beyond 2^31 stops the trace just after it was inferred
                made = rows_made(trace_graph.get_operations()[seen:], of_rows)
                seen = len(trace_graph.get_operations())
                largest = max((y.shape.num_elements() or 0 for y in made), default=0)
                outputs = [values[edge].shape.num_elements() or 0 for edge in node.outputs if edge in values]
                found.append(RowValue(node.name, largest, sum(outputs) if isinstance(node.layer, KEEP) else 0))

    signature = [tf.TensorSpec([1, *shape], value.dtype) for shape, value in zip(shapes, graph.inputs, strict=True)]
    try:
        tf.function(trace, input_signature=signature, autograph=False).get_concrete_function()
    except DeepLiftError:
        raise
    except (TypeError, ValueError, tf.errors.OpError):
        pass  # sizes at which the model does not run: the run itself says so
    return found


def rows_made(operations: Sequence[tf.Operation], of_rows: set[Any]) -> list[tf.Tensor]:
    """Return what operations make of tensors that depend on the rows, and add it to those; weights do not count."""
    made: list[tf.Tensor] = []
    for operation in operations:
        if of_rows & {tensor.ref() for tensor in operation.inputs}:
            made += operation.outputs
            of_rows |= {tensor.ref() for tensor in operation.outputs}
    return made


_KNOWN: weakref.WeakKeyDictionary[Graph, dict[tuple[tuple[int, ...], ...], tuple[RowValue, ...]]] = (
    weakref.WeakKeyDictionary()
)
