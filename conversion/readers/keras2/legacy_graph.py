"""Model descriptions of Keras 1 and 2, rewritten in the form of Keras 3.

Layers are upgraded by the table in `upgrades`; here are the lists around them: the layers of a Sequential, the nodes
of a functional model, models inside models.
"""

from __future__ import annotations

from typing import Any

from deeplift_tf.conversion.readers.keras2.legacy_branches import as_functional, starts_with_branches
from deeplift_tf.conversion.readers.keras2.legacy_layers import LEGACY_LAYERS
from deeplift_tf.conversion.readers.keras2.legacy_nodes import LegacyGraph, single
from deeplift_tf.conversion.readers.keras2.tf_operations import replaced
from deeplift_tf.conversion.readers.keras2.upgrades import (
    RENAMED_CLASSES,
    RETIRED_CLASSES,
    LayerRetiredError,
    function_config,
    upgrade_layer,
)
from deeplift_tf.conversion.readers.untrusted.vocabulary import (
    MODELS,
    CustomObjects,
    find,
    layer_names,
    module_of,
    operation_module,
    takes_name,
)
from deeplift_tf.errors import UnsupportedLayerError

Config = dict[str, Any]


def upgrade_model(config: Config, keras_version: int, path: object, custom: CustomObjects) -> Config:
    """Tell an architecture the way Keras 3 does, with the module of every layer.

    Parameters
    ----------
    config : dict
        With ``class_name`` and ``config``, from a file of Keras 1, 2 or 3.
    keras_version : int
        The major version that wrote it; nothing but modules is added to the layers of Keras 3.
    path : object
        The file, for messages.
    custom : mapping
        What the user supplied; those layers keep their own config.

    Returns
    -------
    dict
        What `keras.saving.deserialize_keras_object` reads.

    Raises
    ------
    UnsupportedLayerError
        Naming every layer that Keras 3 cannot build.
    """
    upgrader = _Upgrader(keras_version, custom)
    new: Config = upgrader.value(config)
    if upgrader.retired:
        raise UnsupportedLayerError(
            f"{path}: expected layers that Keras 3 can build; found {'; '.join(upgrader.retired)}. Build the model "
            "again without them, or pass a class of your own for each in custom_objects"
        )
    return new


