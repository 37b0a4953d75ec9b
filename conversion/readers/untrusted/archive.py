"""Zip archives (.keras) opened as data."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from deeplift_tf.arrays.packing import IN_PIECES
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.conversion.readers.untrusted.limits import MAX_CONFIG_BYTES, MAX_MEMBERS, too_much
from deeplift_tf.errors import ModelFileError


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive for reading after the list of its members was checked.

    Raises
    ------
    ModelFileError
        If it is not a complete archive, or its members have paths that leave it, are links, are encrypted, are
        packed otherwise than by deflate, come twice, or unpack to far more than the archive holds.
    """
    with reading(path, "a .keras file, which is a complete zip archive"):
        archive = zipfile.ZipFile(path)
    with archive:
        _check(archive, path)
        yield archive


def _check(archive: zipfile.ZipFile, path: Path) -> None:
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(members) > MAX_MEMBERS:
        raise ModelFileError(f"{path}: expected at most {MAX_MEMBERS} files in the archive; found {len(members)}")
    if len(set(names)) < len(names):
        raise ModelFileError(f"{path}: expected each file once in the archive; found one twice")
    for member in members:
        problem = _problem(member)
        if problem:
            raise ModelFileError(f"{path}: expected plain files in the archive; found {member.filename!r}, {problem}")
    size, declared = path.stat().st_size, sum(member.file_size for member in members)
    if too_much(declared, size):
        raise ModelFileError(f"{path}: expected an archive of {size} bytes; found one that unpacks to {declared}")


def _problem(member: zipfile.ZipInfo) -> str | None:
    name = PurePosixPath(member.filename)
    if name.is_absolute() or ".." in name.parts or "\\" in member.filename or ":" in member.filename:
        return "a path that leaves the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link"
    if member.flag_bits & 1:
        return "encrypted"
    if member.compress_type not in IN_PIECES:
        return "packed otherwise than by deflate"
    return None


def read_text(archive: zipfile.ZipFile, name: str, path: Path) -> bytes | None:
    """Return the bytes of a small member; None if there is none.

    Raises
    ------
    ModelFileError
        If it is larger than any architecture, or cannot be unpacked.
    """
    if name not in archive.namelist():
        return None
    size = archive.getinfo(name).file_size
    if size > MAX_CONFIG_BYTES:
        raise ModelFileError(f"{path}: expected a {name} of at most {MAX_CONFIG_BYTES} bytes; found {size}")
    with reading(path, f"a {name} that can be unpacked"), archive.open(name) as member:
        return member.read(size)  # whatever the member unpacks to
