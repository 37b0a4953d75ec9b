"""Every rewrite: which layers are left, and that scores, multipliers and delta stay, with spreads running through."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import deeplift_tf as dl
from deeplift_tf.graph.graph import Edge, Graph
from deeplift_tf.graph.passes import optimize
from deeplift_tf.scoring.attribution import Attribution, Plan
from tests.support.keras_models import randomise

IMAGE, SEQUENCE, VECTOR = (7, 6, 4), (12, 4), (6,)


class Case(NamedTuple):
    shape: tuple[int, ...]
    between: Callable[[], list[keras.Layer]]
    left: str  # kinds of the layers that stand in their place


def shifted(**options: Any) -> keras.Layer:
    return layers.Rescaling(-1.7, 0.4, **options)


CASES = {
    # a scale after a Linear layer
    "convolution": Case(SEQUENCE, lambda: [layers.Conv1D(5, 3), layers.BatchNormalization()], "Conv"),
    "grouped": Case(
        IMAGE, lambda: [layers.Conv2D(6, 3, groups=2, use_bias=False), layers.BatchNormalization()], "Conv"
    ),
    "depthwise": Case(
        IMAGE, lambda: [layers.DepthwiseConv2D(3, depth_multiplier=2), layers.BatchNormalization()], "DepthwiseConv"
    ),
    "depthwise_1d": Case(
        SEQUENCE,
        lambda: [layers.DepthwiseConv1D(3, dilation_rate=2, use_bias=False), layers.BatchNormalization()],
        "DepthwiseConv",
    ),
    "transposed": Case(
        SEQUENCE, lambda: [layers.Conv1DTranspose(5, 3, 2), layers.BatchNormalization()], "ConvTranspose"
    ),
    "transposed_2d": Case(
        IMAGE,
        lambda: [layers.Conv2DTranspose(3, 3, padding="same"), layers.BatchNormalization()],
        "ConvTranspose",
    ),
    "dense": Case(SEQUENCE, lambda: [layers.Dense(5), layers.BatchNormalization()], "Dense"),
    "dense_positions": Case(SEQUENCE, lambda: [layers.Dense(5), layers.BatchNormalization(axis=1)], "Dense Scale"),
    "einsum": Case(
        SEQUENCE, lambda: [layers.EinsumDense("abc,cde->abde", (12, 3, 2)), layers.BatchNormalization()], "EinsumDense"
    ),
    "einsum_axis": Case(
        SEQUENCE,
        lambda: [layers.EinsumDense("abc,cde->abde", (12, 3, 2), bias_axes="de"), layers.BatchNormalization(axis=2)],
        "EinsumDense",
    ),
    "einsum_positions": Case(
        SEQUENCE,
        lambda: [layers.EinsumDense("...x,xy->...y", 5), layers.BatchNormalization(axis=1)],
        "EinsumDense Scale",
    ),
    "channels_first": Case(
        IMAGE, lambda: [layers.Conv2D(5, 3, data_format="channels_first"), layers.BatchNormalization(axis=1)], "Conv"
    ),
    "scales": Case(
        SEQUENCE, lambda: [layers.BatchNormalization(), shifted(), layers.BatchNormalization(axis=1)], "Scale"
    ),
    # a scale before one
    "bytes": Case(IMAGE, lambda: [layers.Rescaling(-1 / 255), layers.Conv2D(5, 3, 2, padding="same")], "Conv"),
    "shift": Case(IMAGE, lambda: [shifted(), layers.Conv2D(5, 3, 2)], "Conv"),
    "shift_and_zeros": Case(IMAGE, lambda: [shifted(), layers.Conv2D(5, 3, padding="same")], "Scale Conv"),
    "before_grouped": Case(
        IMAGE, lambda: [layers.BatchNormalization(), layers.Conv2D(6, 3, groups=2, use_bias=False)], "Conv"
    ),
    "before_depthwise": Case(
        IMAGE, lambda: [layers.BatchNormalization(), layers.DepthwiseConv2D(3, depth_multiplier=2)], "DepthwiseConv"
    ),
    "before_transposed": Case(
        SEQUENCE, lambda: [layers.Rescaling(-0.3), layers.Conv1DTranspose(5, 3, 2)], "ConvTranspose"
    ),
    "shift_transposed": Case(SEQUENCE, lambda: [shifted(), layers.Conv1DTranspose(5, 3, 2)], "Scale ConvTranspose"),
    "before_dense": Case(SEQUENCE, lambda: [layers.BatchNormalization(), layers.Dense(5, use_bias=False)], "Dense"),
    "before_einsum": Case(
        SEQUENCE,
        lambda: [
            layers.BatchNormalization(center=False),
            layers.Rescaling(-2),
            layers.EinsumDense("abc,cd->abd", (12, 5)),
        ],
        "Scale EinsumDense",  # the moving mean shifts
    ),
    "factor_einsum": Case(
        SEQUENCE, lambda: [layers.Rescaling(-2), layers.EinsumDense("abc,bcd->abd", (12, 5))], "EinsumDense"
    ),
    # padding before a convolution
    "padding": Case(IMAGE, lambda: [layers.ZeroPadding2D(((1, 0), (2, 1))), layers.Conv2D(5, 3, 2)], "Conv"),
    "padding_few": Case((7, 6, 3), lambda: [layers.ZeroPadding2D(3), layers.Conv2D(5, 7, 2)], "Conv"),
    "padding_many": Case((7, 6, 5), lambda: [layers.ZeroPadding2D(1), layers.Conv2D(5, 3)], "Conv"),
    "padding_dilated": Case(
        SEQUENCE, lambda: [layers.ZeroPadding1D((3, 1)), layers.Conv1D(5, 3, dilation_rate=2)], "Conv"
    ),
    "padding_same": Case(IMAGE, lambda: [layers.ZeroPadding2D(1), layers.Conv2D(5, 3, padding="same")], "Conv"),
    "padding_causal": Case(
        SEQUENCE, lambda: [layers.ZeroPadding1D((0, 2)), layers.Conv1D(5, 3, padding="causal")], "Conv"
    ),
    "padding_depthwise": Case(
        IMAGE,
        lambda: [layers.ZeroPadding2D(((0, 1), (0, 1))), layers.DepthwiseConv2D(3, 2), layers.BatchNormalization()],
        "Pad DepthwiseConv",
    ),
    "padding_depthwise_1d": Case(
        SEQUENCE, lambda: [layers.ZeroPadding1D(2), layers.DepthwiseConv1D(3, dilation_rate=2)], "Pad DepthwiseConv"
    ),
    "padding_first": Case(
        IMAGE,
        lambda: [
            layers.ZeroPadding2D(1, data_format="channels_first"),
            layers.Conv2D(5, 3, data_format="channels_first"),
        ],
        "Conv",
    ),
    "padding_of_another_format": Case(
        IMAGE, lambda: [layers.ZeroPadding2D(1, data_format="channels_first"), layers.Conv2D(5, 3)], "Pad Conv"
    ),
    "padding_beyond_windows": Case(IMAGE, lambda: [layers.ZeroPadding2D(3), layers.Conv2D(5, 3)], "Pad Conv"),
    "padding_same_strides": Case(
        IMAGE, lambda: [layers.ZeroPadding2D(1), layers.Conv2D(5, 3, 2, padding="same")], "Pad Conv"
    ),
    "padding_transposed": Case(
        SEQUENCE, lambda: [layers.ZeroPadding1D(1), layers.Conv1DTranspose(5, 3)], "Pad ConvTranspose"
    ),
    "all_at_once": Case(
        IMAGE,
        lambda: [
            layers.ZeroPadding2D(1),
            layers.ZeroPadding2D(1),
            layers.Conv2D(5, 5),
            layers.BatchNormalization(),
            shifted(),
        ],
        "Conv",
    ),
    # shapes
    "reshapes": Case(
        SEQUENCE, lambda: [layers.Reshape((6, 8)), layers.Reshape((3, 16)), layers.Reshape((4, -1))], "Reshape"
    ),
    "reshaped_back": Case(SEQUENCE, lambda: [layers.Reshape((6, 8)), layers.Reshape((12, 4))], ""),
    "new_axis": Case(VECTOR, lambda: [layers.RepeatVector(1), layers.Reshape((2, 3))], "Reshape"),
    "permutations": Case(IMAGE, lambda: [layers.Permute((3, 1, 2)), layers.Permute((3, 1, 2))], "Permute"),
    "permuted_back": Case(IMAGE, lambda: [layers.Permute((3, 1, 2)), layers.Permute((2, 3, 1))], ""),
    "paddings": Case(SEQUENCE, lambda: [layers.ZeroPadding1D((1, 0)), layers.ZeroPadding1D((2, 3))], "Pad"),
    "croppings": Case(SEQUENCE, lambda: [layers.Cropping1D((1, 0)), layers.Cropping1D((2, 3))], "Crop"),
    "cropped_padding": Case(SEQUENCE, lambda: [layers.ZeroPadding1D((3, 2)), layers.Cropping1D((1, 2))], "Pad"),
    "cropped_beyond": Case(SEQUENCE, lambda: [layers.ZeroPadding1D((1, 2)), layers.Cropping1D((1, 4))], "Crop"),
    "cropped_off": Case(SEQUENCE, lambda: [layers.ZeroPadding1D((1, 2)), layers.Cropping1D((1, 2))], ""),
    "cropped_elsewhere": Case(SEQUENCE, lambda: [layers.ZeroPadding1D((3, 0)), layers.Cropping1D((0, 4))], "Pad Crop"),
    "nothing": Case(
        IMAGE,
        lambda: [layers.ZeroPadding2D(0), layers.Cropping2D(0), layers.Permute((1, 2, 3)), layers.Dropout(0.5)],
        "",
    ),
    # zeros before pooling, which stay where spreads are read
    "pooled_zeros": Case(
        IMAGE, lambda: [layers.ReLU(), layers.ZeroPadding2D(1), layers.MaxPooling2D(3, 2)], "Elementwise Pad MaxPooling"
    ),
    "pooled_zeros_1d": Case(
        SEQUENCE,
        lambda: [layers.Conv1D(5, 3), layers.ReLU(6), layers.ZeroPadding1D((2, 1)), layers.MaxPooling1D(3, 1)],
        "Conv Elementwise Pad MaxPooling",
    ),
    # a graph for every step
    "steps": Case(
        (3, 7, 4),
        lambda: [
            layers.TimeDistributed(
                keras.Sequential([layers.ZeroPadding1D(1), layers.Conv1D(5, 3), layers.BatchNormalization()])
            )
        ],
        "TimeDistributed",
    ),
}


@functools.cache
def built(name: str) -> tuple[keras.Model, str]:
    """A model whose layers have nonlinearities on both sides, so that spreads run into them and are read after them."""
    case = CASES[name]
    x = y = keras.Input(case.shape)
    for layer in [
        layers.Activation("silu"),
        *case.between(),
        layers.Activation("tanh"),
        layers.Flatten(),
        layers.Dense(5, "relu"),
    ]:
        y = layer(y)
    model = randomise(keras.Model(x, layers.Dense(2, name="output")(y)), seed=1)
    flat = "" if case.shape == VECTOR and not case.left else "Reshape "
    return model, " ".join(f"Elementwise {case.left} Elementwise {flat}Dense Elementwise Dense".split())


@functools.cache
def converted(name: str, dtype: str) -> dl.Network:
    return dl.convert(built(name)[0], dtype=dtype)


def as_it_is(graph: Graph, keep: Any) -> Graph:
    return graph


def scores(network: dl.Network, scored: tuple[Edge, ...], rewrite: Callable[[Graph, Any], Graph]) -> dict[str, Any]:
    """The results for three rows under the rewritten graph, without tracing."""
    plan = Plan(scored, network.edge("output"))
    rng, shape = np.random.default_rng(0), network.graph.inputs[0].shape[1:]
    x, reference = (tf.constant(rng.normal(size=(3, *shape)), network.dtype) for _ in range(2))
    weights = tf.constant([[1.0, -0.5]], network.dtype)
    graph = rewrite(network.graph, [plan.target, *scored])
    return Attribution(graph, plan).run((x,), (reference,), weights)


def compare(network: dl.Network, scored: tuple[Edge, ...]) -> None:
    """float64: another order of a few hundred additions; float32: what design.md allows."""
    tolerance = 1e-12 if network.dtype == tf.float64 else 1e-5
    found, expected = (scores(network, scored, rewrite) for rewrite in (optimize, as_it_is))
    largest = max(float(tf.reduce_max(tf.abs(part))) for part in (*expected["contributions"], expected["outputs"]))
    for part in ("outputs", "reference_outputs", "delta"):
        np.testing.assert_allclose(found[part], expected[part], rtol=0, atol=tolerance * largest)
    for part in ("contributions", "multipliers"):
        for one, other in zip(found[part], expected[part], strict=True):
            size = max(1e-30, float(tf.reduce_max(tf.abs(other))))
            np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * size)


QUICK = ("grouped", "padding_few", "padding_depthwise", "shift", "permutations", "steps", "pooled_zeros")
MORE = ("einsum_axis", "transposed", "channels_first", "scales", "shift_and_zeros", "before_grouped", "padding_many")
ODD = ("padding_beyond_windows", "reshaped_back", "cropped_elsewhere")


def chosen(*quick: str) -> list[Any]:
    """All cases, slow but for some."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in CASES]


