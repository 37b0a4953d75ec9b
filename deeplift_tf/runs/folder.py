"""A folder of results that appears under its name only when it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deeplift_tf.errors import OutputFileError


def check_folder(out: Path, overwrite: bool) -> None:
    """Refuse an output folder that could not be made, before any work is done for it.

    Raises
    ------
    OutputFileError
        It exists already, is a file, or its parent is missing or not writable.
    """
    if out.is_file():
        raise OutputFileError(f"{out}: expected the name of a folder; this is a file")
    if out.exists() and any(out.iterdir()) and not overwrite:
        raise OutputFileError(f"{out}: exists already; choose another name, or --overwrite to replace it")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise OutputFileError(f"{out}: its folder does not exist or cannot be written to")


@contextmanager
def new_folder(out: Path, overwrite: bool = False) -> Iterator[Path]:
    """Make a folder to write to; on leaving it takes its name, or after an exception it is removed.

    Parameters
    ----------
    out : Path
        The final name. Until then the folder is called ``out`` + ``.partial``.
    overwrite : bool
        Replace a folder that is there already.

    Yields
    ------
    Path
    """
    check_folder(out, overwrite)
    partial = out.with_name(out.name + ".partial")
    try:
        partial.mkdir()
    except FileExistsError as error:
        raise OutputFileError(f"{partial}: exists already; remove it if no other run is writing it") from error
    try:
        yield partial
        if out.exists():
            shutil.rmtree(out)
        partial.replace(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
