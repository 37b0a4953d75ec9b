"""Versions of the packages that scores depend on, read without importing them."""

from __future__ import annotations

import platform
from importlib import metadata

from deeplift_tf import __version__

PACKAGES = ("tensorflow", "keras", "numpy", "h5py")


def version_of(package: str) -> str:
    """Return the installed version of a package, or "not installed"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def version_line() -> str:
    """Return the version of this package and of what its scores depend on most."""
    tensorflow, keras = version_of("tensorflow"), version_of("keras")
    return f"deeplift-tf {__version__} (TensorFlow {tensorflow}, Keras {keras}, Python {platform.python_version()})"


def versions() -> dict[str, str]:
    """Return the versions of this package, of Python and of all `PACKAGES`."""
    own = {"deeplift_tf": __version__, "python": platform.python_version()}
    return own | {name: version_of(name) for name in PACKAGES}
