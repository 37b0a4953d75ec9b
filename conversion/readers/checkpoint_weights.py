"""Weights in a TensorFlow checkpoint, as `save_weights("folder/name")` of tf.keras 2 writes, or tf.train.Checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import keras

from deeplift_tf.conversion.readers.keras2.layouts import WeightLayout
from deeplift_tf.conversion.readers.keras2.weights import StoredWeights, assign_layer, finalize
from deeplift_tf.conversion.readers.untrusted.checkpoint import OBJECTS, VALUE, Checkpoint
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.errors import ModelFileError

WITH_WEIGHTS = "layer_with_weights-"
"""Beginning of the names under which Keras 2 keeps the layers that have weights, counted in the model's order."""

OPERATIONS = "_operations"
"""Name under which Keras 3 keeps all that a functional model runs, in the model's order."""

NOT_WEIGHTS = ("optimizer", "keras_api", "seed_generator", "_seed_generators")


def checkpoint_prefix(path: Path) -> Path | None:
    """Return the prefix of a checkpoint's files; None where a path leads to none.

    Parameters
    ----------
    path : Path
        The prefix, one of the files, or a folder that holds one checkpoint.

    Raises
    ------
    ModelFileError
        If a folder holds several, or a file of the checkpoint is a link.
    """
    if path.is_dir():
        found = sorted(path.glob("*.index"))
        if len(found) > 1:
            names = ", ".join(repr(each.stem) for each in found)
            raise ModelFileError(f"{path}: expected one checkpoint; found {names}. Name one: {path / found[0].stem}")
        prefix = found[0].with_suffix("") if found else None
    elif path.suffix == ".index" or ".data-" in path.suffix:
        prefix = path.with_suffix("")
    else:
        prefix = path
    if prefix is None or not (index := prefix.with_name(f"{prefix.name}.index")).is_file():
        return None
    for each in (index, *prefix.parent.glob(f"{prefix.name}.data-*")):
        if each.is_symlink():
            raise ModelFileError(f"{each}: expected a file of a checkpoint; found a link. Copy what it leads to")
    return prefix


