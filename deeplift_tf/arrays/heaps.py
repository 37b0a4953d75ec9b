"""Checks of the heaps of an HDF5 file before the library reads them.

The library follows the objects of a global heap by their sizes, and never returns from one of size zero: a damaged
file would hang the process, out of reach of any signal. Heaps hold texts of variable length, as Keras's attributes.
"""

from __future__ import annotations

import mmap
from pathlib import Path

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAP = b"GCOL\x01\x00\x00\x00"
HEADER = 16
"""Bytes before the objects of a heap, and before the content of each object."""
SIZES_AT = {0: 13, 1: 13, 2: 9, 3: 9}
"""Where a file says how many bytes its offsets and lengths take, by the version of its superblock."""


def check_heaps(path: Path) -> None:
    """Check that every heap of the file ends.

    Raises
    ------
    ValueError
        If the file is no HDF5 file of 8-byte lengths, or a heap does not end, or ends outside the file.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        _check_superblock(content)
        start = content.find(HEAP)
        while start >= 0:
            _check_heap(content, start)
            start = content.find(HEAP, start + len(HEAP))


def _check_superblock(content: mmap.mmap) -> None:
    if content[: len(SIGNATURE)] != SIGNATURE:
        raise ValueError(f"the file starts with {content[: len(SIGNATURE)]!r} in the place of HDF5's signature")
    at = SIZES_AT.get(content[len(SIGNATURE)] if len(content) > len(SIGNATURE) else -1)
    if at is None or content[at : at + 2] != b"\x08\x08":
        raise ValueError("a superblock of an unknown kind")


def _check_heap(content: mmap.mmap, start: int) -> None:
    end = start + _number(content, start + 8, 8)
    if end > len(content):
        raise ValueError(f"a heap at byte {start} that ends outside the file")
    at = start + HEADER
    while at + HEADER <= end:
        is_free, length = _number(content, at, 2) == 0, _number(content, at + 8, 8)
        step = length if is_free else HEADER + (length + 7) // 8 * 8
        if step < HEADER:
            raise ValueError(f"a heap at byte {start} that does not end")
        at += step


def _number(content: mmap.mmap, at: int, size: int) -> int:
    return int.from_bytes(content[at : at + size], "little")
