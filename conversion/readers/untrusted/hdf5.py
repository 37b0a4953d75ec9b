"""HDF5 files opened as data: nothing outside the file is read, and no array larger than the file allows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import h5py

from deeplift_tf.arrays.heaps import check_heaps
from deeplift_tf.arrays.links import LinksError, arrays_by_path
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.conversion.readers.untrusted.limits import MAX_CONFIG_BYTES, too_much
from deeplift_tf.errors import ModelFileError


@contextmanager
def open_hdf5(path: Path, name: object = None) -> Iterator[h5py.File]:
    """Open a file for reading after all that is in it was checked.

    Parameters
    ----------
    path : Path
        The file.
    name : object, optional
        What messages call it; the path unless given.

    Raises
    ------
    ModelFileError
        If it is not an HDF5 file, is truncated, points outside itself (external and soft links, virtual datasets,
        external storage: CVE-2026-1669), declares far more than it stores (CVE-2026-0897), or has groups without end.
    """
    name = name or path
    with reading(name, "an HDF5 file that is complete"):
        check_heaps(path)
        file = h5py.File(path, "r", locking=False)
    try:
        with reading(name, "an HDF5 file that is complete"):
            _check(file, path.stat().st_size, name)
        yield file
    finally:
        file.close()


def _check(file: h5py.File, stored_bytes: int, name: object) -> None:
    try:
        arrays = arrays_by_path(file)
    except LinksError as error:
        raise ModelFileError(f"{name}: {error}") from error
    declared = 0
    for key, array in arrays.items():
        declared += _declared_bytes(array, name)
        if too_much(declared, stored_bytes):
            raise ModelFileError(
                f"{name}: expected arrays that fit a file of {stored_bytes} bytes; found {declared} bytes "
                f"declared, up to the array {key!r} of shape {array.shape}"
            )


def _declared_bytes(array: h5py.Dataset, name: object) -> int:
    if array.is_virtual or array.external:
        raise ModelFileError(f"{name}: expected arrays inside the file; found {array.name!r} kept in other files")
    if array.dtype.kind in "Oc" or array.dtype.names:
        raise ModelFileError(f"{name}: expected arrays of numbers; found {array.name!r} of the type {array.dtype}")
    return prod(array.shape or ()) * array.dtype.itemsize


def count_weights(group: h5py.Group) -> int:
    """Return the number of elements in all the arrays below a group."""
    found: list[int] = []
    group.visititems(lambda _, each: found.append(prod(each.shape or ()) if isinstance(each, h5py.Dataset) else 0))
    return sum(found)


def text_attribute(group: h5py.Group, name: str) -> str | None:
    """Return an attribute that holds a text; None if there is none.

    Raises
    ------
    ValueError
        If it is something else, or too long.
    """
    value = _attribute(group, name)
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"expected a text in the attribute {name!r}; found a {type(value).__name__}")


def list_attribute(group: h5py.Group, name: str) -> list[str]:
    """Return an attribute that holds a list of texts, which Keras splits where it is long (name0, name1, ...)."""
    parts = [name] if name in group.attrs else []
    if not parts:
        while f"{name}{len(parts)}" in group.attrs:
            parts.append(f"{name}{len(parts)}")
    values = [value for part in parts for value in _attribute(group, part)]
    return [value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in values]


def _attribute(group: h5py.Group, name: str) -> Any:
    """Return an attribute of texts; any other type is not read (the library crashes on some that are damaged)."""
    if name not in group.attrs:
        return None
    attribute = group.attrs.get_id(name)
    size = prod(attribute.shape or ()) * attribute.dtype.itemsize
    if size > MAX_CONFIG_BYTES:
        raise ValueError(f"expected an attribute {name!r} of at most {MAX_CONFIG_BYTES} bytes; found {size}")
    if size == 0:
        return []
    if h5py.check_string_dtype(attribute.dtype) is None:
        raise ValueError(f"expected texts in the attribute {name!r}; found the type {attribute.dtype}")
    return group.attrs[name]
