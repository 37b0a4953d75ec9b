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

import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tests.support.installed import keras_version

Shape = tuple[int, ...]


class Row(NamedTuple):
    """One model of the table: `build` takes nothing and gives a model with fresh weights."""

    id: str
    layer_class: str
    build: Callable[[], keras.Model]
    input_shapes: tuple[Shape, ...]
    tags: frozenset[str]


def random_inputs(row: Row, seed: int, rows: int = 4, scale: float = 2.0) -> list[np.ndarray]:
    """Normal inputs of a row, one array per input, shape (rows, ...), the same for the same seed."""
    rng = np.random.default_rng(seed)
    return [scale * rng.standard_normal((rows, *shape)).astype("float32") for shape in row.input_shapes]


def outputs_of(model: keras.Model, row: Row, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """What the Keras model of `row` answers at inference, one array per output (in the order of their names)."""
    call = functools.partial(model, training=False)
    call = tf.function(call, jit_compile=True) if "xla" in row.tags else call
    outputs = call(inputs if len(inputs) > 1 else inputs[0])
    return [np.asarray(y) for y in keras.tree.flatten(outputs)]


def randomise(model: keras.Model, seed: int) -> keras.Model:
    """Give every floating weight of `model` a random value, the same for the same seed; returns `model`.

    Biases and moving statistics are not left at their neutral values; of each gamma and each PReLU alpha at least
    one entry is negative.
    """
    for index, variable in enumerate(model.weights):
        if "float" in str(variable.dtype) and variable.name not in ("mean", "variance"):
            variable.assign(_random_weight(variable.name, tuple(variable.shape), np.random.default_rng([seed, index])))
    return model


def _random_weight(name: str, shape: Shape, rng: np.random.Generator) -> np.ndarray:
    if name == "moving_variance":
        return rng.uniform(0.3, 2.0, shape)
    if name == "gamma":
        return _some_negative(rng.uniform(0.5, 1.5, shape), rng)
    if name == "alpha":
        return _some_negative(rng.uniform(0.1, 0.6, shape), rng)
    if name in ("bias", "beta", "moving_mean"):
        return rng.normal(0.0, 0.5, shape)
    fan_in = np.prod(shape[:-2] if name == "depthwise_kernel" else shape[:-1])
    return rng.normal(0.0, 1.2 / np.sqrt(fan_in), shape)


def _some_negative(magnitudes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    signs = rng.choice([-1.0, 1.0], magnitudes.shape)
    signs.flat[0] = -1.0
    return signs * magnitudes


# ---------------------------------------------------------------------------------------------- one layer in a net


def _layer(layer_class: str, **options: Any) -> keras.Layer:
    return getattr(keras.layers, layer_class)(name="layer", **options)


def _head(x: Any) -> Any:
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(12, activation="relu", name="hidden")(x)
    return keras.layers.Dense(2, name="output")(x)


def _around(make: Callable[[], keras.Layer], shapes: tuple[Shape, ...]) -> keras.Model:
    inputs = [keras.Input(shape, name=f"input_{i}") for i, shape in enumerate(shapes)]
    mixed = [keras.layers.Dense(x.shape[-1], name=f"before_{i}")(x) for i, x in enumerate(inputs)]
    y = make()(mixed if len(mixed) > 1 else mixed[0])
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], _head(y))


def _row(row_id: str, layer_class: str, shapes: Shape | list[Shape], tags: str = "exact", **options: Any) -> Row:
    """A row for one layer; `shapes` is a list where the layer merges several inputs."""
    many = tuple(shapes) if isinstance(shapes, list) else (shapes,)
    return _made(row_id, layer_class, lambda: _layer(layer_class, **options), many, tags)


def _made(row_id: str, layer_class: str, make: Callable[[], keras.Layer], shapes: tuple[Shape, ...], tags: str) -> Row:
    """A row for a layer that takes more than options to make."""
    words = frozenset(tags.split())
    words = words if words & {"exact", "path"} else words | {"exact"}
    return Row(row_id, layer_class, lambda: _around(make, shapes), shapes, words)


def _adapted_normalization() -> keras.Layer:
    layer = keras.layers.Normalization(name="layer")
    layer.adapt(np.random.default_rng(0).normal(1.0, 2.0, (50, 3)).astype("float32"))
    return layer


