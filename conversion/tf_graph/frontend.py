"""The front end: turns a graph model into inputs, nodes and outputs of the network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

import tensorflow as tf

from deeplift_tf.conversion.builder.pending_node import PendingNode, declared
from deeplift_tf.conversion.readers.graph_model import GraphModel
from deeplift_tf.conversion.tf_graph import control_flow, lookups, loops
from deeplift_tf.conversion.tf_graph.inlining import Inlining
from deeplift_tf.conversion.tf_graph.layouts import is_plain
from deeplift_tf.conversion.tf_graph.lowering import Lowering
from deeplift_tf.conversion.tf_graph.naming import Names
from deeplift_tf.conversion.tf_graph.operation import Depends, Value, everything
from deeplift_tf.conversion.tf_graph.rows import mixes_rows
from deeplift_tf.conversion.tf_graph.tokens import with_tokens
from deeplift_tf.graph.graph import Edge, Input

MIXES = "what it makes of one row depends on the rows beside it"

HANDLE_OPERATIONS = (control_flow, lookups, loops)
"""Modules that register handlers of `inlining` when they are imported."""


class LoweredGraph(NamedTuple):
    """What a graph model becomes.

    Attributes
    ----------
    inputs : tuple of Input
    pending : list of PendingNode
    outputs : dict of str to Edge
    problems : list of str
        What cannot be converted.
    mixes_rows : bool
        Whether what it makes of one row depends on the rows beside it.
    seen : dict of str to Edge
        The outputs, and what else the graph names, as far as it is a value of the network.
    """

    inputs: tuple[Input, ...]
    pending: list[PendingNode]
    outputs: dict[str, Edge]
    problems: list[str]
    mixes_rows: bool
    seen: dict[str, Edge]


def operations_as_layers(model: GraphModel, dtype: tf.DType) -> LoweredGraph:
    """Walk through a graph model.

    Raises
    ------
    UnsupportedLayerError, ModelFileError
        If the graph cannot be inlined.
    """
    with closing(Inlining(with_tokens(model, dtype), dtype)) as flat:
        outputs = flat.outputs()
        specs = [value.spec for value in flat.inputs]
        inputs = tuple(Input(name, spec.shape, spec.dtype) for name, spec in zip(model.inputs, specs, strict=True))
        named = dict(zip(model.outputs, outputs, strict=True))
        names = Names(model.inputs, names_in(outputs))
        lowered = walked(flat, named, model.outputs, [value.edge for value in inputs], names)
        kinds = zip(lowered.outputs.items(), outputs, strict=True)
        ends = {name: declared(edge, value.spec.dtype, lowered.pending) for (name, edge), value in kinds}
    return lowered._replace(inputs=inputs, outputs=ends)


def layers_within(
    model: GraphModel, dtype: tf.DType, edges: Sequence[Edge], prefix: str, wanted: Sequence[str] | None = None
) -> LoweredGraph:
    """Walk through the graph of one layer that stands in a model.

    Parameters
    ----------
    model : GraphModel
    dtype : tf.DType
    edges : sequence of Edge
        What enters.
    prefix : str
        Put before the names of its operations; where it is empty they keep the scopes that they share.
    wanted : sequence of str, optional
        Those of its outputs that are read; all of them where none are named.
    """
    with closing(Inlining(model, dtype)) as flat:
        outputs = dict(zip(model.outputs, flat.outputs(), strict=True))
        names = Names([], names_in(list(outputs.values())) if prefix else [], prefix)
        return walked(flat, outputs, list(model.outputs) if wanted is None else wanted, edges, names)


def walked(
    flat: Inlining, outputs: Mapping[str, Value], wanted: Iterable[str], edges: Sequence[Edge], names: Names
) -> LoweredGraph:
    """Return what a walk finds; its inputs are left to the caller."""
    wanted = list(wanted)
    walk = Lowering(flat, [outputs[name] for name in wanted], edges, names)
    walk.run()
    mixes = mixes_rows(flat.scratch, [outputs[name] for name in wanted])
    if mixes and not walk.problems:
        walk.problems.append(f"{flat.model.name}: {MIXES}")
    ends = dict(zip(wanted, walk.edges, strict=True))
    plain = {name: walk.known[value] for name, value in outputs.items() if value in walk.known}
    seen = {name: each.edge for name, each in plain.items() if is_plain(each.view)} | ends
    return LoweredGraph((), walk.pending, ends, walk.problems, mixes, seen)


def names_in(outputs: Sequence[Value]) -> list[str]:
    """Return the names of the operations that compute."""
    return [each.name for each in everything(outputs) if each.depends == Depends.INPUTS and each.node is not None]
