"""The floor: what the products of a network take alone, each in a function of its own, forward and transposed.

Products are the convolutions, the dense layers and the contractions of attention. Nothing that computes the scores of
this network by a pass forward and one back takes less; what a call under Rescale takes more is its slopes, pooling,
sums and so on (`spent`).
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.cases import TARGET, Case, data_of
from benchmarks.memory import held
from benchmarks.models import build
from benchmarks.ours import Ours
from benchmarks.timing import Thing, interleaved
from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Graph, Node
from deeplift_tf.graph.passes import optimize
from deeplift_tf.layers.kinds import Linear
from deeplift_tf.layers.merging import Contraction
from deeplift_tf.rules.multipliers import Difference, Multipliers, Pairing
from deeplift_tf.rules.tensors import vjp

PRODUCTS = (Linear, Contraction)
PASSES = ("forward", "reference", "back")  # in the order of a call, so that none finds its weights in the caches


def floor(case: Case, repeats: int) -> dict[str, Any]:
    """Return what the products of a network take, and what a whole call takes in the same process.

    Returns
    -------
    dict
        layers: for each name the seconds of each of the `PASSES`; rescale: the seconds of a call under
        Rescale with a shared reference; pairs: how many examples that all is for; values: bytes of the values of all
        layers for the examples; held: bytes that a call under Rescale, and one of the gradient of
        the Keras model, hold at most.
    """
    ours = Ours(case, build(case), data_of(case))
    graph = simplified(ours)
    x, reference = (values(graph, rows) for rows in (ours.data.x, ours.data.shared))
    things = {"call": Thing(functools.partial(traced(tf.identity, tf.zeros([1])), tf.zeros([1])), 1)}
    products = [passes(node, x, reference) for node in graph.nodes if isinstance(node.layer, PRODUCTS)]
    for way in PASSES:
        things |= {name: thing for made in products for name, thing in made.items() if name.startswith(way)}
    rescale = ours.scores("rescale", ours.data.shared)
    found = interleaved({**things, "rescale": rescale}, repeats)
    medians = {name: statistics.median(each["seconds"]) for name, each in found.items()}
    return {
        "layers": by_layer(medians),
        "rescale": medians["rescale"],
        "pairs": rescale.pairs,
        "values": sum(np.asarray(x[Edge(node.name)]).nbytes for node in graph.nodes),
        "held": {"rescale": held(rescale.call), "gradient": held(after_first(ours.gradient))},
    }


def after_first(call: Callable[[], Any]) -> Callable[[], Any]:
    """Return a call that has been made once, so that it traces no more."""
    call()
    return call


def simplified(ours: Ours) -> Graph:
    """Return the graph that is compiled to score the network's target."""
    score = ours.score("rescale")
    target = score.ask(ours.data.x[:1], ours.data.shared, TARGET, output=ours.case.head).target
    return optimize(ours.network.graph, [target, *score.scored])


def values(graph: Graph, rows: np.ndarray) -> propagation.Values:
    """Return the values of all edges for some rows of the only input."""
    (source,) = graph.inputs
    return propagation.forward(graph.nodes, {source.edge: tf.constant(rows)})


def passes(node: Node, x: propagation.Values, reference: propagation.Values) -> dict[str, Thing]:
    """Return a node's passes: forward and back for the examples, and forward for the reference."""
    inputs, output = [x[edge] for edge in node.inputs], x[Edge(node.name)]
    shared = [reference[edge] for edge in node.inputs]
    forward = traced(node.layer.forward, *inputs)
    back = traced(functools.partial(transposed, node), output, *inputs)
    made = {"forward": (forward, inputs), "back": (back, [output, *inputs]), "reference": (forward, shared)}
    return {f"{way} {node.name}": Thing(functools.partial(run, *given), 1) for way, (run, given) in made.items()}


def transposed(node: Node, multipliers: tf.Tensor, *inputs: tf.Tensor) -> list[tf.Tensor]:
    """Return what a product sends back: Lᵀm, or to each factor the product with the other one."""
    if isinstance(node.layer, Contraction):
        return vjp(node.layer.forward, inputs, multipliers)
    step = propagation.step_of(node, differences(node, inputs, multipliers), Pairing())
    return [sent.mean for sent in node.layer.backward(step, Multipliers(multipliers)) if sent is not None]


def differences(node: Node, inputs: tuple[tf.Tensor, ...], output: tf.Tensor) -> dict[Edge, Difference]:
    """Return differences for a step of a Linear layer, which looks at no more of them than shapes."""
    around = {**dict(zip(node.inputs, inputs, strict=True)), Edge(node.name): output}
    return {edge: Difference(value, value) for edge, value in around.items()}


def traced(function: Callable[..., Any], *examples: tf.Tensor) -> Callable[..., Any]:
    """Return a compiled function of tensors like these, for any number of rows."""
    shapes = [tf.TensorSpec([None, *value.shape[1:]], value.dtype) for value in examples]
    return tf.function(function, input_signature=shapes, autograph=False).get_concrete_function()


def by_layer(medians: Mapping[str, float]) -> dict[str, list[float]]:
    """Return the seconds of each layer, less what it takes to call any function."""
    names = [name.removeprefix("forward ") for name in medians if name.startswith("forward ")]
    return {name: [max(medians[f"{way} {name}"] - medians["call"], 0.0) for way in PASSES] for name in names}