VECTOR, SEQUENCE, IMAGE, VOLUME = (6,), (9, 4), (7, 6, 4), (5, 4, 5, 2)
SHAPE_OF_RANK = {1: SEQUENCE, 2: IMAGE, 3: VOLUME}
FIRST: dict[str, Any] = {"data_format": "channels_first"}
XLA = "exact xla"


def _dense_rows() -> list[Row]:
    return [
        _row("dense", "Dense", VECTOR, units=5),
        _row("dense_no_bias", "Dense", VECTOR, units=5, use_bias=False),
        _row("dense_on_sequence", "Dense", SEQUENCE, units=3),
        _row("dense_on_image", "Dense", IMAGE, units=3, activation="tanh"),
        *[
            _row(f"dense_{name}", "Dense", VECTOR, units=6, activation=name)
            for name in ("relu", "sigmoid", "elu", "gelu", "softmax", "silu", "leaky_relu", "softplus")
        ],
        _made(
            "dense_layer_as_activation",
            "Dense",
            lambda: keras.layers.Dense(5, activation=keras.layers.LeakyReLU(negative_slope=0.2), name="layer"),
            (VECTOR,),
            "exact",
        ),
        _row("einsum_dense", "EinsumDense", VECTOR, equation="ab,bc->ac", output_shape=5, bias_axes="c"),
        _row("einsum_dense_time", "EinsumDense", SEQUENCE, equation="abc,cd->abd", output_shape=(9, 3)),
        _row(
            "einsum_dense_heads",
            "EinsumDense",
            SEQUENCE,
            equation="abc,cde->abde",
            output_shape=(9, 2, 3),
            bias_axes="de",
        ),
        _row("einsum_dense_two_axes", "EinsumDense", SEQUENCE, equation="abc,bcd->ad", output_shape=5, bias_axes="d"),
        _row(
            "einsum_dense_ellipsis_relu",
            "EinsumDense",
            IMAGE,
            equation="...x,xy->...y",
            output_shape=3,
            bias_axes="y",
            activation="relu",
        ),
    ]


def _conv_rows(rank: int) -> list[Row]:
    name, shape = f"Conv{rank}D", SHAPE_OF_RANK[rank]
    low = name.lower()
    base: dict[str, Any] = {"filters": 4, "kernel_size": 3}
    uneven = (2, 3, 1)[:rank]
    return [
        _row(low, name, shape, **base),
        _row(f"{low}_same", name, shape, **base, padding="same"),
        _row(f"{low}_no_bias", name, shape, **base, use_bias=False),
        _row(f"{low}_strides", name, shape, **base, strides=2),
        _row(f"{low}_strides_same", name, shape, **base, strides=2, padding="same"),
        _row(f"{low}_even_kernel_same", name, shape, filters=3, kernel_size=uneven, padding="same"),
        _row(f"{low}_dilation", name, shape, filters=3, kernel_size=2, dilation_rate=2),
        _row(f"{low}_dilation_same", name, shape, **base, dilation_rate=2, padding="same"),
        _row(f"{low}_groups", name, shape, **base, groups=2),
        _row(f"{low}_group_for_each_channel", name, shape, filters=8, kernel_size=2, groups=shape[-1], strides=2),
        # without padding: XLA on a CPU gives wrong numbers for a padded channels_first convolution without strides
        # (off by 0.68 from numpy, where the layer here agrees to 5e-7)
        _row(f"{low}_channels_first", name, shape, XLA, **base, **FIRST)
        if rank < 3
        else _row(f"{low}_channels_first", name, shape, **base, **FIRST, padding="same"),
        _row(
            f"{low}_channels_first_strides",
            name,
            shape,
            XLA if rank < 3 else "exact",
            **base,
            **FIRST,
            padding="same",
            strides=2,
        ),
        _row(f"{low}_relu", name, shape, **base, activation="relu"),
        _row(f"{low}_swish", name, shape, **base, activation="swish", padding="same"),
    ]


def _conv_transpose_rows(rank: int) -> list[Row]:
    name, shape = f"Conv{rank}DTranspose", (*(4, 3, 3)[:rank], 2)
    low = name.lower()
    base: dict[str, Any] = {"filters": 3, "kernel_size": 3}
    return [
        _row(low, name, shape, **base),
        _row(f"{low}_strides_same", name, shape, **base, strides=2, padding="same"),
        _row(f"{low}_strides_relu", name, shape, **base, strides=2, activation="relu"),
        _row(f"{low}_output_padding", name, shape, **base, strides=2, padding="same", output_padding=1),
        _row(f"{low}_channels_first", name, shape, XLA, **base, **FIRST),
    ]


