"""Files that are not Keras models: recognised by content, with advice how to get a model that can be read."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

HDF5 = "no HDF5 signature"
KEEP = "model.save('model.keras')"
ORIGINAL = f"Give the Keras model that it was made from, saved with {KEEP}"
ONNX = "the package onnx2tf turns it into a SavedModel folder, which is read"
TORCH = f"PyTorch models are not read: export the model to ONNX with torch.onnx.export; {ONNX}"
KERAS_AGAIN = f"Open it in the Python that wrote it, and save the Keras model inside with {KEEP}"
UNPACK = "Unpack it, and give the file or folder inside"
WEIGHTS = "Give the architecture with it: (architecture.json, weights), the first written with model.to_json()"
TORCH_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # of files before PyTorch 1.6

Test = Callable[[bytes], bool]


def starts(*magics: bytes) -> Test:
    """Return a test for one of several beginnings."""
    return lambda start: start.startswith(magics)


def text_holds(*words: bytes) -> Test:
    """Return a test for words near the beginning of a text."""
    return lambda start: all(word in start.lower() for word in words)


class Format(NamedTuple):
    """A format that is not read: its name, how to tell it by its first bytes, and what to do."""

    name: str
    test: Test
    advice: str


FORMATS = (
    Format("a pointer of Git LFS in the place of a file", starts(b"version https://git-lfs"), "Run: git lfs pull"),
    Format(
        "a web page",
        lambda start: start.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")),
        "Download the file itself, not the page about it",
    ),
    Format(
        "a TensorFlow Lite model (FlatBuffers)",
        lambda start: start[4:8] == b"TFL3",
        f"{ORIGINAL}; its weights are often rounded",
    ),
    Format("a PyTorch file", starts(TORCH_MAGIC), TORCH),
    Format("weights in safetensors", lambda s: s[8:10] == b'{"' and len(s) > 8 and s[4:8] == bytes(4), WEIGHTS),
    Format("weights in GGUF", starts(b"GGUF"), KERAS_AGAIN),
    Format("an array of numpy", starts(b"\x93NUMPY"), WEIGHTS),
    Format("a MATLAB file", starts(b"MATLAB "), "Export the network with exportNetworkToTensorFlow, and save it there"),
    Format("R data", starts(b"RDX", b"RDA", b"X\n\0", b"A\n"), "Save the model in R with save_model_hdf5"),
    Format("a tar archive", lambda start: start[257:262] == b"ustar", UNPACK),
    Format(
        "a gzip archive, as of tar.gz or of R's .rds",
        starts(b"\x1f\x8b"),
        f"{UNPACK}; in R: save_model_hdf5",
    ),
    Format("a 7z archive", starts(b"7z\xbc\xaf\x27\x1c"), UNPACK),
    Format(
        "a packed file (bzip2, xz, zstd or rar)",
        starts(b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"Rar!"),
        UNPACK,
    ),
    Format("a packed joblib file", starts(b"x\x9c", b"x\x01", b"x\xda", b"x^", b"ZF"), KERAS_AGAIN),
    Format(
        "a pickle, as of Python's pickle or joblib, which runs code when it is opened",
        lambda start: start[:1] == b"\x80" and start[1:2] in (b"\2", b"\3", b"\4", b"\5"),
        KERAS_AGAIN,
    ),
    Format("an architecture in YAML", text_holds(b"class_name:"), f"Load it in Keras 2.5, and save with {KEEP}"),
    Format(
        "a network of OpenVINO",
        text_holds(b"<?xml", b"<net"),
        ORIGINAL,
    ),
)
JSONS = (
    (b'"modeltopology"', "a model of TensorFlow.js", "tensorflowjs_converter --output_format=keras turns it into .h5"),
    (b'"weight_map"', "the list of a model's weights in shards", WEIGHTS),
    (b'"model_type"', "a configuration of Hugging Face transformers", f"Load the model in Keras, and save it: {KEEP}"),
)
BY_SUFFIX = {
    ".onnx": ("an ONNX model", f"{ORIGINAL}; or {ONNX}"),
    ".mlmodel": ("a Core ML model", ORIGINAL),
    ".pt": ("a PyTorch file", TORCH),
    ".pth": ("a PyTorch file", TORCH),
    ".meta": ("the graph of a TensorFlow 1 checkpoint", "Write a SavedModel from a session that has restored it"),
    ".npz": ("arrays of numpy", WEIGHTS),
    ".msgpack": ("weights of Flax", f"Load them in Keras 3, and save the model: {KEEP}"),
}
FOLDERS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("_CHECKPOINT_METADATA", "_METADATA", "manifest.ocdbt", "*.orbax-checkpoint-tmp*", "*/_METADATA"),
        "a checkpoint of Orbax (JAX)",
        f"Load it in Keras with the backend that wrote it, and save the model: {KEEP}",
    ),
    (("Manifest.json",), "a Core ML package", ORIGINAL),
    (("flax_model.msgpack", "*.msgpack"), "weights of Flax (JAX)", f"Load them in Keras 3, and save: {KEEP}"),
    (("pytorch_model*.bin", "*.pt", "*.pth"), "a folder of PyTorch", TORCH),
    (("*.safetensors",), "a folder of weights in safetensors", f"Load the model in Keras, and save it: {KEEP}"),
    (("tf_model.h5",), "a model of Hugging Face transformers", f"Build it in Keras, and save it with {KEEP}"),
    (("MLmodel",), "a folder of MLflow", "Give the model inside it, as of data/model.keras or data/model"),
    (("*.index",), "a TensorFlow checkpoint: weights alone", WEIGHTS),
)


def file_found(path: Path, start: bytes) -> str:
    """Return a description of a file that is read as no model, and what to do.

    Parameters
    ----------
    path : Path
    start : bytes
        Its first 512 bytes.
    """
    if not start:
        return "found an empty file. Get a fresh copy of it"
    if start.startswith(b"PK\x03\x04"):
        return _of_zip(path)
    damaged = {".keras": "no zip archive, which a .keras file is", ".h5": HDF5, ".hdf5": HDF5}.get(path.suffix)
    for name, test, advice in FORMATS:
        if test(start):
            return f"found {f'{damaged}, but ' if damaged else ''}{name}. {advice}"
    if start.lstrip()[:1] == b"{":
        return _of_json(path, start)
    if path.suffix == ".pb":
        return _of_protobuf(path, start)
    if path.suffix in BY_SUFFIX or is_onnx(start):
        name, advice = BY_SUFFIX.get(path.suffix, BY_SUFFIX[".onnx"])
        return f"found {name}. {advice}"
    if damaged:
        return f"found {damaged}: it starts with {start[:8]!r}. Get a fresh copy of it"
    return f"found a file that starts with {start[:8]!r}. Save the model with {KEEP}"


def is_onnx(start: bytes) -> bool:
    """Whether a file starts as ONNX: the version of its format, then the name of what wrote it."""
    return (
        len(start) > 4
        and start[0] == 8
        and 0 < start[1] < 32
        and start[2:3] == b"\x12"
        and start[4 : 4 + start[3]].isascii()
    )


def _of_json(path: Path, start: bytes) -> str:
    for word, name, advice in JSONS:
        if word in start.lower():
            return f"found {name}. {advice}"
    return f"found JSON. Give an architecture together with its weights: ({path.name!r}, 'weights.h5')"


def _of_protobuf(path: Path, start: bytes) -> str:
    if start.startswith(b"\x08\x01\x12"):
        return "found the graph of a SavedModel under another name. Call it saved_model.pb, beside the folder variables"
    if (path.parent / "saved_model.pb").is_file():
        return f"found a part of a SavedModel. Give its folder, {str(path.parent)!r}"
    return (
        "found a frozen graph of TensorFlow 1 (GraphDef). Wrap it with tf.compat.v1.wrap_function and "
        "tf.graph_util.import_graph_def, and save it with tf.saved_model.save, with a signature"
    )


def _of_zip(path: Path) -> str:
    """Return a description of a zip archive that holds no Keras model."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return "found a zip archive that is damaged. Get a fresh copy of it"
    return found_in_zip(names)


