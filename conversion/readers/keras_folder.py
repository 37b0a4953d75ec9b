"""Folders written by `model.save("folder", zipped=False)`: the unpacked parts of a .keras file.

The folder is packed into a .keras file, which is then read as any other; weights in shards become one file.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import keras

from deeplift_tf.conversion.readers.keras_v3 import CONFIG, METADATA, WEIGHTS, read_keras_v3
from deeplift_tf.conversion.readers.shards import merged
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.conversion.readers.untrusted.limits import MAX_MEMBERS
from deeplift_tf.conversion.readers.untrusted.vocabulary import CustomObjects
from deeplift_tf.errors import ModelFileError

SHARDS = "model.weights.json"
ASSETS = "assets"


def is_keras_folder(folder: Path) -> bool:
    """Whether a folder holds an architecture and weights as Keras 3 writes them."""
    return (folder / CONFIG).is_file() and any((folder / name).is_file() for name in (WEIGHTS, SHARDS))


def read_keras_folder(folder: Path, custom_objects: CustomObjects | None, safe_mode: bool) -> keras.Model:
    """Read a folder with config.json and model.weights.h5, or model.weights.json and its shards.

    Raises
    ------
    DeepLiftError
        See `readers.read`.
    """
    with tempfile.TemporaryDirectory() as temporary:
        packed = Path(temporary) / "packed.keras"
        with reading(folder, "a folder whose files can be read"), zipfile.ZipFile(packed, "w") as archive:
            for name, file in _parts(folder, Path(temporary)):
                archive.write(file, name)
        return read_keras_v3(packed, custom_objects, safe_mode, name=folder)


def _parts(folder: Path, temporary: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files that belong to the model, by their names in a .keras file."""
    for name in (CONFIG, METADATA, WEIGHTS):
        if (folder / name).exists():
            yield name, _plain(folder / name)
    if not (folder / WEIGHTS).exists():
        yield WEIGHTS, merged(_plain(folder / SHARDS), temporary / "merged.weights.h5")
    for count, file in enumerate(_files(folder / ASSETS)):
        if count > MAX_MEMBERS:
            raise ModelFileError(f"{folder}: expected at most {MAX_MEMBERS} files; found more")
        yield file.relative_to(folder).as_posix(), file


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of those inside it."""
    if folder.is_symlink() or folder.is_dir():
        for each in sorted(_plain(folder).iterdir()):
            yield from _files(each) if each.is_dir() else [_plain(each)]


def _plain(path: Path) -> Path:
    """Return a path that is no link and no pipe or device."""
    if path.is_symlink() or not (path.is_file() or path.is_dir()):
        kind = "a link" if path.is_symlink() else "something that is no file"
        raise ModelFileError(f"{path}: expected a plain file or folder; found {kind}. Copy what it leads to (cp -rL)")
    return path
