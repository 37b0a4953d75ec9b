"""Image rows: PNG and JPEG files, or a folder of them, read batch by batch in the form of a model's input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deeplift_tf.arrays.rows import StoredRows
from deeplift_tf.errors import InputError
from deeplift_tf.optional import require

ENDINGS = (".png", ".jpg", ".jpeg")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}

Preprocess = Callable[[np.ndarray], np.ndarray]


def is_images(path: Path) -> bool:
    """Whether a path is a picture by its name, or a folder."""
    return path.is_dir() or path.suffix.lower() in ENDINGS


def image_paths(path: Path) -> list[Path]:
    """Return the pictures of a folder in the order of their names; a file is returned unchanged.

    Raises
    ------
    InputError
        If there are none.
    """
    if not path.is_dir():
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        return [path]
    found = sorted(each for each in path.iterdir() if each.suffix.lower() in ENDINGS)
    if not found:
        raise InputError(f"{path}: expected pictures, {', '.join(ENDINGS)}; found none")
    return found


def read_image(path: Path, size: tuple[int, int] | None = None, channels: int = 3) -> np.ndarray:
    """Read a picture.

    Parameters
    ----------
    path : Path
    size : (height, width), optional
        Size after bilinear resizing; the default keeps the size.
    channels : 1, 3 or 4
        Grey; red, green, blue; or with transparency.

    Returns
    -------
    np.ndarray, shape (height, width, channels), float32
        From 0 to 255.

    Raises
    ------
    InputError
        If it cannot be read as a picture.
    MissingExtraError
        If Pillow is not installed.
    """
    pillow = require("PIL.Image", "images")
    if channels not in MODES:
        raise InputError(f"{path}: pictures have 1, 3 or 4 channels; the model takes {channels}")
    with _refused(path, pillow), pillow.open(path) as opened:
        picture = opened.convert(MODES[channels])
    if size is not None and (picture.height, picture.width) != size:
        picture = picture.resize((size[1], size[0]), pillow.Resampling.BILINEAR)
    array = np.asarray(picture, np.float32)
    return array[..., None] if channels == 1 else array


@dataclass(frozen=True)
class ImageRows(StoredRows):
    """Pictures of files as rows.

    Attributes
    ----------
    paths : sequence of Path
    size : (height, width)
    channels : int
    preprocess : callable, optional
        Takes pictures from 0 to 255, shape (n, height, width, channels), and returns what the model takes.
    """

    paths: Sequence[Path]
    size: tuple[int, int]
    channels: int = 3
    preprocess: Preprocess | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, height, width, channels)."""
        return len(self.paths), *self.size, self.channels

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """Of the rows."""
        return np.dtype(np.float32)

    def pictures(self, rows: slice) -> np.ndarray:
        """Return pictures as they are, 0 to 255, shape (n, height, width, channels)."""
        return np.stack([read_image(path, self.size, self.channels) for path in self.paths[rows]])

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return pictures as the model takes them, shape (n, height, width, channels)."""
        return self._preprocessed(self.pictures(rows))

    def readable(self, rows: slice) -> tuple[np.ndarray, dict[int, str]]:
        """Return pictures as the model takes them, black if a file cannot be read, and the reason for each of those."""
        found, bad = np.zeros((len(self.paths[rows]), *self.shape[1:]), np.float32), {}
        for index, path in enumerate(self.paths[rows]):
            try:
                found[index] = read_image(path, self.size, self.channels)
            except InputError as error:
                bad[index] = str(error)
        return self._preprocessed(found), bad

    def _preprocessed(self, found: np.ndarray) -> np.ndarray:
        return found if self.preprocess is None else np.asarray(self.preprocess(found), np.float32)

    def check(self, rows: slice, where: str, largest: float) -> None:
        """Open every file without reading the picture in it.

        Raises
        ------
        InputError
            Names the first file that is not a picture.
        """
        pillow = require("PIL.Image", "images")
        for path in self.paths[rows]:
            with _refused(path, pillow), pillow.open(path):
                pass


@contextmanager
def _refused(path: Path, pillow: Any) -> Iterator[None]:
    """Turn what Pillow raises about a file into an InputError."""
    try:
        yield
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
        raise InputError(f"{path}: expected a PNG or JPEG picture; {error}") from error


def image_rows(path: Path, shape: Sequence[int | None], preprocess: str | Preprocess | None = None) -> ImageRows:
    """Return the pictures of a file or folder for a model.

    Parameters
    ----------
    path : Path
    shape : (None, height, width, channels)
        Of the model's input. If it leaves the size open, that of the first picture.
    preprocess : str or callable, optional
        A module of ``keras.applications``, for example "resnet50"; "unit" for values from 0 to 1; or a function.

    Raises
    ------
    InputError
        If there are no pictures, or the model does not take any.
    """
    if len(shape) != 4 or shape[3] not in MODES:
        raise InputError(f"pictures: expected a model of input shape (None, height, width, 1, 3 or 4); it is {shape}")
    paths, channels = image_paths(path), int(shape[3])
    height, width = shape[1:3]
    if height is None or width is None:
        first = read_image(paths[0], channels=channels)
        height, width = height or first.shape[0], width or first.shape[1]
    return ImageRows(paths, (height, width), channels, preprocessing(preprocess))


def preprocessing(preprocess: str | Preprocess | None) -> Preprocess | None:
    """Return the preprocessing function of a name."""
    if not isinstance(preprocess, str):
        return preprocess
    if preprocess == "unit":
        return lambda pictures: pictures / 255
    from deeplift_tf.images.preprocessing import preprocess_input

    return preprocess_input(preprocess)