def _depthwise_rows(rank: int) -> list[Row]:
    shape, rows = SHAPE_OF_RANK[rank], []
    options: dict[str, dict[str, Any]] = {f"SeparableConv{rank}D": {"filters": 3}, f"DepthwiseConv{rank}D": {}}
    for name, filters in options.items():
        low = name.lower()
        base = {**filters, "kernel_size": 3}
        rows += [
            _row(low, name, shape, **base),
            _row(f"{low}_same_relu", name, shape, **base, padding="same", activation="relu"),
            _row(f"{low}_multiplier", name, shape, **base, depth_multiplier=2),
            _row(f"{low}_strides", name, shape, **base, strides=2, padding="same"),
            _row(f"{low}_dilation", name, shape, **filters, kernel_size=2, dilation_rate=2),
            _row(f"{low}_channels_first", name, shape, **base, **FIRST),
        ]
    return rows


def _causal_rows() -> list[Row]:
    base: dict[str, Any] = {"filters": 4, "kernel_size": 3, "padding": "causal"}
    return [
        _row("conv1d_causal", "Conv1D", SEQUENCE, **base),
        _row("conv1d_causal_dilation", "Conv1D", SEQUENCE, **base, dilation_rate=2, activation="relu"),
        _row("conv1d_causal_strides", "Conv1D", SEQUENCE, **base, strides=2),
        _row("conv1dtranspose_dilation", "Conv1DTranspose", (5, 2), XLA, filters=3, kernel_size=3, dilation_rate=2),
        _row("conv2dtranspose_dilation", "Conv2DTranspose", (4, 3, 2), XLA, filters=3, kernel_size=2, dilation_rate=2),
    ]


def _pooling_rows(rank: int) -> list[Row]:
    shape, rows = SHAPE_OF_RANK[rank], []
    for kind, tags in (("Max", "exact max"), ("Average", "exact")):
        name = f"{kind}Pooling{rank}D"
        low = name.lower()
        rows += [
            _row(low, name, shape, tags, pool_size=2),
            _row(f"{low}_overlapping", name, shape, tags, pool_size=3, strides=1),
            _row(f"{low}_overlapping_same", name, shape, tags, pool_size=3, strides=2, padding="same"),
            _row(f"{low}_gaps", name, shape, tags, pool_size=1, strides=2),
            _row(f"{low}_channels_first", name, shape, tags, pool_size=2, **FIRST),
        ]
        name = f"Global{name}"
        rows += [
            _row(name.lower(), name, shape, tags),
            _row(f"{name.lower()}_keepdims", name, shape, tags, keepdims=True),
            _row(f"{name.lower()}_channels_first", name, shape, tags, **FIRST),
        ]
        name = f"Adaptive{kind}Pooling{rank}D"
        rows += [
            _row(name.lower(), name, shape, tags, output_size=3),
            _row(f"{name.lower()}_channels_first", name, shape, tags, output_size=2, **FIRST),
        ]
    return rows


def _affine_rows() -> list[Row]:
    return [
        _row("batchnormalization", "BatchNormalization", VECTOR),
        _row("batchnormalization_image", "BatchNormalization", IMAGE),
        _row("batchnormalization_axis_1", "BatchNormalization", IMAGE, axis=1, epsilon=0.01),
        _row("batchnormalization_no_scale", "BatchNormalization", SEQUENCE, scale=False),
        _row("batchnormalization_no_center", "BatchNormalization", SEQUENCE, center=False),
        _row("normalization", "Normalization", VECTOR, mean=[1, 2, 0, -1, 3, 0.5], variance=[1, 4, 0.5, 2, 1, 9]),
        _row(
            "normalization_axes", "Normalization", (2, 3), axis=(1, 2), mean=[[1, 2, 3]] * 2, variance=[[1, 2, 4]] * 2
        ),
        _row("normalization_axis_none", "Normalization", SEQUENCE, axis=None, mean=0.5, variance=2.0),
        _row(
            "normalization_invert", "Normalization", (3,), mean=[1.0, 2.0, -1.0], variance=[0.5, 2.0, 4.0], invert=True
        ),
        _made("normalization_adapted", "Normalization", _adapted_normalization, ((4, 3),), "exact"),
        _row("rescaling", "Rescaling", IMAGE, scale=1 / 3, offset=-1.0),
        _row("rescaling_per_channel", "Rescaling", IMAGE, scale=[0.5, -2.0, 1.0, 0.1], offset=[0.0, 1.0, -1.0, 2.0]),
    ]


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


