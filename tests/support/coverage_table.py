"""The table of what is covered: `python -m tests.support.coverage_table` writes docs/coverage.md.

Every class of keras.layers, every activation and every application of the installed Keras has a row: how it is
converted, how far predictions differ from Keras's, and by how much contributions miss the difference of the target
(rescale, float32, relative to the difference). Run from the root of the repository. Applications take long: with
`--applications`, all or those named, they are measured anew, each row written as it comes; the others are kept.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

import deeplift_tf as dl
from deeplift_tf.errors import DeepLiftError
from tests.support.keras_models import LAYER_ROWS, Row, outputs_of, random_inputs, randomise

DOCS = Path(__file__).parents[2] / "docs"
HEAD = "| {} | kind | exact | prediction difference | relative delta |\n|---|---|---|---|---|\n"

REASONS = {
    "Layer": "a base class, which computes nothing",
    "InputSpec": "no layer: a description of inputs",
    "InputLayer": "an input of the network",
    "Wrapper": "a base class, which computes nothing",
    "FlaxLayer": "runs on the JAX backend only",
    "JaxLayer": "runs on the JAX backend only",
    "TorchModuleWrapper": "runs on the PyTorch backend only",
    "TFSMLayer": "a SavedModel as a layer: its operations are followed, one by one",
    "LSTMCell": "inside RNN, whose row runs it",
    "GRUCell": "inside RNN, whose row runs it",
    "SimpleRNNCell": "inside RNN; SimpleRNN runs it",
    "StackedRNNCells": "inside RNN, whose row runs it",
    "StringLookup": "strings have no difference: passed, and scored from the layer that makes floats of them",
    "TextVectorization": "strings have no difference: passed, and scored from the layer that makes floats of them",
    "HashedCrossing": "strings and integers have no difference: passed, and scored from its output on",
    "MaxNumBoundingBoxes": "bounding boxes, which no score refers to",
}


WHY_APPROXIMATE = {
    "ContrastLimitedAdaptiveHistogramEqualization": "a histogram, which has steps",
    "MelSpectrogram": "the largest value of all rows takes part",
    "STFTSpectrogram": "logarithms of powers, clipped at 1e-7",
}
"""What it is in a layer that no exact rule is for."""


class Line(NamedTuple):
    """One line of the table."""

    name: str
    kind: str
    exact: str
    difference: str
    delta: str

    def __str__(self) -> str:
        return "| " + " | ".join(self) + " |"


def measured(
    name: str,
    model: Any,
    x: Any,
    references: Any,
    expected: Iterable[Any],
    target: Any = None,
    dtype: str = "float32",
) -> Line:
    """Convert a model, score it for a random sum of its outputs or a target, and say how far both are off."""
    try:
        network = dl.convert(model, dtype=dtype)
        found = network.predict(x)
        outputs = found.values() if isinstance(found, dict) else [found]
        pairs = list(zip(outputs, map(np.asarray, expected), strict=True))
        difference = max(np.abs(a - b).max() / np.abs(b).max() for a, b in pairs)
        target = np.random.default_rng(4).normal(size=pairs[0][0].shape[1:]) if target is None else target
        scores = network.compile()(x, references, target=target)
    except DeepLiftError as error:
        return Line(name, "", f"refused: {str(error).splitlines()[-1]}", "", "")
    assert scores.delta is not None
    delta = np.abs(scores.delta).max() / np.abs(scores.outputs - scores.reference_outputs).max()
    own = [node for node in network.graph.nodes if node.owner == "layer"] or network.graph.nodes
    kinds = sorted({node.layer.kind for node in own})
    exact = all(node.layer.exact for node in network.graph.nodes)
    sums = "exact" if exact else f"approximate: {WHY_APPROXIMATE[name]}" if name in WHY_APPROXIMATE else "approximate"
    return Line(name, ", ".join(kinds), sums, f"{difference:.0e}", f"{delta:.0e}")


def of_row(name: str, row: Row) -> Line:
    """Measure one row of the tests' table."""
    x, references = random_inputs(row, 2), random_inputs(row, 3)
    single = len(x) == 1
    try:
        model = randomise(row.build(), 1)
        expected = outputs_of(model, row, x)
    except Exception as error:  # Keras itself fails on some layers of images of this size
        return Line(name, "", f"not measured: {type(error).__name__} in Keras", "", "")
    return measured(name, model, x[0] if single else x, references[0] if single else references, expected)


def around(layer_class: str, shape: tuple[int, ...], **options: Any) -> Row:
    """A row of this table alone: of layers that are only followed along a path."""

    def build() -> keras.Model:
        x = keras.Input(shape)
        y = getattr(keras.layers, layer_class)(name="layer", **options)(keras.layers.Dense(shape[-1])(x))
        return keras.Model(x, keras.layers.Dense(2)(keras.layers.Flatten()(y)))

    return Row(layer_class, layer_class, build, (shape,), frozenset(["path"]))


