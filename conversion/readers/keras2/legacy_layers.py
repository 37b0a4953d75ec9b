"""Layers of Keras 1 and 2 that Keras 3 lacks, written with keras.ops, so that each operation keeps its rule."""

from __future__ import annotations

import itertools
from math import prod
from typing import Any

import keras


class LocallyConnected(keras.layers.Layer):
    """A convolution with a kernel of its own at each position, as `implementation=1` of Keras 2 stores it.

    Parameters
    ----------
    filters, kernel_size, strides, data_format, activation, use_bias
        As for the layers of Keras 2; there is no padding.
    kernel_initializer, bias_initializer : optional
        What weights are before those of the file are assigned.
    """

    axes = 1

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        data_format: str | None = "channels_last",
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "zeros",
        bias_initializer: Any = "zeros",
        **further: Any,
    ) -> None:
        super().__init__(**further)
        self.filters, self.use_bias = filters, use_bias
        self.kernel_size, self.strides = self.for_each_axis(kernel_size), self.for_each_axis(strides)
        self.channels_first = data_format == "channels_first"
        self.activation = keras.activations.get(activation)
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer

    def for_each_axis(self, value: Any) -> list[int]:
        """Return one number for each axis of space."""
        return [int(value)] * self.axes if isinstance(value, int) else [int(each) for each in value]

    def build(self, input_shape: Any) -> None:
        """Make a kernel for each position: (positions, window and channels, filters)."""
        channels, *sizes = input_shape[1:] if self.channels_first else (input_shape[-1], *input_shape[1:-1])
        steps = zip(sizes, self.kernel_size, self.strides, strict=True)
        self.positions = [(size - window) // stride + 1 for size, window, stride in steps]
        count, window = prod(self.positions), prod(self.kernel_size)
        kernel, bias = (keras.initializers.get(each) for each in (self.kernel_initializer, self.bias_initializer))
        self.kernel = self.add_weight((count, window * channels, self.filters), kernel, name="kernel")
        shape = (*self.positions, self.filters)
        self.bias = self.add_weight(shape, bias, name="bias") if self.use_bias else None

    def call(self, x: Any) -> Any:
        """Multiply what the window sees at each position by the kernel of that position."""
        parts = [self.seen(x, place) for place in itertools.product(*map(range, self.kernel_size))]
        windows = keras.ops.stack(parts, axis=2 if self.channels_first else -2)
        count, window, _ = self.kernel.shape
        if self.channels_first:
            windows = keras.ops.transpose(keras.ops.reshape(windows, (-1, window, count)), (0, 2, 1))
        windows = keras.ops.reshape(windows, (-1, count, window))
        y = keras.ops.reshape(
            keras.ops.einsum("bpw,pwf->bpf", windows, self.kernel), (-1, *self.positions, self.filters)
        )
        y = y if self.bias is None else y + self.bias
        return self.activation(keras.ops.moveaxis(y, -1, 1) if self.channels_first else y)

    def seen(self, x: Any, place: tuple[int, ...]) -> Any:
        """Return what one place of the window sees, at every position."""
        steps = zip(place, self.positions, self.strides, strict=True)
        spans = [slice(start, start + (count - 1) * stride + 1, stride) for start, count, stride in steps]
        whole = slice(None)
        return x[(whole, whole, *spans)] if self.channels_first else x[(whole, *spans, whole)]

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of the output."""
        shape = (input_shape[0], *self.positions, self.filters)
        return (shape[0], shape[-1], *shape[1:-1]) if self.channels_first else shape

    def get_config(self) -> dict[str, Any]:
        """Return what makes the layer again."""
        own = {name: getattr(self, name) for name in ("filters", "kernel_size", "strides", "use_bias")}
        data_format = "channels_first" if self.channels_first else "channels_last"
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), **own, "data_format": data_format, "activation": activation}


class LocallyConnected1DOfKeras2(LocallyConnected):
    """LocallyConnected1D."""


class LocallyConnected2DOfKeras2(LocallyConnected):
    """LocallyConnected2D."""

    axes = 2


LEGACY_LAYERS = {layer.__name__: layer for layer in (LocallyConnected1DOfKeras2, LocallyConnected2DOfKeras2)}
"""By the names that `upgrades` writes into configs."""
