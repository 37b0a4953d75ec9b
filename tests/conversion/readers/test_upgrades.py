from __future__ import annotations

import copy
from typing import Any

import keras
import pytest

from deeplift_tf.conversion.readers.keras2.legacy_layers import LEGACY_LAYERS
from deeplift_tf.conversion.readers.keras2.upgrades import (
    MERGE_MODES,
    OLD_HARD_SIGMOID,
    RENAMED_CLASSES,
    RETIRED_CLASSES,
    UPGRADES,
    LayerRetiredError,
    upgrade_layer,
)

Config = dict[str, Any]

OLD_SIGMOID = {
    "module": "builtins",
    "class_name": "function",
    "config": OLD_HARD_SIGMOID,
    "registered_name": OLD_HARD_SIGMOID,
}
CODE = {"class_name": "__lambda__", "config": {"code": "abc", "defaults": None, "closure": None}}
NAMED = {"module": "builtins", "class_name": "function", "config": "mine", "registered_name": "mine"}

# class and config in the file, class and config for Keras 3
EXAMPLES: list[tuple[str, Config, str, Config]] = [
    (
        "Convolution2D",
        {"nb_filter": 8, "nb_row": 2, "nb_col": 3, "border_mode": "same", "subsample": [2, 2], "dim_ordering": "th"},
        "Conv2D",
        {"filters": 8, "kernel_size": [2, 3], "padding": "same", "strides": [2, 2], "data_format": "channels_first"},
    ),
    (
        "Convolution3D",
        {"nb_filter": 8, "kernel_dim1": 1, "kernel_dim2": 2, "kernel_dim3": 3, "dim_ordering": "tf"},
        "Conv3D",
        {"filters": 8, "kernel_size": [1, 2, 3], "data_format": "channels_last"},
    ),
    (
        "AtrousConvolution1D",
        {"filter_length": 5, "subsample_length": 1, "atrous_rate": 4, "bias": False, "input_dim": 4},
        "Conv1D",
        {"kernel_size": 5, "strides": 1, "dilation_rate": 4, "use_bias": False},
    ),
    (
        "LocallyConnected1D",
        {"nb_filter": 8, "filter_length": 3, "subsample_length": 2, "border_mode": "valid", "bias": True},
        "LocallyConnected1DOfKeras2",
        {"filters": 8, "kernel_size": 3, "strides": 2, "use_bias": True},
    ),
    ("LocallyConnected2D", {"implementation": 1, "padding": "valid"}, "LocallyConnected2DOfKeras2", {}),
    ("Deconvolution2D", {"output_shape": [None, 9, 9, 3]}, "Conv2DTranspose", {}),
    ("Conv2DTranspose", {"filters": 3, "groups": 1}, "Conv2DTranspose", {"filters": 3}),
    ("DepthwiseConv2D", {"groups": 1, "depth_multiplier": 2}, "DepthwiseConv2D", {"depth_multiplier": 2}),
    ("SeparableConv2D", {"groups": 1}, "SeparableConv2D", {}),
    (
        "Dense",
        {"output_dim": 3, "init": "he", "W_regularizer": None, "bias": True},
        "Dense",
        {"units": 3, "use_bias": True},
    ),
    ("Dense", {"units": 3, "batch_input_shape": [None, 4]}, "Dense", {"units": 3}),
    (
        "InputLayer",
        {"batch_input_shape": [None, 4], "input_dtype": "int32"},
        "InputLayer",
        {"batch_shape": [None, 4], "dtype": "int32"},
    ),
    ("InputLayer", {"ragged": False, "sparse": False}, "InputLayer", {"sparse": False}),
    ("MaxPooling1D", {"pool_length": 3, "stride": 2}, "MaxPooling1D", {"pool_size": 3, "strides": 2}),
    ("UpSampling1D", {"length": 2}, "UpSampling1D", {"size": 2}),
    (
        "LSTM",
        {"output_dim": 3, "inner_activation": "hard_sigmoid", "consume_less": "cpu"},
        "LSTM",
        {"units": 3, "recurrent_activation": OLD_SIGMOID},
    ),
    (
        "ConvLSTM2D",
        {"nb_filter": 3, "nb_row": 2, "nb_col": 2, "subsample": [1, 1]},
        "ConvLSTM2D",
        {"filters": 3, "kernel_size": [2, 2], "strides": [1, 1]},
    ),
    ("SimpleRNN", {"units": 3, "time_major": False, "implementation": 2}, "SimpleRNN", {"units": 3}),
    ("GRU", {"units": 3}, "GRU", {"units": 3, "reset_after": False}),
    ("GRU", {"units": 3, "reset_after": True}, "GRU", {"units": 3, "reset_after": True}),
    (
        "CuDNNGRU",
        {"units": 3},
        "GRU",
        {"units": 3, "reset_after": True, "activation": "tanh", "recurrent_activation": "sigmoid"},
    ),
    ("Dropout", {"p": 0.5}, "Dropout", {"rate": 0.5}),
    ("GaussianDropout", {"p": 0.5}, "GaussianDropout", {"rate": 0.5}),
    ("GaussianNoise", {"sigma": 0.5}, "GaussianNoise", {"stddev": 0.5}),
    ("SpatialDropout1D", {"rate": 0.5, "noise_shape": None, "trainable": True}, "SpatialDropout1D", {"rate": 0.5}),
    ("LeakyReLU", {"alpha": 0.25}, "LeakyReLU", {"negative_slope": 0.25}),
    ("ThresholdedReLU", {"theta": 1.5}, "ReLU", {"threshold": 1.5}),
    ("BatchNormalization", {"mode": 0, "axis": 1, "beta_regularizer": None}, "BatchNormalization", {"axis": 1}),
    ("BatchNormalizationV1", {"axis": [3], "fused": True}, "BatchNormalization", {"axis": 3}),
    ("SyncBatchNormalization", {"axis": 3, "virtual_batch_size": None}, "BatchNormalization", {"axis": 3}),
    ("Embedding", {"input_dim": 9, "output_dim": 4, "input_length": 5}, "Embedding", {"input_dim": 9, "output_dim": 4}),
    ("MultiHeadAttention", {"num_heads": 2, "query_shape": [None, 4]}, "MultiHeadAttention", {"num_heads": 2}),
    ("MultiHeadAttention", {"softmax_robust_masking": False}, "MultiHeadAttention", {}),
    ("Attention", {"causal": False, "use_scale": True}, "Attention", {"use_scale": True}),
    ("Discretization", {"bin_boundaries": [0.0], "trainable": True}, "Discretization", {"bin_boundaries": [0.0]}),
    ("Activation", {"activation": "hard_sigmoid"}, "Activation", {"activation": OLD_SIGMOID}),
    ("Activation", {"activation": "tanh"}, "Activation", {"activation": "tanh"}),
    (
        "Lambda",
        {"function": ["abc", None, None], "function_type": "lambda", "output_shape": None, "module": "m"},
        "Lambda",
        {"function": CODE},
    ),
    ("Lambda", {"function": "mine", "function_type": "function"}, "Lambda", {"function": NAMED}),
    ("Lambda", {"function": "abc", "function_type": "lambda"}, "Lambda", {"function": CODE}),
    ("Merge", {"name": "m", "mode": "concat", "concat_axis": 1}, "Concatenate", {"name": "m", "axis": 1}),
    ("Merge", {"name": "m", "mode": "cos", "dot_axes": 1}, "Dot", {"name": "m", "axes": 1, "normalize": True}),
]