class _Upgrader:
    """One walk through an architecture; collects what cannot be upgraded."""

    def __init__(self, keras_version: int, custom: CustomObjects) -> None:
        self.is_old = keras_version < 3
        self.custom = custom
        self.retired: list[str] = []
        self.known = layer_names() | set(RENAMED_CLASSES) | set(RETIRED_CLASSES) | {"Merge"}

    def value(self, value: Any, argument: str = "layers") -> Any:
        """Any JSON value, given as an argument of this name; what describes a layer is upgraded, wherever it stands."""
        if isinstance(value, list):
            return [self.value(item, argument) for item in value]
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("class_name"), str) and "config" in value:
            return self.instance(value, argument)
        return {key: self.value(item, key) for key, item in value.items()}

    def instance(self, layer: Config, argument: str) -> Config:
        """One serialised object; objects that are not layers are returned unchanged."""
        class_name, inner = layer["class_name"], layer["config"]
        if find(self.custom, layer.get("registered_name"), class_name) is not None:
            inner = self.functional(inner) if _is_functional(inner) else self.value(inner)
            return {"module": None, "registered_name": class_name, **layer, "config": inner}
        if class_name == "Sequential" and starts_with_branches(inner if isinstance(inner, list) else None):
            return self.branches(layer, inner)
        if class_name == "Sequential":
            return self.model(layer, "Sequential", self.sequential(inner, layer.get("name")))
        if class_name in ("Functional", "Model") and _is_functional(inner):
            return self.model(layer, "Functional", self.functional(inner))
        if class_name not in self.known or not isinstance(inner, dict):
            return self.part(layer, argument)
        return self.layer(layer, class_name, inner)

    def model(self, layer: Config, class_name: str, inner: Config) -> Config:
        if str(layer.get("module") or "keras").split(".")[0] not in ("keras", "tf_keras"):
            return {**layer, "config": inner}  # left to the safety check
        parts = {"module": MODELS[class_name], "class_name": class_name, "config": inner, "registered_name": None}
        return {**layer, **parts}

    def branches(self, layer: Config, inner: list[Config]) -> Config:
        """Tell a Sequential of Keras 1 whose first layer merges branches as a functional model."""
        name = layer.get("name") or "sequential"
        try:
            return self.model(layer, "Functional", self.functional(as_functional(inner, name)))
        except LayerRetiredError as error:
            self.retired.append(f"{name!r} (Merge: {error})")
            return layer

    def part(self, layer: Config, argument: str) -> Config:
        """Name the module of an operation or of a part of a layer; what is unknown is left to the safety check."""
        module = layer.get("module") or module_of(layer["class_name"], argument)
        if not module:
            return layer
        inner = self.value(layer["config"], argument)
        if self.is_old and module == "keras.initializers" and isinstance(inner, dict):
            inner = {key: item for key, item in inner.items() if key != "dtype"}  # of the weight, since Keras 3
        return {"module": module, **layer, "config": inner}

    def layer(self, layer: Config, class_name: str, inner: Config) -> Config:
        if not self.is_old and not layer.get("module") and not {"dtype", "trainable"} & set(inner):
            module = operation_module(class_name)  # an operation named like a layer: Add, Multiply, ...
            if module:
                return {**layer, "module": module}
        if self.is_old:
            layer = {key: value for key, value in layer.items() if key != "build_config"}  # built by being called
            try:
                class_name, inner = upgrade_layer(class_name, inner)
            except LayerRetiredError as error:
                self.retired.append(f"{inner.get('name', class_name)!r} ({class_name}: {error})")
        inner = {key: self.activation(key, self.value(item, key)) for key, item in inner.items()}
        own = {"class_name": class_name, "config": inner}
        ours = {"registered_name": class_name} if class_name in LEGACY_LAYERS else {}
        return {"module": "keras.layers", "registered_name": None, **layer, **own, **ours}

    def activation(self, key: str, value: Any) -> Any:
        """Mark the user's own function as one: Keras 3 looks a bare name up among its own only."""
        is_custom = key.endswith("activation") and isinstance(value, str) and value in self.custom
        return function_config(value) if is_custom else value

    def sequential(self, inner: Any, name: str | None) -> Config:
        """Keras 1 to 2.2 write a bare list; the shape of the input then stands in the first layer."""
        if isinstance(inner, list):
            inner = {"name": name or "sequential", "layers": inner}
        layers = inner.get("layers")
        if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
            raise ValueError(f"expected the layers of the Sequential {inner.get('name')!r} as a list of objects")
        first = _first_input(layers, inner.get("build_input_shape")) if self.is_old else []
        named = [_named(layer, position) for position, layer in enumerate(layers)]
        return {**inner, "layers": [*first, *(self.value(layer) for layer in named)]}

    def functional(self, inner: Config) -> Config:
        layers = inner["layers"]
        if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
            raise ValueError(f"expected the layers of the model {inner.get('name')!r} as a list of objects")
        layers = [{**layer, "name": layer.get("name") or layer["config"]["name"]} for layer in layers]
        if not self.is_old:
            return {**inner, "layers": [self.value(layer) for layer in layers]}
        graph = LegacyGraph(layers, inner["output_layers"])
        return {
            **inner,
            "layers": [self.called(layer, graph.nodes(layer)) for layer in layers],
            "input_layers": single(inner["input_layers"]),
            "output_layers": single(graph.outputs(inner["output_layers"])),
        }

    def called(self, layer: Config, calls: list[Config]) -> Config:
        """Return one layer of a functional model with the calls that feed it."""
        if layer["class_name"] not in ("TFOpLambda", "SlicingOpLambda"):
            return {**self.value({**layer, "inbound_nodes": []}), "inbound_nodes": calls}
        try:
            name, settings, calls = replaced(layer["config"].get("function"), calls)
        except LayerRetiredError as error:
            self.retired.append(f"{layer['name']!r} ({layer['class_name']}: {error})")
            return layer
        config = {"name": layer["name"], **settings} if takes_name(name) else settings
        parts = {"class_name": name, "config": config, "registered_name": name, "inbound_nodes": calls}
        return {"module": operation_module(name), "name": layer["name"], **parts}


def _is_functional(inner: Any) -> bool:
    return isinstance(inner, dict) and {"layers", "input_layers", "output_layers"} <= set(inner)


def _named(layer: Config, position: int) -> Config:
    """Name a Sequential inside a Sequential: it has no name in Keras 1 to 2.2, and needs one."""
    if layer.get("class_name") == "Sequential" and isinstance(layer.get("config"), list):
        return {"name": f"sequential_{position + 1}", **layer}
    return layer


def _first_input(layers: list[Config], build_shape: Any) -> list[Config]:
    """Return the InputLayer that Keras 2 would have made, unless there is one."""
    if not layers or layers[0].get("class_name") == "InputLayer":
        return []
    shape = _input_shape(layers[0]) or build_shape
    if not isinstance(shape, list):
        return []
    first = layers[0]
    name = first["config"].get("name", "model") if isinstance(first.get("config"), dict) else "model"
    dtype = "int32" if first.get("class_name") == "Embedding" else "float32"
    config = {"name": f"{name}_input", "batch_shape": shape, "dtype": dtype}
    return [{"module": "keras.layers", "class_name": "InputLayer", "config": config, "registered_name": None}]


def _input_shape(layer: Config) -> Any:
    """Return the input shape that a layer, or the first layer of a model, carries."""
    inner = layer.get("config")
    if isinstance(inner, dict) and "layers" not in inner:
        return inner.get("batch_input_shape") or inner.get("batch_shape")
    layers = inner.get("layers") if isinstance(inner, dict) else inner
    if isinstance(layers, list) and layers and isinstance(layers[0], dict):
        return _input_shape(layers[0])
    return None
