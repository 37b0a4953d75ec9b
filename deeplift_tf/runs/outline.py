"""The outline of a saved model: names of layers, inputs and outputs, read from its JSON without Keras.

It is read to tell a mistake before TensorFlow starts. What it does not know for certain it leaves open, and what it
cannot read is for the reader of model files to refuse.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py

LARGEST = 16 << 20
"""Bytes of an architecture that is looked at; the largest of keras.applications has one."""

MODELS = {"Functional", "Model", "Sequential"}
SAME = {
    *("Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax", "Dropout", "SpatialDropout1D", "GaussianNoise"),
    *("BatchNormalization", "LayerNormalization"),
}
MERGING = {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"}
POOLING = {"MaxPooling1D", "AveragePooling1D"}

Shape = tuple[int | None, ...]


class Outline(NamedTuple):
    """What the JSON of a model says.

    Attributes
    ----------
    inputs : mapping of str to tuple
        Shapes, the axis of rows first.
    outputs : mapping of str to tuple or None
        The same of the outputs, None where it takes Keras to know; empty if it takes Keras to know which they are.
    names : frozenset of str
        Of all layers, inner ones included.
    plain : bool
        Whether all of them are known here, so that no further names come of what is inside them.
    """

    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape | None]
    names: frozenset[str]
    plain: bool


def outline_of(path: Path) -> Outline | None:
    """Return the outline of a .keras or .h5 file; None if there is none to be had."""
    try:
        config = config_in(path)
        return None if config is None else outlined(config)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, zipfile.BadZipFile):
        return None  # not as Keras writes it: the reader says what is wrong


def config_in(path: Path) -> dict[str, Any] | None:
    """Return the JSON of a model file."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo("config.json")
            return json.loads(archive.read(member)) if member.file_size <= LARGEST else None
    if not path.is_file() or not h5py.is_hdf5(path):
        return None
    with h5py.File(path, "r") as file:
        text = file.attrs["model_config"]
    return json.loads(text) if len(text) <= LARGEST else None


def outlined(config: Mapping[str, Any]) -> Outline | None:
    """Return what the JSON of a model says."""
    if config["class_name"] not in MODELS:
        return None
    model = _Model(config)
    inputs = {name: model.shape(name) for name in model.input_names}
    if None in inputs.values():
        return None
    every = [*layers_in(config)]
    names = frozenset(_name(layer) for layer in every)
    known = {*RULES, *MODELS, *SAME, *MERGING, *POOLING}
    plain = all(layer["class_name"] in known for layer in every)
    return Outline({name: shape for name, shape in inputs.items() if shape}, model.outputs, names, plain)