def _in_this_keras(function: str) -> bool:
    return hasattr(keras.activations, function)


def _activation_rows() -> list[Row]:
    rows = []
    for name in filter(_in_this_keras, ELEMENTWISE_FUNCTIONS):
        tags = "exact elementwise" + " discontinuous" * (name in DISCONTINUOUS) + " identity" * (name == "linear")
        # `threshold` has no defaults, so it comes as a function with its arguments bound.
        function = _threshold if name == "threshold" else name
        rows.append(_row(f"activation_{name}", "Activation", (8,), tags, activation=function))
    rows += [
        _row(f"activation_{name}", "Activation", (8,), tags, activation=name)
        for name, tags in VECTOR_FUNCTIONS.items()
        if name != "glu" and _in_this_keras(name)
    ]
    glu = Row("activation_glu", "Activation", _glu, ((3, 8),), frozenset(["exact"]))
    return [*rows, *([glu] if _in_this_keras("glu") else [])]


def _glu() -> keras.Model:
    # Keras takes the output of an Activation to be as wide as its input, which glu halves; an average over that axis
    # lets the layers behind it be built all the same.
    x = keras.Input((3, 8), name="input_0")
    y = keras.layers.Activation("glu", name="layer")(keras.layers.Dense(8, name="before_0")(x))
    return keras.Model(x, _head(keras.layers.GlobalAveragePooling1D(data_format="channels_first", name="average")(y)))


@keras.saving.register_keras_serializable("deeplift_tf_tests")
def _threshold(x: Any) -> Any:
    return keras.activations.threshold(x, 0.5, -0.25)


def _activation_layer_rows() -> list[Row]:
    pointwise = "exact elementwise"
    jump = pointwise + " discontinuous"
    return [
        _row("relu", "ReLU", VECTOR, pointwise),
        _row("relu_max_value", "ReLU", VECTOR, pointwise, max_value=1.5),
        _row("relu_negative_slope", "ReLU", VECTOR, pointwise, negative_slope=0.2),
        _row("relu_threshold", "ReLU", VECTOR, jump, threshold=0.5),
        _row("relu_all_options", "ReLU", VECTOR, jump, max_value=2.0, negative_slope=0.1, threshold=0.4),
        _row("leakyrelu", "LeakyReLU", VECTOR, pointwise),
        _row("leakyrelu_slope", "LeakyReLU", SEQUENCE, pointwise, negative_slope=0.05),
        _row("prelu", "PReLU", VECTOR, pointwise),
        _row("prelu_shared_axis", "PReLU", SEQUENCE, pointwise, shared_axes=[1]),
        _row("prelu_shared_axes", "PReLU", IMAGE, pointwise, shared_axes=[1, 2]),
        _row("elu", "ELU", VECTOR, pointwise),
        _row("elu_alpha", "ELU", VECTOR, pointwise, alpha=0.4),
        _row("softmax", "Softmax", VECTOR),
        _row("softmax_sequence", "Softmax", SEQUENCE),
        _row("softmax_axis_1", "Softmax", SEQUENCE, axis=1),
        _row("softmax_axes", "Softmax", (3, 2, 2), axis=[-2, -1]),
    ]


