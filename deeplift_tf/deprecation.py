"""Deprecated names and forms of arguments, which still work and warn."""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
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
        If the name is not an old one either.
    """
    if name not in names:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    home, _, attribute = names[name].partition(":")
    now = f"{module}.{attribute}" if attribute else home
    warn(f"{module}.{name} is now {now}", 3)
    found = importlib.import_module(home)
    return getattr(found, attribute) if attribute else found


def renamed_keyword(old: str, new: str, now: Callable[[Any], Any] = lambda value: value) -> Any:
    """Return a decorator of a function that takes an old keyword, too, with a warning.

    Parameters
    ----------
    old, new : str
    now : callable
        The value under the old name -> that under the new one.
    """

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **keywords: Any) -> Any:
            if old in keywords:
                warn(f"{old}= is now {new}=", 2)
                keywords[new] = now(keywords.pop(old))
            return function(*args, **keywords)

        return call

    return decorated


def keywords_of(given: Sequence[Any], **keywords: Any) -> tuple[Any, ...]:
    """Return the values of arguments that have become keywords, some of them given by position, with a warning.

    Parameters
    ----------
    given : sequence
        By position.
    **keywords
        All of them, in their former order, with the values that were given as keywords.

    Raises
    ------
    TypeError
        If there are more than that.
    """
    if len(given) > len(keywords):
        raise TypeError(f"expected {', '.join(keywords)} as keywords; received {len(given)} more arguments by position")
    names = list(keywords)[: len(given)]
    warn(f"{', '.join(names)}: given by position; give {', '.join(f'{name}=' for name in names)}", 3)
    return (*given, *list(keywords.values())[len(given) :])


def warn(text: str, stacklevel: int) -> None:
    """Warn of an old form, at the line that uses it.

    Parameters
    ----------
    text : str
    stacklevel : int
        1 for the line that calls this function, 2 for what called the function of that line, and so on.
    """
    warnings.warn(f"{text}; the old form goes in version 2.0", DeprecationWarning, stacklevel=stacklevel + 1)
