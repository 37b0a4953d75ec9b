"""Inlining: functions and loops replaced by their bodies, variables by constants."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.readers.graph_model import GraphModel, names_called, node_of
from deeplift_tf.conversion.readers.untrusted.limits import MAX_OPERATIONS
from deeplift_tf.conversion.readers.untrusted.saved_model_safety import definition
from deeplift_tf.conversion.tf_graph.import_op import SPELLED
from deeplift_tf.conversion.tf_graph.operation import Value, everything, plain
from deeplift_tf.conversion.tf_graph.shape_inference import ShadowGraph
from deeplift_tf.errors import DeepLiftError, ModelFileError, UnsupportedLayerError

DEEPEST = 100  # calls of functions inside one another
CHANGING = (
    *("Assign", "ResourceApply", "ResourceScatter", "ResourceSparseApply"),
    *("InitializeTable", "LookupTableImport", "LookupTableInsert", "LookupTableRemove"),
)
"""Beginnings of the names of operations that change a variable or a table, their first input."""


class VariableRead(NamedTuple):
    """A variable that is read: the node whose value the model holds."""

    node: str


class TableRead(NamedTuple):
    """A table of words or numbers that is read: the node whose contents the model holds."""

    node: str


class TensorListItems(NamedTuple):
    """A list of tensors (TensorList), each None until it is set."""

    items: tuple[Value | None, ...]


Entry = Any
"""What a node makes: a Value, a Variable, a Table, Items, or None where it does not run."""

Handler = Callable[["Inlining", "LoopFrame", Any, list[Entry]], list[Entry]]

HANDLERS: dict[str, Handler] = {}
"""Of the operations that are no computation: filled by `structure` and `lookups`."""


def handles(*kinds: str) -> Callable[[Handler], Handler]:
    """Register what is done with some operations."""

    def enter(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(kinds, handler))
        return handler

    return enter


class LoopFrame(NamedTuple):
    """The nodes of the graph or of one function, what its arguments are, and what its nodes have made."""

    nodes: Mapping[str, Any]
    arguments: Mapping[str, list[Entry]]
    made: dict[str, list[Entry]]
    depth: int = 0


class Inlining:
    """One graph model with its functions and loops inlined.

    Parameters
    ----------
    model : GraphModel
    dtype : tf.DType
        In which floats are computed.
    """

    def __init__(self, model: GraphModel, dtype: tf.DType) -> None:
        self.model, self.dtype = model, dtype
        self.functions = {function.signature.name: function for function in model.graph.library.function}
        self.check_size()
        self.scratch = ShadowGraph(dtype, model.graph.versions.producer)
        self.inputs = [self.scratch.place(name, self.open_rows(spec)) for name, spec in model.inputs.items()]
        rows = {spec.shape[0] for spec in model.inputs.values()}
        self.scratch.fixed_rows = rows.pop() if len(rows) == 1 else None
        self.count, self.steps, self.around = 0, 0, 1
        self.read: dict[str, Value] = {}
        self.changes: dict[str, str] = {}
        self.decisive: list[Value] = []

    def close(self) -> None:
        """Free what the computation of constants took."""
        self.scratch.close()

    def check_size(self) -> None:
        """Count the operations before they are inlined: functions that call one another twice make 2^n of them.

        Raises
        ------
        ModelFileError
            If they are more than any real model has, or a function calls itself.
        """
        counts: dict[str, int] = {}

        def count(nodes: Iterable[Any], depth: int) -> int:
            if depth > DEEPEST:
                raise ModelFileError(f"{self.model.name}: expected calls at most {DEEPEST} deep; found more")
            total = 0
            for node in nodes:
                for name in names_called(node) & self.functions.keys():
                    if name not in counts:
                        counts[name] = count(self.functions[name].node_def, depth + 1)
                    total += counts[name]
                total += 1
            return total

        found = count(self.model.graph.node, 0)
        if found > MAX_OPERATIONS:
            raise ModelFileError(f"{self.model.name}: expected at most {MAX_OPERATIONS} operations; found {found}")

    def open_rows(self, spec: tf.TensorSpec) -> tf.TensorSpec:
        """Return an input with any number of rows, floats in the dtype of the network."""
        if spec.shape.rank in (None, 0):
            raise UnsupportedLayerError(f"{self.model.name}: expected inputs with an axis of rows; found {spec.shape}")
        dtype = self.dtype if spec.dtype.is_floating else spec.dtype
        return tf.TensorSpec([None, *spec.shape[1:]], dtype)

    def outputs(self) -> list[Value]:
        """Return the outputs in their order.

        Raises
        ------
        UnsupportedLayerError
            If an operation cannot be followed.
        """
        names = [spec.name for spec in self.model.inputs.values()]
        arguments = {name: [value] for name, value in zip(names, self.inputs, strict=True)}
        frame = LoopFrame({node.name: node for node in self.model.graph.node}, arguments, {})
        found = self.entries(frame, list(self.model.outputs.values()))
        outputs = [self.value(entry, name) for entry, name in zip(found, self.model.outputs, strict=True)]
        self.check_changes([*outputs, *self.decisive])
        return outputs

    def note_changes(self, frame: LoopFrame) -> None:
        """Note the variables that a function changes, whatever it makes."""
        for node in frame.nodes.values():
            if node.op.startswith(CHANGING):
                (entry,) = self.entries(frame, [node.input[0]])
                if isinstance(entry, VariableRead | TableRead):
                    self.changes[entry.node] = node.name

    def check_changes(self, values: Sequence[Value]) -> None:
        """Refuse a model that is computed from variables which change while it runs.

        A layer that draws random numbers in training changes its seed in any case, and lets it have no effect.

        Parameters
        ----------
        values : sequence of Value
            The outputs, and what branches and loops go by.

        Raises
        ------
        UnsupportedLayerError
            Naming those that it reads.
        """
        used = {operation.name for operation in everything([*values, *self.scratch.counted])}
        read = {name for name, value in self.read.items() if value.operation.name in used}
        unsteady = [name for name in self.changes if name in read]
        if unsteady:
            listed = ", ".join(f"{name!r} (by {self.changes[name]!r})" for name in unsteady)
            raise UnsupportedLayerError(
                f"{self.model.name}: expected variables that stay as they are; the model reads some that it changes "
                f"while it runs: {listed}. {advice(unsteady)}"
            )

    def entries(self, frame: LoopFrame, tensors: Sequence[str]) -> list[Entry]:
        """Return what some tensors of a frame are."""
        for node in in_order(frame, tensors):
            self.count += 1
            if self.count > MAX_OPERATIONS:
                raise ModelFileError(f"{self.model.name}: expected at most {MAX_OPERATIONS} operations; found more")
            inputs = [self.entry(frame, ref) for ref in node.input if not ref.startswith("^")]
            frame.made[node.name] = self.make(frame, node, inputs)
        return [self.entry(frame, tensor) for tensor in tensors]

    def entry(self, frame: LoopFrame, tensor: str) -> Entry:
        """Return what one tensor is: ``node:index`` in a graph, ``node:output:index`` in a function."""
        name, *place = tensor.split(":")
        if name in frame.arguments:
            return frame.arguments[name][int(place[-1]) if place and place[-1].isdigit() else 0]
        index = int(place[-1]) if place and place[-1].isdigit() else 0
        if len(place) == 2:
            index += self.offset(frame.nodes[name], place[0])
        return frame.made[name][index]

    def offset(self, node: Any, output: str) -> int:
        """Return at which place the outputs of this name start among all of a node."""
        function = self.functions.get(node.op)
        arguments = (function.signature if function is not None else definition(node.op)).output_arg
        before = 0
        for argument in arguments:
            if argument.name == output:
                return before
            before += count_of(argument, node)
        return 0

    def make(self, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
        """Return the outputs of one node."""
        if node.op in self.functions:
            return self.call(frame, node.op, inputs)
        handler = HANDLERS.get(node.op)
        if handler is not None:
            return handler(self, frame, node, inputs)
        if any(entry is None for entry in inputs):
            return [None] * self.output_count(node)
        return list(self.compute(node, [self.value(entry, node.name) for entry in inputs]))

    def compute(self, node: Any, inputs: Sequence[Value], name: str = "") -> list[Value]:
        """Add an operation.

        Raises
        ------
        UnsupportedLayerError
            If TensorFlow does not accept it.
        """
        if getattr(definition(node.op), "is_stateful", False) and node.op not in SPELLED:
            raise UnsupportedLayerError(f"operation {node.name!r} ({node.op}) does more than compute")
        try:
            return self.scratch.add(name or node.name, node, inputs, self.output_count(node))
        except DeepLiftError:
            raise
        except (ValueError, tf.errors.OpError) as error:
            raise UnsupportedLayerError(f"operation {node.name!r} ({node.op}) does not run: {error}") from error

    def new(self, kind: str, inputs: Sequence[Value], name: str, **settings: Any) -> list[Value]:
        """Add an operation that the graph itself does not have."""
        node = tf.compat.v1.NodeDef(name=name, op=kind)
        for key, value in settings.items():
            if isinstance(value, tf.DType):
                node.attr[key].type = value.as_datatype_enum
            else:
                node.attr[key].i = value
        return self.compute(node, inputs)

    def output_count(self, node: Any) -> int:
        """Return how many outputs a node has."""
        known = definition(node.op)
        if known is None:
            raise UnsupportedLayerError(f"operation {node.name!r} ({node.op}) is none that TensorFlow knows")
        return sum(count_of(argument, node) for argument in known.output_arg)

    def call(
        self, frame: LoopFrame, name: str, inputs: Sequence[Entry], wanted: Container[int] | None = None
    ) -> list[Entry]:
        """Return what a function of the library makes: all, or None in place of outputs that are not wanted."""
        function = self.functions.get(name)
        if function is None or frame.depth >= DEEPEST:
            raise ModelFileError(f"{self.model.name}: expected a function {name!r}, at most {DEEPEST} calls deep")
        signature = function.signature
        arguments = {each.name: [entry] for each, entry in zip(signature.input_arg, inputs, strict=True)}
        inner = LoopFrame({node.name: node for node in function.node_def}, arguments, {}, frame.depth + 1)
        if wanted is None:
            self.note_changes(inner)
            return self.entries(inner, [function.ret[each.name] for each in signature.output_arg])
        made = [function.ret[each.name] for each in signature.output_arg]
        found = iter(self.entries(inner, [tensor for index, tensor in enumerate(made) if index in wanted]))
        return [next(found) if index in wanted else None for index in range(len(made))]

    def value(self, entry: Entry, name: str) -> Value:
        """Return an entry that has to be a tensor.

        Raises
        ------
        UnsupportedLayerError
            If it is something else.
        """
        if isinstance(entry, Value):
            return entry
        found = {VariableRead: "a variable", TableRead: "a table", TensorListItems: "a list of tensors"}.get(
            type(entry), "nothing"
        )
        raise UnsupportedLayerError(f"operation {name!r}: expected a tensor; found {found}, which is not followed")

    def held(self, name: str) -> Value:
        """Return the value of a variable, or of a tensor that the model holds."""
        if name not in self.read:
            self.read[name] = self.scratch.stored(name, np.asarray(self.model.values[name]))
        return self.read[name]


def advice(variables: Iterable[str]) -> str:
    """Return what to do about variables that change, by what their names say that they are."""
    if any("seed" in name for name in variables):
        return (
            "They are seeds: the graph draws random numbers in every call, since Keras exports layers of augmentation "
            "as they are in training. Export the model without them, or convert the Keras model itself, live or from "
            "its .keras file, where they do nothing"
        )
    return (
        "With a state that one call leaves to the next, scores would depend on earlier calls. Build the layer with "
        "stateful=False, or convert the Keras model itself, live or from its .keras file: it starts from zeros"
    )


def in_order(frame: LoopFrame, tensors: Sequence[str]) -> Iterator[Any]:
    """Yield the nodes that tensors need and that are not made yet, each after its inputs.

    Raises
    ------
    UnsupportedLayerError
        If nodes wait for one another, as in loops of TensorFlow 1.
    """
    left = [(node_of(tensor), False) for tensor in reversed(tensors)]
    waiting: set[str] = set()
    while left:
        name, ready = left.pop()
        if name in frame.arguments or name in frame.made:
            continue
        node = frame.nodes.get(name)
        if node is None:
            raise ModelFileError(f"expected an operation {name!r}, which others read; found none of that name")
        if ready:
            yield node
            continue
        if name in waiting:
            raise UnsupportedLayerError(f"operation {name!r} ({node.op}) is part of a loop that is not followed")
        waiting.add(name)
        left.append((name, True))
        left.extend((node_of(ref), False) for ref in reversed(node.input) if not ref.startswith("^"))


def count_of(argument: Any, node: Any) -> int:
    """Return how many tensors one argument of an operation consists of."""
    if argument.number_attr:
        return int(node.attr[argument.number_attr].i)
    if argument.type_list_attr:
        return len(node.attr[argument.type_list_attr].list.type)
    return 1


def setting(node: Any, name: str) -> Any:
    """Return an attribute of a node as a Python value."""
    return plain(node.attr[name])