class CheckpointWeights:
    """The weights of a checkpoint.

    Parameters
    ----------
    prefix : Path
        Of its files.

    Raises
    ------
    ModelFileError
        If it is damaged, or declares far more than it stores.
    """

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        with reading(prefix, "a TensorFlow checkpoint that is complete"):
            self.checkpoint = Checkpoint(prefix)

    @property
    def count(self) -> int:
        """Elements of all the arrays, those of optimizers too."""
        return sum(map(self.checkpoint.size, self.checkpoint.shapes))

    def load(self, model: keras.Model, layers: Sequence[Any] | None = None) -> None:
        """Assign them to a model; see `weights_file.Weights`.

        Layers are found by their place in the order of the model, variables of checkpoints without objects by their
        paths.
        """
        with reading(self.prefix, f"weights of the model {model.name!r}"):
            root = self._root()
            if root is None:
                self._assign_by_path(model)
                return
            problems = [*self._assign(model, root, layers)]
        if problems:
            raise ModelFileError(f"{self.prefix}: the weights do not fit the architecture in {'; in '.join(problems)}")

    @cached_property
    def nodes(self) -> Any:
        """The objects of the checkpoint; the root is the first."""
        return self.checkpoint.objects().nodes if OBJECTS in self.checkpoint.shapes else []

    @cached_property
    def origin(self) -> WeightLayout:
        """What wrote the checkpoint."""
        names = {child.local_name for node in self.nodes for child in node.children}
        return WeightLayout(3 if OPERATIONS in names else 2, "tensorflow")

    def _children(self, number: int) -> dict[str, int]:
        return {child.local_name: child.node_id for child in self.nodes[number].children}

    def _root(self) -> int | None:
        """Return the model: the root, or the part of it that has layers; None where there is no model with layers."""
        if not self.nodes or self._layers_of(0):
            return 0 if self.nodes else None
        found = [each for each in dict.fromkeys(self._children(0).values()) if self._layers_of(each)]
        if len(found) > 1:
            names = [name for name, number in self._children(0).items() if number in found]
            raise ModelFileError(f"{self.prefix}: expected the weights of one model; found those of {names}")
        return found[0] if found else None

    def _layers_of(self, number: int) -> list[int]:
        """Return the layers of a model that have weights, in order."""
        inside = self._children(number)
        if any(name.startswith(WITH_WEIGHTS) for name in inside):
            return _numbered(inside, WITH_WEIGHTS)
        inside = self._children(inside["_functional"]) if "_functional" in inside else inside
        operations = _numbered(self._children(inside[OPERATIONS]), "") if OPERATIONS in inside else []
        return [each for each in operations if next(self._variables(each), None)]

    def _assign_by_path(self, model: keras.Model) -> None:
        """Assign each variable the array that is stored under its path."""
        places = self._places()
        missing = [variable.path for variable in model.weights if variable.path not in places]
        if missing:
            raise ModelFileError(
                f"{self.prefix}: expected arrays for all weights of the model; found none for {missing[:5]}, but for "
                f"{sorted(places)[:5]}"
            )
        for variable in model.weights:
            array = self.checkpoint.array(places[variable.path])
            if array.shape != tuple(variable.shape):
                raise ModelFileError(
                    f"{self.prefix}: expected {variable.path} of the shape {tuple(variable.shape)}; found {array.shape}"
                )
            variable.assign(array)
        for layer in model.layers:
            finalize(layer)

    def _places(self) -> Mapping[str, str]:
        """Return the keys of arrays by the full names of their variables."""
        if not self.nodes:
            return {key: key for key in self.checkpoint.shapes}
        return {name: key for name, key in self._variables(0)}

    def _variables(self, number: int) -> Iterator[tuple[str, str]]:
        """Yield full name and key of every variable of an object, each once, in the order of its parts."""
        seen, waiting = set[int](), [number]
        while waiting:
            number = waiting.pop()
            if number in seen:
                continue
            seen.add(number)
            for value in self.nodes[number].attributes:
                if value.name == VALUE:
                    yield value.full_name, value.checkpoint_key
            parts = [each for name, each in self._children(number).items() if name not in NOT_WEIGHTS]
            waiting.extend(reversed(parts))

    def _assign(self, model: Any, number: int, configs: Sequence[Any] | None) -> Iterator[str]:
        """Assign the weights of the layers of a model, and yield what does not fit."""
        stored = self._layers_of(number)
        layers = [(layer, inner) for layer, inner in _in_order(model, configs) if layer.weights]
        if len(layers) != len(stored):
            names = [layer.name for layer, _ in layers]
            yield f"{model.name!r}: expected arrays for {len(names)} layers, {names}; found {len(stored)}"
            return
        for (layer, inner), place in zip(layers, stored, strict=True):
            yield from self._assign_one(layer, place, inner)

    def _assign_one(self, layer: Any, number: int, configs: Sequence[Any] | None) -> Iterator[str]:
        wrapped = getattr(layer, "layer", None)
        if hasattr(layer, "layers"):
            yield from self._assign(layer, number, configs)
        elif hasattr(wrapped, "layers") and "layer" in self._children(number):
            yield from self._assign(wrapped, self._children(number)["layer"], None)
        else:
            found = list(self._variables(number))
            arrays = StoredWeights(
                layer.name, [name for name, _ in found], lambda: [self.checkpoint.array(key) for _, key in found]
            )
            if problem := assign_layer(layer, arrays, self.origin, self.prefix):
                yield problem


def _numbered(inside: Mapping[str, int], start: str) -> list[int]:
    """Return the objects whose names are a beginning and a number, by that number."""
    ends = [name.removeprefix(start) for name in inside if name.startswith(start)]
    return [inside[f"{start}{end}"] for end in sorted(filter(str.isdigit, ends), key=int)]


def _in_order(model: Any, configs: Sequence[Any] | None) -> list[tuple[Any, Sequence[Any] | None]]:
    """Return the layers of a model in the order of their configs, each with the configs of the layers inside it."""
    known = {layer.name: layer for layer in model.layers}
    inner = {name: layers for name, layers in map(_named, configs or ()) if name in known}
    if set(inner) != set(known):
        inner = {name: None for name in known}
    return [(known[name], layers) for name, layers in inner.items()]


def _named(config: Any) -> tuple[Any, Sequence[Any] | None]:
    """Return the name of a layer in a config, and the configs of the layers inside it."""
    inner = config.get("config") if isinstance(config, dict) else None
    if not isinstance(inner, dict):
        return None, None
    layers = inner.get("layers")
    return inner.get("name"), layers if isinstance(layers, list) else None
