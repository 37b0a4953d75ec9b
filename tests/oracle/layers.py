"""Layers of a network, made from their weights as Keras lays them out (channels last)."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import ArrayLike

from tests.oracle.ops import Linear, Max, Routing


def dense(weights: ArrayLike, bias: ArrayLike = 0.0) -> Linear:
    """Weights of shape (inputs, units)."""
    weights = np.asarray(weights, float)
    return Linear(weights, np.broadcast_to(np.asarray(bias, float), weights.shape[1]), weights.shape[1:])


def windows_along(size: int, width: int, stride: int, padding: str, dilation: int = 1) -> list[list[tuple[int, int]]]:
    """For each output position the (offset in the window, input position) inside the input, along one axis."""
    reach = (width - 1) * dilation + 1
    count = -(-size // stride) if padding == "same" else (size - reach) // stride + 1
    before = max((count - 1) * stride + reach - size, 0) // 2 if padding == "same" else 0
    at = [[(k, i * stride - before + k * dilation) for k in range(width)] for i in range(count)]
    return [[(k, p) for k, p in window if 0 <= p < size] for window in at]


def conv(
    kernel: ArrayLike,
    bias: ArrayLike,
    input_shape: tuple[int, ...],
    strides: int = 1,
    padding: str = "valid",
    dilation: int = 1,
) -> Linear:
    """A convolution of any rank as a matrix: kernel of shape (*widths, channels in, channels out), channels last."""
    kernel = np.asarray(kernel, float)
    axes = [
        windows_along(n, k, strides, padding, dilation)
        for n, k in zip(input_shape[:-1], kernel.shape[:-2], strict=True)
    ]
    shape = (*[len(axis) for axis in axes], kernel.shape[-1])
    matrix = np.zeros((*input_shape, *shape))
    for place in itertools.product(*[range(len(axis)) for axis in axes]):
        for window in itertools.product(*[axis[i] for axis, i in zip(axes, place, strict=True)]):
            offset, source = tuple(k for k, _ in window), tuple(p for _, p in window)
            for c_in, c_out in np.ndindex(*kernel.shape[-2:]):
                matrix[(*source, c_in, *place, c_out)] = kernel[(*offset, c_in, c_out)]
    bias = np.broadcast_to(np.asarray(bias, float), shape).ravel()
    return Linear(matrix.reshape(np.prod(input_shape), np.prod(shape)), bias, shape)


def pool_windows(
    input_shape: tuple[int, ...], width: int, strides: int, padding: str
) -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """The flat positions in each pooling window, channel by channel, and the shape of the output."""
    axes = [windows_along(n, width, strides, padding) for n in input_shape[:-1]]
    shape = (*[len(axis) for axis in axes], input_shape[-1])
    flat = np.arange(np.prod(input_shape)).reshape(input_shape)
    windows = []
    for *place, channel in np.ndindex(*shape):
        inside = itertools.product(*[[p for _, p in axis[i]] for axis, i in zip(axes, place, strict=True)])
        windows.append(tuple(int(flat[(*source, channel)]) for source in inside))
    return tuple(windows), shape


def max_pool(input_shape: tuple[int, ...], width: int, strides: int, padding: str = "valid") -> Max:
    return Max(*pool_windows(input_shape, width, strides, padding))


def global_max_pool(input_shape: tuple[int, ...]) -> Max:
    flat = np.arange(np.prod(input_shape)).reshape(-1, input_shape[-1])
    return Max(tuple(tuple(int(i) for i in column) for column in flat.T), input_shape[-1:])


def maximum(shape: tuple[int, ...], count: int = 2) -> Max:
    size = int(np.prod(shape))
    return Max(tuple(tuple(range(i, count * size, size)) for i in range(size)), shape)


def average_pool(input_shape: tuple[int, ...], width: int, strides: int, padding: str = "valid") -> Routing:
    """Positions in the padding are not counted."""
    windows, shape = pool_windows(input_shape, width, strides, padding)
    matrix = np.zeros((np.prod(input_shape), len(windows)))
    for j, window in enumerate(windows):
        matrix[list(window), j] = 1 / len(window)
    return Routing((matrix,), np.zeros(len(windows)), shape)


def batch_norm(
    gamma: ArrayLike,
    beta: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    shape: tuple[int, ...],
    epsilon: float = 1e-3,
) -> Routing:
    """Parameters of shape (channels,), channels last."""
    scale = np.asarray(gamma, float) / np.sqrt(np.asarray(variance, float) + epsilon)
    shift = np.asarray(beta, float) - scale * np.asarray(mean, float)
    return Routing((np.diag(np.broadcast_to(scale, shape).ravel()),), np.broadcast_to(shift, shape).ravel(), shape)


def flatten(input_shape: tuple[int, ...]) -> Routing:
    size = int(np.prod(input_shape))
    return Routing((np.eye(size),), np.zeros(size), (size,))


def weighted_sum(shape: tuple[int, ...], *signs: float) -> Routing:
    """Add with signs (1, 1, ...), Subtract with (1, −1), Average of n with 1/n each."""
    size = int(np.prod(shape))
    return Routing(tuple(sign * np.eye(size) for sign in signs), np.zeros(size), shape)


def concatenate(*shapes: tuple[int, ...]) -> Routing:
    """Along the last axis."""
    shape = (*shapes[0][:-1], sum(s[-1] for s in shapes))
    flat = np.arange(np.prod(shape)).reshape(shape)
    pieces = np.split(flat, np.cumsum([s[-1] for s in shapes])[:-1], axis=-1)
    return Routing(tuple(np.eye(flat.size)[piece.ravel()] for piece in pieces), np.zeros(flat.size), shape)