def found_in_zip(names: Iterable[str]) -> str:
    """Return a description of a zip archive by the names in it."""
    names = sorted(names)
    ends = {name.rpartition("/")[2] for name in names}
    if "data.pkl" in ends:
        kind = "a TorchScript model" if any("/code/" in f"/{name}" for name in names) else "a PyTorch file"
        return f"found {kind}. {TORCH}"
    if names and all(name.endswith(".npy") for name in names):
        return f"found arrays of numpy. {WEIGHTS}"
    inside = [name for name in names if name.endswith((".keras", ".h5", ".hdf5", "saved_model.pb", ".tflite"))]
    if inside:
        return f"found a zip archive that holds {inside[0]!r}. {UNPACK}"
    return f"found a zip archive with {names[:8]}. Save the model with {KEEP}"


def folder_found(path: Path) -> str:
    """Return a description of a folder that is read as no model, and what to do."""
    for patterns, name, advice in FOLDERS:
        if any(next(path.glob(pattern), None) is not None for pattern in patterns):
            return f"found {name}. {advice}"
    names = sorted(child.name for child in path.iterdir())
    inside = [name for name in names if name.endswith((".keras", ".h5", ".hdf5"))]
    inside += [name for name in names if (path / name / "saved_model.pb").is_file()]
    if inside:
        return f"found a folder that holds {inside[:5]}. Give the path of one of them"
    return f"found a folder without saved_model.pb, holding {names[:8]}"
