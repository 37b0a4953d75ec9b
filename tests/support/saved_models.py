"""Files of saved models for the tests of the readers: written by Keras here, or by hand as Keras 1 and 2 wrote them."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

Array = np.ndarray[Any, Any]
Weights = Sequence[tuple[str, Array]]


def small_model() -> keras.Model:
    """Two inputs, a layer used twice, a model inside, an operation outside any layer, two outputs."""
    left, right = keras.Input((6, 4), name="left"), keras.Input((6, 4), name="right")
    inner_input = keras.Input((6, 4))
    hidden = keras.layers.Conv1D(3, 3, activation="relu", name="conv")(inner_input)
    hidden = keras.layers.BatchNormalization(name="norm")(hidden)
    encoder = keras.Model(inner_input, keras.layers.GlobalMaxPooling1D(name="pool")(hidden), name="encoder")
    stack = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="stacked")], name="stack")
    joined = keras.layers.Concatenate(name="joined")([encoder(left) * 2.0, encoder(right)])
    score = keras.layers.Dense(1, activation="sigmoid", name="score")(joined)
    model = keras.Model([left, right], [score, stack(encoder(left))], name="small")
    return randomised(model)


def randomised(model: keras.Model) -> keras.Model:
    """Weights that differ everywhere; variances stay positive."""
    random = np.random.default_rng(7)
    model.set_weights([np.abs(random.normal(size=weight.shape)) * 0.5 + 0.1 for weight in model.get_weights()])
    return model


def quantize(model: keras.Model, mode: str) -> keras.Model:
    """Quantise the layers of a model that can be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of layers that cannot be
        model.quantize(mode)
    return model


def rows(model: keras.Model, count: int = 3) -> list[Array]:
    random = np.random.default_rng(3)
    shapes = [[size or 5 for size in tensor.shape[1:]] for tensor in model.inputs]
    return [random.normal(size=(count, *shape)).astype("float32") for shape in shapes]


def outputs(model: keras.Model, inputs: Sequence[Array]) -> list[Array]:
    found = model(list(inputs) if len(inputs) > 1 else inputs[0], training=False)
    return [np.asarray(part) for part in (found if isinstance(found, list | tuple) else [found])]


def assert_same(model: keras.Model, original: keras.Model, rtol: float = 1e-6) -> None:
    """Equal outputs; both compute in float32, so that only the order of summation may differ."""
    inputs = rows(original)
    for found, expected in zip(outputs(model, inputs), outputs(original, inputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


def write_legacy_h5(
    path: Path,
    config: Mapping[str, Any] | None,
    weights: Mapping[str, Weights],
    keras_version: str | None = "2.1.3",
    backend: str | None = "tensorflow",
) -> Path:
    """A whole model as Keras 1 and 2 wrote it; without a config, a file of weights only."""
    with h5py.File(path, "w") as file:
        group = file if config is None else file.create_group("model_weights")
        for attributes in (file.attrs, group.attrs):
            for name, text in {"keras_version": keras_version, "backend": backend}.items():
                if text is not None:
                    attributes[name] = text.encode()
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
        group.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            layer = group.create_group(name)
            layer.attrs["weight_names"] = np.array([weight.encode() for weight, _ in arrays], dtype="S64")
            for weight, array in arrays:
                layer.create_dataset(weight, data=array)
    return path


def layer(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, "trainable": True, **config}}


def inputs_named(names: str, shape: list[int | None]) -> list[tuple[dict[str, Any], list[Any]]]:
    """One InputLayer for each letter, with the nodes that feed it: none."""
    return [(layer("InputLayer", name, batch_input_shape=shape), []) for name in names]


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    """As Keras 1 to 2.2 write it: the config is a list."""
    return {"class_name": "Sequential", "config": list(layers)}


def functional(
    layers: Sequence[tuple[dict[str, Any], list[Any]]], inputs: Sequence[str], outputs: Sequence[list[Any]]
) -> dict[str, Any]:
    """As Keras 2 writes it: each layer with the nodes that feed it."""
    described = [{**one, "name": one["config"]["name"], "inbound_nodes": nodes} for one, nodes in layers]
    return {
        "class_name": "Model",
        "config": {
            "name": "model_1",
            "layers": described,
            "input_layers": [[name, 0, 0] for name in inputs],
            "output_layers": list(outputs),
        },
    }


def rewritten(archive: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a .keras file with its config changed."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            new.writestr(name, content)
    return target