FURTHER = {
    row.layer_class: row
    for row in (
        around("AutoContrast", (4, 4, 3), value_range=(-9, 9)),
        around("ContrastLimitedAdaptiveHistogramEqualization", (8, 8, 3), value_range=(-9, 9)),
        around("Equalization", (4, 4, 3), value_range=(-9, 9)),
        around("MelSpectrogram", (64,), fft_length=32, sampling_rate=100),
        around("STFTSpectrogram", (64, 2), frame_length=16, frame_step=8),
    )
}


def layer_lines() -> Iterator[Line]:
    """Yield a line for each class of keras.layers; other names of a class share its line."""
    rows: dict[str, Row] = {}
    for row in LAYER_ROWS:
        rows.setdefault(row.layer_class, row)
    classes = sorted({c for _, c in inspect.getmembers(keras.layers, inspect.isclass)}, key=lambda c: c.__name__)
    for name in (each.__name__ for each in classes):
        yield line_of(name, rows.get(name) or FURTHER.get(name))


def line_of(name: str, row: Row | None) -> Line:
    """Return the line of a class; where it has no row, the reason."""
    if row is None:
        idle = name.startswith(("Rand", "AugMix", "CutMix", "MixUp"))
        reason = REASONS.get(name) or ("does nothing at inference" if idle else "no row")
        return Line(name, "Routing" if idle else "", reason, "", "")
    return of_row(name, row)


def activation_lines() -> Iterator[Line]:
    """Yield a line for each function of keras.activations."""
    for row in LAYER_ROWS:
        if row.id.startswith("activation_"):
            yield line_of(row.id.removeprefix("activation_"), row)


APPLICATIONS = sorted(name for name, build in vars(keras.applications).items() if inspect.isfunction(build))


def application_line(name: str) -> Line:
    """Return the line of an application, with random weights and the smallest images that it takes."""
    size = {"InceptionV3": 75, "InceptionResNetV2": 75, "Xception": 71}.get(name, 32)
    shape = (size, size, 3)
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None, include_top=False, input_shape=shape, pooling="avg")
    rng = np.random.default_rng(0)
    settle(model, rng.uniform(0, 255, (32, *shape)).astype("float32"))
    x, references = (rng.uniform(0, 255, (1, *shape)).astype("float32") for _ in range(2))
    y, z = (np.asarray(model(images, training=False)) for images in (x, references))
    target = int(np.argmax(np.abs(y - z)))  # the output that differs most: a sum might differ by nothing
    line = measured(name, model, x, references, [y], target)
    if not line.delta or (float(line.delta) <= 1e-4 and float(line.difference) <= 1e-3):
        return line
    # a network without training may round its own outputs away: then both are told in float64 too
    longer = measured(name, model, x, references, [y], target, dtype="float64")
    note = f"{line.exact}; in float64 {longer.delta}, and Keras's own float32 is off by {longer.difference}"
    return line._replace(exact=note)


def settle(model: keras.Model, images: Any) -> None:
    """Let the layers that a training would fit pass the images on: as they start, outputs hardly depend on inputs."""
    layers = model._flatten_layers()
    for layer in layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0  # statistics are those of one batch
        if type(layer).__name__ == "LayerScale":
            layer.gamma.assign(keras.ops.ones_like(layer.gamma))
    model(images, training=True)


def section(title: str, noun: str, lines: Iterable[Line]) -> str:
    """Return one part of the page."""
    return f"## {title}\n\n{HEAD.format(noun)}" + "".join(f"{line}\n" for line in told(lines))


def told(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield lines, and print each as it comes."""
    for line in lines:
        print(line, flush=True)
        yield line


def part(title: str, path: Path) -> str:
    """Return a part of the page as it was written last."""
    parts = path.read_text().split("\n## ") if path.exists() else []
    return next((f"## {part.rstrip()}\n" for part in parts if part.startswith(title)), "")


def with_applications(names: Iterable[str], path: Path) -> None:
    """Measure applications, and write the row of each into the page."""
    for name in names:
        line = str(application_line(name))
        print(line, flush=True)
        old = part("Applications", path)
        rows = {row.split(" | ")[0][2:]: row for row in old.splitlines() if row.startswith("| ")} | {name: line}
        ordered = "".join(f"{rows[each]}\n" for each in APPLICATIONS if each in rows)
        new = f"## Applications\n\n{HEAD.format('model')}{ordered}"
        page = path.read_text()
        path.write_text(page.replace(old, new) if old else f"{page}\n{new}")


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--applications", nargs="*", metavar="NAME", help="measure applications alone: all, or these")
    parser.add_argument("--output", type=Path, default=DOCS / "coverage.md")
    options = parser.parse_args()
    if options.applications is not None:
        with_applications(options.applications or APPLICATIONS, options.output)
        return
    intro = (
        "# What is covered\n\nWritten by `python -m tests.support.coverage_table` "
        f"with Keras {keras.__version__}: rescale, float32. "
        "Differences are relative to the largest prediction, deltas to the largest difference of the target. "
        "A layer marked approximate is followed along a path, and misses by what its row says.\n"
    )
    layers, activations = (
        section("Layers", "layer", layer_lines()),
        section("Activations", "function", activation_lines()),
    )
    pages = [intro, layers, activations, part("Applications", options.output)]
    options.output.write_text("\n".join(page for page in pages if page))


if __name__ == "__main__":
    main()
