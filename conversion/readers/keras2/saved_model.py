"""SavedModel folders of tf.keras 2: layers from Keras's metadata beside the graph, weights from the checkpoint.

Nothing of the graph runs, and no optimizer is restored, so that folders whose optimizer slots `tf.saved_model.load`
refuses are read as well. tf.keras 2.5 and later keep the notes in keras_metadata.pb, earlier ones in saved_model.pb.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras

from deeplift_tf.conversion.readers.architecture import Config, children, load_json, parse
from deeplift_tf.conversion.readers.building import build, prepare
from deeplift_tf.conversion.readers.keras2.layouts import WeightLayout
from deeplift_tf.conversion.readers.keras2.legacy_graph import upgrade_model
from deeplift_tf.conversion.readers.keras2.weights import StoredWeights, assign_stored
from deeplift_tf.conversion.readers.saved_model import meta_graph
from deeplift_tf.conversion.readers.untrusted.checkpoint import Checkpoint
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.conversion.readers.untrusted.vocabulary import CustomObjects, find, supplied
from deeplift_tf.errors import UnsupportedLayerError

NOTES = "keras_metadata.pb"
OBJECT = "_tf_keras_"
"""Beginning of the identifiers of Keras's objects."""

TABLES = ("StringLookup", "IntegerLookup", "TextVectorization")
"""Layers whose words lie in a table of the graph, unless their config lists them."""


class SavedObjects(NamedTuple):
    """The objects of a SavedModel, the root first, and what Keras noted of some, by their number."""

    nodes: Any
    notes: Mapping[int, str]


def has_layers(folder: Path) -> bool:
    """Whether Keras 2 noted the layers of a SavedModel.

    Raises
    ------
    ModelFileError
        If the folder is damaged.
    """
    with reading(folder, "a SavedModel that is complete"):
        return 0 in saved_objects(folder).notes


def read_keras2_saved_model(folder: Path, custom_objects: CustomObjects | None, safe_mode: bool) -> keras.Model:
    """Read a folder that `model.save` of tf.keras 2 wrote.

    Raises
    ------
    UnsupportedLayerError
        If the layers cannot be built again from the notes: of a subclassed model, or with words in a table.
    DeepLiftError
        See `readers.read`.
    """
    with reading(folder, "a SavedModel of tf.keras 2 that is complete"):
        objects = saved_objects(folder)
        config = noted_architecture(objects.notes[0], folder, supplied(custom_objects))
        checkpoint = Checkpoint(folder / "variables" / "variables")
        weights = SavedWeights(objects, checkpoint)
    config = prepare(config, folder, custom_objects, safe_mode)
    model = build(config, folder, custom_objects, safe_mode, weights.count)
    with reading(folder, "weights listed by layer"):
        layers = [layer for layer in weights.layers() if layer.names]
        own = weights.outside()
    assign_stored(model, layers, own, WeightLayout(2, "tensorflow"), folder)
    return model


def saved_objects(folder: Path) -> SavedObjects:
    """Read the objects of a SavedModel and the notes of Keras."""
    nodes = meta_graph(folder).object_graph_def.nodes
    if (folder / NOTES).is_file():
        noted = notes_message().FromString((folder / NOTES).read_bytes()).nodes
        return SavedObjects(nodes, {note.node_id: note.metadata for note in noted})
    objects = {number: node.user_object for number, node in enumerate(nodes)}
    noted_inside = {number: each.metadata for number, each in objects.items() if each.identifier.startswith(OBJECT)}
    return SavedObjects(nodes, {number: text for number, text in noted_inside.items() if text})


