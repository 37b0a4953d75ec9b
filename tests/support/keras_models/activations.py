"""Rows of activations, as arguments and as layers."""

from __future__ import annotations

from typing import Any

import keras

from tests.support.keras_models.rows import IMAGE, SEQUENCE, VECTOR, Row, in_this_keras, row_of, with_head

ELEMENTWISE_FUNCTIONS = (
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
)
VECTOR_FUNCTIONS = {"glu": "exact", "softmax": "exact", "log_softmax": "exact", "sparsemax": "exact"}
DISCONTINUOUS = {"hard_shrink", "threshold"}


def activation_rows() -> list[Row]:
    rows = []
    for name in filter(in_this_keras, ELEMENTWISE_FUNCTIONS):
        tags = "exact elementwise" + " discontinuous" * (name in DISCONTINUOUS) + " identity" * (name == "linear")
        # `threshold` has no defaults, so it comes as a function with its arguments bound.
        function = _threshold if name == "threshold" else name
        rows.append(row_of(f"activation_{name}", "Activation", (8,), tags, activation=function))
    rows += [
        row_of(f"activation_{name}", "Activation", (8,), tags, activation=name)
        for name, tags in VECTOR_FUNCTIONS.items()
        if name != "glu" and in_this_keras(name)
    ]
    glu = Row("activation_glu", "Activation", _glu, ((3, 8),), frozenset(["exact"]))
    return [*rows, *([glu] if in_this_keras("glu") else [])]


def _glu() -> keras.Model:
    # Keras takes the output of an Activation to be as wide as its input, which glu halves; an average over that axis
    # lets the layers behind it be built all the same.
    x = keras.Input((3, 8), name="input_0")
    y = keras.layers.Activation("glu", name="layer")(keras.layers.Dense(8, name="before_0")(x))
    return keras.Model(
        x, with_head(keras.layers.GlobalAveragePooling1D(data_format="channels_first", name="average")(y))
    )


@keras.saving.register_keras_serializable("deeplift_tf_tests")
def _threshold(x: Any) -> Any:
    return keras.activations.threshold(x, 0.5, -0.25)


def activation_layer_rows() -> list[Row]:
    pointwise = "exact elementwise"
    jump = pointwise + " discontinuous"
    return [
        row_of("relu", "ReLU", VECTOR, pointwise),
        row_of("relu_max_value", "ReLU", VECTOR, pointwise, max_value=1.5),
        row_of("relu_negative_slope", "ReLU", VECTOR, pointwise, negative_slope=0.2),
        row_of("relu_threshold", "ReLU", VECTOR, jump, threshold=0.5),
        row_of("relu_all_options", "ReLU", VECTOR, jump, max_value=2.0, negative_slope=0.1, threshold=0.4),
        row_of("leakyrelu", "LeakyReLU", VECTOR, pointwise),
        row_of("leakyrelu_slope", "LeakyReLU", SEQUENCE, pointwise, negative_slope=0.05),
        row_of("prelu", "PReLU", VECTOR, pointwise),
        row_of("prelu_shared_axis", "PReLU", SEQUENCE, pointwise, shared_axes=[1]),
        row_of("prelu_shared_axes", "PReLU", IMAGE, pointwise, shared_axes=[1, 2]),
        row_of("elu", "ELU", VECTOR, pointwise),
        row_of("elu_alpha", "ELU", VECTOR, pointwise, alpha=0.4),
        row_of("softmax", "Softmax", VECTOR),
        row_of("softmax_sequence", "Softmax", SEQUENCE),
        row_of("softmax_axis_1", "Softmax", SEQUENCE, axis=1),
        row_of("softmax_axes", "Softmax", (3, 2, 2), axis=[-2, -1]),
    ]
