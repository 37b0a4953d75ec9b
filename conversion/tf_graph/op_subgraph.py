"""A few operations as one function of tensors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.tf_graph.import_op import of_floats, run, value_places
from deeplift_tf.conversion.tf_graph.layouts import View, edge_of, parted, seen
from deeplift_tf.conversion.tf_graph.operation import Depends, Operation, Value
from deeplift_tf.conversion.tf_graph.shape_inference import COUNTING, ShadowGraph
from deeplift_tf.errors import DeepLiftError, UnsupportedLayerError
from deeplift_tf.rules.tensors import vjp

Change = Callable[[np.ndarray], np.ndarray]


class OpSubgraph:
    """What some operations make of edges, as a function of tensors of shape (rows, ...).

    Parameters
    ----------
    scratch : ShadowGraph
    targets : sequence of Value
    inputs : sequence of (Value, View)
        Where the operations start, and how these values look at their edges.
    arrays : mapping of Value to array
        Values that hold for any number of rows.
    rows : int
        The axis of rows of the result.
    discrete : set of Value
        Truth values and integers that are floats in the network: at their edges, and in what is returned.
    rows_first : bool, optional
        Of rows that are merged with another axis: whether they stand first there. None where they are by themselves.
    change : callable, optional
        What is done to constants of floats: their absolute values are |L|.
    """

    def __init__(
        self,
        scratch: ShadowGraph,
        targets: Sequence[Value],
        inputs: Sequence[tuple[Value, View]],
        arrays: Mapping[Value, np.ndarray],
        rows: int = 0,
        change: Change | None = None,
        discrete: Collection[Value] = frozenset(),
        rows_first: bool | None = None,
    ) -> None:
        self.targets, self.inputs, self.rows, self.discrete = tuple(targets), tuple(inputs), rows, discrete
        self.rows_first = rows_first
        self.dtype, self.version = scratch.dtype, scratch.version
        given = {value for value, _ in inputs}
        self.operations = list(operations_between(targets, given | arrays.keys()))
        self.function = tf.function(self.made, autograph=False)
        read = [value for operation in self.operations for value in operation.inputs] + list(targets)
        constants = [value for value in read if value.depends == Depends.NOTHING and value not in arrays]
        scratch.fold(constants)
        known = {**scratch.arrays, **arrays}
        found = {value: known[value] for value in read if value in known and value not in given}
        with tf.init_scope():
            self.constants = {
                value: tf.constant(change(array) if change is not None and value.is_float else array)
                for value, array in found.items()
            }

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the traced function: a copy traces its own."""
        return {name: value for name, value in self.__dict__.items() if name != "function"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.function = tf.function(self.made, autograph=False)

    def __call__(self, *tensors: tf.Tensor) -> Any:
        """Return what the operations make: as a function of its own, since a tape does not see imported operations."""
        return self.function(*tensors)

    def made(self, *tensors: tf.Tensor) -> Any:
        """Add the operations to the graph that is being built."""
        known = {value: tf.identity(constant) for value, constant in self.constants.items()}
        known |= {value: seen(tensor, view) for (value, view), tensor in zip(self.inputs, tensors, strict=True)}
        for operation in self.operations:
            outputs = self.outputs(operation, [known[value] for value in operation.inputs])
            known |= {Value(operation, index): tensor for index, tensor in enumerate(outputs)}
        made = [tf.cast(known[each], self.dtype) if each in self.discrete else known[each] for each in self.targets]
        if self.rows_first is None:
            results = tuple(edge_of(tensor, self.rows) for tensor in made)
        else:
            results = tuple(parted(tensor, self.rows, tensors[0], self.rows_first) for tensor in made)
        return results[0] if len(results) == 1 else results

    def outputs(self, operation: Operation, tensors: list[tf.Tensor]) -> list[tf.Tensor]:
        """Return what an operation makes; what it moves or adds up stays floats, so that a tape can follow it."""
        node = operation.node
        floats = {
            index
            for index, (value, tensor) in enumerate(zip(operation.inputs, tensors, strict=True))
            if tensor.dtype.is_floating and not value.is_float
        }
        values = value_places(node) if floats else ()
        if floats and floats <= set(values):
            node = of_floats(node, self.dtype)
            tensors = [tf.cast(each, self.dtype) if i in values else each for i, each in enumerate(tensors)]
        else:
            tensors = [
                tf.cast(each, operation.inputs[i].spec.dtype) if i in floats else each for i, each in enumerate(tensors)
            ]
        made = run(node, tensors, len(operation.specs), self.dtype, self.version)
        if operation.type in COUNTING:
            return [tf.ensure_shape(y, spec.shape) for y, spec in zip(made, operation.specs, strict=True)]
        return made


def operations_between(targets: Sequence[Value], given: set[Value]) -> Iterator[Operation]:
    """Yield the operations that make targets of given values, each after its inputs; constants are left out."""
    left: list[tuple[Value, bool]] = [(value, False) for value in reversed(targets)]
    done: set[Operation] = set()
    while left:
        value, ready = left.pop()
        operation = value.operation
        if value in given or value.depends == Depends.NOTHING or operation in done:
            continue
        if ready:
            done.add(operation)
            yield operation
            continue
        left.append((value, True))
        left.extend((each, False) for each in reversed(operation.inputs))


def varying_inputs(operation: Operation) -> list[Value]:
    """Return the inputs that vary, each once; in place of complex numbers the floats that they are made of."""
    found: dict[Value, None] = {}
    left, done = list(reversed(operation.inputs)), set[Value]()
    while left:
        value = left.pop()
        if value in done or value.depends != Depends.INPUTS:
            continue
        done.add(value)
        if value.spec.dtype.is_complex:
            left.extend(reversed(value.operation.inputs))
        else:
            found[value] = None
    return list(found)


def leaves_of(values: Sequence[Value], given: set[Value]) -> list[Value]:
    """Return the values whose sizes some values are computed from."""
    found: dict[Value, None] = {}
    left, done = list(values), set[Value]()
    while left:
        value = left.pop()
        if value in done or value in given or value.depends == Depends.NOTHING:
            continue
        done.add(value)
        if value.depends == Depends.INPUTS:
            found[value] = None
        else:
            left.extend(value.operation.inputs)
    return list(found)


def check_derivative(function: Callable[..., Any], specs: Sequence[tf.TensorSpec]) -> None:
    """Trace the derivative of a function once.

    Raises
    ------
    UnsupportedLayerError
        If TensorFlow has none.
    """

    def back(*x: tf.Tensor) -> Any:
        made = function(*x)
        if not isinstance(made, tuple | list):
            return vjp(function, x, tf.ones_like(made))
        return vjp(function, x, [tf.ones_like(y) if y.dtype.is_floating else None for y in made])

    try:
        tf.function(back, input_signature=list(specs), autograph=False).get_concrete_function()
    except DeepLiftError:
        raise
    except Exception as error:  # each operation has a function of its own for it, which raises what it likes
        raise UnsupportedLayerError("is not known, and TensorFlow has no derivative of it") from error
