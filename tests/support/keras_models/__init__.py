"""Small Keras models: one row per layer and option (`LAYER_ROWS`), and whole models (`MODEL_ROWS`).

A layer's row wraps it as ``inputs -> Dense 'before' -> the layer, named 'layer' -> Flatten -> Dense 'hidden' (ReLU)
-> Dense 'output' (linear)``, so that the layer receives a mixture of the inputs and sends into a nonlinearity.

Tags: exactly one of ``exact`` (the rules promise completeness to rounding) and ``path`` (completeness only to the
quadrature); ``elementwise``; ``identity`` (does nothing at inference); ``max`` (the data choose the slopes);
``discontinuous`` (a jump in the function: float32 and float64 may fall on different sides of it);
``xla`` (TensorFlow runs it on a CPU only when compiled by XLA; `outputs_of` does so);
``beyond`` (not in the table of layers with rules of their own).
"""

from __future__ import annotations

import itertools

import keras

from tests.support.keras_models.activations import activation_layer_rows, activation_rows
from tests.support.keras_models.beyond import beyond_rows
from tests.support.keras_models.dense_and_conv import (
    causal_rows,
    conv_rows,
    conv_transpose_rows,
    dense_rows,
    depthwise_rows,
)
from tests.support.keras_models.moving import identity_rows, merging_rows, reshaping_rows
from tests.support.keras_models.pooling_and_affine import affine_rows, pooling_rows
from tests.support.keras_models.rows import Row as Row
from tests.support.keras_models.rows import outputs_of as outputs_of
from tests.support.keras_models.rows import random_inputs as random_inputs
from tests.support.keras_models.rows import randomise as randomise
from tests.support.keras_models.whole import MODEL_ROWS as MODEL_ROWS

LAYER_ROWS: tuple[Row, ...] = tuple(
    row
    for row in itertools.chain(
        dense_rows(),
        *[conv_rows(rank) for rank in (1, 2, 3)],
        *[conv_transpose_rows(rank) for rank in (1, 2, 3)],
        *[depthwise_rows(rank) for rank in (1, 2)],
        causal_rows(),
        *[pooling_rows(rank) for rank in (1, 2, 3)],
        affine_rows(),
        activation_rows(),
        activation_layer_rows(),
        reshaping_rows(),
        identity_rows(),
        merging_rows(),
        beyond_rows(),
    )
    if hasattr(keras.layers, row.layer_class.replace("Grouped", "Group"))  # older versions of Keras have fewer layers
)
