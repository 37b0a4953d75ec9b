"""What a user is told about a file that cannot be read: what was expected, what was found, what to do."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from deeplift_tf.conversion.readers import read
from deeplift_tf.errors import DeepLiftError, ModelFileError, UnsupportedLayerError
from tests.support.saved_models import layer, rewritten, sequential, write_legacy_h5

DENSE = layer("Dense", "dense", units=3, batch_input_shape=[None, 4])
WEIGHTS = {"dense": [("dense/kernel:0", np.ones((4, 3), "f")), ("dense/bias:0", np.ones(3, "f"))]}


def refused(source: Any, *parts: str, kind: type[DeepLiftError] = ModelFileError) -> None:
    with pytest.raises(kind) as caught:
        read(source)
    for part in parts:
        assert part in str(caught.value)


def model_file(folder: Path) -> Path:
    path = folder / "model.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="dense")]).save(path)
    return path


def h5_file(folder: Path, *layers: dict[str, Any], **weights: Any) -> Path:
    return write_legacy_h5(folder / "model.h5", sequential(*(layers or (DENSE,))), {**WEIGHTS, **weights})


def test_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere.keras", "nowhere.keras", "expected a model file; found no such file. Check the path")
    refused("model\0.keras", "found no such file")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.h5")
    refused(tmp_path / "pipe.h5", "found something that is no file")


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model"])
def test_empty_file(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    refused(tmp_path / name, name, "expected a .keras file, an .h5 file", "found an empty file")


def test_a_keras_file_that_is_no_zip(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"not a zip archive")
    refused(tmp_path / "model.keras", "found no zip archive", "b'not a zi'")


def test_an_h5_file_that_is_no_hdf5(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"<html>404</html>")
    refused(tmp_path / "model.h5", "found no HDF5 signature", "a web page")


def test_something_else(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\x08\x07\x12")
    refused(tmp_path / "model.onnx", "expected a .keras file", "model.save('model.keras')")
    refused(3.0, "expected a .keras file", "found a builtins.float")
    refused((3, 4), "expected the path of weights in HDF5", "found a builtins.int")


def test_truncated_files(tmp_path: Path) -> None:
    for path in (model_file(tmp_path), h5_file(tmp_path)):
        path.write_bytes(path.read_bytes()[:-100])
        refused(path, path.name, "expected", "complete", "found otherwise")


def heap_of(content: bytearray) -> int:
    return content.index(b"GCOL\x01")


def test_a_heap_that_does_not_end(tmp_path: Path) -> None:
    """The HDF5 library would follow objects of size zero for ever."""
    path = h5_file(tmp_path)
    with h5py.File(path, "r+") as file:
        config = file.attrs["model_config"]
        del file.attrs["model_config"]
        file.attrs["model_config"] = config  # as a text of variable length, which is kept in a heap
    content = bytearray(path.read_bytes())
    start = heap_of(content)
    assert np.any(np.frombuffer(content[start + 16 : start + 32], "u1"))
    read(path)
    content[start + 16 : start + 32] = bytes(16)
    path.write_bytes(content)
    refused(path, "model.h5", "a heap at byte", "that does not end")
    content[start + 8 : start + 16] = bytes([255] * 8)
    path.write_bytes(content)
    refused(path, "that ends outside the file")


def test_attributes_and_arrays_of_strange_types(tmp_path: Path) -> None:
    path = h5_file(tmp_path)
    with h5py.File(path, "r+") as file:
        file["model_weights"].attrs["backend"] = 3.0
    refused(path, "expected texts in the attribute 'backend'; found the type float64")
    path = h5_file(tmp_path)
    with h5py.File(path, "r+") as file:
        file["model_weights/dense"].create_dataset("words", data=["a", "b"])
    refused(path, "expected arrays of numbers; found '/model_weights/dense/words' of the type object")


@pytest.mark.parametrize(("at", "part"), [(8, "a superblock of an unknown kind"), (14, "a superblock of an unknown")])
def test_a_superblock_of_another_kind(at: int, part: str, tmp_path: Path) -> None:
    path = h5_file(tmp_path)
    content = bytearray(path.read_bytes())
    content[at] = 77
    path.write_bytes(content)
    refused(path, part)


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    refused(tmp_path, "found a folder without saved_model.pb", "notes.txt")
    (tmp_path / "saved_model.pb").touch()
    refused(tmp_path, "expected a graph tagged 'serve'")


def test_weights_only(tmp_path: Path) -> None:
    path = write_legacy_h5(tmp_path / "weights.h5", None, WEIGHTS)
    refused(path, "found its weights only", "(architecture.json, weights.h5)", "model.to_json()")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.save_weights(tmp_path / "new.weights.h5")
    refused(tmp_path / "new.weights.h5", "found its weights only")


def test_architecture_only(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps(sequential(DENSE)))
    refused(tmp_path / "model.json", "found JSON", "('model.json', 'weights.h5')")
    refused((tmp_path / "model.json", tmp_path / "model.json"), "expected weights in HDF5", "found JSON")


def test_an_hdf5_file_that_holds_no_model(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file.create_dataset("sequences", data=np.zeros(3))
    refused(tmp_path / "data.h5", "expected a Keras model in HDF5", "found the groups ['sequences']")
    (tmp_path / "model.json").write_text(json.dumps(sequential(DENSE)))
    refused((tmp_path / "model.json", tmp_path / "data.h5"), "expected weights; found the groups ['sequences']")


def test_an_archive_that_holds_no_model(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("table.csv", "1,2")
    refused(tmp_path / "data.zip", "config.json and model.weights.h5", "found a zip archive with ['table.csv']")


def test_text_that_is_no_architecture(tmp_path: Path) -> None:
    weights = write_legacy_h5(tmp_path / "weights.h5", None, WEIGHTS)
    for text, part in {
        "{": "expected an architecture in JSON",
        "[1, 2]": "found a JSON list",
        '{"layers": []}': "found an object with the keys ['layers']",
        "backbone: []": "expected an architecture in JSON",
    }.items():
        (tmp_path / "model.json").write_text(text)
        refused((tmp_path / "model.json", weights), "model.json", part)


def test_weights_of_another_shape_name_every_layer(tmp_path: Path) -> None:
    other = layer("Dense", "other", units=2)
    weights = {"dense": [("dense/kernel:0", np.ones((4, 5)))], "other": [("k", np.ones((3, 3))), ("b", np.ones(2))]}
    parts = ["'dense' (Dense): expected arrays of the shapes [(4, 3), (3,)], found [(4, 5)]"]
    parts += ["'other' (Dense): expected arrays of the shapes [(3, 2), (2,)], found [(3, 3), (2,)]"]
    refused(h5_file(tmp_path, DENSE, other, **weights), "model.h5", "do not fit the architecture", *parts)


def test_weights_of_too_few_or_too_many_layers(tmp_path: Path) -> None:
    refused(
        h5_file(tmp_path, DENSE, layer("Dense", "more", units=2)), "2 layers, ['dense', 'more']; found 1, ['dense']"
    )
    more = [("a", np.ones(1)), ("b", np.ones(1)), ("c", np.ones(1))]
    refused(h5_file(tmp_path, DENSE, dense=more), "[(4, 3), (3,)], found [(1,), (1,), (1,)]")


def test_weights_of_another_model_in_a_keras_file(tmp_path: Path) -> None:
    path = rewritten(
        model_file(tmp_path),
        tmp_path / "m.keras",
        lambda config: config["config"]["layers"][1]["config"].update(units=7),
    )
    refused(path, "m.keras", "weights that fit it", "(4, 7)", "(4, 3)")


def test_an_argument_that_keras_does_not_know(tmp_path: Path) -> None:
    strange = layer("Dense", "dense", units=3, batch_input_shape=[None, 4], sparkle=True)
    refused(h5_file(tmp_path, strange), "an architecture that Keras can build", "sparkle")


def test_a_model_without_an_input_shape(tmp_path: Path) -> None:
    refused(h5_file(tmp_path, layer("Dense", "dense", units=3)), "expected a model with a known input shape")


def test_a_layer_in_the_place_of_a_model(tmp_path: Path) -> None:
    path = write_legacy_h5(tmp_path / "model.h5", DENSE, WEIGHTS)
    refused(path, "expected a keras.Model; found a Dense")


def test_references_to_nowhere(tmp_path: Path) -> None:
    config: Any = {"name": "m", "layers": [{**DENSE, "name": "dense", "inbound_nodes": [[["ghost", 0, 0, {}]]]}]}
    config.update(input_layers=[["dense", 0, 0]], output_layers=[["dense", 0, 0]])
    path = write_legacy_h5(tmp_path / "model.h5", {"class_name": "Functional", "config": config}, WEIGHTS)
    refused(path, "model.h5", "found 'ghost'")


def test_a_layer_that_is_not_there_even_for_a_trusted_file(tmp_path: Path) -> None:
    path = h5_file(tmp_path, layer("Sparkle", "shiny", batch_input_shape=[None, 4]), layer("Glitter", "bright"))
    with pytest.raises(UnsupportedLayerError) as caught:
        read(path, safe_mode=False)
    for part in ("'shiny' (Sparkle", "'bright' (Glitter", "custom_objects={'Sparkle': ...}"):
        assert part in str(caught.value)


def test_keras_errors_stay_as_the_cause(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        read(h5_file(tmp_path, layer("Dense", "dense", units=-1, batch_input_shape=[None, 4])))
    assert caught.value.__cause__ is not None
    assert len(str(caught.value)) < 1000


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "no layers": lambda config: config["config"].pop("layers"),
    "layers that are text": lambda config: config["config"].update(layers="abc"),
    "a config that is a number": lambda config: config["config"]["layers"][1].update(config=3),
    "a class that is a list": lambda config: config["config"]["layers"][1].update(class_name=["Dense"]),
    "a policy of nonsense": lambda config: config["config"]["layers"][1]["config"].update(dtype="float99"),
    "a negative shape": lambda config: config["config"]["layers"][0]["config"].update(batch_shape=[None, -4]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_strange_configs(change: str, tmp_path: Path) -> None:
    path = rewritten(model_file(tmp_path), tmp_path / "strange.keras", CHANGES[change])
    refused(path, "strange.keras", kind=DeepLiftError)
