"""Files that would run code, read other files or take the memory, had they their way."""

from __future__ import annotations

import base64
import io
import json
import marshal
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.arrays import links
from deeplift_tf.arrays.links import MAX_DEPTH
from deeplift_tf.conversion.readers import read
from deeplift_tf.conversion.readers.untrusted import limits
from deeplift_tf.conversion.readers.untrusted.vocabulary import RUNS_FOREIGN_CODE
from deeplift_tf.errors import DeepLiftError, ModelFileError, UnsafeModelError
from tests.support.saved_models import (
    functional,
    inputs_named,
    layer,
    rewritten,
    sequential,
    small_model,
    write_legacy_h5,
)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "code_has_run"


def code_that_writes(marker: Path) -> str:
    """As Keras stores a lambda: marshalled and in base64."""
    namespace: dict[str, Any] = {}
    exec(f"fn = lambda x: (open({str(marker)!r}, 'w').close(), x)[1]", namespace)
    return base64.b64encode(marshal.dumps(namespace["fn"].__code__)).decode()


class Writes:
    """Pickles to a call that makes the marker."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.marker), "w")


def keras_file(folder: Path, *layers: dict[str, Any]) -> Path:
    """A .keras file of one dense layer, with more layers in its config."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="dense")])
    model.save(folder / "plain.keras")
    return rewritten(
        folder / "plain.keras", folder / "bad.keras", lambda config: config["config"]["layers"].extend(layers)
    )


def h5_file(folder: Path, *layers: dict[str, Any], keras_version: str = "2.4.0") -> Path:
    first = layer("Dense", "dense", units=4, batch_input_shape=[None, 4])
    weights = {"dense": [("k", np.ones((4, 4), "f")), ("b", np.ones(4, "f"))]}
    return write_legacy_h5(folder / "bad.h5", sequential(first, *layers), weights, keras_version)


def pair(folder: Path, *layers: dict[str, Any]) -> tuple[Path, Path]:
    path = h5_file(folder, *layers)
    with h5py.File(path) as file:
        (folder / "bad.json").write_text(file.attrs["model_config"])
    return folder / "bad.json", path


SOURCES: list[Callable[..., Any]] = [keras_file, h5_file, pair]


def stored_lambda(marker: Path) -> dict[str, Any]:
    code = {"class_name": "__lambda__", "config": {"code": code_that_writes(marker), "defaults": None, "closure": None}}
    return {"module": "keras.layers", **layer("Lambda", "evil", function=code, arguments={})}


def old_lambda(marker: Path) -> dict[str, Any]:
    return layer("Lambda", "evil", function=[code_that_writes(marker), None, None], function_type="lambda")


def hidden_lambda(marker: Path) -> dict[str, Any]:
    return {"module": "keras.layers", **layer("TimeDistributed", "outer", layer=stored_lambda(marker))}


def lambda_as_activation(marker: Path) -> dict[str, Any]:
    function = stored_lambda(marker)["config"]["function"]
    return {"module": "keras.layers", **layer("Dense", "evil", units=2, activation=function)}


def any_function(module: str, name: str) -> Callable[[Path], dict[str, Any]]:
    def describe(marker: Path) -> dict[str, Any]:
        function = {"module": module, "class_name": "function", "config": name, "registered_name": name}
        return {"module": "keras.layers", **layer("Activation", "evil", activation=function)}

    return describe


def any_class(module: str | None, name: str, **config: Any) -> Callable[[Path], dict[str, Any]]:
    return lambda marker: {"module": module, "registered_name": None, **layer(name, "evil", **config)}


def foreign_model(marker: Path) -> dict[str, Any]:
    return {"module": "keras.layers", **layer("TFSMLayer", "evil", filepath=str(marker.parent))}


def pickled_module(marker: Path) -> dict[str, Any]:
    module = base64.b64encode(pickle.dumps(Writes(marker))).decode()
    return {"module": "keras.layers", **layer("TorchModuleWrapper", "evil", module=module)}