def layers_in(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Return all layers of a model, those of models inside it included."""
    for layer in _layers(config):
        yield layer
        if layer["class_name"] in MODELS:
            yield from layers_in(layer)


def _layers(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    inner = config["config"]
    return list(inner["layers"] if isinstance(inner, Mapping) else inner)


def _name(layer: Mapping[str, Any]) -> str:
    return str(layer.get("name") or layer["config"]["name"])


class _Model:
    """The layers of one model, and the shapes that follow from them.

    Parameters
    ----------
    config : mapping
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._sequential = config["class_name"] == "Sequential"
        self._config = config["config"]
        self._layers = {_name(layer): layer for layer in _layers(config)}
        self._found: dict[str, Shape | None] = {}

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs."""
        if self._sequential:
            return list(self._layers)[:1]
        return [name for name, _ in _references(self._config["input_layers"])]

    @property
    def outputs(self) -> dict[str, Shape | None]:
        """Shapes of the outputs by name; empty where their names are not those of layers."""
        if self._sequential:
            last = list(self._layers)[-1]
            return {last: self.shape(last)}
        listed = self._config["output_layers"]
        if isinstance(listed, Mapping):
            return {}
        found = _references(listed)
        names = [name for name, _ in found]
        whole = all(tensor == 0 and self._layers[name]["class_name"] not in MODELS for name, tensor in found)
        return {name: self.shape(name) for name in names} if whole and len({*names}) == len(names) else {}

    def shape(self, name: str) -> Shape | None:
        """Return the shape of what a layer returns; None if it is not known here."""
        if name not in self._found:
            self._found[name] = None  # of a layer that calls itself
            self._found[name] = self._shape(self._layers[name])
        return self._found[name]

    def _shape(self, layer: Mapping[str, Any]) -> Shape | None:
        config = layer["config"]
        given = config.get("batch_shape", config.get("batch_input_shape"))
        if layer["class_name"] == "InputLayer":
            return tuple(given)
        if layer["class_name"] in MODELS or config.get("data_format") == "channels_first":
            return None
        inputs = self._inputs(layer, given)
        if not inputs or None in inputs:
            return None
        return inferred(layer["class_name"], config, [each for each in inputs if each is not None])

    def _inputs(self, layer: Mapping[str, Any], given: Any) -> list[Shape | None]:
        if self._sequential:
            before = list(self._layers)[: list(self._layers).index(_name(layer))]
            return [self.shape(before[-1])] if before else [tuple(given)] if given else []
        nodes = layer["inbound_nodes"]
        if len(nodes) != 1:
            return []
        return [self._tensor(*each) for each in _tensors(nodes[0])]

    def _tensor(self, name: str, tensor: int, recorded: Any) -> Shape | None:
        """Return the shape of a tensor: as recorded, else that of the layer it comes from."""
        if recorded is not None:
            return tuple(recorded)
        return self.shape(name) if self._layers[name]["class_name"] not in MODELS and tensor == 0 else None


def _references(listed: Sequence[Any]) -> list[tuple[str, int]]:
    """Return names and numbers of tensors from [[name, node, tensor], ...], or from one of them."""
    each = [listed] if isinstance(listed[0], str) else listed
    return [(str(name), int(tensor)) for name, _, tensor, *_ in each]


def _tensors(node: Any) -> list[tuple[str, int, Any]]:
    """Return name, number and recorded shape of the tensors of one call of a layer."""
    if isinstance(node, Mapping):  # Keras 3
        args = node["args"]
        flat = args[0] if len(args) == 1 and isinstance(args[0], list) else args
        found = [each["config"] for each in flat]
        return [(str(each["keras_history"][0]), int(each["keras_history"][2]), each["shape"]) for each in found]
    each = [node] if isinstance(node[0], str) else node
    return [(str(name), int(tensor), None) for name, _, tensor, *_ in each]


def inferred(kind: str, config: Mapping[str, Any], shapes: list[Shape]) -> Shape | None:
    """Return the shape of what a layer returns, from its inputs' shapes; None if it is not known here."""
    if kind in SAME:
        return shapes[0]
    if kind in MERGING:
        return shapes[0] if len({*shapes}) == 1 else None
    rule = RULES.get("MaxPooling1D" if kind in POOLING else kind)
    return None if rule is None else rule(config, shapes)


def _dense(config: Mapping[str, Any], shapes: list[Shape]) -> Shape:
    return (*shapes[0][:-1], int(config["units"]))


def _flat(config: Mapping[str, Any], shapes: list[Shape]) -> Shape:
    sizes = shapes[0][1:]
    return (shapes[0][0], None if None in sizes else math.prod(size for size in sizes if size is not None))


def _steps(config: Mapping[str, Any], length: int | None, window: int) -> int | None:
    """Return how many steps a window makes along a sequence."""
    stride = _one(config["strides"])
    if length is None:
        return None
    return (length - window) // stride + 1 if config["padding"] == "valid" else -(-length // stride)


def _conv(config: Mapping[str, Any], shapes: list[Shape]) -> Shape:
    rows, length, _ = shapes[0]
    window = (_one(config["kernel_size"]) - 1) * _one(config["dilation_rate"]) + 1
    return rows, _steps(config, length, window), int(config["filters"])


def _pooled(config: Mapping[str, Any], shapes: list[Shape]) -> Shape:
    rows, length, channels = shapes[0]
    return rows, _steps(config, length, _one(config["pool_size"])), channels


def _cropped(config: Mapping[str, Any], shapes: list[Shape]) -> Shape:
    rows, length, channels = shapes[0]
    return rows, None if length is None else length - sum(config["cropping"]), channels


def _averaged(config: Mapping[str, Any], shapes: list[Shape]) -> Shape | None:
    return None if config.get("keepdims") else (shapes[0][0], shapes[0][-1])


def _joined(config: Mapping[str, Any], shapes: list[Shape]) -> Shape | None:
    sizes = [shape[-1] for shape in shapes]
    same = len({shape[:-1] for shape in shapes}) == 1 and config["axis"] in (-1, len(shapes[0]) - 1)
    return (*shapes[0][:-1], sum(size for size in sizes if size is not None)) if same and None not in sizes else None


def _one(value: Any) -> int:
    return int(value if isinstance(value, int) else value[0])


RULES: dict[str, Callable[[Mapping[str, Any], list[Shape]], Shape | None]] = {
    "InputLayer": lambda config, shapes: None,
    "Dense": _dense,
    "Flatten": _flat,
    "Conv1D": _conv,
    "MaxPooling1D": _pooled,
    "Cropping1D": _cropped,
    "GlobalAveragePooling1D": _averaged,
    "GlobalMaxPooling1D": _averaged,
    "Concatenate": _joined,
}
