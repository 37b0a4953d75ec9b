"""Open files by descriptor: writes at a position, and writes that have reached the disk."""

from __future__ import annotations

import os
from pathlib import Path

BINARY = getattr(os, "O_BINARY", 0)  # of Windows, which otherwise writes line ends of its own


def opened(path: Path, create: bool = False) -> int:
    """Open a file to read and write bytes as they are, one that is there or, with `create`, a new one."""
    return os.open(path, os.O_RDWR | BINARY | (os.O_CREAT if create else 0), 0o666)


def write_at(file: int, data: memoryview | bytes, offset: int) -> int:
    """Write at a position; return how many bytes were taken, which may be fewer."""
    if hasattr(os, "pwrite"):
        return os.pwrite(file, data, offset)
    os.lseek(file, offset, os.SEEK_SET)  # Windows has no call for both
    return os.write(file, data)


def sync(file: int) -> None:
    """Have all that was written reach the disk; of what else is known of a file only its size."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(file)
    else:
        os.fsync(file)  # macOS and Windows have this one alone
