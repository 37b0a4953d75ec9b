"""Rows of pooling layers, and of those that scale and shift."""

from __future__ import annotations

import keras
import numpy as np

from tests.support.keras_models.rows import FIRST, IMAGE, SEQUENCE, SHAPE_OF_RANK, VECTOR, Row, made_row, row_of


def _adapted_normalization() -> keras.Layer:
    layer = keras.layers.Normalization(name="layer")
    layer.adapt(np.random.default_rng(0).normal(1.0, 2.0, (50, 3)).astype("float32"))
    return layer


def pooling_rows(rank: int) -> list[Row]:
    shape, rows = SHAPE_OF_RANK[rank], []
    for kind, tags in (("Max", "exact max"), ("Average", "exact")):
        name = f"{kind}Pooling{rank}D"
        low = name.lower()
        rows += [
            row_of(low, name, shape, tags, pool_size=2),
            row_of(f"{low}_overlapping", name, shape, tags, pool_size=3, strides=1),
            row_of(f"{low}_overlapping_same", name, shape, tags, pool_size=3, strides=2, padding="same"),
            row_of(f"{low}_gaps", name, shape, tags, pool_size=1, strides=2),
            row_of(f"{low}_channels_first", name, shape, tags, pool_size=2, **FIRST),
        ]
        name = f"Global{name}"
        rows += [
            row_of(name.lower(), name, shape, tags),
            row_of(f"{name.lower()}_keepdims", name, shape, tags, keepdims=True),
            row_of(f"{name.lower()}_channels_first", name, shape, tags, **FIRST),
        ]
        name = f"Adaptive{kind}Pooling{rank}D"
        rows += [
            row_of(name.lower(), name, shape, tags, output_size=3),
            row_of(f"{name.lower()}_channels_first", name, shape, tags, output_size=2, **FIRST),
        ]
    return rows


def affine_rows() -> list[Row]:
    return [
        row_of("batchnormalization", "BatchNormalization", VECTOR),
        row_of("batchnormalization_image", "BatchNormalization", IMAGE),
        row_of("batchnormalization_axis_1", "BatchNormalization", IMAGE, axis=1, epsilon=0.01),
        row_of("batchnormalization_no_scale", "BatchNormalization", SEQUENCE, scale=False),
        row_of("batchnormalization_no_center", "BatchNormalization", SEQUENCE, center=False),
        row_of("normalization", "Normalization", VECTOR, mean=[1, 2, 0, -1, 3, 0.5], variance=[1, 4, 0.5, 2, 1, 9]),
        row_of(
            "normalization_axes", "Normalization", (2, 3), axis=(1, 2), mean=[[1, 2, 3]] * 2, variance=[[1, 2, 4]] * 2
        ),
        row_of("normalization_axis_none", "Normalization", SEQUENCE, axis=None, mean=0.5, variance=2.0),
        row_of(
            "normalization_invert", "Normalization", (3,), mean=[1.0, 2.0, -1.0], variance=[0.5, 2.0, 4.0], invert=True
        ),
        made_row("normalization_adapted", "Normalization", _adapted_normalization, ((4, 3),), "exact"),
        row_of("rescaling", "Rescaling", IMAGE, scale=1 / 3, offset=-1.0),
        row_of("rescaling_per_channel", "Rescaling", IMAGE, scale=[0.5, -2.0, 1.0, 0.1], offset=[0.0, 1.0, -1.0, 2.0]),
    ]
