"""Weights by layer, as Keras 1 and 2 store them, assigned layer by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import h5py
import keras
import numpy as np

from deeplift_tf.conversion.readers.keras2.layouts import Array, WeightLayout, modern_layout
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.conversion.readers.untrusted.hdf5 import list_attribute, text_attribute
from deeplift_tf.errors import ModelFileError


class StoredWeights(NamedTuple):
    """The arrays of one layer in the file, by name, in the file's order: what is trained first."""

    layer: str
    names: list[str]
    arrays: Callable[[], list[Array]]


def major_version(text: str | None, default: int = 1) -> int:
    """Return the major version of Keras from a text such as ``2.2.4-tf``; Keras 1 wrote none at first."""
    digits = (text or "").split(".")[0]
    return int(digits) if digits.isdigit() else default


def assign(model: keras.Model, group: h5py.Group, path: object) -> None:
    """Assign the weights of an HDF5 group that lists its layers in ``layer_names``.

    Parameters
    ----------
    model : keras.Model
        Built; changed.
    group : h5py.Group
        The root of a weights file, or ``model_weights`` of a whole model.
    path : object
        The file, for messages.

    Raises
    ------
    ModelFileError
        As `assign_stored` does.
    """
    with reading(path, "weights listed by layer"):
        origin = WeightLayout(major_version(text_attribute(group, "keras_version")), text_attribute(group, "backend"))
        stored = [layer for layer in _stored_layers(group) if layer.names]
        own = _own_weights(group)
    assign_stored(model, stored, own, origin, path)


def assign_stored(
    model: keras.Model, stored: Sequence[StoredWeights], own: StoredWeights, origin: WeightLayout, path: object
) -> None:
    """Assign weights that are listed by layer.

    Layers are matched by name, and in order where the file's names are others.

    Parameters
    ----------
    model : keras.Model
        Built; changed.
    stored : sequence of StoredWeights
        The layers that have weights.
    own : StoredWeights
        The variables that belong to no layer.
    origin : WeightLayout
        What wrote them.
    path : object
        The file, for messages.

    Raises
    ------
    ModelFileError
        Naming every layer whose arrays are missing or of another shape.
    """
    layers = [layer for layer in model.layers if layer.weights]
    found = [assign_layer(layer, arrays, origin, path) for layer, arrays in _paired(layers, stored, path)]
    problems = [problem for problem in found if problem]
    with reading(path, "the weights of the model itself"):
        problem = _assign_all(_outside(model), own.names, own.arrays())
    if problem:
        problems.append(f"the model itself: {problem}")
    if problems:
        raise ModelFileError(f"{path}: the weights do not fit the architecture in {'; in '.join(problems)}")


def assign_layer(layer: Any, stored: StoredWeights, origin: WeightLayout, path: object) -> str | None:
    """Assign the weights of one layer, or say what does not fit; see `assign_stored`."""
    with reading(path, f"the weights of layer {layer.name!r}"):
        problem = _assign_all(_variables(layer), stored.names, modern_layout(layer, stored.arrays(), origin))
        if problem:
            return f"{layer.name!r} ({type(layer).__name__}): {problem}"
        finalize(layer)
    return None


def _own_weights(group: h5py.Group) -> StoredWeights:
    """Return what Keras 2.7 and later store for variables of the model that belong to none of its layers."""
    name = "top_level_model_weights"
    return _of_group(name, group[name]) if name in group else StoredWeights("", [], list)


def _of_group(name: str, group: h5py.Group) -> StoredWeights:
    names = list_attribute(group, "weight_names")
    return StoredWeights(name, names, lambda: [np.asarray(group[each]) for each in names])


def _outside(model: keras.Model) -> list[Any]:
    """Return the variables of a model that belong to none of its layers."""
    inside = {id(weight) for layer in model.layers for weight in layer.weights}
    return [weight for weight in _variables(model) if id(weight) not in inside]


def _stored_layers(group: h5py.Group) -> list[StoredWeights]:
    layers = []
    for name in list_attribute(group, "layer_names"):
        layer = group[name]
        if not isinstance(layer, h5py.Group):
            raise ValueError(f"expected a group {name!r}; found {type(layer).__name__}")
        layers.append(_of_group(name, layer))
    return layers


def _paired(
    layers: Sequence[Any], stored: Sequence[StoredWeights], path: object
) -> Iterable[tuple[Any, StoredWeights]]:
    by_name = {found.layer: found for found in stored}
    if set(by_name) == {layer.name for layer in layers}:
        return [(layer, by_name[layer.name]) for layer in layers]
    if len(layers) != len(stored):
        wanted, found = [layer.name for layer in layers], [layer.layer for layer in stored]
        raise ModelFileError(
            f"{path}: the weights do not fit the architecture: expected arrays for {len(wanted)} layers, {wanted}; "
            f"found {len(found)}, {found}"
        )
    return zip(layers, stored, strict=True)


def _variables(layer: Any) -> list[Any]:
    """Return the variables of a layer in the order of the file: what is trained first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _matched(variables: list[Any], names: list[str], arrays: list[Array]) -> list[tuple[Any, Array]]:
    """Pair variables with arrays by layer and variable name where those are the same, else in order."""
    keys = [_key(variable.path) for variable in variables]
    stored = dict(zip((_key(name) for name in names), arrays, strict=False))
    if len(names) == len(arrays) == len(stored) and Counter(keys) == Counter(stored.keys()):
        return [(variable, stored[key]) for variable, key in zip(variables, keys, strict=True)]
    return list(zip(variables, arrays, strict=False))


def _key(name: str) -> tuple[str, ...]:
    return tuple(name.partition(":")[0].split("/")[-2:])


def _assign_all(variables: list[Any], names: list[str], arrays: list[Array]) -> str | None:
    """Assign the arrays of one layer, or say what does not fit."""
    wanted, found = [tuple(variable.shape) for variable in variables], [array.shape for array in arrays]
    pairs = _matched(variables, names, arrays)
    if len(variables) != len(arrays) or any(tuple(variable.shape) != array.shape for variable, array in pairs):
        return f"expected arrays of the shapes {wanted}, found {found}"
    for variable, array in pairs:
        variable.assign(array)
    return None


def finalize(layer: Any) -> None:
    """Let layers that compute with what they derive from their weights (Normalization) derive it."""
    for inner in getattr(layer, "layers", None) or ([layer.layer] if hasattr(layer, "layer") else []):
        finalize(inner)
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()
