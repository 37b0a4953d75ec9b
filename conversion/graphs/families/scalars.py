"""Scalar functions of each unit: one line each."""

from __future__ import annotations

from collections.abc import Callable

from deeplift_tf import slopes
from deeplift_tf.conversion.graphs.site import Site, converts
from deeplift_tf.graph import Edge
from deeplift_tf.layers.gates import Steps
from deeplift_tf.layers.given import OnPartOfTheLine
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.softmax import LogSoftmax, Softmax
from deeplift_tf.slopes import Function

FUNCTIONS: dict[str, Callable[[Site], Function]] = {
    "Abs": lambda site: slopes.absolute(),
    "Ceil": lambda site: slopes.ceil(),
    "Cos": lambda site: slopes.cos(),
    "Elu": lambda site: slopes.elu(),
    "Erf": lambda site: slopes.erf(),
    "Exp": lambda site: slopes.exponential(),
    "Expm1": lambda site: slopes.expm1(),
    "Floor": lambda site: slopes.floor(),
    "Inv": lambda site: slopes.reciprocal(),
    "LeakyRelu": lambda site: slopes.leaky_relu(float(site.setting("alpha"))),
    "Log": lambda site: slopes.log(),
    "Log1p": lambda site: slopes.log1p(),
    "Reciprocal": lambda site: slopes.reciprocal(),
    "Relu": lambda site: slopes.relu(),
    "Relu6": lambda site: slopes.relu6(),
    "Rint": lambda site: slopes.rounded(),
    "Round": lambda site: slopes.rounded(),
    "Rsqrt": lambda site: slopes.rsqrt(),
    "Selu": lambda site: slopes.selu(),
    "Sigmoid": lambda site: slopes.sigmoid(),
    "Sign": lambda site: slopes.sign(),
    "Sin": lambda site: slopes.sin(),
    "Softplus": lambda site: slopes.softplus(),
    "Softsign": lambda site: slopes.softsign(),
    "Sqrt": lambda site: slopes.sqrt(),
    "Square": lambda site: slopes.square(),
    "Tanh": lambda site: slopes.tanh(),
}
GENERAL = "Acos Acosh Asin Asinh Atan Atanh Cosh Digamma Erfc Erfinv Lgamma Ndtri Sinh Tan"
"""Without a slope in closed form: a quotient, or a mean of derivatives where the ends are close."""

PARTIAL = "Acosh Acos Asin Atanh Digamma Erfinv Inv Lgamma Log Log1p Ndtri Reciprocal Rsqrt Sqrt"
"""Not defined everywhere."""

STEPS = "Ceil Floor Rint Round Sign"
"""They jump."""


@converts(*FUNCTIONS, along_last=True)
def scalar(site: Site) -> Edge:
    """A function with a slope in closed form."""
    kind = site.operation.type
    if kind in STEPS.split():
        return site.add(Steps(FUNCTIONS[kind](site)), edge_in(site))
    return apply(site, FUNCTIONS[kind](site), edge_in(site), partial=kind in PARTIAL.split())


@converts(*GENERAL.split())
def general(site: Site) -> Edge:
    """A function whose slope is a quotient."""
    piece, (edge,), _ = site.piece()
    return apply(site, slopes.quotient(piece), edge, partial=site.operation.type in PARTIAL.split())


def apply(site: Site, function: Function, edge: Edge, partial: bool = False, word: str = "") -> Edge:
    """Add a scalar function."""
    return site.add(OnPartOfTheLine(function) if partial else Elementwise(function), edge, word=word)


def edge_in(site: Site, index: int = 0) -> Edge:
    """Return an input that varies, which the first of one-input operations always does."""
    edge = site.edge(index)
    assert edge is not None
    return edge


@converts("Softmax", along_last=True)
def softmax(site: Site) -> Edge:
    """Along the last axis."""
    return site.add(Softmax(-1), edge_in(site))


@converts("LogSoftmax", along_last=True)
def log_softmax(site: Site) -> Edge:
    """Along the last axis."""
    return site.add(LogSoftmax(-1), edge_in(site))
