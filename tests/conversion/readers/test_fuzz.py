"""Damaged files: each ends in a model or in a DeepLiftError, and nothing in it runs."""

from __future__ import annotations

import io
import json
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import keras
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deeplift_tf.conversion.readers import read
from deeplift_tf.errors import DeepLiftError
from tests.support.saved_models import layer, randomised, sequential, write_legacy_h5

FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
MANY = settings(max_examples=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Contents(dict[str, bytes]):
    """Files by name; hypothesis prints them with every example that fails."""

    def __repr__(self) -> str:
        return "the whole files"


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """The same small network in each format."""
    folder = tmp_path_factory.mktemp("whole")
    layers = [keras.Input((6, 4)), keras.layers.Conv1D(2, 3, activation="relu"), keras.layers.GlobalMaxPooling1D()]
    model = randomised(keras.Sequential([*layers, keras.layers.Dense(1)]))
    model.save(folder / "model.keras")
    described = [
        layer("Convolution1D", "conv", nb_filter=2, filter_length=3, batch_input_shape=[None, 6, 4], bias=True),
        layer("GlobalMaxPooling1D", "pool"),
        layer("Dense", "dense", output_dim=1, activation="linear"),
    ]
    kernel, bias, top, offset = model.get_weights()
    stored = {"conv": [("W", kernel[:, None]), ("b", bias)], "pool": [], "dense": [("W", top), ("b", offset)]}
    write_legacy_h5(folder / "model.h5", sequential(*described), stored, keras_version="1.2.2", backend=None)
    (folder / "model.json").write_text(json.dumps(sequential(*described)))
    return Contents({path.name: path.read_bytes() for path in folder.iterdir()})


class Damage(NamedTuple):
    """Changes to bytes: at these places of the file, from 0 to 1."""

    kind: str
    places: list[float]
    value: int
    length: int

    def __call__(self, content: bytes) -> bytes:
        changed, size = bytearray(content), len(content)
        for place in self.places:
            at, other = int(place * size), int(self.places[0] * size) // 2
            if self.kind == "cut":
                return content[:at]
            if self.kind == "flip":
                changed[at] ^= self.value
            elif self.kind == "splice":
                changed[at : at + self.length] = content[other : other + self.length]
            elif self.kind == "zero":
                changed[at : at + self.length] = bytes(min(self.length, size - at))
            else:
                changed[at:at] = bytes([self.value]) * self.length
        return bytes(changed)


class ChangeOfJson(NamedTuple):
    """Another value at one place of an architecture, or the place taken away."""

    steps: list[int]
    value: Any
    removes: bool

    def __call__(self, content: bytes) -> bytes:
        root = parent = json.loads(content)
        for step in self.steps:
            keys: list[Any] = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
            if not keys:
                return content
            key = keys[step % len(keys)]
            if not isinstance(parent[key], dict | list) or step is self.steps[-1]:
                break
            parent = parent[key]
        if self.removes:
            del parent[key]
        else:
            parent[key] = self.value
        return json.dumps(root).encode()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 1 << 70) | st.floats() | st.sampled_from(["relu", "Dense", "conv", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["class_name", "config", "x"]), inner),
    max_leaves=4,
)
DAMAGES = st.builds(
    Damage,
    st.sampled_from(["cut", "flip", "splice", "zero", "insert"]),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=8),
    st.integers(1, 255),
    st.integers(1, 64),
)
CHANGES = st.builds(ChangeOfJson, st.lists(st.integers(0, 40), min_size=1, max_size=7), JSON_VALUES, st.booleans())


def end(source: Any) -> bool:
    """Whether the file was read; anything but a model or a DeepLiftError fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zip archives with a name twice, numbers beyond their range
        try:
            model = read(source)
        except DeepLiftError as error:
            assert str(error)
            return False
    assert isinstance(model, keras.Model)
    return True


def damaged_file(contents: Contents, name: str, content: bytes) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        if name == "model.json":
            (Path(folder) / "weights.h5").write_bytes(contents["model.h5"])
            return end((path, Path(folder) / "weights.h5"))
        return end(path)


def repacked(content: bytes, member: str, change: Any) -> bytes:
    """A .keras file, whole as an archive, with one member damaged."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == member else old.read(name))
    return buffer.getvalue()


def with_architecture(content: bytes, change: Any) -> bytes:
    """An .h5 file, whole as HDF5, with its architecture changed."""
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        file.attrs["model_config"] = change(file.attrs["model_config"])
    return buffer.getvalue()


def check_bytes(contents: Contents, name: str, change: Any) -> None:
    damaged_file(contents, name, change(contents[name]))


def check_member(contents: Contents, member: str, change: Any) -> None:
    damaged_file(contents, "model.keras", repacked(contents["model.keras"], member, change))


def check_json(contents: Contents, name: str, change: Any) -> None:
    content = contents[name]
    if name == "model.keras":
        damaged_file(contents, name, repacked(content, "config.json", change))
    elif name == "model.h5":
        damaged_file(contents, name, with_architecture(content, change))
    else:
        damaged_file(contents, name, change(content))


NAMES = st.sampled_from(["model.h5", "model.keras", "model.json"])
MEMBERS = st.sampled_from(["config.json", "metadata.json", "model.weights.h5"])


def test_the_whole_files_are_read(contents: Contents) -> None:
    assert all(damaged_file(contents, name, content) for name, content in contents.items())


@FEW
@given(name=NAMES, change=DAMAGES)
def test_damaged_bytes(contents: Contents, name: str, change: Any) -> None:
    check_bytes(contents, name, change)


@FEW
@given(member=MEMBERS, change=DAMAGES)
def test_a_damaged_member_of_a_whole_archive(contents: Contents, member: str, change: Any) -> None:
    check_member(contents, member, change)


@FEW
@given(name=NAMES, change=CHANGES)
def test_a_changed_architecture(contents: Contents, name: str, change: Any) -> None:
    check_json(contents, name, change)


@pytest.mark.slow
@MANY
@given(name=NAMES, change=DAMAGES)
def test_damaged_bytes_at_length(contents: Contents, name: str, change: Any) -> None:
    check_bytes(contents, name, change)


@pytest.mark.slow
@MANY
@given(member=MEMBERS, change=DAMAGES)
def test_damaged_members_at_length(contents: Contents, member: str, change: Any) -> None:
    check_member(contents, member, change)


@pytest.mark.slow
@MANY
@given(name=NAMES, change=CHANGES)
def test_changed_architectures_at_length(contents: Contents, name: str, change: Any) -> None:
    check_json(contents, name, change)
