"""A method given by name, with its settings: "integrated-gradients:steps=100", "grad-cam:layer=conv2d"."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from deeplift_tf.errors import MethodError
from deeplift_tf.methods.table import METHODS
from deeplift_tf.scoring import Scores

if TYPE_CHECKING:
    from deeplift_tf.network import Network


def scoring_function(network: Network, given: str, layers: Sequence[str] = ()) -> Callable[..., Scores]:
    """Return a function that takes the arguments of `Score.__call__`.

    Parameters
    ----------
    network : Network
    given : str
        A name of `deeplift_tf.methods.METHODS`, with - or _ between words, alone or followed by a colon and
        NAME=VALUE, separated by commas. "deeplift" is the network's own scoring function.
    layers : sequence of str
        Hidden layers that are scored in place of the inputs.

    Raises
    ------
    MethodError
        When there is no such method, or its settings are others.
    """
    if given == "deeplift":
        return network.compile(layers=list(layers) or None)
    name, _, settings = given.partition(":")
    method = METHODS.get(name.strip().replace("-", "_"))
    if method is None:
        raise MethodError(f"method: expected one of {', '.join(names())}; received {given!r}")
    arguments = dict(setting(each) for each in settings.split(",") if each)
    check(method, name, arguments)
    chosen = {"layers": list(layers)} if layers else {}
    return lambda *positional, **keywords: method(network, *positional, **chosen, **arguments, **keywords)


def check(method: Callable[..., Scores], name: str, arguments: Mapping[str, Any]) -> None:
    """Compare settings with the arguments that a method has of its own.

    Raises
    ------
    MethodError
        When one is unknown, or one that is needed is missing.
    """
    own = {key: each for key, each in inspect.signature(method).parameters.items() if each.kind is each.KEYWORD_ONLY}
    missing = [key for key, each in own.items() if each.default is each.empty and key not in arguments]
    if missing or not set(arguments) <= set(own):
        raise MethodError(
            f"method {name}: its settings are {', '.join(own) or 'none'}; received {', '.join(arguments) or 'none'}"
            + (f"; needed is {name}:{missing[0]}=..." if missing else "")
        )


def setting(given: str) -> tuple[str, Any]:
    """Return the name and the value of NAME=VALUE: a number, True or False, or else text."""
    name, sign, value = given.partition("=")
    if not sign:
        raise MethodError(f"method: expected NAME=VALUE after the colon; received {given!r}")
    try:
        return name.strip(), ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name.strip(), value


def names() -> list[str]:
    """Return the names for a message."""
    return [name.replace("_", "-") for name in METHODS]
