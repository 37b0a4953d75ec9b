"""The networks that are measured, and what they are given: numbers alone, which need neither TensorFlow nor PyTorch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

TARGET = 0
TARGETS = range(10)
SEVERAL = 20  # references for each example


class Case(NamedTuple):
    """A network and the size at which it is measured.

    Attributes
    ----------
    name : str
        `models.BUILDERS` and `torch_models.TWINS` know it by this name.
    shape : tuple of int
        Of one example.
    batch : int
        Examples in a batch.
    examples : int
        Examples in a batch in which each has 20 references.
    head : str, optional
        The output that is scored, of several.
    targets_head : str, optional
        The output in which ten targets lie.
    sequence : bool
        Whether examples are one-hot sequences, whose length can be varied.
    peers : bool
        Whether other packages are measured too, and all rows of the tables; else those of `rows.ARCHITECTURES`.
    brief : bool
        Whether it is measured unless networks are named.
    """

    name: str
    shape: tuple[int, ...]
    batch: int
    examples: int
    head: str | None = None
    targets_head: str | None = None
    sequence: bool = True
    peers: bool = True
    brief: bool = True


def image_case(name: str, brief: bool = False) -> Case:
    """Return the case of a model of keras.applications."""
    return Case(name, (224, 224, 3), 4, 1, sequence=False, peers=False, brief=brief)


CASES = {
    case.name: case
    for case in (
        Case("basset", (600, 4), 32, 2),
        Case("bpnet", (2114, 4), 16, 1, "counts", "profile"),
        Case("vgg", (32, 32, 3), 64, 4, sequence=False),
        Case("resnet50", (224, 224, 3), 4, 1, sequence=False),
        Case("transformer", (600, 4), 32, 2),
        image_case("efficientnetb0"),
        image_case("mobilenetv2", brief=True),
        image_case("mobilenetv3small", brief=True),
        image_case("densenet121"),
        image_case("xception"),
        image_case("inceptionv3"),
        image_case("vgg16"),
        image_case("convnexttiny"),
        Case("unet", (128, 128, 3), 8, 1, sequence=False, peers=False),
        Case("lstm", (100, 16), 32, 1, sequence=False, peers=False),
        Case("danq", (1000, 4), 8, 1, peers=False),
        Case("enformer", (2048, 4), 4, 1, peers=False),
        Case("chrombpnet", (2114, 4), 2, 1, peers=False, brief=False),
        Case("mlp", (512,), 256, 1, sequence=False, peers=False),
        Case("tiny", (40, 4), 4, 1, brief=False),  # for tests of the benchmark itself
    )
}
PUBLISHED = tuple(name for name in CASES if name != "tiny")
BRIEF = tuple(name for name, case in CASES.items() if case.brief)


class Data(NamedTuple):
    """What a network is given.

    Attributes
    ----------
    x : np.ndarray, shape (N, ...)
    shared : np.ndarray, shape (1, ...)
        One reference for all examples.
    each : np.ndarray, shape (N, ...)
        One reference for each example.
    several : np.ndarray, shape (n, R, ...)
        R references for each of the first n examples.
    """

    x: np.ndarray
    shared: np.ndarray
    each: np.ndarray
    several: np.ndarray


def data_of(case: Case, seed: int = 0) -> Data:
    """Return random examples and references; of sequences all are one-hot, but the shared reference is not."""
    rng = np.random.default_rng(seed)
    count, drawn = case.examples, _sequences if case.sequence else _images
    several = drawn(rng, count * SEVERAL, case.shape).reshape(count, SEVERAL, *case.shape)
    x, each = drawn(rng, case.batch, case.shape), drawn(rng, case.batch, case.shape)
    shared = drawn(rng, 50, case.shape).mean(0, keepdims=True)
    return Data(x, shared, each, several)


def _sequences(rng: np.random.Generator, rows: int, shape: tuple[int, ...]) -> np.ndarray:
    codes = rng.choice(4, (rows, shape[0]), p=[0.3, 0.2, 0.2, 0.3])
    return np.eye(4, dtype=np.float32)[codes]


def _images(rng: np.random.Generator, rows: int, shape: tuple[int, ...]) -> np.ndarray:
    brightness = rng.uniform(-0.5, 0.5, (rows, *[1] * len(shape)))
    return (brightness + rng.normal(0, 0.7, (rows, *shape))).astype(np.float32)
