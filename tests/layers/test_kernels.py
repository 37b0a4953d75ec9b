"""The transposes written by hand are those that differentiation gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from deeplift_tf.layers.base import Step
from deeplift_tf.layers.convolution import Conv
from deeplift_tf.rules.multipliers import Difference, Pairing
from deeplift_tf.rules.rules import RESCALE
from deeplift_tf.rules.tensors import vjp

CASES = [
    (padding, strides, dilation, size, window, channels)
    for padding in ("valid", "same", "causal", "given")
    for strides, dilation, size, window, channels in [
        ((1,), (1,), (17,), (5,), 4),
        ((1,), (1,), (16,), (4,), 1),
        ((1,), (1,), (13,), (13,), 3),
        ((1,), (1,), (13,), (4,), 6),
        ((1,), (3,), (17,), (4,), 7),
        ((1,), (2,), (20,), (5,), 2),
        ((3,), (1,), (20,), (5,), 2),
        ((2,), (1,), (11,), (3,), 5),
        ((4,), (1,), (19,), (2,), 3),
        ((1, 1), (1, 1), (9, 10), (3, 4), 3),
        ((1, 1), (1, 1), (6, 11), (5, 2), 1),
        ((1, 1), (2, 3), (11, 14), (3, 4), 5),
        ((2, 2), (1, 1), (15, 16), (7, 7), 3),
        ((2, 3), (1, 1), (10, 11), (3, 4), 4),
        ((2, 2), (1, 1), (10, 11), (3, 4), 6),
        ((4, 4), (1, 1), (8, 9), (4, 4), 3),
        ((2, 1), (1, 1), (9, 8), (1, 3), 2),
    ]
    if padding != "causal" or len(size) == 1
]


def amounts_of(padding: str, reach: list[int]) -> Any:
    """Padding as a layer has it: "causal" and "given" are amounts."""
    if padding == "causal":
        return ((reach[0], 0),)
    return tuple((far, (far + 1) // 2) for far in reach) if padding == "given" else padding


@pytest.mark.parametrize(("padding", "strides", "dilation", "size", "window", "channels"), CASES)
def test_transpose(
    padding: str,
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    size: Sequence[int],
    window: Sequence[int],
    channels: int,
) -> None:
    rng = np.random.default_rng(0)
    kernel = tf.constant(rng.normal(size=(*window, channels, 6)))
    reach = [(length - 1) * rate for length, rate in zip(window, dilation, strict=True)]
    layer = Conv(kernel, None, strides, dilation, amounts_of(padding, reach))
    x = tf.constant(rng.normal(size=(3, *size, channels)))
    step = Step((Difference(x, x),), (), Pairing(), RESCALE)
    y = layer.forward(x)
    plain = layer.differentiable()  # TensorFlow's general function, which has a derivative everywhere
    np.testing.assert_allclose(y, plain.forward(x), rtol=0, atol=1e-13 * float(tf.reduce_max(tf.abs(y))))
    multipliers = tf.constant(rng.normal(size=y.shape))
    (found,) = layer.transpose(step, multipliers)
    (expected,) = vjp(plain.forward, [x], multipliers)
    assert found.shape == expected.shape
    # float64; sums of at most a hundred products in another order
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * float(tf.reduce_max(tf.abs(expected))))


@pytest.mark.parametrize(("strides", "padding"), [((2, 2), "same"), ((1, 1), "valid"), ((2, 1), ((1, 0), (2, 3)))])
def test_transpose_of_multipliers_whose_sizes_are_not_known(strides: tuple[int, ...], padding: Any) -> None:
    rng = np.random.default_rng(0)
    layer = Conv(tf.constant(rng.normal(size=(3, 4, 3, 6))), None, strides, (1, 1), padding)
    x = tf.constant(rng.normal(size=(2, 9, 10, 3)))
    step = Step((Difference(x, x),), (), Pairing(), RESCALE)
    multipliers = tf.constant(rng.normal(size=layer.forward(x).shape))
    (expected,) = layer.transpose(step, multipliers)
    open_sizes = [tf.TensorSpec([None, None, None, 6], tf.float64)]
    found = tf.function(lambda m: layer.transpose(step, m)[0], input_signature=open_sizes, autograph=False)(multipliers)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * float(tf.reduce_max(tf.abs(expected))))
