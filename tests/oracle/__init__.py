"""The judge of the engine: DeepLIFT in plain numpy, from the paper's formulas. Start reading at `walk`."""

from tests.oracle.functions import RELU, SIGMOID, SILU, TANH, elu, leaky_relu
from tests.oracle.layers import (
    average_pool,
    batch_norm,
    concatenate,
    conv,
    dense,
    flatten,
    global_max_pool,
    max_pool,
    maximum,
    weighted_sum,
)
from tests.oracle.ops import Elementwise, Function, Linear, Max, Multiply, Routing
from tests.oracle.walk import Explanation, Node, Op, Unit, explain, explain_rows

__all__ = [
    "RELU",
    "SIGMOID",
    "SILU",
    "TANH",
    "Elementwise",
    "Explanation",
    "Function",
    "Linear",
    "Max",
    "Multiply",
    "Node",
    "Op",
    "Routing",
    "Unit",
    "average_pool",
    "batch_norm",
    "concatenate",
    "conv",
    "dense",
    "elu",
    "explain",
    "explain_rows",
    "flatten",
    "global_max_pool",
    "leaky_relu",
    "max_pool",
    "maximum",
    "weighted_sum",
]
