"""File readers, chosen by the first bytes of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from deeplift_tf.conversion.readers.keras2.legacy_h5 import read_legacy_h5
from deeplift_tf.conversion.readers.keras_v3 import read_keras_v3
from deeplift_tf.conversion.readers.weights_file import HDF5_MAGIC

Read = Callable[[Path, Mapping[str, Any] | None, bool], Any]
"""(path, custom_objects, safe_mode) -> keras.Model."""

ZIP_MAGIC = b"PK\x03\x04"


class FileReader(NamedTuple):
    """A format of model files.

    Attributes
    ----------
    name : str
        For messages.
    recognizes : callable
        The first 512 bytes of a file -> whether the reader takes it.
    read : callable
        See `Read`.
    """

    name: str
    recognizes: Callable[[bytes], bool]
    read: Read


FILE_READERS = [
    FileReader("a .keras file", lambda start: start.startswith(ZIP_MAGIC), read_keras_v3),
    FileReader("an .h5 file", lambda start: start.startswith(HDF5_MAGIC), read_legacy_h5),
]


def register_reader(name: str, recognizes: Callable[[bytes], bool]) -> Callable[[Read], Read]:
    """Register a reader of your own for a format of model files; it goes before those of the package.

    Parameters
    ----------
    name : str
        What messages call the format.
    recognizes : callable
        The first 512 bytes of a file -> whether it is of this format.

    Returns
    -------
    callable
        A decorator of the function (path, custom_objects, safe_mode) -> keras.Model.

    Raises
    ------
    ValueError
        If the name is taken.
    """

    def enter(read: Read) -> Read:
        if name in {reader.name for reader in FILE_READERS}:
            raise ValueError(f"a reader of {name} is registered already")
        FILE_READERS.insert(0, FileReader(name, recognizes, read))
        return read

    return enter


def file_reader(start: bytes) -> FileReader | None:
    """Return the reader that takes a file with these first bytes, if there is one."""
    return next((reader for reader in FILE_READERS if reader.recognizes(start)), None)
