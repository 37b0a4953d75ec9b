"""A folder that appears under its name when it is whole: a server that watches for versions never sees half of one."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from deeplift_tf.errors import OutputFileError


def check_new(path: Path) -> None:
    """Refuse a path that is taken.

    Raises
    ------
    OutputFileError
    """
    if path.exists():
        raise OutputFileError(f"{path}: exists already; export to another folder (a new version number), or remove it")


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Make a sibling folder to write to; on leaving it takes the name, or after an exception it is removed.

    Parameters
    ----------
    path : Path
        The final name. Folders above it are made.

    Yields
    ------
    Path

    Raises
    ------
    OutputFileError
        When the path is taken, or cannot be written to.
    """
    check_new(path)
    partial = path.with_name(f".{path.name}.partial-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        yield partial
        check_new(path)
        partial.rename(path)
    except OutputFileError:
        raise
    except (OSError, tf.errors.OpError) as error:
        raise OutputFileError(f"{path}: cannot be written: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
