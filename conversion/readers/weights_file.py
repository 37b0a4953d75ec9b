"""Weight files: HDF5, sharded HDF5 (``x.weights.json``), or a TensorFlow checkpoint."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import keras

from deeplift_tf.conversion.readers.checkpoint_weights import CheckpointWeights, checkpoint_prefix
from deeplift_tf.conversion.readers.keras2.legacy_h5 import is_weights_file
from deeplift_tf.conversion.readers.keras2.weights import assign
from deeplift_tf.conversion.readers.shards import merged
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.conversion.readers.untrusted.hdf5 import count_weights, open_hdf5
from deeplift_tf.errors import ModelFileError

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
EXPECTED = "weights in HDF5 (.h5), in shards (.weights.json), or in a TensorFlow checkpoint (its prefix)"


class Weights(Protocol):
    """Stored weights.

    Attributes
    ----------
    count : int
        Elements of all the arrays.
    """

    @property
    def count(self) -> int: ...  # noqa: D102

    def load(self, model: keras.Model, layers: Sequence[Any] | None = None) -> None:
        """Assign them to a model.

        Parameters
        ----------
        model : keras.Model
            Built; changed.
        layers : sequence, optional
            The configs of the model's layers in the order of the file; that of the model unless given.

        Raises
        ------
        ModelFileError
            If they do not fit, or the file holds none.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Hdf5Weights:
    """Weights in HDF5 of either layout: listed by layer (Keras 1, 2), or by object (Keras 3's .weights.h5)."""

    path: Path
    name: object

    @property
    def count(self) -> int:
        """Elements of all the arrays."""
        with open_hdf5(self.path, self.name) as file:
            return count_weights(file)

    def load(self, model: keras.Model, layers: Sequence[Any] | None = None) -> None:
        """Assign them to a model; see `Weights`."""
        with open_hdf5(self.path, self.name) as file:
            listed = file.get("model_weights", file)
            if "layer_names" in listed.attrs or "layer_names0" in listed.attrs:
                assign(model, listed, self.name)
                return
            if not is_weights_file(file):
                raise ModelFileError(f"{self.name}: expected weights; found the groups {sorted(file)[:8]}")
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "model.weights.h5"  # Keras tells the layout by this name
            shutil.copyfile(self.path, copy)
            with reading(self.name, f"weights that fit the model {model.name!r}"):
                model.load_weights(copy)


@contextmanager
def open_weights(path: Any) -> Iterator[Weights]:
    """Open weights of any format.

    Parameters
    ----------
    path : path
        Of an .h5 file, of the .weights.json of shards, or the prefix of a checkpoint; the path of its index, or a
        folder that holds one checkpoint, is taken too.

    Raises
    ------
    ModelFileError
        If there are none, or they are of another format.
    """
    if not isinstance(path, str | os.PathLike):
        kind = type(path)
        raise ModelFileError(f"expected the path of {EXPECTED}; found a {kind.__module__}.{kind.__qualname__}")
    path = Path(path)
    prefix = checkpoint_prefix(path)
    if prefix is not None:
        yield CheckpointWeights(prefix)
        return
    start = first_bytes(path, "weights")
    if start.startswith(HDF5_MAGIC):
        yield Hdf5Weights(path, path)
    elif start.lstrip()[:1] == b"{":
        with tempfile.TemporaryDirectory() as folder:
            yield Hdf5Weights(merged(path, Path(folder) / "merged.weights.h5"), path)
    else:
        found = f"a file that starts with {start!r}" if start else "an empty file. Get a fresh copy of it"
        raise ModelFileError(f"{path}: expected {EXPECTED}; found {found}")


def first_bytes(path: Path, expected: str, count: int = 512) -> bytes:
    """Return the first bytes of a file; a pipe or a device, which might never end, is not opened."""
    if not path.is_file():
        found = "something that is no file" if path.exists() else "no such file"
        raise ModelFileError(f"{path}: expected {expected}; found {found}. Check the path")
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise ModelFileError(f"{path}: expected {expected} that can be read; {error.strerror}") from error
