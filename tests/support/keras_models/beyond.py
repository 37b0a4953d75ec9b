"""Rows of layers without rules of their own, and of layers around and beside others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from tests.support.installed import keras_version
from tests.support.keras_models.rows import (
    IMAGE,
    SEQUENCE,
    VECTOR,
    Row,
    Shape,
    made_row,
    named_layer,
    row_of,
    with_head,
)


def beyond_rows() -> list[Row]:
    return [
        row_of("layernormalization", "LayerNormalization", SEQUENCE, "exact beyond"),
        row_of("rmsnormalization", "RMSNormalization", SEQUENCE, "exact beyond"),
        row_of("groupnormalization", "GroupNormalization", IMAGE, "exact beyond", groups=2),
        row_of("unitnormalization", "UnitNormalization", VECTOR, "exact beyond"),
        row_of("simplernn", "SimpleRNN", (4, 3), "exact beyond", units=3),
        row_of("lstm", "LSTM", (4, 3), "exact beyond", units=3),
        row_of("gru", "GRU", (4, 3), "exact beyond", units=3, return_sequences=True),
        row_of("convlstm1d", "ConvLSTM1D", (3, 4, 2), "exact beyond", filters=2, kernel_size=2),
        row_of("convlstm2d", "ConvLSTM2D", (3, 3, 2, 2), "exact beyond", filters=2, kernel_size=2),
        row_of("convlstm3d", "ConvLSTM3D", (2, 2, 2, 2, 2), "exact beyond", filters=2, kernel_size=2),
        row_of("attention", "Attention", [(3, 4), (5, 4)], "exact beyond"),
        row_of("additiveattention", "AdditiveAttention", [(3, 4), (5, 4)], "exact beyond"),
        row_of("masking", "Masking", (4, 3), "exact beyond", mask_value=9.0),
        row_of("randomcrop", "RandomCrop", (4, 3, 2), "path beyond", height=4, width=3),
        row_of("solarization", "Solarization", (4, 4, 2), "path beyond", value_range=(-9, 9)),
        *_wrapping_rows(),
        *[_beside(name.lower(), name, options) for name, options in SIDES.items() if keras_version >= (3, 12)],
        _beside("reversibleembedding", "ReversibleEmbedding", {"input_dim": 5, "output_dim": 3}),
    ]


def _twice(layer_class: str, **options: Any) -> Callable[[], Any]:
    """Return what makes a layer that is called with one tensor as query and value."""
    return lambda: lambda x: named_layer(layer_class, **options)(x, x)


def _around_layer(layer_class: str, inner: Callable[[], Any]) -> Callable[[], keras.Layer]:
    """Return what makes a layer around another."""
    return lambda: getattr(keras.layers, layer_class)(inner(), name="layer")


def _wrapping_rows() -> list[Row]:
    layers = keras.layers
    table: list[tuple[str, Callable[[], Any], Shape]] = [
        ("MultiHeadAttention", _twice("MultiHeadAttention", num_heads=2, key_dim=3), (4, 3)),
        (
            "GroupedQueryAttention",  # exported as GroupQueryAttention
            _twice("GroupQueryAttention", head_dim=3, num_query_heads=4, num_key_value_heads=2),
            (4, 3),
        ),
        ("RNN", _around_layer("RNN", lambda: [layers.LSTMCell(3), layers.GRUCell(2)]), (4, 3)),
        ("Bidirectional", _around_layer("Bidirectional", lambda: layers.LSTM(2, return_sequences=True)), (4, 3)),
        (
            "TimeDistributed",
            _around_layer("TimeDistributed", lambda: layers.Conv1D(2, 2, activation="relu")),
            (3, 4, 2),
        ),
        ("SpectralNormalization", _around_layer("SpectralNormalization", lambda: layers.Dense(3)), (4,)),
        ("Lambda", _around_layer("Lambda", lambda: lambda x: keras.ops.logsumexp(x, (1,))), (4, 3)),
        ("Pipeline", _around_layer("Pipeline", lambda: [layers.Rescaling(0.5), layers.RandomFlip()]), (4, 4, 3)),
    ]
    return [made_row(name.lower(), name, make, (shape,), "exact beyond") for name, make, shape in table]


# Before Keras 3.12 its Discretization, which makes the integers, cuts floats off inside of a tf.function.
SIDES: dict[str, dict[str, Any]] = {
    "Embedding": {"input_dim": 5, "output_dim": 3},
    "CategoryEncoding": {"num_tokens": 5},
    "Discretization": {"bin_boundaries": [-1.0, 0.0, 1.0]},
    "Hashing": {"num_bins": 7},
    "IntegerLookup": {"vocabulary": [0, 1, 2, 3]},
}


def _beside(row_id: str, layer_class: str, options: dict[str, Any]) -> Row:
    """A row for a layer of integers: they are made from the input, and stay as they are for the reference."""

    def build() -> keras.Model:
        x = keras.Input(VECTOR, name="input_0")
        layer, numbers = named_layer(layer_class, **options), x
        if layer_class != "Discretization":
            numbers = keras.layers.Discretization([-1.0, 0.0, 1.0], name="numbers")(x)
        y = keras.layers.Flatten(name="flat")(keras.ops.cast(layer(numbers), "float32"))
        return keras.Model(
            x, with_head(keras.layers.Concatenate(name="join")([y, keras.layers.Dense(6, name="before")(x)]))
        )

    return Row(row_id, layer_class, build, (VECTOR,), frozenset(["exact", "beyond"]))
