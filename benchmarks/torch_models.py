"""The same networks in PyTorch, from the same weights, written as their users write them: one module for each use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import nn

Weights = Mapping[str, np.ndarray]


def filled(module: nn.Module, **values: np.ndarray) -> nn.Module:
    """Give a module its weights and statistics by name."""
    for name, value in values.items():
        target = getattr(module, name)
        if target.shape != value.shape:
            raise ValueError(f"{type(module).__name__}.{name}: expected {tuple(target.shape)}; received {value.shape}")
        with torch.no_grad():
            target.copy_(torch.from_numpy(np.ascontiguousarray(value)))
    return module


def conv(w: Weights, name: str, **options: object) -> nn.Module:
    """Return a convolution over one or two axes, of which Keras keeps the kernel as (..., in, out)."""
    kernel = w[f"{name}/kernel"]
    kernel = kernel.transpose(kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2))
    made = (nn.Conv1d if kernel.ndim == 3 else nn.Conv2d)(kernel.shape[1], kernel.shape[0], kernel.shape[2:], **options)
    return filled(made, weight=kernel, bias=w[f"{name}/bias"])


def dense(w: Weights, name: str) -> nn.Module:
    """Return a dense layer."""
    kernel = w[f"{name}/kernel"]
    kernel = kernel.reshape(-1, w[f"{name}/bias"].size)
    return filled(nn.Linear(*kernel.shape), weight=kernel.T, bias=w[f"{name}/bias"].reshape(-1))


def dense_after_flatten(w: Weights, name: str, channels: int) -> nn.Module:
    """Return a dense layer that reads flattened (channels, ...) where Keras flattens (..., channels)."""
    kernel = w[f"{name}/kernel"]
    width = kernel.shape[1]
    kernel = kernel.reshape(-1, channels, width).transpose(1, 0, 2).reshape(-1, width)
    return filled(nn.Linear(*kernel.shape), weight=kernel.T, bias=w[f"{name}/bias"])


def norm(w: Weights, name: str, kind: type[nn.Module], epsilon: float) -> nn.Module:
    """Return a batch normalisation."""
    gamma, beta = w[f"{name}/gamma"], w[f"{name}/beta"]
    mean, variance = w[f"{name}/moving_mean"], w[f"{name}/moving_variance"]
    made = kind(gamma.size, eps=epsilon)
    return filled(made, weight=gamma, bias=beta, running_mean=mean, running_var=variance)


def layer_norm(w: Weights, name: str) -> nn.Module:
    """Return a layer normalisation over the last axis."""
    gamma, beta = w[f"{name}/gamma"], w[f"{name}/beta"]
    return filled(nn.LayerNorm(gamma.size, eps=1e-5), weight=gamma, bias=beta)


def basset(w: Weights) -> nn.Module:
    """Return the network of `models.basset`."""
    made: list[nn.Module] = []
    for index, pool in enumerate((3, 4, 4), 1):
        made += [conv(w, f"conv_{index}", padding="same"), norm(w, f"norm_{index}", nn.BatchNorm1d, 1e-3)]
        made += [nn.ReLU(), nn.MaxPool1d(pool)]
    made += [nn.Flatten(), dense_after_flatten(w, "dense_1", 200), nn.ReLU(), dense(w, "dense_2"), nn.ReLU()]
    return nn.Sequential(*made, dense(w, "output"))


class BPNet(nn.Module):
    """The network of `models.bpnet`, its counts alone."""

    def __init__(self, w: Weights) -> None:
        super().__init__()
        self.first, self.first_relu = conv(w, "conv_0"), nn.ReLU()
        dilated = [conv(w, f"conv_{index}", dilation=2 ** (index - 1)) for index in range(1, 10)]
        self.dilated, self.relus = nn.ModuleList(dilated), nn.ModuleList(nn.ReLU() for _ in dilated)
        self.counts = dense(w, "counts")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the counts, shape (N, 1)."""
        x = self.first_relu(self.first(x))
        for index, (convolution, relu) in enumerate(zip(self.dilated, self.relus, strict=True)):
            x = relu(convolution(x)) + x[:, :, 2**index : -(2**index)]
        return self.counts(x.mean(-1))