@pytest.mark.parametrize(("old_class", "old", "new_class", "new"), EXAMPLES)
def test_examples(old_class: str, old: Config, new_class: str, new: Config) -> None:
    before = copy.deepcopy(old)
    assert upgrade_layer(old_class, old) == (new_class, new)
    assert old == before


def test_every_row_is_needed_by_an_example() -> None:
    unused = []
    for row in UPGRADES:
        for old_class, old, _, _ in EXAMPLES:
            config = dict(old)
            if row.applies_to(RENAMED_CLASSES.get(old_class, old_class)):
                row.change(config)
                if config != old:
                    break
        else:
            unused.append(row)
    assert [row.layers for row in unused] == []


def test_every_row_says_what_calls_for_it() -> None:
    assert all(row.because.strip() for row in UPGRADES)


@pytest.mark.parametrize(
    ("class_name", "config", "part"),
    [
        ("BatchNormalization", {"mode": 2}, "mode=2"),
        ("LSTM", {"time_major": True}, "time_major=True"),
        ("DepthwiseConv2D", {"groups": 2}, "groups=2"),
        ("Attention", {"causal": True}, "causal=True"),
        ("InputLayer", {"ragged": True}, "ragged=True"),
        ("LocallyConnected1D", {"implementation": 3}, "implementation=3"),
        ("Merge", {"mode": "lambda"}, "mode='lambda'"),
        ("Merge", {"mode": "sum", "mode_type": "function"}, "mode='sum'"),
        ("Merge", {"mode": "sum", "layers": [{}]}, "branches elsewhere than at the start of a Sequential"),
        *((name, {}, reason) for name, reason in RETIRED_CLASSES.items()),
    ],
)
def test_what_is_gone_is_refused(class_name: str, config: Config, part: str) -> None:
    with pytest.raises(LayerRetiredError) as caught:
        upgrade_layer(class_name, config)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    "new", sorted({*RENAMED_CLASSES.values(), *MERGE_MODES.values()} - {"Functional", *LEGACY_LAYERS})
)
def test_new_names_are_names_of_keras(new: str) -> None:
    assert issubclass(getattr(keras.layers, new), keras.layers.Layer)


@pytest.mark.parametrize("old", sorted(RETIRED_CLASSES))
def test_retired_names_are_not(old: str) -> None:
    assert not hasattr(keras.layers, old)
