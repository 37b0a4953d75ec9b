"""Versions of the packages that scores depend on, read without importing them."""

from __future__ import annotations

import platform
from importlib import metadata

PACKAGES = ("deeplift-tf", "tensorflow", "keras", "numpy", "h5py")


def version_of(package: str) -> str:
    """Return the installed version of a package, or "not installed"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def versions() -> dict[str, str]:
    """Return the versions of Python and of all `PACKAGES`."""
    return {"python": platform.python_version()} | {name: version_of(name) for name in PACKAGES}
