"""The arrays of an HDF5 file by their paths; nothing that leads out of the file is followed."""

from __future__ import annotations

from typing import Any

import h5py

MAX_LINKS = 100_000
"""Groups and arrays in one file. A layer of Keras has some four; h5py takes a tenth of a millisecond for each."""

MAX_DEPTH = 100
"""Levels of groups. A model inside a model adds some three."""

KINDS = {h5py.h5l.TYPE_SOFT: "SoftLink", h5py.h5l.TYPE_EXTERNAL: "ExternalLink"}


class LinksError(ValueError):
    """A file holds links that lead elsewhere, or too many."""


def arrays_by_path(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Return every array of an open file, those that stand under several paths under each.

    Raises
    ------
    LinksError
        If the file holds a link that may lead elsewhere, or more groups and arrays, or deeper ones, than any real file.
    """
    paths: list[str] = []
    problems: list[str] = []

    def see(name: bytes, link: Any) -> bool | None:
        """Note one link; what is returned ends the visit, and nothing may be raised inside of it."""
        path = name.decode("utf-8", "surrogateescape")
        if link.type != h5py.h5l.TYPE_HARD:
            problems.append(f"arrays inside the file; found a {KINDS.get(link.type, 'link')} at {path!r}")
        elif len(paths) == MAX_LINKS or path.count("/") >= MAX_DEPTH:
            problems.append(f"at most {MAX_LINKS} groups and arrays, at most {MAX_DEPTH} deep; found more")
        paths.append(path)
        return True if problems else None

    file.id.links.visit(see, info=True)
    if problems:
        raise LinksError(f"expected {problems[0]}")
    found = ((path, file[path]) for path in paths)
    return {path: each for path, each in found if isinstance(each, h5py.Dataset)}
