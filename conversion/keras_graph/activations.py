"""Activation arguments of Keras: names, functions, and layers used as functions."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from contextlib import closing
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.readers.keras2.legacy_functions import hard_sigmoid_of_keras_2
from deeplift_tf.conversion.tf_graph.from_python import graph_of_function
from deeplift_tf.conversion.tf_graph.fusion import UNIT_BY_UNIT, Fusion
from deeplift_tf.conversion.tf_graph.inlining import Inlining
from deeplift_tf.conversion.tf_graph.op_subgraph import operations_between
from deeplift_tf.errors import DeepLiftError
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.gates import Steps
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.softmax import LogSoftmax, Softmax, Sparsemax
from deeplift_tf.rules import secants

CALLS = frozenset(["NoOp", "PartitionedCall", "Placeholder", "StatefulPartitionedCall"])
WITHOUT_EFFECT = CALLS | frozenset(["Const", "Fill", "Identity", "IdentityN", "Shape", "StopGradient"])
"""What may stand beside operations on units: settings, calls, and shapes."""

VECTOR_FUNCTIONS: dict[str, Callable[..., Layer]] = {
    "softmax": Softmax,
    "log_softmax": LogSoftmax,
    "sparsemax": lambda axis: Sparsemax(axis, cumulates()),
}


def cumulates() -> bool:
    """Whether the sparsemax of the Keras at hand adds up cumulated sums; 3.15 does, and its outputs do not sum to 1."""
    return not np.isclose(float(np.sum(keras.activations.sparsemax(tf.constant([[1.0, 0.9, 0.8]])))), 1)


def hard_sigmoid_before_keras_3() -> secants.Function:
    """Return clip(0.2x + 0.5, 0, 1), which old files call hard_sigmoid."""
    secant = secants.scaled(secants.clip(-2.5, 2.5), 0.2).secant
    return secants.Function(lambda x: tf.clip_by_value(0.2 * x + 0.5, 0.0, 1.0), secant, "hard_sigmoid_of_keras_2")


def name_of(function: Any) -> str:
    """Return the name of a Keras activation function; an empty one for a user's own."""
    return next((name for name in dir(keras.activations) if getattr(keras.activations, name) is function), "")


def layer_of(function: Any) -> Layer | None:
    """Return the DeepLIFT layer of a Keras activation function, with arguments bound or not; None if no layer fits."""
    options: dict[str, Any] = {}
    while isinstance(function, functools.partial) and not function.args:
        function, options = function.func, {**function.keywords, **options}
    if function is hard_sigmoid_of_keras_2:
        return Elementwise(hard_sigmoid_before_keras_3())
    name = name_of(function)
    if name in VECTOR_FUNCTIONS:
        return VECTOR_FUNCTIONS[name](options.get("axis", -1))
    if not options and name in secants.ACTIVATIONS:
        return Elementwise(secants.ACTIVATIONS[name])
    make = getattr(secants, "relu_layer" if name == "relu" else name, None) if name else None
    if make is not None:
        return Elementwise(make(**options))
    nodes = operations_of(function) if not name else None
    if nodes is None:
        return None
    return (Steps if may_jump(function) else Elementwise)(secants.quotient(function))


def is_elementwise(function: Callable[[tf.Tensor], tf.Tensor]) -> bool:
    """Whether each unit of the output depends on the same unit of the input alone."""
    return operations_of(function) is not None


def may_jump(function: Callable[[tf.Tensor], tf.Tensor]) -> bool:
    """Whether a function of each unit may jump; see `Fusion.may_jump`.

    Parameters
    ----------
    function : callable
    """
    made = tf.function(function, autograph=False).get_concrete_function(tf.TensorSpec([None, 1], tf.float32))
    model = graph_of_function("an activation", made, ["x"], ["y"])
    with closing(Inlining(model, tf.float32)) as flat:
        (root,), (value,) = flat.inputs, flat.outputs()
        return Fusion(flat.scratch).may_jump(root, value, list(operations_between([value], {root})))


def operations_of(function: Callable[[tf.Tensor], tf.Tensor], units: int = 5) -> list[Any] | None:
    """Return the operations of a function of each unit alone; None if one of them may mix units.

    Tries on numbers would not tell: units may meet beyond a limit only.
    """
    spec = tf.TensorSpec([None, units], tf.float32)
    try:
        made = tf.function(function, autograph=False).get_concrete_function(spec)
        definition = made.graph.as_graph_def()
    except DeepLiftError:
        raise
    except Exception:  # a user's function may raise anything on tensors that it was not made for
        return None
    nodes = [*definition.node, *(node for each in definition.library.function for node in each.node_def)]
    kinds = {node.op for node in nodes}
    sizes = [math.prod(d.size for d in n.attr["value"].tensor.tensor_shape.dim) for n in nodes if n.op == "Const"]
    shapes = [output.shape.as_list() for output in made.outputs]
    alone = kinds <= UNIT_BY_UNIT | WITHOUT_EFFECT and max(sizes, default=1) == 1 and shapes == [[None, units]]
    return nodes if alone else None