@pytest.mark.parametrize("name", chosen(*QUICK, *MORE, *ODD))
def test_scores_stay_with_spreads(name: str) -> None:
    network = converted(name, "float64").with_rule("reveal_cancel")
    compare(network, network.float_inputs)
    left = optimize(network.graph, [network.edge("output"), *network.float_inputs])
    assert " ".join(type(node.layer).__name__ for node in left.nodes) == built(name)[1]


@pytest.mark.parametrize("name", chosen(*QUICK))
def test_scores_stay(name: str) -> None:
    for rule in ("rescale", "gradient"):
        network = converted(name, "float64").with_rule(rule)
        compare(network, network.float_inputs)
    for rule in ("rescale", "reveal_cancel", "gradient"):
        network = converted(name, "float32").with_rule(rule)
        compare(network, network.float_inputs)


@pytest.mark.parametrize("name", chosen(*QUICK))
def test_layers_that_are_asked_for_are_still_there(name: str) -> None:
    network = converted(name, "float64").with_rule("reveal_cancel")
    edges = [Edge(node.name) for node in network.graph.nodes]
    assert len(optimize(network.graph, edges).nodes) == len(edges)
    for edge in edges[:-1]:
        assert edge.node in {node.name for node in optimize(network.graph, [edge, network.edge("output")]).nodes}
        compare(network, (edge,))


