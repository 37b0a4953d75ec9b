"""From a graph model to inputs, nodes and outputs of the network."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

import tensorflow as tf

import deeplift_tf.conversion.graphs.structure  # noqa: F401 - fills the table of handlers
from deeplift_tf.conversion.draft import Draft
from deeplift_tf.conversion.graphs.flattening import Flattening
from deeplift_tf.conversion.graphs.naming import Names
from deeplift_tf.conversion.graphs.operation import Depends, Value
from deeplift_tf.conversion.graphs.rows import mixes_rows
from deeplift_tf.conversion.graphs.tokens import with_tokens
from deeplift_tf.conversion.graphs.walk import Walk, everything
from deeplift_tf.conversion.readers.graph_model import GraphModel
from deeplift_tf.graph import Edge, Input


class Road(NamedTuple):
    """What a graph model becomes.

    Attributes
    ----------
    inputs : tuple of Input
    drafts : list of Draft
    outputs : dict of str to Edge
    problems : list of str
        What cannot be converted.
    """

    inputs: tuple[Input, ...]
    drafts: list[Draft]
    outputs: dict[str, Edge]
    problems: list[str]


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
        walk = walked(flat, outputs, [value.edge for value in inputs], Names(model.inputs, names_in(outputs)))
    return Road(inputs, walk.drafts, dict(zip(model.outputs, walk.edges, strict=True)), walk.problems)


def layers_within(model: GraphModel, dtype: tf.DType, edges: Sequence[Edge], prefix: str) -> Road:
    """Walk through the graph of one layer that stands in a model.

    Parameters
    ----------
    model : GraphModel
    dtype : tf.DType
    edges : sequence of Edge
        What enters.
    prefix : str
        Put before the names of its operations.
    """
    with closing(Flattening(model, dtype)) as flat:
        outputs = flat.outputs()
        walk = walked(flat, outputs, edges, Names([], names_in(outputs), prefix))
    return Road((), walk.drafts, dict(zip(model.outputs, walk.edges, strict=True)), walk.problems)


def walked(flat: Flattening, outputs: Sequence[Value], edges: Sequence[Edge], names: Names) -> Walk:
    """Return a walk that is done."""
    walk = Walk(flat, outputs, edges, names)
    walk.run()
    if not walk.problems and mixes_rows(flat.scratch, outputs):
        walk.problems.append(f"{flat.model.name}: what it makes of one row depends on the rows beside it")
    return walk


def names_in(outputs: Sequence[Value]) -> list[str]:
    """Return the names of the operations that compute."""
    return [each.name for each in everything(outputs) if each.depends == Depends.INPUTS and each.node is not None]
