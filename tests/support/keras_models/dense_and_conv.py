"""Rows of dense layers, convolutions and their transposes."""

from __future__ import annotations

from typing import Any

import keras

from tests.support.keras_models.rows import FIRST, IMAGE, SEQUENCE, SHAPE_OF_RANK, VECTOR, XLA, Row, made_row, row_of


def dense_rows() -> list[Row]:
    return [
        row_of("dense", "Dense", VECTOR, units=5),
        row_of("dense_no_bias", "Dense", VECTOR, units=5, use_bias=False),
        row_of("dense_on_sequence", "Dense", SEQUENCE, units=3),
        row_of("dense_on_image", "Dense", IMAGE, units=3, activation="tanh"),
        *[
            row_of(f"dense_{name}", "Dense", VECTOR, units=6, activation=name)
            for name in ("relu", "sigmoid", "elu", "gelu", "softmax", "silu", "leaky_relu", "softplus")
        ],
        made_row(
            "dense_layer_as_activation",
            "Dense",
            lambda: keras.layers.Dense(5, activation=keras.layers.LeakyReLU(negative_slope=0.2), name="layer"),
            (VECTOR,),
            "exact",
        ),
        row_of("einsum_dense", "EinsumDense", VECTOR, equation="ab,bc->ac", output_shape=5, bias_axes="c"),
        row_of("einsum_dense_time", "EinsumDense", SEQUENCE, equation="abc,cd->abd", output_shape=(9, 3)),
        row_of(
            "einsum_dense_heads",
            "EinsumDense",
            SEQUENCE,
            equation="abc,cde->abde",
            output_shape=(9, 2, 3),
            bias_axes="de",
        ),
        row_of("einsum_dense_two_axes", "EinsumDense", SEQUENCE, equation="abc,bcd->ad", output_shape=5, bias_axes="d"),
        row_of(
            "einsum_dense_ellipsis_relu",
            "EinsumDense",
            IMAGE,
            equation="...x,xy->...y",
            output_shape=3,
            bias_axes="y",
            activation="relu",
        ),
    ]


def conv_rows(rank: int) -> list[Row]:
    name, shape = f"Conv{rank}D", SHAPE_OF_RANK[rank]
    low = name.lower()
    base: dict[str, Any] = {"filters": 4, "kernel_size": 3}
    uneven = (2, 3, 1)[:rank]
    return [
        row_of(low, name, shape, **base),
        row_of(f"{low}_same", name, shape, **base, padding="same"),
        row_of(f"{low}_no_bias", name, shape, **base, use_bias=False),
        row_of(f"{low}_strides", name, shape, **base, strides=2),
        row_of(f"{low}_strides_same", name, shape, **base, strides=2, padding="same"),
        row_of(f"{low}_even_kernel_same", name, shape, filters=3, kernel_size=uneven, padding="same"),
        row_of(f"{low}_dilation", name, shape, filters=3, kernel_size=2, dilation_rate=2),
        row_of(f"{low}_dilation_same", name, shape, **base, dilation_rate=2, padding="same"),
        row_of(f"{low}_groups", name, shape, **base, groups=2),
        row_of(f"{low}_group_for_each_channel", name, shape, filters=8, kernel_size=2, groups=shape[-1], strides=2),
        # without padding: XLA on a CPU gives wrong numbers for a padded channels_first convolution without strides
        # (off by 0.68 from numpy, where the layer here agrees to 5e-7)
        row_of(f"{low}_channels_first", name, shape, XLA, **base, **FIRST)
        if rank < 3
        else row_of(f"{low}_channels_first", name, shape, **base, **FIRST, padding="same"),
        row_of(
            f"{low}_channels_first_strides",
            name,
            shape,
            XLA if rank < 3 else "exact",
            **base,
            **FIRST,
            padding="same",
            strides=2,
        ),
        row_of(f"{low}_relu", name, shape, **base, activation="relu"),
        row_of(f"{low}_swish", name, shape, **base, activation="swish", padding="same"),
    ]


def conv_transpose_rows(rank: int) -> list[Row]:
    name, shape = f"Conv{rank}DTranspose", (*(4, 3, 3)[:rank], 2)
    low = name.lower()
    base: dict[str, Any] = {"filters": 3, "kernel_size": 3}
    return [
        row_of(low, name, shape, **base),
        row_of(f"{low}_strides_same", name, shape, **base, strides=2, padding="same"),
        row_of(f"{low}_strides_relu", name, shape, **base, strides=2, activation="relu"),
        row_of(f"{low}_output_padding", name, shape, **base, strides=2, padding="same", output_padding=1),
        row_of(f"{low}_channels_first", name, shape, XLA, **base, **FIRST),
    ]


def depthwise_rows(rank: int) -> list[Row]:
    shape, rows = SHAPE_OF_RANK[rank], []
    options: dict[str, dict[str, Any]] = {f"SeparableConv{rank}D": {"filters": 3}, f"DepthwiseConv{rank}D": {}}
    for name, filters in options.items():
        low = name.lower()
        base = {**filters, "kernel_size": 3}
        rows += [
            row_of(low, name, shape, **base),
            row_of(f"{low}_same_relu", name, shape, **base, padding="same", activation="relu"),
            row_of(f"{low}_multiplier", name, shape, **base, depth_multiplier=2),
            row_of(f"{low}_strides", name, shape, **base, strides=2, padding="same"),
            row_of(f"{low}_dilation", name, shape, **filters, kernel_size=2, dilation_rate=2),
            row_of(f"{low}_channels_first", name, shape, **base, **FIRST),
        ]
    return rows


def causal_rows() -> list[Row]:
    base: dict[str, Any] = {"filters": 4, "kernel_size": 3, "padding": "causal"}
    return [
        row_of("conv1d_causal", "Conv1D", SEQUENCE, **base),
        row_of("conv1d_causal_dilation", "Conv1D", SEQUENCE, **base, dilation_rate=2, activation="relu"),
        row_of("conv1d_causal_strides", "Conv1D", SEQUENCE, **base, strides=2),
        row_of("conv1dtranspose_dilation", "Conv1DTranspose", (5, 2), XLA, filters=3, kernel_size=3, dilation_rate=2),
        row_of(
            "conv2dtranspose_dilation", "Conv2DTranspose", (4, 3, 2), XLA, filters=3, kernel_size=2, dilation_rate=2
        ),
    ]
