"""Functions of a SavedModel without signatures, those of a tf.Module, with the inputs of each trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from deeplift_tf.conversion.readers.graph_model import GraphModel, needed
from deeplift_tf.conversion.readers.saved_variables import SavedVariables
from deeplift_tf.conversion.readers.untrusted.checkpoint import Checkpoint
from deeplift_tf.conversion.readers.untrusted.constants import check_tensors
from deeplift_tf.errors import ModelFileError, UnsupportedLayerError

CALL = "call"  # the name of the node that calls the function


class Trace(NamedTuple):
    """A function as it was traced once.

    Attributes
    ----------
    function : str
        In the library of the graph.
    inputs : tuple of tf.TensorSpec
        Of its tensors.
    flags : tuple
        The other arguments, for example training=False.
    outputs : structure of tf.TensorSpec
    bound : tuple of int
        The objects that it captures.
    """

    function: str
    inputs: tuple[tf.TensorSpec, ...]
    flags: tuple[Any, ...]
    outputs: Any
    bound: tuple[int, ...]

    def __str__(self) -> str:
        parts = [f"{spec.dtype.name} {spec.shape}" for spec in self.inputs]
        return ", ".join([*parts, *(repr(flag) for flag in self.flags if flag is not None)])

    def covers(self, other: Trace) -> bool:
        """Whether every input of another trace fits this one."""
        pairs = list(zip(self.inputs, other.inputs, strict=False))
        same = len(self.inputs) == len(other.inputs) and self.flags == other.flags
        return same and all(own.dtype == spec.dtype and _at_least(own.shape, spec.shape) for own, spec in pairs)


def _at_least(general: tf.TensorShape, special: tf.TensorShape) -> bool:
    if general.rank is None or special.rank is None or general.rank != special.rank:
        return general.rank is None
    return all(size is None or size == other for size, other in zip(general, special, strict=True))


def traces_of(meta: Any) -> dict[str, Trace]:
    """Return the functions of the root object of a meta graph that take tensors and return some.

    Returns
    -------
    dict of str to Trace
        By name where one trace is the most general of a function, training=False going first; of other functions each
        trace by ``name:0``, ``name:1``, ...
    """
    objects = meta.object_graph_def
    found: dict[str, Trace] = {}
    for child in objects.nodes[0].children if objects.nodes else ():
        names = objects.nodes[child.node_id].function.concrete_functions
        traces = [trace for trace in (_trace(name, objects.concrete_functions[name]) for name in names) if trace]
        best = _best(traces)
        found |= {child.local_name: best} if best else {}
        found |= {f"{child.local_name}:{index}": trace for index, trace in enumerate(traces) if len(traces) > 1}
    return found


def _trace(name: str, concrete: Any) -> Trace | None:
    from tensorflow.python.saved_model import nested_structure_coder

    for signature in (concrete.canonicalized_input_signature, concrete.output_signature):
        check_tensors(signature, f"the signature of {name!r}")
    given = nested_structure_coder.decode_proto(concrete.canonicalized_input_signature)
    parts = tf.nest.flatten(given)
    outputs = nested_structure_coder.decode_proto(concrete.output_signature)
    inputs = tuple(part for part in parts if isinstance(part, tf.TensorSpec))
    flags = tuple(part for part in parts if not isinstance(part, tf.TypeSpec))
    dense = all(isinstance(part, tf.TensorSpec) for part in tf.nest.flatten(outputs))
    others = any(isinstance(part, tf.TypeSpec) and not isinstance(part, tf.TensorSpec) for part in parts)
    if not inputs or others or not dense or outputs is None:
        return None
    return Trace(name, inputs, flags, outputs, tuple(concrete.bound_inputs))


def _best(traces: Sequence[Trace]) -> Trace | None:
    """Return the trace that all others are special cases of, among those without a flag that is set."""
    plain = [trace for trace in traces if not any(flag is True for flag in trace.flags)] or list(traces)
    return next((trace for trace in plain if all(trace.covers(other) for other in plain)), None)


def described(traces: Mapping[str, Trace]) -> str:
    """Return what to say of functions that are offered as signatures; empty where there are none."""
    return ", ".join(f"{name!r} ({trace})" for name, trace in sorted(traces.items()))


def function_model(name: str, trace: Trace, meta: Any, folder: Path) -> GraphModel:
    """Return the graph of a function.

    Raises
    ------
    UnsupportedLayerError
        If it captures something that is neither a variable nor a constant, such as a table.
    ModelFileError
        If the file lacks the function.
    """
    library = {function.signature.name: function for function in meta.graph_def.library.function}
    if trace.function not in library:
        raise ModelFileError(f"{folder}: expected the function {trace.function!r} in the graph; found no such function")
    graph = type(meta.graph_def)(versions=meta.graph_def.versions)
    graph.library.CopyFrom(meta.graph_def.library)
    specs = {f"input_{index}": spec for index, spec in enumerate(trace.inputs)}
    for node, spec in specs.items():
        graph.node.add(name=node, op="Placeholder").attr["dtype"].type = spec.dtype.as_datatype_enum
    constants = {node.name: node for node in meta.graph_def.node}
    objects, variables = meta.object_graph_def.nodes, dict[str, int]()
    captured = [_captured(number, objects[number], graph, constants, variables, folder) for number in trace.bound]
    signature = library[trace.function].signature
    call = graph.node.add(name=CALL, op="StatefulPartitionedCall", input=[*specs, *captured])
    call.attr["f"].func.name = trace.function
    call.attr["Tin"].list.type.extend(each.type for each in signature.input_arg)
    call.attr["Tout"].list.type.extend(each.type for each in signature.output_arg)
    outputs = _outputs(trace)
    keys = Checkpoint(folder / "variables" / "variables").keys(objects) if variables else {}
    values = SavedVariables(folder, {node: keys[number] for node, number in variables.items() if number in keys})
    inputs = {spec.name or node: tf.TensorSpec(spec.shape, spec.dtype, node) for node, spec in specs.items()}
    return GraphModel(f"{folder} ({name})", needed(graph, outputs.values()), inputs, outputs, values)


def _captured(
    number: int, found: Any, graph: Any, constants: Mapping[str, Any], variables: dict[str, int], folder: Path
) -> str:
    """Add the node of a variable or constant that a function captures to a graph, and return its name."""
    name = f"captured_{number}"
    kind = found.WhichOneof("kind")
    if any(node.name == name for node in graph.node):
        return name
    if kind == "variable":
        node = graph.node.add(name=name, op="VarHandleOp")
        node.attr["shared_name"].s = name.encode()  # without one all variables would be the same
        node.attr["dtype"].type = found.variable.dtype
        node.attr["shape"].shape.CopyFrom(found.variable.shape)
        variables[name] = number
    elif kind == "constant" and found.constant.operation in constants:
        node = graph.node.add()
        node.CopyFrom(constants[found.constant.operation])
        node.name = name
    else:
        raise UnsupportedLayerError(
            f"{folder}: expected functions of variables and constants; found one that captures a {kind}. "
            "Save it with a signature: tf.saved_model.save(module, folder, signatures=function)"
        )
    return name


def _outputs(trace: Trace) -> dict[str, str]:
    """Return the outputs that are floats, or all where none is, by the keys of a dict or in order."""
    flat = tf.nest.flatten(trace.outputs)
    names = list(_names(trace.outputs, ""))
    floats = [index for index, spec in enumerate(flat) if spec.dtype.is_floating] or range(len(flat))
    return {names[index]: f"{CALL}:{index}" for index in floats}


def _names(structure: Any, start: str) -> Iterator[str]:
    if isinstance(structure, Mapping):
        for key in sorted(structure):
            yield from _names(structure[key], f"{start}/{key}" if start else str(key))
    elif isinstance(structure, list | tuple):
        for index, part in enumerate(structure):
            yield from _names(part, f"{start}/{index}" if start else f"output_{index}")
    else:
        yield start or "output_0"