def _reshaping_rows() -> list[Row]:
    rows = [
        _row("flatten", "Flatten", IMAGE),
        _row("flatten_channels_first", "Flatten", (4, 3, 2), **FIRST),
        _row("reshape", "Reshape", SEQUENCE, target_shape=(6, 6)),
        _row("reshape_unknown", "Reshape", SEQUENCE, target_shape=(2, -1, 3)),
        _row("permute", "Permute", (3, 4, 2), dims=(3, 1, 2)),
        _row("repeatvector", "RepeatVector", VECTOR, n=3),
        _row("zeropadding1d", "ZeroPadding1D", SEQUENCE, padding=(1, 3)),
        _row("zeropadding2d", "ZeroPadding2D", IMAGE, padding=((1, 0), (2, 3))),
        _row("zeropadding2d_channels_first", "ZeroPadding2D", IMAGE, padding=(1, 2), **FIRST),
        _row("zeropadding3d", "ZeroPadding3D", VOLUME, padding=((1, 0), (0, 2), (1, 1))),
        _row("cropping1d", "Cropping1D", SEQUENCE, cropping=(1, 3)),
        _row("cropping2d", "Cropping2D", IMAGE, cropping=((1, 0), (2, 1))),
        _row("cropping2d_channels_first", "Cropping2D", IMAGE, cropping=(1, 1), **FIRST),
        _row("cropping3d", "Cropping3D", VOLUME, cropping=((1, 0), (0, 2), (1, 1))),
        _row("upsampling1d", "UpSampling1D", (4, 3), size=3),
        _row("upsampling2d", "UpSampling2D", (3, 2, 2), size=(2, 3)),
        _row("upsampling2d_channels_first", "UpSampling2D", (3, 2, 2), size=2, **FIRST),
        _row("upsampling3d", "UpSampling3D", (2, 3, 2, 2), size=(1, 2, 3)),
        _row("centercrop", "CenterCrop", (7, 6, 2), height=4, width=3),
        _row("centercrop_enlarging", "CenterCrop", (4, 5, 2), height=6, width=6),
        _row("resizing_aspect_crop", "Resizing", (6, 4, 2), height=3, width=3, crop_to_aspect_ratio=True),
        _row("resizing_aspect_pad", "Resizing", (6, 4, 2), height=4, width=4, pad_to_aspect_ratio=True, fill_value=0.7),
        _row("resizing_antialias", "Resizing", (6, 4, 2), height=3, width=2, antialias=True),
    ]
    for how in ("bilinear", "bicubic"):
        rows.append(_row(f"upsampling2d_{how}", "UpSampling2D", (3, 2, 2), size=(2, 3), interpolation=how))
    for how in ("nearest", "bilinear", "bicubic", "lanczos3"):
        rows.append(_row(f"resizing_{how}", "Resizing", (5, 4, 2), height=3, width=7, interpolation=how))
    return rows


AUGMENTATION: dict[str, dict[str, Any]] = {
    "AugMix": {},
    "CutMix": {},
    "MixUp": {},
    "RandAugment": {},
    "RandomColorDegeneration": {"factor": 0.2},
    "RandomColorJitter": {},
    "RandomElasticTransform": {},
    "RandomErasing": {},
    "RandomGaussianBlur": {},
    "RandomGrayscale": {},
    "RandomHue": {"factor": 0.2},
    "RandomInvert": {},
    "RandomPerspective": {},
    "RandomPosterization": {"factor": 4},
    "RandomSaturation": {"factor": 0.2},
    "RandomSharpness": {"factor": 0.2},
    "RandomShear": {},
}


def _identity_rows() -> list[Row]:
    table: list[tuple[str, Shape, dict[str, Any]]] = [
        ("Dropout", VECTOR, {"rate": 0.5}),
        ("AlphaDropout", VECTOR, {"rate": 0.5}),
        ("GaussianDropout", VECTOR, {"rate": 0.5}),
        ("SpatialDropout1D", SEQUENCE, {"rate": 0.5}),
        ("SpatialDropout2D", IMAGE, {"rate": 0.5}),
        ("SpatialDropout3D", VOLUME, {"rate": 0.5}),
        ("GaussianNoise", VECTOR, {"stddev": 1.0}),
        ("ActivityRegularization", VECTOR, {"l1": 0.1, "l2": 0.1}),
        ("Identity", VECTOR, {}),
        ("RandomFlip", IMAGE, {}),
        ("RandomRotation", IMAGE, {"factor": 0.2}),
        ("RandomZoom", IMAGE, {"height_factor": 0.2}),
        ("RandomTranslation", IMAGE, {"height_factor": 0.2, "width_factor": 0.2}),
        ("RandomContrast", IMAGE, {"factor": 0.2}),
        ("RandomBrightness", IMAGE, {"factor": 0.2}),
        *[(name, (5, 4, 3), options) for name, options in AUGMENTATION.items()],
    ]
    return [_row(name.lower(), name, shape, "exact identity", **options) for name, shape, options in table]