@pytest.mark.parametrize("name", chosen(*QUICK))
def test_networks_predict_as_keras_does(name: str) -> None:
    model, network = built(name)[0], converted(name, "float32")
    if "first" in name:
        pytest.skip("Keras runs convolutions with channels first on a GPU only")
    x = np.random.default_rng(0).normal(size=(3, *network.graph.inputs[0].shape[1:])).astype("float32")
    np.testing.assert_allclose(network.predict(x), np.asarray(model(x)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("activation", "size", "left"),
    [
        ("relu", 3, "MaxPooling Elementwise"),
        ("leaky_relu", 3, "Elementwise Pad MaxPooling"),  # zeros may be larger than its values
        ("tanh", 3, "Elementwise Pad MaxPooling"),
        ("relu", 1, "Elementwise Pad MaxPooling"),  # a window of zeros alone
    ],
)
@pytest.mark.slow_but_for("relu-3-MaxPooling Elementwise")
def test_zeros_behind_relu_are_left_out_of_pooling(activation: str, size: int, left: str) -> None:
    x = keras.Input(IMAGE)
    y = layers.Activation(activation, name="activation")(layers.Conv2D(5, 3)(x))
    y = layers.Flatten()(layers.MaxPooling2D(size, 2)(layers.ZeroPadding2D(1)(y)))
    network = dl.convert(keras.Model(x, layers.Dense(2, name="output")(y)), dtype="float64")
    nodes = optimize(network.graph, [network.edge("output")]).nodes
    assert " ".join(type(node.layer).__name__ for node in nodes) == f"Conv {left} Reshape Dense"
    compare(network, network.float_inputs)
    kept = optimize(network.graph, [network.edge("output"), network.edge("activation")]).nodes
    assert [type(node.layer).__name__ for node in kept][1:4] == ["Elementwise", "Pad", "MaxPooling"]


def test_values_with_several_consumers_are_not_folded() -> None:
    x = keras.Input(SEQUENCE)
    padded, flat = layers.ZeroPadding1D(1, name="padded")(x), layers.Reshape((6, 8), name="apart")(x)
    parts = [layers.Conv1D(3, 3)(padded), layers.Conv1D(3, 2)(padded), layers.Reshape((48,))(flat), flat]
    y = layers.Concatenate()([layers.Flatten()(part) for part in parts])
    network = dl.convert(keras.Model(x, layers.Dense(1, name="output")(y)))
    left = {node.name for node in optimize(network.graph, [network.edge("output")]).nodes}
    assert {"padded", "apart"} <= left


def test_padding_with_another_number_is_no_zeros() -> None:
    x = keras.Input(SEQUENCE)
    y = layers.Conv1D(3, 3)(keras.ops.pad(x, ((0, 0), (1, 1), (0, 0)), constant_values=0.5))
    network = dl.convert(keras.Model(x, layers.Dense(1, name="output")(y)))
    kinds = [type(node.layer).__name__ for node in optimize(network.graph, [network.edge("output")]).nodes]
    assert kinds[:2] == ["RoutingFunction", "Conv"]
