"""Names of files: renames that another program may hold up, removals of open files, and drives in front of paths."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

WINDOWS = os.name == "nt"
REMOVES_OPEN = not WINDOWS
"""Whether a file can be removed while it is open."""
WAITS = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds before each further try: scanners and indexers open new files for moments."""

_BETWEEN = re.compile(r"[,=]|(?<!^[A-Za-z])(?<![:,=][A-Za-z]):")
"""What stands between parts of NAME:FIRST,KEY=VALUE, but for the colon behind the letter of a drive."""


def rename(new: Path, path: Path) -> None:
    """Give a file or folder a name, in the place of a file that has it.

    Raises
    ------
    OSError
        As ``os.replace``; on Windows, where a file that another program has open cannot be replaced, after two seconds.
    """
    for wait in WAITS if WINDOWS else ():
        try:
            new.replace(path)
            return
        except PermissionError:
            time.sleep(wait)
    new.replace(path)


def parts_of(text: str) -> list[str]:
    """Return the parts of NAME:FIRST,KEY=VALUE, which may be paths with the letter of a drive."""
    return [part for part in _BETWEEN.split(text) if part]