def _merging_rows() -> list[Row]:
    rows = []
    for name in ("Add", "Average", "Multiply", "Maximum", "Minimum"):
        tags = "exact max" if name.endswith("imum") else "exact"
        for count in (2, 3):
            rows.append(_row(f"{name.lower()}_{count}", name, [VECTOR] * count, tags))
        rows.append(_row(f"{name.lower()}_broadcast", name, [(3, 2, 4), (1, 1, 4)], tags))
    return [
        *rows,
        _row("subtract", "Subtract", [VECTOR] * 2),
        _row("subtract_broadcast", "Subtract", [(3, 4), (1, 4)]),
        _row("concatenate", "Concatenate", [(3,), (5,), (2,)]),
        _row("concatenate_axis_1", "Concatenate", [(3, 4), (2, 4)], axis=1),
        _row("concatenate_axis_-2", "Concatenate", [(2, 3, 4), (2, 1, 4)], axis=-2),
        _row("dot", "Dot", [(5,), (5,)], axes=1),
        _row("dot_matrices", "Dot", [(3, 4), (4, 2)], axes=(2, 1)),
        _row("dot_negative_axis", "Dot", [(3, 4), (2, 4)], axes=-1),
        _row("dot_normalized", "Dot", [(5,), (5,)], "path", axes=1, normalize=True),
        _row("dot_matrices_normalized", "Dot", [(3, 4), (2, 4)], "path", axes=2, normalize=True),
    ]


def _beyond_rows() -> list[Row]:
    return [
        _row("layernormalization", "LayerNormalization", SEQUENCE, "exact beyond"),
        _row("rmsnormalization", "RMSNormalization", SEQUENCE, "exact beyond"),
        _row("groupnormalization", "GroupNormalization", IMAGE, "exact beyond", groups=2),
        _row("unitnormalization", "UnitNormalization", VECTOR, "exact beyond"),
        _row("simplernn", "SimpleRNN", (4, 3), "exact beyond", units=3),
        _row("lstm", "LSTM", (4, 3), "exact beyond", units=3),
        _row("gru", "GRU", (4, 3), "exact beyond", units=3, return_sequences=True),
        _row("convlstm1d", "ConvLSTM1D", (3, 4, 2), "exact beyond", filters=2, kernel_size=2),
        _row("convlstm2d", "ConvLSTM2D", (3, 3, 2, 2), "exact beyond", filters=2, kernel_size=2),
        _row("convlstm3d", "ConvLSTM3D", (2, 2, 2, 2, 2), "exact beyond", filters=2, kernel_size=2),
        _row("attention", "Attention", [(3, 4), (5, 4)], "exact beyond"),
        _row("additiveattention", "AdditiveAttention", [(3, 4), (5, 4)], "exact beyond"),
        _row("masking", "Masking", (4, 3), "exact beyond", mask_value=9.0),
        _row("randomcrop", "RandomCrop", (4, 3, 2), "path beyond", height=4, width=3),
        _row("solarization", "Solarization", (4, 4, 2), "path beyond", value_range=(-9, 9)),
        *_wrapping_rows(),
        *[_beside(name.lower(), name, options) for name, options in SIDES.items() if keras_version >= (3, 12)],
        _beside("reversibleembedding", "ReversibleEmbedding", {"input_dim": 5, "output_dim": 3}),
    ]


def _twice(layer_class: str, **options: Any) -> Callable[[], Any]:
    """Return what makes a layer that is called with one tensor as query and value."""
    return lambda: lambda x: _layer(layer_class, **options)(x, x)


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
    return [_made(name.lower(), name, make, (shape,), "exact beyond") for name, make, shape in table]


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
        layer, numbers = _layer(layer_class, **options), x
        if layer_class != "Discretization":
            numbers = keras.layers.Discretization([-1.0, 0.0, 1.0], name="numbers")(x)
        y = keras.layers.Flatten(name="flat")(keras.ops.cast(layer(numbers), "float32"))
        return keras.Model(
            x, _head(keras.layers.Concatenate(name="join")([y, keras.layers.Dense(6, name="before")(x)]))
        )

    return Row(row_id, layer_class, build, (VECTOR,), frozenset(["exact", "beyond"]))


