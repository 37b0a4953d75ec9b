"""More Keras models that are measured: what users have besides the networks that other packages are compared on."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import layers

Shape = tuple[int, ...]


def application(name: str) -> Callable[[Shape], keras.Model]:
    """Return the builder of a model of keras.applications, without its softmax."""

    def build(shape: Shape) -> keras.Model:
        return getattr(keras.applications, name)(weights=None, input_shape=shape, classifier_activation=None)

    return build


def unet(shape: Shape) -> keras.Model:
    """Three levels of two convolutions each, with skips (after Ronneberger et al. 2015)."""
    x = inputs = keras.Input(shape)
    skips = []
    for filters in (16, 32, 64):
        x = twice(x, filters)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = twice(x, 128)
    for filters, skip in zip((64, 32, 16), reversed(skips), strict=True):
        x = layers.Concatenate()([layers.Conv2DTranspose(filters, 2, strides=2)(x), skip])
        x = twice(x, filters)
    return keras.Model(inputs, layers.Flatten()(layers.Conv2D(1, 1)(x)))


def twice(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """Return x behind two convolutions."""
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return x


def lstm(shape: Shape) -> keras.Model:
    """Two LSTMs."""
    inputs = keras.Input(shape)
    x = layers.LSTM(64)(layers.LSTM(128, return_sequences=True)(inputs))
    return keras.Model(inputs, layers.Dense(10)(x))


def danq(shape: Shape) -> keras.Model:
    """A convolution, a bidirectional LSTM and two dense layers (Quang and Xie 2016)."""
    inputs = keras.Input(shape)
    x = layers.MaxPooling1D(13)(layers.Conv1D(320, 26, activation="relu")(inputs))
    x = layers.Bidirectional(layers.LSTM(320, return_sequences=True))(x)
    x = layers.Dense(925, activation="relu")(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(919)(x))


def enformer(shape: Shape) -> keras.Model:
    """Convolutions with GELU, then attention, small (after Avsec et al. 2021)."""
    inputs = keras.Input(shape)
    x = layers.Conv1D(128, 15, padding="same")(inputs)
    for filters in (128, 160, 192):
        y = layers.Activation("gelu")(layers.BatchNormalization()(x))
        x = layers.MaxPooling1D(4)(layers.Conv1D(filters, 5, padding="same")(y))
    for _ in range(3):
        y = layers.LayerNormalization(epsilon=1e-5)(x)
        x = layers.Add()([x, layers.MultiHeadAttention(4, 48)(y, y)])
        y = layers.Dense(384, activation="relu")(layers.LayerNormalization(epsilon=1e-5)(x))
        x = layers.Add()([x, layers.Dense(192)(y)])
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling1D()(x)))


def chrombpnet(shape: Shape) -> keras.Model:
    """Eight dilated convolutions of 512 filters, each added to its cropped input; the counts alone."""
    inputs = keras.Input(shape)
    x = layers.Conv1D(512, 21, activation="relu")(inputs)
    for index in range(1, 9):
        y = layers.Conv1D(512, 3, dilation_rate=2**index, activation="relu")(x)
        x = layers.Add()([y, layers.Cropping1D(2**index)(x)])
    return keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling1D()(x)))


def mlp(shape: Shape) -> keras.Model:
    """Three dense layers of 512."""
    x = inputs = keras.Input(shape)
    for _ in range(3):
        x = layers.Dense(512, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(10)(x))


def calibrated(model: keras.Model, x: np.ndarray) -> keras.Model:
    """Return the model with the moving statistics of its normalisations set to those of some examples.

    With random ones the examples no longer differ behind some tens of layers, and there is nothing to explain.
    """
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, layers.BatchNormalization)]
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    if norms:
        model(x, training=True)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum
    return model


BUILDERS: dict[str, Callable[[Shape], keras.Model]] = {
    "efficientnetb0": application("EfficientNetB0"),
    "mobilenetv2": application("MobileNetV2"),
    "mobilenetv3small": application("MobileNetV3Small"),
    "densenet121": application("DenseNet121"),
    "xception": application("Xception"),
    "inceptionv3": application("InceptionV3"),
    "vgg16": application("VGG16"),
    "convnexttiny": application("ConvNeXtTiny"),
} | {builder.__name__: builder for builder in (unet, lstm, danq, enformer, chrombpnet, mlp)}
