"""From a graph model to inputs, nodes and outputs of the network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

import tensorflow as tf

import deeplift_tf.conversion.graphs.structure  # noqa: F401 - fills the table of handlers
from deeplift_tf.conversion.draft import Draft, declared
from deeplift_tf.conversion.graphs.flattening import Flattening
from deeplift_tf.conversion.graphs.naming import Names
from deeplift_tf.conversion.graphs.operation import Depends, Value
from deeplift_tf.conversion.graphs.rows import mixes_rows
from deeplift_tf.conversion.graphs.tokens import with_tokens
from deeplift_tf.conversion.graphs.views import is_plain
from deeplift_tf.conversion.graphs.walk import Walk, everything
from deeplift_tf.conversion.readers.graph_model import GraphModel
from deeplift_tf.graph import Edge, Input

MIXES = "what it makes of one row depends on the rows beside it"


class Road(NamedTuple):
    """What a graph model becomes.

    Attributes
    ----------
    inputs : tuple of Input
    drafts : list of Draft
    outputs : dict of str to Edge
    problems : list of str
        What cannot be converted.
    mixes_rows : bool
        Whether what it makes of one row depends on the rows beside it.
    seen : dict of str to Edge
        The outputs, and what else the graph names, as far as it is a value of the network.
    """

    inputs: tuple[Input, ...]
    drafts: list[Draft]
    outputs: dict[str, Edge]
    problems: list[str]
    mixes_rows: bool
    seen: dict[str, Edge]


def operations_as_layers(model: GraphModel, dtype: tf.DType) -> Road:
    """Walk through a graph model.

    Raises
    ------
    UnsupportedLayerError, ModelFileError
        Where the graph cannot be laid open.
    """
    with closing(Flattening(with_tokens(model, dtype), dtype)) as flat:
        outputs = flat.outputs()
        specs = [value.spec for value in flat.inputs]
        inputs = tuple(Input(name, spec.shape, spec.dtype) for name, spec in zip(model.inputs, specs, strict=True))
        named = dict(zip(model.outputs, outputs, strict=True))
        names = Names(model.inputs, names_in(outputs))
        road = walked(flat, named, model.outputs, [value.edge for value in inputs], names)
        kinds = zip(road.outputs.items(), outputs, strict=True)
        ends = {name: declared(edge, value.spec.dtype, road.drafts) for (name, edge), value in kinds}
    return road._replace(inputs=inputs, outputs=ends)


def layers_within(
    model: GraphModel, dtype: tf.DType, edges: Sequence[Edge], prefix: str, wanted: Sequence[str] | None = None
) -> Road:
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
    with closing(Flattening(model, dtype)) as flat:
        outputs = dict(zip(model.outputs, flat.outputs(), strict=True))
        names = Names([], names_in(list(outputs.values())) if prefix else [], prefix)
        return walked(flat, outputs, list(model.outputs) if wanted is None else wanted, edges, names)


def walked(
    flat: Flattening, outputs: Mapping[str, Value], wanted: Iterable[str], edges: Sequence[Edge], names: Names
) -> Road:
    """Return what a walk finds; its inputs are left to the caller."""
    wanted = list(wanted)
    walk = Walk(flat, [outputs[name] for name in wanted], edges, names)
    walk.run()
    mixes = mixes_rows(flat.scratch, [outputs[name] for name in wanted])
    if mixes and not walk.problems:
        walk.problems.append(f"{flat.model.name}: {MIXES}")
    ends = dict(zip(wanted, walk.edges, strict=True))
    plain = {name: walk.known[value] for name, value in outputs.items() if value in walk.known}
    seen = {name: each.edge for name, each in plain.items() if is_plain(each.view)} | ends
    return Road((), walk.drafts, ends, walk.problems, mixes, seen)


def names_in(outputs: Sequence[Value]) -> list[str]:
    """Return the names of the operations that compute."""
    return [each.name for each in everything(outputs) if each.depends == Depends.INPUTS and each.node is not None]
