"""Changes of layer configs between Keras 1 and Keras 3: one table, read from top to bottom.

A row names the layers it is for (by the names that the rows above have left), the change, and the file or the thread
that calls for it. Training settings are not here: `readers.inference` drops them for every age of Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Config = dict[str, Any]
Change = Callable[[Config], None]

KERAS_1 = "dl4j_keras1_cnn_tf_model.h5 (Keras 1.1.2) and the argument names of Keras 1"
TF_KERAS = "every .h5 of tf.keras 2 with this layer"


OLD_HARD_SIGMOID = "hard_sigmoid_of_keras_2"
"""Name of the function in `readers.legacy_functions`."""


class LayerRetiredError(Exception):
    """The layer asks for something that Keras 3 no longer computes; the message says what."""


class Upgrade(NamedTuple):
    """One row: the layers it is for (``*``: all), the change to their config, and what calls for it."""

    layers: str
    change: Change
    because: str

    def applies_to(self, class_name: str) -> bool:
        """Whether the row is for layers of this class."""
        return self.layers == "*" or class_name in self.layers.split()


def rename(old: str, new: str, values: Mapping[Any, Any] | None = None) -> Change:
    """Argument `old` is called `new`; `values` maps what it may hold."""

    def change(config: Config) -> None:
        if old in config:
            value = config.pop(old)
            config.setdefault(new, values.get(value, value) if values and isinstance(value, str) else value)

    return change


def gather(olds: str, new: str) -> Change:
    """Several arguments, one per axis, became the list `new`."""

    def change(config: Config) -> None:
        if all(old in config for old in olds.split()):
            config[new] = [config.pop(old) for old in olds.split()]

    return change


def drop(names: str) -> Change:
    """Arguments that never changed what the layer computes at inference."""

    def change(config: Config) -> None:
        for name in names.split():
            config.pop(name, None)

    return change


def default(name: str, value: object) -> Change:
    """Write out an argument that old files leave out, and whose default has changed since."""

    def change(config: Config) -> None:
        config.setdefault(name, value)

    return change


def only(name: str, *values: object) -> Change:
    """Drop a retired argument where it holds one of `values`; anything else computed something now gone."""

    def change(config: Config) -> None:
        value = config.pop(name, None)
        if value is not None and value not in values:
            raise LayerRetiredError(f"{name}={value!r} (Keras 3 has {name}={values[0]!r} only)")

    return change


def single_axis(config: Config) -> None:
    """Take the one axis out of its list."""
    axis = config.get("axis")
    if isinstance(axis, list) and len(axis) == 1:
        config["axis"] = axis[0]


def stored_function(config: Config) -> None:
    """Keras 1 and 2 wrote a function as its name, or as a list of code, defaults and closure."""
    for key in ("function", "output_shape"):
        value, kind = config.get(key), config.pop(f"{key}_type", None)
        if isinstance(value, str):
            config[key] = function_config(value) if kind != "lambda" else lambda_config([value, None, None])
        elif kind == "lambda" and isinstance(value, list) and len(value) == 3:
            config[key] = lambda_config(value)
    if config.get("output_shape") is None:
        config.pop("output_shape", None)


def old_hard_sigmoid(config: Config) -> None:
    """Name the hard_sigmoid whose straight part rises by 0.2, as in Keras 1 and 2; by 1/6 in Keras 3."""
    for key, value in config.items():
        if key.endswith("activation") and value == "hard_sigmoid":
            config[key] = function_config(OLD_HARD_SIGMOID)


def function_config(name: str) -> Config:
    """Return the config by which Keras 3 looks up a function under its name."""
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": name}


def lambda_config(parts: list[Any]) -> Config:
    """Return the config by which Keras 3 stores code, defaults and closure."""
    code, defaults, closure = parts
    return {"class_name": "__lambda__", "config": {"code": code, "defaults": defaults, "closure": closure}}


RENAMED_CLASSES = {
    **{f"Convolution{n}D": f"Conv{n}D" for n in (1, 2, 3)},
    **{f"AtrousConvolution{n}D": f"Conv{n}D" for n in (1, 2)},
    "SeparableConvolution2D": "SeparableConv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconv2D": "Conv2DTranspose",
    "Deconv3D": "Conv3DTranspose",
    "TimeDistributedDense": "Dense",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "UnifiedLSTM": "LSTM",
    "UnifiedGRU": "GRU",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "ThresholdedReLU": "ReLU",
    **{f"LocallyConnected{n}D": f"LocallyConnected{n}DOfKeras2" for n in (1, 2)},
    "Model": "Functional",
}
"""Class names of old files: Keras 1, the CuDNN layers of Keras 2, tf.keras 1.13 to 2.0 (V1, V2, Unified), Model;
and those that `readers.legacy_layers` supplies."""

RETIRED_CLASSES = {
    "Highway": "Keras 2 removed it",
    "MaxoutDense": "Keras 2 removed it",
    "SReLU": "Keras 2 removed it",
    "ParametricSoftplus": "Keras 2 removed it",
    "TensorFlowOpLayer": "a TensorFlow operation that was applied outside a layer",
    "TFOpLambda": "a TensorFlow operation that was applied outside a layer",
    "SlicingOpLambda": "a TensorFlow slice that was taken outside a layer",
}
"""Layers of old files that Keras 3 cannot build, and why."""

MERGE_MODES = {
    "sum": "Add",
    "mul": "Multiply",
    "concat": "Concatenate",
    "ave": "Average",
    "max": "Maximum",
    "dot": "Dot",
    "cos": "Dot",
}
"""Keras 1 had one Merge layer with a mode; since Keras 2 each mode is a layer."""

ORDERINGS = {"tf": "channels_last", "th": "channels_first"}
LOCAL = "LocallyConnected1DOfKeras2 LocallyConnected2DOfKeras2"
CONVOLUTIONS = f"Conv1D Conv2D Conv3D SeparableConv2D Conv2DTranspose {LOCAL}"
RECURRENT = "LSTM GRU SimpleRNN ConvLSTM2D"

UPGRADES = (
    Upgrade("*", rename("dim_ordering", "data_format", ORDERINGS), KERAS_1),
    Upgrade("*", rename("border_mode", "padding"), KERAS_1),
    Upgrade("*", drop("init inner_init forget_bias_init beta_init gamma_init"), KERAS_1),
    Upgrade("*", drop("W_regularizer U_regularizer b_regularizer W_constraint U_constraint b_constraint"), KERAS_1),
    Upgrade("*", drop("beta_regularizer gamma_regularizer create_input_layer"), KERAS_1),
    Upgrade("InputLayer", rename("batch_input_shape", "batch_shape"), "kipoi_upgradedkeras_model.json (Keras 2.4)"),
    Upgrade("InputLayer", rename("input_dtype", "dtype"), KERAS_1),
    Upgrade("InputLayer", only("ragged", False), "tf.keras 2 writes it; ragged inputs have no dense activations"),
    Upgrade(
        "*", drop("batch_input_shape input_dtype"), "keras-team/keras#20106; `readers.legacy_graph` keeps the shape"
    ),
    Upgrade(f"Dense {CONVOLUTIONS}", rename("bias", "use_bias"), KERAS_1),
    Upgrade(f"Dense {CONVOLUTIONS} {RECURRENT}", drop("input_dim input_length"), KERAS_1),
    Upgrade(f"Dense {RECURRENT}", rename("output_dim", "units"), KERAS_1),
    Upgrade(CONVOLUTIONS, rename("nb_filter", "filters"), KERAS_1),
    Upgrade(f"Conv1D {LOCAL}", rename("filter_length", "kernel_size"), KERAS_1),
    Upgrade(f"Conv1D {LOCAL}", rename("subsample_length", "strides"), KERAS_1),
    Upgrade(LOCAL, only("padding", "valid"), "Keras 1 and 2 write it; no other padding goes with implementation 1"),
    Upgrade(LOCAL, only("implementation", 1), "tf.keras 1.14 to 2.15; 2 and 3 store other kernels"),
    Upgrade(CONVOLUTIONS, gather("nb_row nb_col", "kernel_size"), KERAS_1),
    Upgrade("Conv3D", gather("kernel_dim1 kernel_dim2 kernel_dim3", "kernel_size"), KERAS_1),
    Upgrade(CONVOLUTIONS, rename("subsample", "strides"), KERAS_1),
    Upgrade(CONVOLUTIONS, rename("atrous_rate", "dilation_rate"), KERAS_1),
    Upgrade("Conv2DTranspose", drop("output_shape"), "Keras 1; its size follows from strides and padding"),
    Upgrade("MaxPooling1D AveragePooling1D", rename("pool_length", "pool_size"), KERAS_1),
    Upgrade("MaxPooling1D AveragePooling1D", rename("stride", "strides"), KERAS_1),
    Upgrade("UpSampling1D", rename("length", "size"), KERAS_1),
    Upgrade("ConvLSTM2D", rename("nb_filter", "filters"), KERAS_1),
    Upgrade("ConvLSTM2D", gather("nb_row nb_col", "kernel_size"), KERAS_1),
    Upgrade("ConvLSTM2D", rename("subsample", "strides"), KERAS_1),
    Upgrade(RECURRENT, rename("inner_activation", "recurrent_activation"), KERAS_1),
    Upgrade(RECURRENT, drop("consume_less dropout_W dropout_U"), KERAS_1),
    Upgrade(RECURRENT + " RNN", only("time_major", False), "keras-team/keras#20750"),
    Upgrade(RECURRENT + " RNN", drop("implementation input_dim input_length"), TF_KERAS),
    Upgrade("GRU GRUCell", default("reset_after", False), "Keras 2.0 to 2.1.2 leave it out; Keras 3 takes True"),
    Upgrade("Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D", rename("p", "rate"), KERAS_1),
    Upgrade("GaussianDropout AlphaDropout", rename("p", "rate"), KERAS_1),
    Upgrade("GaussianNoise", rename("sigma", "stddev"), KERAS_1),
    Upgrade("LeakyReLU", rename("alpha", "negative_slope"), "dl4j_wgan_discriminator.h5 (Keras 2.1.3)"),
    Upgrade("ReLU", rename("theta", "threshold"), "ThresholdedReLU of Keras 1 and 2"),
    Upgrade("BatchNormalization", only("mode", 0), "Keras 1; modes 1 and 2 took the statistics of the batch"),
    Upgrade("BatchNormalization", drop("fused renorm renorm_clipping renorm_momentum"), TF_KERAS),
    Upgrade("BatchNormalization", drop("virtual_batch_size adjustment"), TF_KERAS),
    Upgrade("BatchNormalization", single_axis, "mlperf_pretrainedResnet.h5 (Keras 2.4) has axis [3]"),
    Upgrade("DepthwiseConv1D DepthwiseConv2D", only("groups", 1), "keras-team/keras#19151"),
    Upgrade("Conv1DTranspose Conv2DTranspose Conv3DTranspose", only("groups", 1), "keras-team/keras#19441"),
    Upgrade("SeparableConv1D SeparableConv2D", only("groups", 1), TF_KERAS),
    Upgrade("Embedding", drop("input_length dropout"), "Keras 1 and 2; Keras 3 warns of it"),
    Upgrade("MultiHeadAttention", drop("query_shape key_shape value_shape"), TF_KERAS),
    Upgrade("MultiHeadAttention", only("softmax_robust_masking", False), "tf_keras 2.16 and later"),
    Upgrade("SpatialDropout1D SpatialDropout2D SpatialDropout3D", drop("trainable noise_shape"), TF_KERAS),
    Upgrade("Discretization", drop("trainable"), TF_KERAS),
    Upgrade("Attention AdditiveAttention", only("causal", False), "tf.keras 2.0 to 2.9"),
    Upgrade("*", old_hard_sigmoid, "clip(0.2 x + 0.5, 0, 1) in Keras 1 and 2, relu6(x + 3) / 6 in Keras 3"),
    Upgrade("Lambda", stored_function, "keras-team/keras#19151"),
    Upgrade("Lambda", drop("module output_shape_module"), "keras-team/keras#19151"),
)


def upgrade_layer(class_name: str, config: Config) -> tuple[str, Config]:
    """Return class name and config of one layer as Keras 3 knows them.

    Parameters
    ----------
    class_name : str
        As written in the file.
    config : dict
        The layer's own config; not changed.

    Returns
    -------
    tuple[str, dict]
        The new class name and a new config.

    Raises
    ------
    LayerRetiredError
        If Keras 3 has nothing that computes the same.
    """
    if class_name in RETIRED_CLASSES:
        raise LayerRetiredError(RETIRED_CLASSES[class_name])
    old_name, config = class_name, dict(config)
    class_name = RENAMED_CLASSES.get(class_name, class_name)
    if class_name == "Merge":
        class_name, config = _merge(config)
    for row in UPGRADES:
        if row.applies_to(class_name):
            row.change(config)
    if old_name.startswith("CuDNN"):
        config = _cudnn(class_name, config)
    return class_name, config


def _merge(config: Config) -> tuple[str, Config]:
    """Merge(mode=...) of Keras 1 as the layer that computes that mode."""
    mode = config.get("mode")
    if not isinstance(mode, str) or mode not in MERGE_MODES or config.get("mode_type", "raw") != "raw":
        raise LayerRetiredError(f"mode={mode!r} (known: {', '.join(MERGE_MODES)})")
    if config.get("layers"):
        raise LayerRetiredError("branches elsewhere than at the start of a Sequential")
    new: Config = {"name": config.get("name")}
    if mode == "concat":
        new["axis"] = config.get("concat_axis", -1)
    if mode in ("dot", "cos"):
        new.update(axes=config.get("dot_axes", -1), normalize=mode == "cos")
    return MERGE_MODES[mode], new


def _cudnn(class_name: str, config: Config) -> Config:
    """Write out what CuDNN layers leave out: their activations are fixed, their GRU resets after the product."""
    config.update(activation="tanh", recurrent_activation="sigmoid")
    if class_name == "GRU":
        config["reset_after"] = True
    return config
