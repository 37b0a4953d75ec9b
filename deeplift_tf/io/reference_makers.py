"""References given by name: "blurred:3", "dinucleotide-shuffle:20"."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from deeplift_tf.errors import ReferencesError

if TYPE_CHECKING:
    from deeplift_tf.references import Maker


def named_references(given: str, seed: int = 0) -> Maker | None:
    """Return the maker that a name stands for.

    Parameters
    ----------
    given : str
        A name of `deeplift_tf.references.REFERENCES`, with - or _ between words, alone or followed by a colon and its
        first argument.
    seed : int
        For those that draw random numbers.

    Returns
    -------
    Maker, or None where it is no such name

    Raises
    ------
    ReferencesError
        When what follows the colon is not the number that is expected, or is missing.
    """
    from deeplift_tf.references import REFERENCES

    name, colon, number = given.partition(":")
    make = REFERENCES.get(name.strip().replace("-", "_"))
    if make is None:
        return None
    parameters = inspect.signature(make).parameters
    seeds = {"seed": seed} if "seed" in parameters else {}
    first = next(iter(parameters), None)
    if not colon:
        if first is not None and parameters[first].default is inspect.Parameter.empty:
            raise ReferencesError(f"references: expected {name}:NUMBER, its {first}; received {given!r}")
        return make(**seeds)
    if first is None:
        raise ReferencesError(f"references: {name} takes no number; received {given!r}")
    try:
        return make(int(number) if first == "count" else float(number), **seeds)
    except ValueError as error:
        raise ReferencesError(
            f"references: expected {name}:NUMBER, its {first}; received {given!r}; {error}"
        ) from error


def names() -> str:
    """Return the names for a message."""
    from deeplift_tf.references import REFERENCES

    return ", ".join(name.replace("_", "-") for name in REFERENCES)
