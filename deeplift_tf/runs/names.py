"""Names of the files of other tools: in the output folder, or beside it, as a tool's own scripts expect them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deeplift_tf.errors import OutputFileError
from deeplift_tf.platform.names import rename

ARGUMENTS = ".interpret.args.json"
"""What chrombpnet calls the file of the arguments of a run, behind the prefix."""

NAMES: dict[str, tuple[tuple[str, str], ...]] = {
    "plain": (),
    "chrombpnet": (
        (r"(.+)\.chrombpnet\.h5", r".\1_scores.h5"),
        (r"(.+)\.bw", r".\1_scores.bw"),
        (r"(interpreted_regions\.bed)", r".\1"),
    ),
}
"""For each scheme, which files of a folder ``P`` go beside it, and what follows on ``P`` in their names there."""


def beside(name: str, scheme: str) -> str | None:
    """Return what follows on the prefix in the name of a file that goes beside the folder; None if it stays."""
    for pattern, ending in NAMES[scheme]:
        found = re.fullmatch(pattern, name)
        if found is not None:
            return found.expand(ending)
    return None


def check_beside(folder: Path, scheme: str) -> None:
    """Refuse a prefix that files of another run have already.

    Raises
    ------
    OutputFileError
    """
    if scheme == "plain":
        return
    there = sorted([*folder.parent.glob(f"{folder.name}.*_scores.*"), *folder.parent.glob(folder.name + ARGUMENTS)])
    if there:
        raise OutputFileError(
            f"{there[0]}: exists already; choose another prefix than {folder.name!r}, or `overwrite=True` to replace it"
        )


def move_beside(folder: Path, scheme: str, arguments: Mapping[str, Any]) -> None:
    """Move files out of a finished folder, and write the arguments of the run beside them.

    Parameters
    ----------
    folder : Path
        Its name is the prefix of the others.
    scheme : str
        One of `NAMES`.
    arguments : mapping
    """
    found = {path: ending for path in folder.iterdir() if (ending := beside(path.name, scheme)) is not None}
    if not found:
        return
    for path, ending in found.items():
        rename(path, folder.with_name(folder.name + ending))
    text = json.dumps(dict(arguments), indent=2) + "\n"
    folder.with_name(folder.name + ARGUMENTS).write_text(text, encoding="utf-8", newline="\n")
