"""Names of earlier versions, which work on with a warning for one minor version."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from typing import Any


def renamed(module: str, name: str, names: Mapping[str, str]) -> Any:
    """Return what an old name of a module means now, with a warning; a module's ``__getattr__`` calls it.

    Parameters
    ----------
    module : str
        The module that is asked for the name.
    name : str
        The name that it does not have.
    names : mapping of str to str
        Old names to new ones, as ``package.module:attribute`` or ``package.module`` for a module itself.

    Raises
    ------
    AttributeError
        When the name is not an old one either.
    """
    if name not in names:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    home, _, attribute = names[name].partition(":")
    now = f"{module}.{attribute}" if attribute else home
    warnings.warn(f"{module}.{name} is now {now}; the old name goes in version 2.0", DeprecationWarning, stacklevel=3)
    found = importlib.import_module(home)
    return getattr(found, attribute) if attribute else found
