"""Functions and their arguments in the syntax of the command line: NAME, NAME:FIRST, NAME:FIRST,KEY=VALUE."""

from __future__ import annotations

import difflib
import heapq
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from deeplift_tf.errors import DeepLiftError

LONGEST_NAME = 200
"""Characters of a name that stand in a message."""


class File(NamedTuple):
    """An array that is read from a file.

    Attributes
    ----------
    path : Path
    rows : bool
        Whether it is a data set, of which rows are read as they are needed, rather than one array.
    """

    path: Path
    rows: bool


class Kind(NamedTuple):
    """How an argument is read.

    Attributes
    ----------
    noun : str
        For messages.
    read : callable
        From text; raises ValueError where it does not fit.
    """

    noun: str
    read: Callable[[str], Any]


def finite(text: str) -> float:
    """Return a finite number."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def either(text: str) -> bool:
    """Return True or False."""
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


def integers(text: str) -> tuple[int, ...]:
    """Return 3x4 as (3, 4)."""
    return tuple(int(part) for part in text.split("x"))


def integer_or_integers(text: str) -> int | tuple[int, ...]:
    """Return 3 as an integer, 3x4 as (3, 4)."""
    found = integers(text)
    return found[0] if len(found) == 1 else found


def number_or_file(text: str) -> float | File:
    """Return a number, or the file that a text names."""
    try:
        return finite(text)
    except ValueError:
        return File(Path(text), False)


DATA = Kind("a file", lambda text: File(Path(text), True))
KINDS = {  # by annotation; an argument of another type cannot be given as text
    "int": Kind("an integer", int),
    "float": Kind("a number", finite),
    "float | None": Kind("a number", finite),
    "bool": Kind("true or false", either),
    "str": Kind("text", str),
    "str | None": Kind("text", str),
    "tuple[int, ...] | None": Kind("integers like 1x2", integers),
    "Size": Kind("an integer, or several like 3x4", integer_or_integers),
    "Size | None": Kind("an integer, or several like 3x4", integer_or_integers),
    "np.ndarray": DATA,
    "np.ndarray | Iterable[np.ndarray]": DATA,
    "np.ndarray | Sequence[float] | None": Kind("a file", lambda text: File(Path(text), False)),
    "np.ndarray | float": Kind("a number or a file", number_or_file),
}
ONLY_IN_PYTHON = frozenset({"progress", "output_rank_order", "letters_axis"})  # the last is an option of its own


def name_in(given: str) -> str:
    """Return the name, with _ between words, that something given begins with."""
    return given.partition(":")[0].strip().replace("-", "_")


def meant(given: str, names: Iterable[str]) -> str:
    """Return a question about the name that is most like one given, for the end of a message; empty where none is."""
    found = difflib.get_close_matches(name_in(given), list(names), 1)
    return f"; did you mean {found[0].replace('_', '-')!r}?" if found else ""


def ending_in(given: str, names: Iterable[str]) -> list[str]:
    """Return those of the names whose last parts are the one given: of ``encoder/conv`` that is ``conv``."""
    return [name for name in names if given and name.endswith(f"/{given}")]


def closest(given: str, names: Iterable[str]) -> str:
    """Return the three names that are most like one given, for a message; their last parts are looked at too.

    Parameters
    ----------
    given : str
    names : iterable of str

    Returns
    -------
    str
        As in ``'a', 'b' and 'c'``; empty where there are no names.
    """

    def likeness(name: str) -> float:
        whole, last = shortened(name), shortened(name.rpartition("/")[2])
        return max(difflib.SequenceMatcher(None, shortened(given), each).ratio() for each in (whole, last))

    best = [repr(shortened(name)) for name in heapq.nlargest(3, dict.fromkeys(names), likeness)]
    return " and ".join(filter(None, [", ".join(best[:-1]), *best[-1:]]))


def shortened(name: str) -> str:
    """Return a name as it stands in a message: the middle of a very long one is left out."""
    return name if len(name) <= LONGEST_NAME else f"{name[:120]}...{name[-40:]}"


def spellable(parameters: Iterable[inspect.Parameter]) -> dict[str, inspect.Parameter]:
    """Return those parameters that can be given as text, by name."""
    return {each.name: each for each in parameters if each.annotation in KINDS and each.name not in ONLY_IN_PYTHON}


def usage(name: str, parameters: Mapping[str, inspect.Parameter]) -> str:
    """Return how a function is written: ``blurred[:RADIUS][,axes=AXES]``."""
    parts = []
    for index, (key, parameter) in enumerate(parameters.items()):
        what = key.upper() if KINDS[parameter.annotation] is not DATA else "FILE"
        part = f":{what}" if not index else f",{key}={what}"
        parts.append(part if parameter.default is parameter.empty else f"[{part}]")
    return name.replace("_", "-") + "".join(parts)


def arguments_in(
    given: str, parameters: Mapping[str, inspect.Parameter], where: str, error: type[DeepLiftError]
) -> dict[str, Any]:
    """Return the arguments that stand behind a name.

    Parameters
    ----------
    given : str
        As it was written.
    parameters : mapping of str to inspect.Parameter
        Those of the function that can be given, in their order.
    where : str
        For messages.
    error : type of DeepLiftError

    Raises
    ------
    DeepLiftError
        Of the class given as `error`; an argument is unknown, missing, given twice, or of another kind.
    """

    def wrong(reason: str) -> DeepLiftError:
        return error(f"{where}: expected {usage(name_in(given), parameters)}; received {given!r}: {reason}")

    found: dict[str, Any] = {}
    order = list(parameters)
    parts = [part for part in given.partition(":")[2].split(",") if part.strip()]
    for position, part in enumerate(parts):
        key, value = keyed(part) or (order[position] if position < len(order) else "", part.strip())
        if key not in parameters or key in found:
            raise wrong(f"no place for {part!r}")
        kind = KINDS[parameters[key].annotation]
        try:
            found[key] = kind.read(value)
        except ValueError:
            raise wrong(f"{key} is {kind.noun}") from None
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in found:
            raise wrong(f"{key} is missing")
    return found


def keyed(part: str) -> tuple[str, str] | None:
    """Return key and value of KEY=VALUE; a path with = in it, behind anything but a word, is none."""
    key, sign, value = part.partition("=")
    key = key.strip().replace("-", "_")
    return (key, value.strip()) if sign and key.isidentifier() else None
