"""Optional dependencies: imported when they are used; the error names the extra to install."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from deeplift_tf.errors import MissingExtraError


def require(module: str, extra: str) -> Any:
    """Import an optional module.

    Parameters
    ----------
    module : str
        Dotted name.
    extra : str
        The extra of this package that brings it.

    Raises
    ------
    MissingExtraError
        If it is not installed; says how to install it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.split(".")[0]:
            raise
        raise MissingExtraError(
            f"{error.name} is not installed; run: pip install 'deeplift-tf[{extra}]'", name=error.name
        ) from error