def notes_message() -> Any:
    """Return the class of the message in keras_metadata.pb, as far as it is read."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="keras_metadata.proto", package="notes", syntax="proto3")
    note, every = file.message_type.add(name="Note"), file.message_type.add(name="Notes")
    note.field.add(name="node_id", number=2, label=1, type=5)  # optional int32
    note.field.add(name="metadata", number=5, label=1, type=9)  # optional string
    every.field.add(name="nodes", number=1, label=3, type=11, type_name=".notes.Note")  # repeated message
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("notes.Notes"))


def noted_architecture(text: str, where: object, custom: CustomObjects) -> Config:
    """Return the architecture in what Keras 2 notes of a model, upgraded to Keras 3.

    Raises
    ------
    UnsupportedLayerError
        If it lists no layers, words of a layer lie elsewhere, or Keras 3 lacks a layer.
    """
    noted = parse(text, where)
    inner, name = noted["config"], noted["class_name"]
    if not (isinstance(inner, dict) and "layers" in inner) and find(custom, name) is None:
        raise UnsupportedLayerError(
            f"{where}: expected a functional or Sequential model; found {name!r}, which only its Python code describes"
            ". Convert the functional or Sequential model inside it, or build it again with Keras's functional API"
        )
    words = list(_words_in_tables(inner))
    if words:
        raise UnsupportedLayerError(f"{where}: expected words in the architecture; those of {words} lie in tables")
    if isinstance(inner, dict) and noted.get("build_input_shape"):
        inner = {"build_input_shape": noted["build_input_shape"], **inner}
    with reading(where, "an architecture of Keras 2"):
        return upgrade_model({"class_name": name, "config": inner}, 2, where, custom)


def _words_in_tables(value: Any) -> Iterator[str]:
    """Yield the names of layers whose words the architecture does not list."""
    if isinstance(value, dict) and value.get("class_name") in TABLES:
        inner = value.get("config")
        if isinstance(inner, dict) and not inner.get("vocabulary"):
            yield str(inner.get("name"))
    for child in children(value):
        yield from _words_in_tables(child)


class SavedWeights:
    """The weights of a SavedModel, by layer.

    Parameters
    ----------
    objects : SavedObjects
    checkpoint : Checkpoint
    """

    def __init__(self, objects: SavedObjects, checkpoint: Checkpoint) -> None:
        self.objects, self.checkpoint = objects, checkpoint
        self.keys = checkpoint.keys(objects.nodes)

    @property
    def count(self) -> int:
        """Elements of all the arrays, those of optimizers too."""
        return sum(map(self.checkpoint.size, self.keys.values()))

    def layers(self) -> list[StoredWeights]:
        """Return the arrays of each layer, in the model's order."""
        return [self._stored(self._name(number), self._variables(number)) for number in self._layer_nodes()]

    def _name(self, number: int) -> str:
        return str(load_json(self.objects.notes[number], "the notes of Keras 2", "a layer in JSON")["name"])

    def outside(self) -> StoredWeights:
        """Return the arrays of the model that belong to no layer."""
        inside = {variable for number in self._layer_nodes() for variable in self._variables(number)}
        return self._stored("the model", [each for each in self._variables(0) if each not in inside])

    def _children(self, number: int) -> dict[str, int]:
        return {child.local_name: child.node_id for child in self.objects.nodes[number].children}

    def _layer_nodes(self) -> list[int]:
        """Return the numbers of the layers: children of the root called layer-0, layer-1, ..."""
        inside = self._children(0)
        names = [name for name in inside if name.startswith("layer-") and name[6:].isdigit()]
        return [inside[name] for name in sorted(names, key=lambda name: int(name[6:]))]

    def _variables(self, number: int) -> list[int]:
        """Return the variables of an object, what is trained first."""
        inside = self._children(number)
        lists = [self._children(inside[name]) for name in ("trainable_variables", "variables") if name in inside]
        ordered = [each[name] for each in lists for name in sorted(each, key=int)]
        return list(dict.fromkeys(ordered))

    def _stored(self, name: str, variables: Iterable[int]) -> StoredWeights:
        numbers = list(variables)
        names = [self.objects.nodes[number].variable.name for number in numbers]
        return StoredWeights(name, names, lambda: [self.checkpoint.array(self.keys[number]) for number in numbers])