def vgg(w: Weights) -> nn.Module:
    """Return the network of `models.vgg`."""
    made: list[nn.Module] = []
    for block in (1, 2, 3):
        for index in (1, 2):
            made += [conv(w, f"conv_{block}_{index}", padding="same"), nn.ReLU()]
        made.append(nn.MaxPool2d(2))
    made += [nn.Flatten(), dense_after_flatten(w, "dense", 256), nn.ReLU()]
    return nn.Sequential(*made, dense(w, "output"))


class Bottleneck(nn.Module):
    """One block of ResNet50, its stride in the first convolution as in keras.applications."""

    def __init__(self, w: Weights, name: str, stride: int) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        for index, options in ((1, {"stride": stride}), (2, {"padding": 1}), (3, {})):
            steps += _convolution(w, f"{name}_{index}", **options)
            steps += [nn.ReLU()] if index < 3 else []
        self.branch = nn.Sequential(*steps)
        projected = f"{name}_0_conv/kernel" in w
        self.shortcut = nn.Sequential(*_convolution(w, f"{name}_0", stride=stride)) if projected else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output, shape (N, channels, height, width)."""
        return self.relu(self.shortcut(x) + self.branch(x))


def _convolution(w: Weights, name: str, **options: int) -> list[nn.Module]:
    return [conv(w, f"{name}_conv", **options), norm(w, f"{name}_bn", nn.BatchNorm2d, 1.001e-5)]


def resnet50(w: Weights) -> nn.Module:
    """Return ResNet50 as keras.applications has it."""
    stem = [*_convolution(w, "conv1", stride=2, padding=3), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)]
    blocks = [
        Bottleneck(w, f"conv{stage}_block{index}", 2 if index == 1 and stage > 2 else 1)
        for stage, count in ((2, 3), (3, 4), (4, 6), (5, 3))
        for index in range(1, count + 1)
    ]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), dense(w, "predictions"))


class Attention(nn.Module):
    """Attention of four heads, of which Keras keeps the kernels as (width, heads, size)."""

    def __init__(self, w: Weights, name: str) -> None:
        super().__init__()
        self.heads, self.size = w[f"{name}/query/bias"].shape
        parts = ("query", "key", "value")
        self.project = nn.ModuleList(dense(w, f"{name}/{part}") for part in parts)
        self.softmax = nn.Softmax(-1)
        self.output = dense(w, f"{name}/attention_output")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the attended values, shape (N, tokens, width)."""
        split = (x.shape[0], x.shape[1], self.heads, self.size)
        query, key, value = (project(x).reshape(split).transpose(1, 2) for project in self.project)
        weights = self.softmax(query @ key.transpose(-1, -2) / self.size**0.5)
        return self.output((weights @ value).transpose(1, 2).reshape(*x.shape[:2], -1))


class EncoderBlock(nn.Module):
    """Attention and two dense layers, each after a normalisation and added to its input."""

    def __init__(self, w: Weights, index: int) -> None:
        super().__init__()
        self.attend = nn.Sequential(layer_norm(w, f"norm_{index}a"), Attention(w, f"attention_{index}"))
        self.widen = nn.Sequential(layer_norm(w, f"norm_{index}b"), dense(w, f"wide_{index}"), nn.GELU())
        self.narrow = dense(w, f"narrow_{index}")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the tokens, shape (N, tokens, width)."""
        x = x + self.attend(x)
        return x + self.narrow(self.widen(x))


class Transformer(nn.Module):
    """The network of `models.transformer`."""

    def __init__(self, w: Weights) -> None:
        super().__init__()
        self.tokens = conv(w, "tokens", stride=5)
        self.blocks = nn.Sequential(*(EncoderBlock(w, index) for index in range(1, 5)), layer_norm(w, "norm"))
        self.output = dense(w, "output")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs, shape (N, 10)."""
        return self.output(self.blocks(self.tokens(x).transpose(1, 2)).mean(1))


def tiny(w: Weights) -> nn.Module:
    """Return the network of `models.tiny`."""
    steps: Iterable[nn.Module] = (conv(w, "conv"), nn.ReLU(), nn.MaxPool1d(4), nn.Flatten())
    return nn.Sequential(*steps, dense_after_flatten(w, "output", 8))


TWINS: dict[str, Callable[[Weights], nn.Module]] = {
    "basset": basset,
    "bpnet": BPNet,
    "vgg": vgg,
    "resnet50": resnet50,
    "transformer": Transformer,
    "tiny": tiny,
}


def channels_first(array: np.ndarray, lead: int = 1) -> torch.Tensor:
    """Return an array as a tensor, its last axis moved behind the first `lead`."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, lead)))
