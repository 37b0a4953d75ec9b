"""The .keras format: a zip archive with config.json, metadata.json and model.weights.h5."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import keras

from deeplift_tf.conversion.readers.architecture import Config, load_json, parse
from deeplift_tf.conversion.readers.building import build, building_objects, built, keras_defaults, prepare
from deeplift_tf.conversion.readers.foreign import found_in_zip
from deeplift_tf.conversion.readers.keras2.legacy_graph import upgrade_model
from deeplift_tf.conversion.readers.keras2.weights import major_version
from deeplift_tf.conversion.readers.quantized import dequantize, is_quantized
from deeplift_tf.conversion.readers.sequential import at_once
from deeplift_tf.conversion.readers.untrusted.archive import open_archive, read_text
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.conversion.readers.untrusted.hdf5 import count_weights, open_hdf5
from deeplift_tf.conversion.readers.untrusted.stored_code import check_ran, with_stored_code
from deeplift_tf.conversion.readers.untrusted.vocabulary import CustomObjects, supplied
from deeplift_tf.conversion.readers.untrusted.weight_budget import WeightBudget
from deeplift_tf.errors import ModelFileError

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


class _Unpacked(NamedTuple):
    """The architecture of an archive, the number of its weights, and a folder to work in."""

    config: Config
    stored_weights: int
    archive: zipfile.ZipFile
    folder: Path


def read_keras_v3(
    path: Path,
    custom_objects: CustomObjects | None,
    safe_mode: bool,
    name: Path | None = None,
    as_stored: bool = False,
) -> keras.Model:
    """Read a .keras file; float16, bfloat16 and quantised models compute in float32.

    The config is rewritten in a copy of the archive, which Keras then loads.

    Parameters
    ----------
    path : Path
    custom_objects, safe_mode
        See `readers.read`.
    name : Path, optional
        What messages call it; the path unless given.
    as_stored : bool
        Leave a quantised model unchanged.

    Raises
    ------
    DeepLiftError
        See `readers.read`.
    """
    where = name or path
    with _unpacked(path, where, custom_objects) as unpacked:
        quantized = is_quantized(unpacked.config)
        config = prepare(unpacked.config, where, custom_objects, safe_mode, keep_quantized=quantized)
        model = _load(unpacked, config, where, custom_objects, safe_mode)
        if not quantized or as_stored:
            return model
        config = prepare(unpacked.config, where, custom_objects, safe_mode)
        plain = build(config, where, custom_objects, safe_mode, unpacked.stored_weights)
        dequantize(model, plain, where)
        return plain


@contextmanager
def _unpacked(path: Path, where: Path, custom_objects: CustomObjects | None) -> Iterator[_Unpacked]:
    with tempfile.TemporaryDirectory() as folder, open_archive(path) as archive:
        text = read_text(archive, CONFIG, where)
        if text is None or WEIGHTS not in archive.namelist():
            raise ModelFileError(
                f"{where}: expected a .keras file, a zip archive with {CONFIG} and {WEIGHTS}; "
                f"{found_in_zip(archive.namelist())}"
            )
        config = parse(text, where)
        with reading(where, "an architecture of Keras 2 or 3"):
            version = _version(read_text(archive, METADATA, where), where)
            config = upgrade_model(config, version, where, supplied(custom_objects))
        with reading(where, f"a complete {WEIGHTS}"):
            weights = Path(archive.extract(WEIGHTS, folder))
        with open_hdf5(weights, f"{where} ({WEIGHTS})") as file:
            stored = count_weights(file)
        weights.unlink()
        yield _Unpacked(config, stored, archive, Path(folder))


def _version(metadata: bytes | None, path: Path) -> int:
    text = load_json(metadata, path, f"a {METADATA}").get("keras_version") if metadata else None
    return major_version(text, default=3)


def _load(
    unpacked: _Unpacked, config: Config, path: Path, custom_objects: CustomObjects | None, safe_mode: bool
) -> keras.Model:
    copy = unpacked.folder / "model.keras"
    budget = WeightBudget(path, unpacked.stored_weights)
    objects = building_objects(custom_objects, budget)
    config, functions = (config, {}) if safe_mode else with_stored_code(config, objects, path)
    objects |= functions
    with reading(path, "a .keras file whose parts can be unpacked"):
        _copy_with(unpacked.archive, at_once(config), copy)
    expected = "an architecture that Keras can build, and weights that fit it"
    with reading(path, expected), keras_defaults(), budget.counted():
        model = keras.saving.load_model(copy, custom_objects=objects, compile=False, safe_mode=safe_mode)
    check_ran(model, functions)
    return built(model, path)


def _copy_with(archive: zipfile.ZipFile, config: Config, copy: Path) -> None:
    with zipfile.ZipFile(copy, "w") as new:
        new.writestr(CONFIG, json.dumps(config))
        for name in archive.namelist():
            if name != CONFIG and not name.endswith("/"):
                with archive.open(name) as source, new.open(name, "w", force_zip64=True) as target:
                    shutil.copyfileobj(source, target)
