"""Scalar functions of each unit: one line each."""

from __future__ import annotations

from collections.abc import Callable

from deeplift_tf.conversion.tf_graph.op_context import OpContext, converts
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.functional import PartialFunction
from deeplift_tf.layers.gates import Steps
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.softmax import LogSoftmax, Softmax
from deeplift_tf.rules import secants
from deeplift_tf.rules.secants import Function

FUNCTIONS: dict[str, Callable[[OpContext], Function]] = {
    "Abs": lambda op: secants.absolute(),
    "Ceil": lambda op: secants.ceil(),
    "Cos": lambda op: secants.cos(),
    "Elu": lambda op: secants.elu(),
    "Erf": lambda op: secants.erf(),
    "Exp": lambda op: secants.exponential(),
    "Expm1": lambda op: secants.expm1(),
    "Floor": lambda op: secants.floor(),
    "Inv": lambda op: secants.reciprocal(),
    "LeakyRelu": lambda op: secants.leaky_relu(float(op.setting("alpha"))),
    "Log": lambda op: secants.log(),
    "Log1p": lambda op: secants.log1p(),
    "Reciprocal": lambda op: secants.reciprocal(),
    "Relu": lambda op: secants.relu(),
    "Relu6": lambda op: secants.relu6(),
    "Rint": lambda op: secants.rounded(),
    "Round": lambda op: secants.rounded(),
    "Rsqrt": lambda op: secants.rsqrt(),
    "Selu": lambda op: secants.selu(),
    "Sigmoid": lambda op: secants.sigmoid(),
    "Sign": lambda op: secants.sign(),
    "Sin": lambda op: secants.sin(),
    "Softplus": lambda op: secants.softplus(),
    "Softsign": lambda op: secants.softsign(),
    "Sqrt": lambda op: secants.sqrt(),
    "Square": lambda op: secants.square(),
    "Tanh": lambda op: secants.tanh(),
}
GENERAL = """
    Acos Acosh Asin Asinh Atan Atanh BesselI0 BesselI0e BesselI1 BesselI1e Cosh Digamma Erfc Erfinv Expint Lgamma Ndtri
    Sinh Tan
"""
"""Without a slope in closed form: a quotient, or a mean of derivatives where the ends are close."""

PARTIAL = "Acosh Acos Asin Atanh Digamma Erfinv Expint Inv Lgamma Log Log1p Ndtri Reciprocal Rsqrt Sqrt"
"""Not defined everywhere."""

STEPS = "Ceil Floor Rint Round Sign"
"""They jump."""


@converts(*FUNCTIONS, along_last=True)
def scalar(op: OpContext) -> Edge:
    """A function with a slope in closed form."""
    kind = op.operation.type
    if kind in STEPS.split():
        return op.add(Steps(FUNCTIONS[kind](op)), edge_in(op))
    return apply(op, FUNCTIONS[kind](op), edge_in(op), partial=kind in PARTIAL.split())


@converts(*GENERAL.split())
def general(op: OpContext) -> Edge:
    """A function whose slope is a quotient."""
    subgraph, (edge,), _ = op.subgraph()
    return apply(op, secants.quotient(subgraph), edge, partial=op.operation.type in PARTIAL.split())


def apply(op: OpContext, function: Function, edge: Edge, partial: bool = False, word: str = "") -> Edge:
    """Add a scalar function."""
    return op.add(PartialFunction(function) if partial else Elementwise(function), edge, word=word)


def edge_in(op: OpContext, index: int = 0) -> Edge:
    """Return an input that varies, which the first of one-input operations always does."""
    edge = op.edge(index)
    assert edge is not None
    return edge


@converts("Softmax", along_last=True)
def softmax(op: OpContext) -> Edge:
    """Along the last axis."""
    return op.add(Softmax(-1), edge_in(op))


@converts("LogSoftmax", along_last=True)
def log_softmax(op: OpContext) -> Edge:
    """Along the last axis."""
    return op.add(LogSoftmax(-1), edge_in(op))
