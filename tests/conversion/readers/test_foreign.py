"""Files and folders of other programs are named, with the way to a model that is read."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import tarfile
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplift_tf.conversion.readers import read
from deeplift_tf.errors import ModelFileError


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"1")
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.keras"))
    return stream.getvalue()


def graph_def() -> bytes:
    with tf.Graph().as_default() as graph:
        tf.compat.v1.placeholder(tf.float32, (None, 3), name="x")
    content: bytes = graph.as_graph_def().SerializeToString()
    return content


FILES: dict[str, tuple[bytes, str, str]] = {
    "model.tflite": (b"\x1c\0\0\0TFL3" + bytes(40), "a TensorFlow Lite model", "Give the Keras model"),
    "model.onnx": (b"\x08\x08\x12\x07pytorch\x1a\x052.1.0" + bytes(9), "an ONNX model", "onnx2tf"),
    "model": (b"\x08\x08\x12\x07tf2onnx\x1a\x051.1.0" + bytes(9), "an ONNX model", "onnx2tf"),
    "frozen.pb": (graph_def(), "a frozen graph of TensorFlow 1", "tf.saved_model.save"),
    "renamed.pb": (b"\x08\x01\x12\x05" + bytes(5), "the graph of a SavedModel under another name", "saved_model.pb"),
    "weights.pt": (zipped("archive/data.pkl", "archive/data/0"), "a PyTorch file", "torch.onnx.export"),
    "script.pt": (zipped("a/data.pkl", "a/code/m.py"), "a TorchScript model", "torch.onnx.export"),
    "old.pth": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(9), "a PyTorch file", "torch.onnx.export"),
    "model.pkl": (pickle.dumps([1, 2]), "a pickle", "save the Keras model inside"),
    "model.joblib": (b"x\x9c" + bytes(30), "a packed joblib file", "save the Keras model inside"),
    "model.safetensors": ((20).to_bytes(8, "little") + b'{"a": {}}           ', "weights in safetensors", "to_json"),
    "model.mlmodel": (b"\x08\x04\x12\x00" + bytes(20), "a Core ML model", "Give the Keras model"),
    "model.tar": (tarred(), "a tar archive", "Unpack it"),
    "model.tar.gz": (gzip.compress(tarred()), "a gzip archive", "Unpack it"),
    "model.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(20), "a 7z archive", "Unpack it"),
    "model.zip": (zipped("folder/model.keras"), "a zip archive that holds 'folder/model.keras'", "Unpack it"),
    "model.npz": (zipped("a.npy", "b.npy"), "arrays of numpy", "to_json"),
    "model.rds": (b"X\n\0\0\0\3" + bytes(20), "R data", "save_model_hdf5"),
    "lfs.keras": (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS", "git lfs pull"),
    "page.h5": (b"\n<!DOCTYPE html><html>", "a web page", "Download the file itself"),
    "tfjs.json": (b'{"modelTopology": {"class_name": "Sequential"}}', "a model of TensorFlow.js", "tensorflowjs"),
    "model.yaml": (b"backend: tensorflow\nclass_name: Sequential\n", "an architecture in YAML", "model.save"),
}


@pytest.mark.parametrize("name", FILES)
def test_files(name: str, tmp_path: Path) -> None:
    content, kind, advice = FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelFileError) as caught:
        read(tmp_path / name)
    assert kind in str(caught.value)
    assert advice in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


FOLDERS: dict[str, tuple[tuple[str, ...], str]] = {
    "orbax": (("_CHECKPOINT_METADATA", "default/_METADATA"), "a checkpoint of Orbax (JAX)"),
    "ocdbt": (("manifest.ocdbt", "d/0"), "a checkpoint of Orbax (JAX)"),
    "model.mlpackage": (("Manifest.json", "Data/model.mlmodel"), "a Core ML package"),
    "flax": (("flax_model.msgpack", "config.json"), "weights of Flax (JAX)"),
    "torch": (("pytorch_model.bin", "config.json"), "a folder of PyTorch"),
    "hub": (("model.safetensors", "config.json"), "a folder of weights in safetensors"),
    "mlflow": (("MLmodel", "data/model.keras"), "a folder of MLflow"),
    "models": (("one.keras", "two.h5"), "a folder that holds ['one.keras', 'two.h5']. Give the path of one"),
    "other": (("README.md",), "a folder without saved_model.pb, holding ['README.md']"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_folders(name: str, tmp_path: Path) -> None:
    files, kind = FOLDERS[name]
    for file in files:
        (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name / file).write_text("{}")
    with pytest.raises(ModelFileError) as caught:
        read(tmp_path / name)
    assert kind in str(caught.value)


def test_hdf5_of_other_data_and_weights_alone(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["counts"] = np.ones(3)
    with pytest.raises(ModelFileError, match=r"found the groups \['counts'\].*in R save_model_hdf5"):
        read(tmp_path / "data.h5")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(ModelFileError, match=r"found its weights only.*\(architecture\.json, weights\.h5\)"):
        read(tmp_path / "a.weights.h5")


def test_a_part_of_a_saved_model(tmp_path: Path) -> None:
    for name in ("saved_model.pb", "fingerprint.pb"):
        (tmp_path / name).write_bytes(b"\x0a\x00")
    with pytest.raises(ModelFileError, match=r"found a part of a SavedModel\. Give its folder"):
        read(tmp_path / "fingerprint.pb")


def test_an_architecture_of_another_format(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save_weights(tmp_path / "a.weights.h5")
    (tmp_path / "model.yaml").write_text("class_name: Sequential\n")
    with pytest.raises(ModelFileError, match="expected an architecture in JSON; found an architecture in YAML"):
        read((tmp_path / "model.yaml", tmp_path / "a.weights.h5"))
    (tmp_path / "list.json").write_text(json.dumps([1]))
    with pytest.raises(ModelFileError):
        read((tmp_path / "list.json", tmp_path / "a.weights.h5"))