def a_file_of_the_host(marker: Path) -> dict[str, Any]:
    return {"module": "keras.layers", **layer("StringLookup", "evil", vocabulary="/etc/passwd")}


ATTACKS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "a stored lambda (CVE-2024-3660)": stored_lambda,
    "a lambda of Keras 1 and 2 (CVE-2025-9905)": old_lambda,
    "a lambda inside a wrapper": hidden_lambda,
    "a lambda as an activation": lambda_as_activation,
    "a function of any module (CVE-2025-1550)": any_function("os", "system"),
    "a builtin": any_function("builtins", "exec"),
    "a download (CVE-2025-8747)": any_function("keras.utils", "get_file"),
    "another model (CVE-2025-9906)": any_function("keras.models", "load_model"),
    "the switch of the safe mode (CVE-2025-9906)": any_function("keras.config", "enable_unsafe_deserialization"),
    "a class as a function": any_function("keras.layers", "TFSMLayer"),
    "a class of any module": any_class("subprocess", "Popen", args=["true"]),
    "a class of any package": any_class("keras_hub.models", "Backbone"),
    "a Keras class that is no layer": any_class("keras.callbacks", "LambdaCallback"),
    "a Keras module that is no operation": any_class("keras.src.utils.file_utils", "get_file"),
    "a class of nowhere": any_class(None, "Mystery"),
    "a TensorFlow SavedModel (CVE-2026-1462)": foreign_model,
    "a pickle (CVE-2025-49655)": pickled_module,
    "a vocabulary on the host (CVE-2025-12058)": a_file_of_the_host,
    "a type specification": any_class("builtins", "__typespec__"),
}


BRING_CODE = {
    name for name in ATTACKS if name.startswith(("a stored", "a lambda", "a pickle", "a vocab", "a TensorFlow"))
}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_runs(attack: str, source: Callable[..., Any], marker: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsafeModelError) as caught:
        read(source(tmp_path, ATTACKS[attack](marker)))
    assert not marker.exists()
    message = str(caught.value)
    for part in ("bad.", "'evil'", "Nothing of it was run", "custom_objects="):
        assert part in message
    assert ("safe_mode=False" in message) == (attack in BRING_CODE)  # of what is only named there is no code to run


def test_the_payloads_would_run(marker: Path, tmp_path: Path) -> None:
    read(h5_file(tmp_path, old_lambda(marker)), safe_mode=False)
    assert marker.exists()
    marker.unlink()
    pickle.loads(pickle.dumps(Writes(marker))).close()
    assert marker.exists()


def test_all_layers_are_named_at_once(marker: Path, tmp_path: Path) -> None:
    more = [layer("Mystery", name) for name in ("strange", "stranger")]
    more.append(layer("Dense", "named", units=2, activation="my_function"))
    with pytest.raises(UnsafeModelError) as caught:
        read(h5_file(tmp_path, old_lambda(marker), *more))
    for part in (
        "'evil' (Lambda, which runs what the file brings along)",
        "'strange' (Mystery of no module, a class, 2 times)",
        "'named' (my_function as activation, a function)",
    ):
        assert part in str(caught.value)


