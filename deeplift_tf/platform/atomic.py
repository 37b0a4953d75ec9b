"""Atomic writes: files and folders are written under a temporary name, then renamed."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deeplift_tf.platform.names import rename


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield the name of a file to write; on leaving it replaces what had the name, or after an exception it is removed.

    Parameters
    ----------
    path : Path
        The final name. The name that is yielded has the same ending, by which some libraries choose a format.
    """
    partial = aside(path)
    try:
        yield partial
        rename(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder to write to; on leaving it takes its name, or after an exception it is removed.

    Parameters
    ----------
    path : Path
        The final name, which must be free. Folders above it are made.

    Raises
    ------
    FileExistsError
        If the name has been taken in the meantime.
    """
    partial = aside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        yield partial
        if path.exists():  # an empty folder would be replaced in silence
            raise FileExistsError(f"{path}: exists already")
        rename(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def aside(path: Path) -> Path:
    """Return a free hidden name beside a path, with its ending."""
    return path.with_name(f".{path.stem}.partial-{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")


def replace(new: Path, path: Path) -> None:
    """Give a file or folder its name; a folder that had it stays whole until then."""
    old = new.with_name(new.name + ".replaced")
    if path.is_dir():
        remove(old)
        rename(path, old)
    rename(new, path)
    remove(old)


def remove(folder: Path) -> None:
    """Remove a folder, or the link to one."""
    folder.unlink() if folder.is_symlink() else shutil.rmtree(folder, ignore_errors=True)
