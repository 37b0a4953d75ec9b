"""Whole models."""

from __future__ import annotations

from collections.abc import Callable

import keras

from tests.support.keras_models.rows import Row, Shape, in_this_keras


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
    *([_model_row(_inline_operations, (5,), tags="path beyond")] if in_this_keras("glu") else []),
)
