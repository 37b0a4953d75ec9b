"""From a Keras model to the nodes of the oracle, under the names that the network of the engine has for them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tests.oracle import (
    RELU,
    SIGMOID,
    SILU,
    TANH,
    Elementwise,
    Function,
    Multiply,
    Node,
    Op,
    average_pool,
    batch_norm,
    concatenate,
    conv,
    dense,
    elu,
    flatten,
    global_max_pool,
    leaky_relu,
    max_pool,
    maximum,
    weighted_sum,
)

FUNCTIONS: dict[str, Function] = {"relu": RELU, "sigmoid": SIGMOID, "tanh": TANH, "silu": SILU, "elu": elu()}
SIGNS: dict[str, tuple[float, ...]] = {"Add": (1, 1), "Subtract": (1, -1), "Average": (0.5, 0.5)}


def oracle_nodes(model: keras.Model) -> list[Node]:
    """Every layer that is used once; two nodes for a layer with an activation, the first with "/linear" to its name."""
    nodes: list[Node] = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        sources = tuple(tensor._keras_history.operation.name for tensor in keras.tree.flatten(layer.input))
        function = "linear"
        if hasattr(layer, "kernel"):
            function = layer.activation.__name__
        name = layer.name if function == "linear" else f"{layer.name}/linear"
        nodes.append(Node(name, op_of(layer), sources))
        if function != "linear":
            nodes.append(Node(layer.name, Elementwise(FUNCTIONS[function]), (name,)))
    return nodes


def op_of(layer: Any) -> Op:
    """The oracle's layer for a Keras layer, without its activation."""
    kind, shapes = type(layer).__name__, [tuple(t.shape[1:]) for t in keras.tree.flatten(layer.input)]
    weights = [np.asarray(w, "float64") for w in layer.get_weights()]
    shape = shapes[0]
    if kind == "Dense":
        return dense(*weights)
    if kind in ("Conv1D", "Conv2D"):
        bias = weights[1] if layer.use_bias else 0.0
        return conv(weights[0], bias, shape, layer.strides[0], layer.padding, layer.dilation_rate[0])
    if kind == "BatchNormalization":
        gamma, beta, mean, variance = weights
        return batch_norm(gamma, beta, mean, variance, shape, layer.epsilon)
    if kind == "Activation":
        return Elementwise(FUNCTIONS[layer.activation.__name__])
    if kind == "PReLU":
        return Elementwise(leaky_relu(*weights))
    if kind == "Flatten":
        return flatten(shape)
    if kind.startswith("GlobalMaxPooling"):
        return global_max_pool(shape)
    if kind.startswith(("MaxPooling", "AveragePooling")):
        make = max_pool if kind.startswith("Max") else average_pool
        return make(shape, np.ravel(layer.pool_size)[0], np.ravel(layer.strides)[0], layer.padding)
    if kind == "Concatenate":
        return concatenate(*shapes)
    if kind == "Maximum":
        return maximum(shape, len(shapes))
    return Multiply() if kind == "Multiply" else weighted_sum(shape, *SIGNS[kind])
