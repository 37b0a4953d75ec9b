"""The transposes written by hand are those that differentiation gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf

from deeplift_tf.layers.base import Step
from deeplift_tf.layers.convolution import Conv
from deeplift_tf.multipliers import Difference, Rows
from deeplift_tf.rules import RESCALE
from deeplift_tf.tensors import vjp

CASES = [
    (padding, dilation, size, window, channels)
    for padding in ("valid", "same", "causal")
    for dilation, size, window, channels in [
        ((1,), (17,), (5,), 4),
        ((1,), (16,), (4,), 1),
        ((1,), (13,), (13,), 3),
        ((3,), (17,), (4,), 7),
        ((2,), (20,), (5,), 2),
        ((1, 1), (9, 10), (3, 4), 3),
        ((1, 1), (6, 11), (5, 2), 1),
        ((2, 3), (11, 14), (3, 4), 5),
    ]
    if padding != "causal" or len(size) == 1
]


def plain_convolution(layer: Conv, x: tf.Tensor) -> tf.Tensor:
    """TensorFlow's general function, which brings dilations down to plain convolutions that have a derivative."""
    x, padding = layer.pad(x)
    return tf.nn.convolution(x, layer.kernel, padding=padding, dilations=layer.dilation)


@pytest.mark.parametrize(("padding", "dilation", "size", "window", "channels"), CASES)
def test_transpose(
    padding: str, dilation: Sequence[int], size: Sequence[int], window: Sequence[int], channels: int
) -> None:
    rng = np.random.default_rng(0)
    kernel = tf.constant(rng.normal(size=(*window, channels, 6)))
    layer = Conv(kernel, None, (1,) * len(size), tuple(dilation), padding)
    x = tf.constant(rng.normal(size=(3, *size, channels)))
    step = Step((Difference(x, x),), (), Rows(), RESCALE)
    multipliers = tf.constant(rng.normal(size=layer.forward(x).shape))
    (found,) = layer.transpose(step, multipliers)
    (expected,) = vjp(lambda x: plain_convolution(layer, x), [x], multipliers)
    assert found.shape == expected.shape
    # float64; sums of at most a hundred products in another order
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * float(tf.reduce_max(tf.abs(expected))))
