"""Converters of convolutions."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from deeplift_tf.conversion.keras_graph.context import ConversionContext
from deeplift_tf.conversion.keras_graph.registry import converts
from deeplift_tf.graph.graph import Edge
from deeplift_tf.layers.conv_transpose import ConvTranspose
from deeplift_tf.layers.convolution import Conv
from deeplift_tf.layers.depthwise import DepthwiseConv


def settings(layer: Any) -> dict[str, Any]:
    """Return strides, dilation, padding and data format of a Keras convolution."""
    causal = ((layer.dilation_rate[0] * (layer.kernel_size[0] - 1), 0),)
    return {
        "strides": tuple(layer.strides),
        "dilation": tuple(layer.dilation_rate),
        "padding": causal if layer.padding == "causal" else layer.padding,
        "channels_first": layer.data_format == "channels_first",
    }


@converts("Conv1D", "Conv2D", "Conv3D")
def conv(layer: Any, context: ConversionContext) -> Edge:
    """Kernel and bias, then the activation."""
    kernel, bias, options = context.weight(layer.kernel), context.weight(layer.bias), settings(layer)
    each = each_channel(kernel, layer.groups, options["strides"])
    convolution = Conv(kernel, bias, **options) if each is None else DepthwiseConv(each, bias, **options)
    return context.activation(layer.activation, context.add(convolution, name="linear"))


def each_channel(kernel: tf.Tensor, groups: int, strides: tuple[int, ...]) -> tf.Tensor | None:
    """Return a kernel with a group for each channel as a depthwise one; None if there is no such operation.

    ConvNeXt has 768 groups in a layer, which `Conv` would compute one after another.
    """
    if groups == 1 or kernel.shape[-2] > 1 or len(strides) > 2 or len(set(strides)) > 1:
        return None
    return tf.reshape(kernel, [*kernel.shape[:-2], groups, kernel.shape[-1] // groups])


@converts("DepthwiseConv1D", "DepthwiseConv2D")
def depthwise(layer: Any, context: ConversionContext) -> Edge:
    """One kernel for each channel, then the activation."""
    kernel, bias = context.weight(layer.kernel), context.weight(layer.bias)
    return context.activation(
        layer.activation, context.add(DepthwiseConv(kernel, bias, **settings(layer)), name="linear")
    )


@converts("SeparableConv1D", "SeparableConv2D")
def separable(layer: Any, context: ConversionContext) -> Edge:
    """Two Linear layers: one alone would have another |L|, and so other RevealCancel scores."""
    options = settings(layer)
    ones = (1,) * len(options["strides"])
    pointwise = {**options, "strides": ones, "dilation": ones, "padding": "valid"}
    y = context.add(DepthwiseConv(context.weight(layer.depthwise_kernel), None, **options), name="depthwise")
    y = context.add(
        Conv(context.weight(layer.pointwise_kernel), context.weight(layer.bias), **pointwise), y, name="linear"
    )
    return context.activation(layer.activation, y)


@converts("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
def conv_transpose(layer: Any, context: ConversionContext) -> Edge:
    """Kernel and bias, then the activation."""
    further = layer.output_padding
    each = (further,) * len(layer.strides) if isinstance(further, int) else further
    kernel, bias = context.weight(layer.kernel), context.weight(layer.bias)
    convolution = ConvTranspose(kernel, bias, **settings(layer), output_padding=None if each is None else tuple(each))
    return context.activation(layer.activation, context.add(convolution, name="linear"))