LAYER_ROWS: tuple[Row, ...] = tuple(
    row
    for row in itertools.chain(
        _dense_rows(),
        *[_conv_rows(rank) for rank in (1, 2, 3)],
        *[_conv_transpose_rows(rank) for rank in (1, 2, 3)],
        *[_depthwise_rows(rank) for rank in (1, 2)],
        _causal_rows(),
        *[_pooling_rows(rank) for rank in (1, 2, 3)],
        _affine_rows(),
        _activation_rows(),
        _activation_layer_rows(),
        _reshaping_rows(),
        _identity_rows(),
        _merging_rows(),
        _beyond_rows(),
    )
    if hasattr(keras.layers, row.layer_class.replace("Grouped", "Group"))  # older versions of Keras have fewer layers
)


# ---------------------------------------------------------------------------------------------------- whole models


def _sequential_cnn() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            keras.layers.Conv2D(4, 3, activation="relu", padding="same", name="conv2d"),
            keras.layers.MaxPooling2D(2, name="pool"),
            keras.layers.Conv2D(5, 2, name="conv2d_1"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Activation("relu", name="relu"),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dropout(0.3, name="dropout"),
            keras.layers.Dense(6, activation="relu", name="dense"),
            keras.layers.Dense(3, activation="softmax", name="probabilities"),
        ]
    )


def _genomics_cnn() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((30, 4)),
            keras.layers.Conv1D(6, 5, activation="relu", name="conv1d"),
            keras.layers.Conv1D(6, 3, dilation_rate=2, activation="relu", name="conv1d_1"),
            keras.layers.AveragePooling1D(4, name="pool"),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(8, name="dense"),
            keras.layers.PReLU(name="prelu"),
            keras.layers.Dense(1, activation="sigmoid", name="probability"),
        ]
    )


def _skip_connections() -> keras.Model:
    x = keras.Input((6,), name="x")
    a = keras.layers.Dense(6, activation="relu", name="a")(x)
    b = keras.layers.Add(name="residual")([x, a])
    c = keras.layers.Dense(4, activation="tanh", name="c")(b)
    d = keras.layers.Concatenate(name="join")([a, c, x])
    e = keras.layers.Dense(5, activation="relu", name="e")(d)
    return keras.Model(x, keras.layers.Dense(2, name="output")(e))


def _encoder() -> keras.Model:
    x = keras.Input((5,), name="encoder_input")
    y = keras.layers.Dense(4, activation="relu", name="dense")(x)
    return keras.Model(x, keras.layers.Add(name="add")([y, keras.layers.Dense(4, name="shortcut")(x)]), name="encoder")


def _nested_functional() -> keras.Model:
    x = keras.Input((5,), name="x")
    y = _encoder()(x)
    y = keras.layers.Dense(3, activation="sigmoid", name="dense")(y)
    return keras.Model(x, keras.layers.Dense(2, name="output")(y))


def _sequential_in_functional() -> keras.Model:
    x = keras.Input((8, 3), name="x")
    body = keras.Sequential(
        [
            keras.Input((8, 3)),
            keras.layers.Conv1D(4, 3, activation="relu", name="conv1d"),
            keras.layers.GlobalMaxPooling1D(name="pool"),
        ],
        name="body",
    )
    return keras.Model(x, keras.layers.Dense(2, name="output")(body(x)))


def _sequential_in_sequential() -> keras.Model:
    body = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, activation="elu", name="dense")], name="body")
    return keras.Sequential([keras.Input((5,)), body, keras.layers.Dense(2, name="output")])


def _shared_layer() -> keras.Model:
    left, right = keras.Input((5,), name="left"), keras.Input((5,), name="right")
    dense = keras.layers.Dense(4, activation="relu", name="dense")
    distance = keras.layers.Subtract(name="subtract")([dense(left), dense(right)])
    return keras.Model([left, right], keras.layers.Dense(2, name="output")(distance))


def _shared_model() -> keras.Model:
    left, right = keras.Input((5,), name="left"), keras.Input((5,), name="right")
    encoder = _encoder()
    product = keras.layers.Multiply(name="multiply")([encoder(left), encoder(right)])
    return keras.Model([left, right], keras.layers.Dense(2, name="output")(product))


def _two_inputs() -> keras.Model:
    image, facts = keras.Input((5, 5, 2), name="image"), keras.Input((3,), name="facts")
    y = keras.layers.Conv2D(3, 3, activation="relu", name="conv2d")(image)
    y = keras.layers.GlobalAveragePooling2D(name="pool")(y)
    y = keras.layers.Concatenate(name="join")([y, keras.layers.Dense(4, activation="silu", name="facts_dense")(facts)])
    return keras.Model([image, facts], keras.layers.Dense(2, name="output")(y))