def test_every_layer_that_runs_foreign_code_exists_or_has_gone() -> None:
    assert {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer"} <= RUNS_FOREIGN_CODE & set(vars(keras.layers))


def test_pickled_arrays_are_not_opened(marker: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, kernel=np.array([Writes(marker)], dtype=object))
    path = keras_file(tmp_path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "npz.keras", "w") as new:
        new.writestr("config.json", old.read("config.json"))
        new.writestr("metadata.json", old.read("metadata.json"))
        new.writestr("model.weights.npz", buffer.getvalue())
    with pytest.raises(ModelFileError, match=r"model\.weights\.h5"):
        read(tmp_path / "npz.keras")
    assert not marker.exists()


def test_initializers_and_regularizers_of_the_file_are_not_needed(tmp_path: Path) -> None:
    strange: dict[str, Any] = {"module": "os", "class_name": "Popen", "config": {}, "registered_name": None}
    extra = layer("Dense", "more", units=4, kernel_regularizer=strange, use_bias=False, kernel_initializer=strange)
    path = write_legacy_h5(
        tmp_path / "model.h5",
        sequential(layer("InputLayer", "in", batch_input_shape=[None, 4]), extra),
        {"more": [("k", np.eye(4, dtype="f"))]},
    )
    np.testing.assert_array_equal(read(path).get_weights()[0], np.eye(4))


def archive_with(folder: Path, *members: tuple[Any, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    path = keras_file(folder)
    with zipfile.ZipFile(path, "a", compression) as archive:
        for member, content in members:
            archive.writestr(member, content)
    return path


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize(
    "name", ["../outside", "assets/../../outside", "/outside", "C:\\outside", "assets\\..\\outside"]
)
def test_members_that_leave_the_archive(name: str, tmp_path: Path) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = name
    with pytest.raises(ModelFileError, match="a path that leaves the archive"):
        read(archive_with(tmp_path, (info, b"x")))
    assert not (tmp_path.parent / "outside").exists()


def test_links_in_an_archive(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"assets/vocabulary\.txt', a link"):
        read(archive_with(tmp_path, (link("assets/vocabulary.txt"), b"/etc/passwd")))


def test_a_member_twice(tmp_path: Path) -> None:
    path = keras_file(tmp_path)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", b"{}")
    with pytest.raises(ModelFileError, match="each file once"):
        read(path)


def test_a_zip_bomb(tmp_path: Path) -> None:
    zeros = bytes(limits.EXPANSION_FLOOR_BYTES + 1)
    path = archive_with(tmp_path, ("assets/zeros", zeros), compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ModelFileError, match="unpacks to"):
        read(path)


def test_a_flood_of_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deeplift_tf.conversion.readers.untrusted.archive.MAX_MEMBERS", 5)
    with pytest.raises(ModelFileError, match="at most 5 files"):
        read(archive_with(tmp_path, *((f"assets/{i}", b"") for i in range(5))))


def nested_json(levels: int) -> str:
    return '{"class_name": "Sequential", "config": ' + "[" * levels + "]" * levels + "}"


@pytest.mark.parametrize("levels", [limits.MAX_CONFIG_DEPTH, 100_000])
def test_a_config_that_is_too_deep(levels: int, tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text(nested_json(levels))
    with pytest.raises(ModelFileError, match=r"deep\.json"):
        read((tmp_path / "deep.json", h5_file(tmp_path)))


def test_a_config_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("architecture", "architecture_json"):
        monkeypatch.setattr(f"deeplift_tf.conversion.readers.{module}.MAX_CONFIG_BYTES", 1000)
    (tmp_path / "long.json").write_text(json.dumps(sequential()) + " " * 1000)
    with pytest.raises(ModelFileError, match="at most 1000 bytes"):
        read((tmp_path / "long.json", h5_file(tmp_path)))


def test_layers_by_the_thousand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deeplift_tf.conversion.readers.architecture.MAX_LAYERS", 100)
    many = [layer("Activation", f"a{i}", activation="relu") for i in range(1001)]
    (tmp_path / "many.json").write_text(json.dumps(sequential(*many)))
    with pytest.raises(ModelFileError, match="at most 100 layers"):
        read((tmp_path / "many.json", h5_file(tmp_path)))


@pytest.mark.parametrize("reference", [["b", 0, 0], ["a", 1, 0], ["x", 1, 0], ["nowhere", 0, 0]])
def test_calls_that_wait_forever(reference: list[Any], tmp_path: Path) -> None:
    parts = inputs_named("x", [None, 4])
    parts.append((layer("Activation", "a", activation="relu"), [[reference]]))
    parts.append((layer("Activation", "b", activation="relu"), [[["a", 0, 0]]]))
    path = write_legacy_h5(tmp_path / "bad.h5", functional(parts, ["x"], [["b", 0, 0]]), {}, "2.4.0")
    with pytest.raises(ModelFileError, match=r"of the layers \['a', 'b'\]|expected a reference"):
        read(path)


GREEDY: dict[str, dict[str, Any]] = {
    "Dense": {"units": 1 << 40},
    "Embedding": {"input_dim": 1 << 40, "output_dim": 1 << 20},
    "LSTM": {"units": 1 << 30, "recurrent_activation": "sigmoid"},
    "LayerNormalization": {},
}


@pytest.mark.parametrize("class_name", GREEDY)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_shapes_that_would_fill_the_memory(source: Callable[..., Any], class_name: str, tmp_path: Path) -> None:
    widen = {"module": "keras.layers", **layer("RepeatVector", "repeat", n=3)}
    shape = {"module": "keras.layers", **layer("ZeroPadding1D", "pad", padding=[0, 1 << 22])}
    turn = {"module": "keras.layers", **layer("Permute", "turn", dims=[2, 1])}
    greedy = {"module": "keras.layers", **layer(class_name, "greedy", **GREEDY[class_name])}
    with pytest.raises(ModelFileError, match=r"weights that the file holds; found a weight of shape .* 'greedy'"):
        read(source(tmp_path, widen, *([shape, turn] if class_name == "LayerNormalization" else []), greedy))


SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("Resizing", {"height": 1 << 28, "width": 4}),
    ("StringLookup", {"num_oov_indices": 1 << 28, "output_mode": "one_hot"}),
    ("STFTSpectrogram", {"frame_length": 1 << 28}),
    ("MelSpectrogram", {"fft_length": 1 << 28}),
    ("UpSampling1D", {"size": 1 << 31}),
    ("Cropping1D", {"cropping": [0, 1 << 31]}),
]


KNOWN_SETTINGS = [row for row in SETTINGS if hasattr(keras.layers, row[0])]  # older versions of Keras have fewer layers


@pytest.mark.parametrize(("class_name", "settings"), KNOWN_SETTINGS, ids=[name for name, _ in KNOWN_SETTINGS])
def test_settings_that_count_too_far(class_name: str, settings: dict[str, Any], tmp_path: Path) -> None:
    wide = {"module": "keras.layers", **layer(class_name, "wide", **settings)}
    with pytest.raises(ModelFileError, match=f"expected settings of at most .* of a {class_name}"):
        read(keras_file(tmp_path, wide))


VALUES: dict[str, Callable[[Any], Any]] = {
    "clip": lambda x: keras.ops.clip(x, -3e38, 1e31),
    "scale": lambda x: keras.layers.Rescaling(1e7, offset=5e6)(x),
    "statistics": lambda x: keras.layers.Normalization(mean=[5e6] * 3, variance=[1e13] * 3)(x),
    "limits": lambda x: keras.layers.Discretization([-1e7, 1e7], output_mode="one_hot")(x),
    "padding": lambda x: keras.ops.pad(x, ((0, 0), (1, 1)), constant_values=7e6),
}


@pytest.mark.parametrize("name", VALUES)
def test_settings_that_are_values_may_be_large(name: str, tmp_path: Path) -> None:
    x = keras.Input((3,))
    model = keras.Model(x, VALUES[name](x))
    model.save(tmp_path / "model.keras")
    rows = np.array([[1e7, -3.0, 2e6], [0.5, 3e8, -2e7]], "float32")
    found = dl.convert(tmp_path / "model.keras").predict(rows)
    np.testing.assert_allclose(found, np.asarray(model(rows)), rtol=1e-6)


def test_a_metric_in_the_place_of_an_activation_counts_no_further(tmp_path: Path) -> None:
    metric = {"module": "keras.metrics", "class_name": "AUC", "config": {"num_thresholds": 1 << 31}}
    with pytest.raises(DeepLiftError, match="num_thresholds=2147483648 of a AUC"):
        read(keras_file(tmp_path, {"module": "keras.layers", **layer("Activation", "odd", activation=metric)}))


def test_an_input_that_is_too_large(tmp_path: Path) -> None:
    path = rewritten(
        keras_file(tmp_path),
        tmp_path / "wide.keras",
        lambda config: config["config"]["layers"][0]["config"].update(batch_shape=[None, 1 << 50]),
    )
    with pytest.raises(ModelFileError, match="inputs of at most"):
        read(path)


def h5_changed(folder: Path, change: Callable[[h5py.Group], None]) -> Path:
    path = h5_file(folder)
    with h5py.File(path, "r+") as file:
        group = file["model_weights/dense"]
        del group["k"]
        change(group)
    return path


def external_link(group: h5py.Group) -> None:
    group["k"] = h5py.ExternalLink("/etc/other.h5", "/secret")


def soft_link(group: h5py.Group) -> None:
    group["k"] = h5py.SoftLink("/model_weights/dense/b")


def external_storage(group: h5py.Group) -> None:
    group.create_dataset("k", (4, 4), "f4", external=[("/etc/passwd", 0, 64)])


def virtual_dataset(group: h5py.Group) -> None:
    layout = h5py.VirtualLayout((4, 4), "f4")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "k", (4, 4))
    group.create_virtual_dataset("k", layout)


def shape_bomb(group: h5py.Group) -> None:
    group.create_dataset("k", (1 << 40, 4), "f4", chunks=(1024, 4), compression="gzip")


def groups_without_end(group: h5py.Group) -> None:
    for _ in range(MAX_DEPTH):
        group = group.create_group("k")


def fifty_groups(group: h5py.Group) -> None:
    for number in range(50):
        group.create_group(f"k{number}")


def complex_numbers(group: h5py.Group) -> None:
    group.create_dataset("k", (4, 4), "c8")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (groups_without_end, "at most 100 deep"),
        (complex_numbers, "expected arrays of numbers"),
        (external_link, "found a ExternalLink"),
        (soft_link, "found a SoftLink"),
        (external_storage, "kept in other files"),
        (virtual_dataset, "kept in other files"),
        (shape_bomb, "bytes declared"),
    ],
)
def test_hdf5_that_reaches_outside(change: Callable[[h5py.Group], None], part: str, tmp_path: Path) -> None:
    path = h5_changed(tmp_path, change)
    with pytest.raises(ModelFileError, match=part):
        read(path)
    plain = keras_file(tmp_path)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(tmp_path / "outside.keras", "w") as new:
        for name in ("config.json", "metadata.json"):
            new.writestr(name, old.read(name))
        new.write(path, "model.weights.h5")
    with pytest.raises(ModelFileError, match=part):
        read(tmp_path / "outside.keras")


