"""The network: a graph of DeepLIFT layers that predicts as the model does and compiles into scoring functions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.arrays.rows import slices
from deeplift_tf.deprecation import renamed_keyword
from deeplift_tf.errors import DeepLiftError, LayerNameError
from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Graph, Node, unknown
from deeplift_tf.graph.rule_assignment import RuleChoice, with_rules
from deeplift_tf.graph.time_distributed import TimeDistributed
from deeplift_tf.pickling import Portable
from deeplift_tf.printable import text_table
from deeplift_tf.scoring.batches import as_tensor
from deeplift_tf.scoring.capacity import COPIES_FORWARD, computing, require_room
from deeplift_tf.scoring.display import Displayed
from deeplift_tf.scoring.fixed_at_input import dtypes_of
from deeplift_tf.scoring.inputs import as_input_arrays
from deeplift_tf.scoring.score import Score
from deeplift_tf.serving.export import export

if TYPE_CHECKING:
    from deeplift_tf.conversion.check import CheckReport


class Origin(NamedTuple):
    """What a network was converted from.

    Attributes
    ----------
    model : path, pair of paths, model, or Members
    options : mapping of str to object
        How it was read: custom_objects, safe_mode and signature, see `dl.convert`.
    compare : callable
        Compares the two.
    """

    model: Any
    options: Mapping[str, Any]
    compare: Callable[..., CheckReport]


class Members(tuple["Network", ...]):
    """The networks that one was made of, as its origin."""


class LayerRow(NamedTuple):
    """One line of the table of layers."""

    name: str
    keras_class: str
    kind: str
    rule: str
    output_shape: tuple[int | None, ...]
    exact: bool


class ByName(dict[str, Node]):
    """Nodes by name."""

    def __missing__(self, name: str) -> Node:
        raise LayerNameError(unknown(str(name), self))


class Network(Displayed, Portable):
    """DeepLIFT layers in the order of the converted model. `dl.convert` makes one.

    Parameters
    ----------
    graph : Graph
    dtype : tf.DType
        Of every float in it.
    origin : Origin, optional
        The model that it was converted from, for `check`.
    """

    exporter = staticmethod(export)
    """What ``score.export`` does."""

    def __init__(self, graph: Graph, dtype: tf.DType = tf.float32, origin: Origin | None = None) -> None:
        self.graph, self.dtype, self.origin = graph, dtype, origin

    def __getstate__(self) -> dict[str, Any]:
        """Leave out compiled functions (a copy compiles its own) and a live model, which stays in its process."""
        named = self.origin is not None and isinstance(self.origin.model, (str, PathLike, Members))
        return {"graph": self.graph, "dtype": self.dtype, "origin": self.origin if named else None}

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return the lines of its display."""
        rules = dict.fromkeys(row.rule for row in self.table() if row.rule)
        approximate = self.approximate_layers
        return [
            ("inputs", ", ".join(f"{v.name}: {tuple(v.shape)} {v.dtype.name}" for v in self.graph.inputs)),
            ("outputs", ", ".join(f"{name}: {shape}" for name, shape in self.output_shapes.items())),
            ("layers", f"{len(self.graph.nodes)}; network.summary() lists them"),
            ("rules", ", ".join(rules) or "none: no layer has a nonlinearity"),
            ("approximate", f"{len(approximate)}: {', '.join(approximate)}" if approximate else "none"),
            ("dtype", self.dtype.name),
        ]

    @property
    def layers(self) -> Mapping[str, Node]:
        """The nodes by name; the error about an unknown name lists the closest ones."""
        return MappingProxyType(ByName({node.name: node for node in self.graph.nodes}))

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, in order."""
        return tuple(value.name for value in self.graph.inputs)

    @property
    def input_shapes(self) -> dict[str, tuple[int | None, ...]]:
        """Shape of each input, None for the axis of rows."""
        return {value.name: tuple(value.shape) for value in self.graph.inputs}

    @property
    def input_dtypes(self) -> dict[str, str]:
        """Dtype of each input."""
        return {value.name: value.dtype.name for value in self.graph.inputs}

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return tuple(self.graph.outputs)

    @property
    def output_shapes(self) -> dict[str, tuple[int | None, ...]]:
        """Shape of each output, None for the axis of rows."""
        return {name: tuple(self.graph.shape(edge)) for name, edge in self.graph.outputs.items()}

    @property
    def float_inputs(self) -> tuple[Edge, ...]:
        """The inputs that can differ from a reference."""
        return tuple(value.edge for value in self.graph.inputs if value.dtype.is_floating)

    @property
    def approximate_layers(self) -> tuple[str, ...]:
        """Names of the layers whose rule is not exact."""
        return tuple(node.name for node in self.graph.nodes if not node.layer.exact)

    @functools.cached_property
    def value_dtypes(self) -> Mapping[Edge, tf.DType]:
        """Dtype of every value of the graph."""
        return dtypes_of(self.graph)

    def edge(self, name: str) -> Edge:
        """Return the value of a layer, of an input or of a nested model; see `Graph.value`.

        Raises
        ------
        LayerNameError
            If nothing has this name.
        """
        return self.graph.value(name)

    def with_rule(self, rule: RuleChoice) -> Network:
        """Return the same network under another rule, sharing weights.

        Parameters
        ----------
        rule : str, Rule or mapping
            As for `dl.convert`.
        """
        return Network(with_rules(self.graph, rule), self.dtype, self.origin)

    def check(self, x: Any = None, references: Any = None, *, seed: int = 0, length: int | None = None) -> CheckReport:
        """Compare with the model as Keras or TensorFlow runs it: on random input of several scales, and on x.

        Parameters
        ----------
        x, references : optional
            As for a score call.
        seed : int
            Of the random input.
        length : int, optional
            Of axes of the random input whose size the model leaves open; by default one that is found.

        Returns
        -------
        CheckReport
            Differences of predictions, the layers where they part, and the sum-to-delta error; `passed` where
            predictions are the model's.

        Raises
        ------
        DeepLiftError
            If the network was not made by `dl.convert`, or the model does not run.
        """
        if self.origin is None:
            raise DeepLiftError("check: this network was not made by dl.convert, so there is no model to compare with")
        return self.origin.compare(
            self.origin.model, self, seed=seed, x=x, references=references, length=length, **self.origin.options
        )

    @renamed_keyword("xla", "jit_compile")
    def compile(self, layers: str | Sequence[str] | None = None, *, jit_compile: bool = False) -> Score:
        """Return a function that scores the model inputs, or hidden layers.

        Parameters
        ----------
        layers : None, str or sequence of str
            None: the inputs. A name, or several; their scores come as an array, or as a dict by name. A nested model's
            name means its output; the last part of a name will do where no other ends in it.
        jit_compile : bool
            Compile the arithmetic of activations with XLA: faster, most of all under RevealCancel, but every size of a
            batch is compiled anew, for about a second. Batches are filled up to a power of two, or to whole ones.

        Raises
        ------
        LayerNameError
            If a layer is not there.
        """
        return Score(self, layers, jit_compile)

    def predict(self, x: Any, batch_size: int = 32) -> Any:
        """Return what the original model predicts.

        Parameters
        ----------
        x : array, or list or dict of arrays, shape (N, ...)
        batch_size : int

        Returns
        -------
        np.ndarray, or dict of them by output name where the model has several
        """
        batch = as_input_arrays(x, self.graph.inputs)
        require_room(self.graph, batch.row_shapes, min(len(batch), batch_size), COPIES_FORWARD)
        parts = []
        for part in slices(len(batch), batch_size):
            rows = [as_tensor(a[part], value.dtype) for a, value in zip(batch.arrays, self.graph.inputs, strict=True)]
            with computing("prediction"):
                parts.append([y.numpy() for y in self.forward_function(*rows)])
        whole = [np.concatenate(each) for each in zip(*parts, strict=True)]
        return whole[0] if len(whole) == 1 else dict(zip(self.output_names, whole, strict=True))

    def table(self) -> list[LayerRow]:
        """Return one row for each layer."""
        return [
            LayerRow(
                node.name,
                node.keras_class,
                node.layer.kind,
                rules_of(node) if reads_rule(node) else "",
                tuple(node.shapes[0]),
                node.layer.exact,
            )
            for node in self.graph.nodes
        ]

    def summary(self, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print the table of layers.

        Parameters
        ----------
        print_fn : callable, optional
            Called once with the whole text in place of printing it.
        """
        text = render(self.table())
        (print_fn or print)(text)

    @functools.cached_property
    def forward_function(self) -> Any:
        """The forward pass as one compiled function of the inputs."""
        edges = [value.edge for value in self.graph.inputs]

        def forward(*x: tf.Tensor) -> list[tf.Tensor]:
            values = propagation.forward(self.graph.nodes, dict(zip(edges, x, strict=True)))
            return [values[edge] for edge in self.graph.outputs.values()]

        signature = [tf.TensorSpec(value.shape, value.dtype) for value in self.graph.inputs]
        return tf.function(forward, input_signature=signature, autograph=False).get_concrete_function()


def reads_rule(node: Node) -> bool:
    """Whether a node's scores depend on its rule: affine layers have none."""
    return node.layer.kind not in ("Linear", "Routing")


def rules_of(node: Node) -> str:
    """Return the name of a node's rule; of a layer that holds others, those of the nodes inside that read one."""
    inside = node.layer.graph.nodes if isinstance(node.layer, TimeDistributed) else (node,)
    names = dict.fromkeys(each.rule.name for each in inside if reads_rule(each))
    return ", ".join(names) or node.rule.name


def render(rows: Sequence[LayerRow]) -> str:
    """Return the table of layers as text in columns."""
    head = ("layer", "Keras class", "kind", "rule", "output shape", "")
    lines = [
        (row.name, row.keras_class, row.kind, row.rule, str(row.output_shape), "" if row.exact else "approximate")
        for row in rows
    ]
    return text_table(head, lines)