def _two_outputs() -> keras.Model:
    x = keras.Input((9, 4), name="x")
    y = keras.layers.Conv1D(5, 3, activation="relu", padding="same", name="conv1d")(x)
    profile = keras.layers.Conv1D(1, 3, padding="same", name="profile")(y)
    counts = keras.layers.Dense(1, name="counts")(keras.layers.GlobalAveragePooling1D(name="pool")(y))
    return keras.Model(x, {"profile": profile, "counts": counts})


def _xception_block() -> keras.Model:
    x = keras.Input((8, 8, 3), name="x")
    y = keras.layers.Conv2D(4, 3, strides=2, use_bias=False, name="stem")(
        keras.layers.Rescaling(1 / 2.0, name="scale")(x)
    )
    y = keras.layers.Activation("relu", name="stem_relu")(keras.layers.BatchNormalization(name="stem_norm")(y))
    shortcut = keras.layers.Conv2D(5, 1, strides=2, padding="same", use_bias=False, name="shortcut")(y)
    shortcut = keras.layers.BatchNormalization(name="shortcut_norm")(shortcut)
    for i in (1, 2):
        y = keras.layers.SeparableConv2D(5, 3, padding="same", use_bias=False, name=f"separable_{i}")(y)
        y = keras.layers.BatchNormalization(name=f"norm_{i}")(y)
        y = keras.layers.Activation("relu", name=f"relu_{i}")(y) if i == 1 else y
    y = keras.layers.MaxPooling2D(3, strides=2, padding="same", name="pool")(y)
    y = keras.layers.Add(name="residual")([y, shortcut])
    y = keras.layers.GlobalAveragePooling2D(name="average")(y)
    return keras.Model(x, keras.layers.Dense(3, activation="softmax", name="probabilities")(y))


def _squeeze_excite() -> keras.Model:
    x = keras.Input((6, 6, 3), name="x")
    y = keras.layers.Conv2D(4, 3, activation="silu", name="conv2d")(x)
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(y)
    gate = keras.layers.Conv2D(4, 1, activation="sigmoid", name="excite")(gate)
    y = keras.layers.GlobalMaxPooling2D(name="pool")(keras.layers.Multiply(name="multiply")([y, gate]))
    return keras.Model(x, keras.layers.Dense(2, name="output")(y))


def _same_tensor_twice() -> keras.Model:
    x = keras.Input((5,), name="x")
    y = keras.layers.Dense(4, name="dense")(x)
    y = keras.layers.Multiply(name="square")([y, y])
    return keras.Model(x, keras.layers.Dense(2, name="output")(keras.layers.Add(name="twice")([y, y])))


def _inline_operations() -> keras.Model:
    x = keras.Input((5,), name="x")
    y = keras.layers.Dense(4, name="dense")(x)
    z = keras.activations.glu(y * 0.5 + keras.layers.Dense(4, activation="tanh", name="dense_1")(x))
    return keras.Model(x, keras.layers.Dense(2, name="output")(keras.ops.relu(z) - z))


def _model_row(build: Callable[[], keras.Model], *shapes: Shape, tags: str = "exact") -> Row:
    return Row(build.__name__.lstrip("_"), "Model", build, shapes, frozenset(tags.split()))


MODEL_ROWS: tuple[Row, ...] = (
    _model_row(_sequential_cnn, (8, 8, 2)),
    _model_row(_genomics_cnn, (30, 4)),
    _model_row(_skip_connections, (6,)),
    _model_row(_nested_functional, (5,)),
    _model_row(_sequential_in_functional, (8, 3)),
    _model_row(_sequential_in_sequential, (5,)),
    _model_row(_shared_layer, (5,), (5,)),
    _model_row(_shared_model, (5,), (5,)),
    _model_row(_two_inputs, (5, 5, 2), (3,)),
    _model_row(_two_outputs, (9, 4)),
    _model_row(_xception_block, (8, 8, 3)),
    _model_row(_squeeze_excite, (6, 6, 3)),
    _model_row(_same_tensor_twice, (5,)),
    *([_model_row(_inline_operations, (5,), tags="path beyond")] if _in_this_keras("glu") else []),
)