def test_hdf5_of_more_groups_than_any_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "MAX_LINKS", 50)
    path = h5_changed(tmp_path, fifty_groups)
    with pytest.raises(ModelFileError, match="at most 50 groups and arrays"):
        read(path)


def test_a_group_that_holds_itself(tmp_path: Path) -> None:
    path = h5_file(tmp_path)
    with h5py.File(path, "r+") as file:
        file["model_weights/dense/again"] = file["model_weights"]
    np.testing.assert_array_equal(read(path).get_weights()[0], np.ones((4, 4)))


def test_an_attribute_that_would_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deeplift_tf.conversion.readers.untrusted.hdf5.MAX_CONFIG_BYTES", 1000)
    path = h5_file(tmp_path)
    with h5py.File(path, "r+") as file:
        file["model_weights"].attrs["layer_names"] = np.array(["x" * 100] * 100, dtype="S100")
    with pytest.raises(ModelFileError, match="at most 1000 bytes; found 10000"):
        read(path)


def test_keras_works_as_before_after_a_refusal(marker: Path, tmp_path: Path) -> None:
    for source in SOURCES:
        with pytest.raises(DeepLiftError):
            read(source(tmp_path, stored_lambda(marker)), custom_objects={"other": Writes})
    model = small_model()
    model.save(tmp_path / "good.keras")
    again = keras.saving.load_model(tmp_path / "good.keras")
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    with pytest.raises(ValueError, match="lambda"):  # Keras's own safe mode is on
        keras.layers.deserialize(stored_lambda(marker))
    assert not marker.exists()
